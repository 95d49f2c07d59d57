"""Calls and voyages for other programs: GeoPackage, GeoJSON, KML and CSV, each row with its ids.

A voyage is drawn as a straight line from berth to berth, or as a point where one end was not seen:
nobody saw the way between.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely
from shapely import Geometry

from pipeline.records import (
    LedgerEntry,
    LedgerGroup,
    LedgerTotal,
    PortCall,
    SeasonEstimate,
    Site,
    Voyage,
)
from pipeline.review import words
from pipeline.review.reviewed import NOT_REVIEWED, label_of

FORMATS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".kml": "LIBKML"}
STAMP = "2000-01-01T00:00:00.000Z"
"""Written into GeoPackages instead of the time: the same rows make the same bytes."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet would run; ships name themselves."""
CRS = "EPSG:4326"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What is handed on."""

    sites: Sequence[Site]
    calls: Sequence[PortCall]
    voyages: Sequence[Voyage]
    entries: Sequence[LedgerEntry]
    totals: Sequence[LedgerTotal]
    groups: Sequence[LedgerGroup]
    estimates: Sequence[SeasonEstimate]
    review: Mapping[str, str] = field(default_factory=dict)
    """What people have said, by call; the others are not reviewed."""
    reviewed: str = NOT_REVIEWED
    """The same of the whole season, for its sums."""


def write_exports(folder: Path, found: Exported) -> list[str]:
    """Write every table in every format; returns the files' names, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    at = {zone.zone_id: zone.polygon.centroid for site in found.sites for zone in site.zones}
    calls = sorted((c for c in found.calls if c.is_dark), key=lambda c: c.call_id)
    call_rows = [call_row(call, label_of([call.call_id], found.review)) for call in calls]
    points = [at.get(call.zone_id) for call in calls]
    write_layer(folder, "dark-calls", call_rows, points)
    entries = {entry.voyage_id: entry for entry in found.entries}
    of_call = {call.call_id: call for call in found.calls}
    said = {
        v.voyage_id: label_of((v.load_call_id, v.discharge_call_id), found.review)
        for v in found.voyages
    }
    voyage_rows = [
        _voyage(v, entries.get(v.voyage_id), of_call) | {"review": said[v.voyage_id]}
        for v in found.voyages
    ]
    write_layer(folder, "voyages", voyage_rows, [_way(v, of_call, at) for v in found.voyages])
    for name, records in (
        ("ledger", found.entries),
        ("ledger-running", found.totals),
        ("ledger-by-month-and-ship", found.groups),
        ("season-estimates", found.estimates),
    ):
        rows = [plain(asdict(record)) for record in records]
        rows.sort(key=lambda row: [str(value) for value in row.values()])
        for row in rows:
            row["review"] = said.get(row.get("voyage_id", ""), found.reviewed)
        write_csv(folder / f"{name}.csv", rows)
    return sorted(path.name for path in folder.iterdir())


def call_row(call: PortCall, review: str) -> dict[str, Any]:
    """A call as exported, and what people have said of it."""
    row = plain(asdict(call))
    return row | {"ship_name": words.ship(call.ship_name, call.mmsi), "review": review}


def _voyage(
    voyage: Voyage, entry: LedgerEntry | None, calls: Mapping[str, PortCall]
) -> dict[str, Any]:
    """With its barrels, and the ids of the images behind it."""
    ends = _ends(voyage, calls)
    row = plain(asdict(voyage))
    row["ship_name"] = words.ship(voyage.ship_name, voyage.mmsi)
    for point in ("p10", "p50", "p90"):
        name = f"barrels_{point}"
        row[name] = None if entry is None else round(float(getattr(entry, name)))
    row["in_headline"] = entry is not None and entry.headline
    row["detection_ids"] = " ".join(one for call in ends for one in call.detection_ids)
    row["gap_ids"] = " ".join(one for call in ends for one in call.gap_ids)
    row["line_is_a_track"] = False
    return row


def _ends(voyage: Voyage, calls: Mapping[str, PortCall]) -> list[PortCall]:
    ids = (voyage.load_call_id or "", voyage.discharge_call_id or "")
    return [calls[one] for one in ids if one in calls]


def _way(
    voyage: Voyage, calls: Mapping[str, PortCall], at: Mapping[str, shapely.Point]
) -> Geometry | None:
    """None where no end has a place."""
    ends = [at[call.zone_id] for call in _ends(voyage, calls) if call.zone_id in at]
    if len(ends) < 2:
        return ends[0] if ends else None
    return shapely.LineString([(end.x, end.y) for end in ends])


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Times as ISO 8601 UTC and lists as words, which every format can hold."""
    told: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, datetime):
            told[name] = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        elif isinstance(value, list):
            told[name] = " | ".join(str(one) for one in value)
        else:
            told[name] = value
    return told


def write_layer(
    folder: Path, name: str, rows: Sequence[dict[str, Any]], shapes: Sequence[Geometry | None]
) -> None:
    """One GeoPackage, GeoJSON, KML and CSV; nothing but the CSV where there is no row."""
    write_csv(folder / f"{name}.csv", rows)
    if not rows:
        return
    import pyogrio  # noqa: PLC0415 - it takes a second, and every command would wait for it

    table = pa.Table.from_pylist([dict(row) for row in rows])
    kinds = [pa.string() if pa.types.is_null(kind) else kind for kind in table.schema.types]
    table = table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
    geometry = pa.array([shapely.to_wkb(shape) for shape in shapes], pa.binary())
    table = table.append_column("geometry", geometry)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP})
    try:
        for suffix, driver in FORMATS.items():
            pyogrio.write_arrow(
                table, folder / f"{name}{suffix}", driver=driver, layer=name,
                geometry_name="geometry", geometry_type="Unknown", crs=CRS,
            )  # fmt: skip
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as CSV that no spreadsheet runs; an empty file where there is none."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        if not rows:
            return
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _safe(value) for name, value in row.items()})


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
