"""Stage 4: each scene's kept detections against the ships on the air at that instant.

An item's key holds a hash of the very fixes it used, the last of each ship before the instant and
the first after it: a late AIS file re-matches the scenes that it tells something of, and no others.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import pipeline.ais.settings
import pipeline.match.settings
import pipeline.scene.settings
from pipeline.ais.near import FixesInTime, Place, fixes_near
from pipeline.ais.predict import predict
from pipeline.geo import Grid
from pipeline.heard import (
    Reception,
    Track,
    TrackFix,
)
from pipeline.jobs.contract import Done, Item, Outcome, Stage, StageResult
from pipeline.jobs.detect_ships import DETECTIONS, site_of
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.jobs.track_season import RECEPTION, SEASON, TRACKS
from pipeline.jobs.trained import with_rates
from pipeline.match.scene import match_scene
from pipeline.records import (
    AisInView,
    Detection,
    Match,
    Sensor,
    Site,
)
from pipeline.scene.hidden import hidden_in
from pipeline.scene.item import read_item
from pipeline.tables import read_records, schema_of, to_table, write_records

MATCHES = "matches.parquet"
IN_VIEW = "in_view.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What was on the air around one scene, in time and place."""

    fixes: pa.Table
    tracks: list[Track]
    reception: list[Reception]

    def sha256(self) -> str:
        """Hash of the rows."""
        digest = hashlib.sha256()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema_of(TrackFix)) as writer:
            writer.write_table(self.fixes.combine_chunks())
        digest.update(sink.getvalue())
        digest.update(repr((self.tracks, self.reception)).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTask:
    """One scene, its kept detections, and the air around it."""

    folder: Path
    site: Site
    detections: list[Detection]
    air: Slice
    data_end: datetime
    ais: pipeline.ais.settings.Settings
    match: pipeline.match.settings.Settings
    scene: pipeline.scene.settings.Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Season:
    """What was heard over the season, but its fixes."""

    tracks: Mapping[str, Track]
    reception: Mapping[str, list[Reception]]
    """By site."""
    end_at: datetime
    """Last fix of all."""

    @staticmethod
    def of(folder: Path) -> Season:
        """From the folder of the season's tracks."""
        tracks = read_records(Track, folder / TRACKS)
        reception: dict[str, list[Reception]] = {}
        for hour in read_records(Reception, folder / RECEPTION):
            reception.setdefault(hour.site_id, []).append(hour)
        return Season(
            tracks={track.track_id: track for track in tracks},
            reception=reception,
            end_at=max((t.end_at for t in tracks), default=datetime.max.replace(tzinfo=UTC)),
        )

    def slice(
        self, site: Site, fixes: FixesInTime | None, at: datetime, window: timedelta
    ) -> Slice:
        """Who stood where around an instant, as far as the fixes near a site tell."""
        around = to_table(TrackFix, []) if fixes is None else fixes.around(at, window)
        present = dict.fromkeys(around.column("track_id").to_pylist())
        return Slice(
            fixes=around,
            tracks=[self.tracks[track_id] for track_id in present],
            reception=[
                hour
                for hour in self.reception.get(site.site_id, [])
                if abs(hour.hour_at - at) <= window
            ],
        )


def match(
    run: Run, *, fetched: StageResult, detected: StageResult, screened: StageResult,
    tracked: StageResult,
) -> StageResult:  # fmt: skip
    """Match every detected scene."""
    if SEASON not in tracked.done:
        return run.stage(MATCH, [])
    folder = tracked.done[SEASON].folder
    season = Season.of(folder)
    watched = {site.site_id: site for site in run.sites if site.site_id in screened.done}
    middles = {name: site.aoi.centroid for name, site in watched.items()}
    near = fixes_near(
        sorted(folder.glob("fixes-*.parquet")),
        [Place(name=name, lon=at.x, lat=at.y) for name, at in middles.items()],
        reach_m=run.config.match.fix_radius_m, scratch=_scratch(run), settings=run.config.ais,
    )  # fmt: skip
    settings_for = functools.cache(
        functools.partial(with_rates, detect=run.config.detect, match=run.config.match)
    )
    items: list[Item] = []
    for site_id, fixes in itertools.chain(near, ((name, None) for name in list(watched))):
        site = watched.pop(site_id, None)
        if site is None:
            continue
        found = read_records(Detection, screened.done[site_id].folder / DETECTIONS)
        fixes_there = None if fixes is None else FixesInTime.of(fixes)
        items += [
            _item(run, site, done=fetched.done[name], name=name, found=found,
                  air=functools.partial(season.slice, site, fixes_there), end_at=season.end_at,
                  settings_for=settings_for)
            for name in detected.done
            if site_of(name) == site_id and name in fetched.done
        ]  # fmt: skip
    return run.stage(MATCH, sorted(items, key=lambda item: item.item_id))


def _scratch(run: Run) -> Path:
    folder = run.workspace / ".cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _item(
    run: Run,
    site: Site,
    *,
    done: Done,
    name: str,
    found: list[Detection],
    air: Callable[[datetime, timedelta], Slice],
    end_at: datetime,
    settings_for: Callable[[Sensor], pipeline.match.settings.Settings],
) -> Item:
    scene = read_item(done.folder / "item.json")
    config = run.config
    settings = settings_for(scene.sensor)
    kept = [d for d in found if d.scene_id == scene.scene_id and d.screened is None]
    heard = air(scene.sensed_at, timedelta(seconds=config.match.fix_window_s))
    data_end = min(end_at, scene.sensed_at + timedelta(seconds=config.match.provisional_s))
    return Item(
        item_id=name,
        task=MatchTask(
            folder=done.folder,
            site=site,
            detections=kept,
            air=heard,
            data_end=data_end,
            ais=config.ais,
            match=settings,
            scene=config.scene,
        ),
        inputs={
            "scene": done.content_sha256,
            "detections": sha256_json([repr(item) for item in kept]),
            "air": heard.sha256(),
            "data_end": data_end.isoformat(),
            "site": sha256_json([site.aoi.wkt, [zone.polygon.wkt for zone in site.zones]]),
            "settings": sha256_json(
                [
                    config.ais.model_dump(mode="json"),
                    settings.model_dump(mode="json"),
                    config.scene.model_dump(mode="json"),
                ]
            ),
        },
        selected=run.selection.takes(site_id=site.site_id, at=scene.sensed_at),
    )


def _match_one(task: MatchTask, out: Path) -> Outcome:
    scene, grid, hidden = hidden_in(task.folder, task.scene)
    predictions = predict(
        task.air.fixes,
        task.air.tracks,
        instant=scene.sensed_at,
        near=task.site.aoi,
        settings=task.ais,
    )
    matches, in_view = match_scene(
        scene,
        detections=task.detections,
        predictions=predictions,
        reception=task.air.reception,
        surface_cloud_at=_CloudAt(grid, hidden),
        site=task.site,
        data_end=task.data_end,
        settings=task.match,
    )
    write_records(Match, matches, out / MATCHES)
    write_records(AisInView, in_view, out / IN_VIEW)
    return Outcome(
        counts={"matches": len(matches), "in_view": len(in_view)},
        rows_in=len(task.detections),
        rows_out=len(matches),
    )


class _CloudAt:
    """Is a place hidden in an image: under cloud, or outside what was delivered?"""

    def __init__(self, grid: Grid, hidden: NDArray[np.bool_]) -> None:
        self._grid = grid
        self._hidden = hidden

    def __call__(self, lon: float, lat: float) -> bool:
        row, col = self._grid.px_from_lonlat(lon, lat)
        i, j = int(np.floor(row)), int(np.floor(col))
        height, width = self._hidden.shape
        return not (0 <= i < height and 0 <= j < width) or bool(self._hidden[i, j])


MATCH = Stage(name="match", version=3, work=_match_one, pixels=True)
