"""What is kept of whole ships once their fixes are on disk: enough to end a season's AIS with.

Ships are worked on part by part, or in buckets on several machines; `joined` is the season either
way. A bucket's share lies in tables, and in one file of arrays.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ais.bulk import Notes
from pipeline.ais.hours import (
    ShipHours,
    Silences,
    joined_hours,
    joined_silences,
    ship_hours,
    silences_of,
)
from pipeline.ais.meetings import FarFromLand, SlowSteps, find_loitering, joined_steps, slow_steps
from pipeline.ais.port_visits import find_port_visits
from pipeline.ais.settings import Settings
from pipeline.ais.tracks import TrackSet
from pipeline.heard import Fix, Loitering, Mark, PortVisit, Track
from pipeline.records import Site
from pipeline.tables import read_records, schema_of, write_records

TRACKS = "tracks.parquet"
PORT_VISITS = "port_visits.parquet"
LOITERING = "loitering.parquet"
ARRAYS = "kept.npz"
ABOUT = "about"
COUNTED = ("clean", "repeated", "splinters", "zombies")
JUMP_COLUMNS = ["mmsi", "sent_at", "lon", "lat"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Of some ships; rows that tell of tracks count them in the order of `tracks`."""

    tracks: list[Track]
    hours: ShipHours
    silences: Silences
    steps: SlowSteps
    jumps: pa.Table
    """MMSI, time and place of fixes in no track, `JUMP_COLUMNS`."""
    visits: list[PortVisit]
    loitering: list[Loitering]
    counts: Mapping[str, int]
    """What became of the fixes, as `TrackSet.counts`."""
    end: datetime | None
    """Of the data: the last fix of any track; None where there is none."""


def kept_of(
    built: TrackSet, notes: Notes, *, sites: tuple[Site, ...], far: FarFromLand, settings: Settings
) -> Kept:
    """Of one part of whole ships."""
    jumps = built.set_aside.filter(pc.equal(built.set_aside["mark"], str(Mark.JUMP)))
    return Kept(
        tracks=built.tracks,
        hours=ship_hours(built.on_air, settings),
        silences=silences_of(built, notes, settings),
        steps=slow_steps(built.fixes, far, settings),
        jumps=jumps.select(JUMP_COLUMNS),
        visits=find_port_visits(built.fixes, sites, settings),
        loitering=find_loitering(built.fixes, built.tracks, far, settings),
        counts=dict(built.counts),
        end=pc.max(built.fixes.column("sent_at")).as_py(),
    )


def joined(parts: Sequence[Kept], sites: tuple[Site, ...]) -> Kept:
    """Parts that share no ship, in the order of their MMSIs, as one."""
    before = [0, *accumulate(len(part.tracks) for part in parts)]
    counts = Counter(dict.fromkeys(COUNTED, 0))
    for part in parts:
        counts.update(part.counts)
    nothing = schema_of(Fix).empty_table().select(JUMP_COLUMNS)
    place = {site.site_id: index for index, site in enumerate(sites)}
    visits = [visit for part in parts for visit in part.visits]
    return Kept(
        tracks=[track for part in parts for track in part.tracks],
        hours=joined_hours(part.hours for part in parts),
        silences=joined_silences(
            (n, part.silences) for n, part in zip(before, parts, strict=False)
        ),
        steps=joined_steps([(n, part.steps) for n, part in zip(before, parts, strict=False)]),
        jumps=pa.concat_tables([part.jumps for part in parts]) if parts else nothing,
        visits=sorted(visits, key=lambda visit: place[visit.site_id]),
        loitering=[event for part in parts for event in part.loitering],
        counts=counts,
        end=max((part.end for part in parts if part.end is not None), default=None),
    )  # fmt: skip


def write_kept(kept: Kept, folder: Path) -> None:
    """Tables, and `ARRAYS`; the jumps are in the table of fixes set aside already."""
    write_records(Track, kept.tracks, folder / TRACKS)
    write_records(PortVisit, kept.visits, folder / PORT_VISITS)
    write_records(Loitering, kept.loitering, folder / LOITERING)
    arrays = {
        f"{name}.{field.name}": np.asarray(getattr(rows, field.name))
        for name, rows in (
            ("hours", kept.hours), ("silences", kept.silences), ("steps", kept.steps),
        )
        for field in fields(rows)
    }  # fmt: skip
    end = kept.end and kept.end.isoformat()
    about = np.array(json.dumps({"end": end, "counts": dict(kept.counts)}, sort_keys=True))
    np.savez(folder / ARRAYS, allow_pickle=False, **{ABOUT: about}, **arrays)


def read_kept(folder: Path, jumps: pa.Table) -> Kept:
    """As written by `write_kept`; `jumps` are of `JUMP_COLUMNS`."""
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        about = json.loads(str(arrays[ABOUT]))
        hours = _rows(ShipHours, "hours", arrays)
        return Kept(
            tracks=read_records(Track, folder / TRACKS),
            hours=ShipHours(**{**hours, "track_ids": tuple(hours["track_ids"].tolist())}),
            silences=Silences(**_rows(Silences, "silences", arrays)),
            steps=SlowSteps(**_rows(SlowSteps, "steps", arrays)),
            jumps=jumps,
            visits=read_records(PortVisit, folder / PORT_VISITS),
            loitering=read_records(Loitering, folder / LOITERING),
            counts=about["counts"],
            end=about["end"] and datetime.fromisoformat(about["end"]),
        )


def _rows(kind: type, name: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: arrays[f"{name}.{field.name}"] for field in fields(kind)}
