"""Builders of provider files, fixes, statics and sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from shapely.geometry import box

from pipeline.ais.air import listen
from pipeline.ais.bulk import ORDER, UNPLACED_MARKS, Notes
from pipeline.ais.gaps import find_gaps
from pipeline.ais.hours import ShipHours, ship_hours, silences_of, until
from pipeline.ais.outages import find_outages
from pipeline.ais.readers import AisPart, read_parts
from pipeline.ais.rows import merged_statics
from pipeline.ais.settings import Settings
from pipeline.ais.tracks import TrackSet, build_tracks, by_mmsi
from pipeline.heard import (
    Fix,
    Gap,
    Static,
)
from pipeline.records import Site
from pipeline.tables import to_table

SETTINGS = Settings()
NOON = datetime(2024, 3, 7, 12, tzinfo=UTC)

DMA_HEADER = (
    "# Timestamp,Type of mobile,MMSI,Latitude,Longitude,Navigational status,ROT,SOG,COG,Heading,"
    "IMO,Callsign,Name,Ship type,Cargo type,Width,Length,Type of position fixing device,Draught,"
    "Destination,ETA,Data source type,A,B,C,D"
)
DMA_ROW = (
    "07/03/2024 02:09:00,Class A,273312000,42.750000,133.020000,Under way using engine,0.0,9.4,"
    "271.5,270,9307839,UBCD,LADA,Tanker,No additional info,14,98,GPS,5.2,CHONGJIN,,AIS,70,28,7,7"
)
OLD_HEADER = (
    "MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,"
    "Width,Draft,Cargo,TransceiverClass"
)
OLD_ROW = (
    "273312000,2024-03-07T02:09:00,42.75000,133.02000,9.4,271.5,270.0,LADA,IMO9307839,UBCD,80,0.0,"
    "98.0,14.0,5.2,80,A"
)
NEW_HEADER = (
    "mmsi,base_date_time,longitude,latitude,sog,cog,heading,vessel_name,imo,call_sign,vessel_type,"
    "status,length,width,draft,cargo,transceiver"
)
NEW_ROW = (
    "273312000,2024-03-07 02:09:00,133.02000,42.75000,9.4,271.5,270,LADA,IMO9307839,UBCD,80,0,98,"
    "14,5.2,80,A"
)
FORMATS = [(DMA_HEADER, DMA_ROW), (OLD_HEADER, OLD_ROW), (NEW_HEADER, NEW_ROW)]


def read_whole(path, *, settings: Settings = SETTINGS) -> AisPart:
    """All parts of a file as one, each of which adds up."""
    parts = list(read_parts(path, settings=settings))
    assert all(part.rows_in == part.rows_out + len(part.issues) for part in parts)
    n_by_type: Counter[int] = sum((Counter(part.n_by_type) for part in parts), Counter())
    (form,) = {part.format for part in parts}
    return AisPart(
        format=form,
        fixes=pa.concat_tables([part.fixes for part in parts]),
        statics=merged_statics([part.statics for part in parts]),
        issues=[issue for part in parts for issue in part.issues],
        rows_in=sum(part.rows_in for part in parts),
        rows_out=sum(part.rows_out for part in parts),
        n_by_type=dict(sorted(n_by_type.items())),
        events=[event for part in parts for event in part.events],
    )


def fix(
    mmsi: int, minutes: float, lon: float, lat: float, *, start: datetime = NOON, **more
) -> Fix:
    """A report so many minutes after the start."""
    values = {
        "sog_mps": None, "cog_deg": None, "heading_deg": None, "nav_status": None,
        "ais_class": None, "receiver": None, "mark": None, "source": "a.csv",
    }  # fmt: skip
    sent_at = start + timedelta(minutes=minutes)
    return Fix(mmsi=mmsi, sent_at=sent_at, lon=lon, lat=lat, **{**values, **more})


def table(fixes: Iterable[Fix]) -> pa.Table:
    return to_table(Fix, fixes)


def built(fixes: Iterable[Fix], *said: Static, settings: Settings = SETTINGS) -> TrackSet:
    """Tracks of clean and marked fixes in any order."""
    rows = table(fixes)
    clean = rows.filter(pc.is_null(rows["mark"])).drop_columns(["mark"])
    ordered = clean.sort_by([(name, "ascending") for name in ORDER])
    return build_tracks(ordered, by_mmsi(said), settings=settings)


def hours_of(fixes: Iterable[Fix], settings: Settings = SETTINGS) -> ShipHours:
    """Each ship once an hour."""
    return ship_hours(built(fixes, settings=settings).on_air, settings)


def gaps_of(
    fixes: Sequence[Fix], *, data_end: datetime, settings: Settings = SETTINGS
) -> list[Gap]:
    """All gaps of a season of these fixes."""
    tracks = built(fixes, settings=settings)
    hours = ship_hours(tracks.on_air, settings)
    is_b = np.array([track.ais_class == "B" for track in tracks.tracks], np.bool_)
    nowhere = sorted(
        (one.mmsi, one.sent_at.timestamp()) for one in fixes if one.mark in UNPLACED_MARKS
    )
    notes = Notes(
        unplaced_mmsi=np.array([mmsi for mmsi, _ in nowhere], np.int64),
        unplaced_s=np.array([at_s for _, at_s in nowhere]),
    )
    return find_gaps(
        until(silences_of(tracks, notes, settings), data_end.timestamp(), settings),
        tracks.tracks,
        air=listen(hours, is_b=is_b, settings=settings),
        outages=find_outages(hours, settings),
        data_end=data_end,
        settings=settings,
    )


def site(lon: float, lat: float, site_id: str = "s") -> Site:
    """A site of about 11 km north to south and less than that across."""
    return Site(
        site_id=site_id,
        name=site_id,
        country="RU",
        aoi=box(lon - 0.04, lat - 0.05, lon + 0.04, lat + 0.05),
        zones=(),
        water=(),
        land=(),
        source="invented",
        digitised_on="2024-01-01",
    )
