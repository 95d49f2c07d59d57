"""Text cells to fixes and statics: "not available" becomes null, a doubt becomes a mark.

It is written as 511 for heading, 360 for course, 102.3 kn for speed, 91 and 181 degrees for a
position (ITU-R M.1371-5, table 48).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.ais.dialects import Dialect
from pipeline.ais.settings import Settings
from pipeline.heard import (
    Fix,
    Mark,
    Static,
)
from pipeline.imo import check_digit
from pipeline.records import Issue
from pipeline.tables import TIME, schema_of
from pipeline.units import KNOT_MPS

NUMBER = r"^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?\s*$"
WHOLE = r"^\s*\d{1,10}(\.0*)?\s*$"
"""A whole number; MarineCadastre writes some as `8.0`."""
LON_UNAVAILABLE, LAT_UNAVAILABLE = 181.0, 91.0
COURSE_END_DEG = 360.0
STATUS_MAX = 15
YEARS = (1990, 2099)
"""There was no AIS before, and a clock beyond is wrong."""
LENGTH_MAX_M, WIDTH_MAX_M, DRAUGHT_MAX_M = 1022.0, 126.0, 25.5
"""The most a message can carry: ITU-R M.1371-5, table 52."""
FRACTION = ".%f"
"""Of a second, at the end of a time format; it may be missing."""
EPOCHS = {"epoch_s": 1e6, "epoch_ms": 1e3}
"""Microseconds of one unit."""
TEST_MMSI = (123456789, 234567890, *(111111111 * k for k in range(2, 8)))
"""Set on the bench and forgotten: RadianceFleet's list, and numbers of one digit."""
AS_THEY_ARE = ("mmsi", "sent_at", "lon", "lat", "nav_status", "ais_class", "receiver")
"""Columns that a report and a fix share."""
Names = tuple[str, ...]
SHOWN = 40
UNKNOWN_WORDS = ("", "unknown", "undefined", "unknown value")
SHIP_MMSI = (200_000_000, 799_999_999)
"""A ship's own number begins with its country's digits, 2 to 7: ITU-R M.585."""


def fixes_of(
    table: pa.Table,
    dialect: Dialect,
    *,
    source: str,
    row_numbers: NDArray[np.int64],
    settings: Settings,
) -> tuple[pa.Table, list[Issue]]:
    """Fixes in the file's order, and the rows without a ship, a time or a place."""
    sent_at = _instants(_text(table, dialect, "sent_at"), dialect.time_format)
    mmsi = _whole(_text(table, dialect, "mmsi"))
    lon, lat = (_number(_text(table, dialect, axis)) for axis in ("lon", "lat"))
    issues = []
    usable = pa.array(np.ones(table.num_rows, np.bool_))
    for name, values in (("mmsi", mmsi), ("sent_at", sent_at), ("lon", lon), ("lat", lat)):
        missing = pc.and_(usable, pc.is_null(values))
        texts = _text(table, dialect, name)
        issues += [
            Issue(
                where=f"{source} row {row_numbers[index]}",
                rule=f"no {name} that can be read",
                value=str(texts[int(index)].as_py() or "")[:SHOWN],
            )
            for index in np.flatnonzero(np.asarray(missing))
        ]
        usable = pc.and_(usable, pc.is_valid(values))
    reports = pa.table(
        {
            "mmsi": mmsi,
            "sent_at": sent_at,
            "lon": lon,
            "lat": lat,
            "sog_kn": pc.multiply(_number(_text(table, dialect, "sog")), dialect.speed_kn),
            "cog_deg": _number(_text(table, dialect, "cog")),
            "heading_deg": _number(_text(table, dialect, "heading")),
            "nav_status": _codes(_text(table, dialect, "status"), dialect.statuses, STATUS_MAX),
            "ais_class": _class_of(_text(table, dialect, "ais_class")),
            "receiver": pa.array([dialect.receiver] * table.num_rows, pa.string()),
        }
    )
    return marked_fixes(reports.filter(usable), source=source, settings=settings), issues


def marked_fixes(reports: pa.Table, *, source: str, settings: Settings) -> pa.Table:
    """Reports as fixes: "not available" is null, the first doubt that holds is the mark.

    Args:
        reports: mmsi, sent_at, lon, lat without nulls; sog_kn, cog_deg, heading_deg, nav_status,
            ais_class, receiver.
        source: provider file.
        settings: the greatest speed.
    """
    columns = {
        **{name: reports.column(name) for name in AS_THEY_ARE},
        "sog_mps": pc.multiply(
            _within(reports.column("sog_kn"), 0.0, settings.speed_max_kn), KNOT_MPS
        ),
        "cog_deg": _below(reports.column("cog_deg"), COURSE_END_DEG),
        "heading_deg": _below(reports.column("heading_deg"), COURSE_END_DEG),
        "mark": pa.nulls(reports.num_rows, pa.string()),
        "source": pa.array([source] * reports.num_rows, pa.string()),
    }
    schema = schema_of(Fix)
    return _marked(
        pa.Table.from_arrays(
            [pc.cast(columns[f.name], f.type, safe=False) for f in schema], schema=schema
        )
    )


def _marked(fixes: pa.Table) -> pa.Table:
    """The first doubt that holds of each row."""
    lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
    mmsi = np.asarray(fixes.column("mmsi"))
    mark = np.full(fixes.num_rows, None, dtype=object)
    mark[_repeated(fixes)] = str(Mark.DUPLICATE)
    mark[(mmsi < SHIP_MMSI[0]) | (mmsi > SHIP_MMSI[1])] = str(Mark.BAD_MMSI)
    mark[np.isin(mmsi, TEST_MMSI)] = str(Mark.TEST_MMSI)
    mark[(lon == 0.0) & (lat == 0.0)] = str(Mark.NULL_ISLAND)
    mark[(np.abs(lon) > 180.0) | (np.abs(lat) > 90.0)] = str(Mark.POSITION_OUT_OF_RANGE)
    mark[(lon == LON_UNAVAILABLE) | (lat == LAT_UNAVAILABLE)] = str(Mark.POSITION_UNAVAILABLE)
    index = fixes.schema.get_field_index("mark")
    return fixes.set_column(index, fixes.schema.field(index), pa.array(list(mark), pa.string()))


def _repeated(fixes: pa.Table) -> NDArray[np.bool_]:
    """(n,) True for a row that says what an earlier row of the file said."""
    keys = fixes.select(["mmsi", "sent_at", "lon", "lat"])
    order = pa.array(np.arange(fixes.num_rows))
    firsts = (
        keys.append_column("row", order)
        .group_by(["mmsi", "sent_at", "lon", "lat"])
        .aggregate([("row", "min")])
    )
    repeated = np.ones(fixes.num_rows, np.bool_)
    repeated[np.asarray(firsts.column("row_min"))] = False
    return repeated


def statics_of(table: pa.Table, dialect: Dialect) -> pa.Table:
    """Distinct static values of each MMSI, with the first and last time they were sent."""
    rows = pa.table(
        {
            "mmsi": _whole(_text(table, dialect, "mmsi")),
            "sent_at": _instants(_text(table, dialect, "sent_at"), dialect.time_format),
            **_imo_of(_text(table, dialect, "imo")),
            "name": _word(_text(table, dialect, "name")),
            "callsign": _word(_text(table, dialect, "callsign")),
            "ship_type": _positive(_codes(_text(table, dialect, "type"), dialect.types, 99)),
            "length_m": _size(table, dialect, ("length",), ("to_bow", "to_stern"), LENGTH_MAX_M),
            "width_m": _size(table, dialect, ("width",), ("to_port", "to_starboard"), WIDTH_MAX_M),
            "draught_m": _size(table, dialect, ("draught",), (), DRAUGHT_MAX_M),
            "destination": _word(_text(table, dialect, "destination")),
        }
    )
    return distinct_statics(rows)


def said_statics(reports: pa.Table) -> pa.Table:
    """Distinct static values from numbers and words as messages carry them; see `statics_of`."""
    rows = {
        "mmsi": reports.column("mmsi"),
        "sent_at": reports.column("sent_at"),
        **_checked_imo(reports.column("imo")),
        **{name: _word(reports.column(name)) for name in ("name", "callsign", "destination")},
        "ship_type": _positive(_within(reports.column("ship_type"), 0, 99)),
        "length_m": _positive(_within(reports.column("length_m"), 0.0, LENGTH_MAX_M)),
        "width_m": _positive(_within(reports.column("width_m"), 0.0, WIDTH_MAX_M)),
        "draught_m": _positive(_within(reports.column("draught_m"), 0.0, DRAUGHT_MAX_M)),
    }
    return distinct_statics(pa.table(rows))


def distinct_statics(rows: pa.Table) -> pa.Table:
    """What was said, each once a ship, with the first and last time it was sent."""
    rows = rows.filter(pc.and_(pc.is_valid(rows["mmsi"]), pc.is_valid(rows["sent_at"])))
    keys = [name for name in rows.column_names if name != "sent_at"]
    grouped = rows.group_by(keys, use_threads=False).aggregate(
        [("sent_at", "min"), ("sent_at", "max"), ("sent_at", "count")]
    )
    renamed = grouped.rename_columns(
        {"sent_at_min": "first_at", "sent_at_max": "last_at", "sent_at_count": "n_reports"}
    )
    return _sorted_statics(renamed)


def merged_statics(parts: Iterable[pa.Table]) -> pa.Table:
    """Statics of several parts of one file as one: each value once a ship."""
    table = pa.concat_tables([schema_of(Static).empty_table(), *parts])
    spans = ("first_at", "last_at", "n_reports")
    keys = [name for name in table.column_names if name not in spans]
    grouped = table.group_by(keys, use_threads=False).aggregate(
        [("first_at", "min"), ("last_at", "max"), ("n_reports", "sum")]
    )
    renamed = grouped.rename_columns(
        {"first_at_min": "first_at", "last_at_max": "last_at", "n_reports_sum": "n_reports"}
    )
    return _sorted_statics(renamed)


def _sorted_statics(rows: pa.Table) -> pa.Table:
    schema = schema_of(Static)
    return (
        rows.select(schema.names)
        .cast(schema)
        .sort_by([("mmsi", "ascending"), ("first_at", "ascending"), ("n_reports", "ascending")])
    )


# --------------------------------------------------------------------------- cells


def _text(table: pa.Table, dialect: Dialect, name: str) -> pa.Array:
    """A column as text, nulls where the dialect or the file lacks it."""
    theirs = dialect.columns.get(name)
    if theirs is None or theirs not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    return table.column(theirs).combine_chunks()


def _matching(texts: pa.Array, pattern: str) -> pa.Array:
    fits = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
    return pc.utf8_trim_whitespace(pc.if_else(fits, texts, pa.scalar(None, pa.string())))


def _number(texts: pa.Array) -> pa.Array:
    return pc.cast(_matching(texts, NUMBER), pa.float64())


def _whole(texts: pa.Array) -> pa.Array:
    bare = pc.replace_substring_regex(_matching(texts, WHOLE), pattern=r"\..*", replacement="")
    return pc.cast(bare, pa.int64())


def _instants(texts: pa.Array, pattern: str) -> pa.Array:
    if pattern in EPOCHS:
        return _since_epoch(texts, EPOCHS[pattern])
    trimmed = pc.utf8_trim_whitespace(texts)
    fraction_us = pa.scalar(0, pa.int64())
    if pattern.endswith(FRACTION):
        pattern = pattern.removesuffix(FRACTION)
        digits = pc.struct_field(pc.extract_regex(trimmed, r"\.(?P<digits>\d{1,6})\d*$"), "digits")
        padded = pc.utf8_rpad(pc.fill_null(digits, "0"), 6, padding="0")
        fraction_us = pc.cast(padded, pa.int64())
        trimmed = pc.replace_substring_regex(trimmed, pattern=r"\.\d*$", replacement="")
    parsed = pc.strptime(trimmed, format=pattern, unit="s", error_is_null=True)
    # strptime takes 31 February for 2 March, and year 24 for the reign of Tiberius.
    holds = pc.equal(pc.strftime(parsed, format=pattern), trimmed)
    year = pc.year(parsed)
    holds = pc.and_(holds, pc.and_(pc.greater_equal(year, YEARS[0]), pc.less_equal(year, YEARS[1])))
    kept = pc.if_else(holds, parsed, pa.scalar(None, parsed.type))
    whole_us = pc.cast(pc.cast(kept, pa.timestamp("us")), pa.int64())
    return pc.cast(pc.add(whole_us, fraction_us), TIME)


def _since_epoch(texts: pa.Array, unit_us: float) -> pa.Array:
    first, last = (datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6 for year in YEARS)
    microseconds = _within(pc.multiply(_number(texts), unit_us), first, last)
    return pc.cast(pc.cast(pc.round(microseconds), pa.int64()), TIME)


def _within(values: pa.Array, low: float, high: float) -> pa.Array:
    fits = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return pc.if_else(fits, values, pa.scalar(None, values.type))


def _below(values: pa.Array, end: float) -> pa.Array:
    fits = pc.and_(pc.greater_equal(values, 0.0), pc.less(values, end))
    return pc.if_else(fits, values, pa.scalar(None, values.type))


def _size(table: pa.Table, dialect: Dialect, whole: Names, parts: Names, most_m: float) -> pa.Array:
    """Metres from the column of the whole, or from the antenna's distances to both ends."""
    sums = []
    for names in (whole, parts):
        if names:
            cells = [_number(_text(table, dialect, name)) for name in names]
            sums.append(functools.reduce(pc.add, cells))
    metres = pc.multiply(pc.coalesce(*sums), dialect.size_m)
    return _positive(_within(metres, 0.0, most_m))


def _positive(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.greater(values, 0), values, pa.scalar(None, values.type))


def _word(texts: pa.Array) -> pa.Array:
    """Names without padding; the words for unknown become null."""
    trimmed = pc.utf8_trim(texts, characters=" @\t")
    known = pc.invert(pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(UNKNOWN_WORDS)))
    return pc.if_else(known, trimmed, pa.scalar(None, pa.string()))


def _codes(texts: pa.Array, words: object, highest: int) -> pa.Array:
    """ITU codes, from numbers or from a dialect's words."""
    numbers = _whole(texts)
    if isinstance(words, dict) and words:
        lower = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
        at = pc.index_in(lower, value_set=pa.array(list(words)))
        spoken = pc.take(pa.array(list(words.values()), pa.int64()), at)
        numbers = pc.coalesce(numbers, spoken)
    fits = pc.and_(pc.greater_equal(numbers, 0), pc.less_equal(numbers, highest))
    return pc.if_else(fits, numbers, pa.scalar(None, pa.int64()))


def _class_of(texts: pa.Array) -> pa.Array:
    """A or B, which some write with the word before; other kinds of station have none."""
    bare = pc.replace_substring_regex(pc.utf8_upper(texts), pattern=r"^\s*CLASS\s*", replacement="")
    return pc.if_else(
        pc.is_in(bare, value_set=pa.array(["A", "B"])), bare, pa.scalar(None, pa.string())
    )


def _imo_of(texts: pa.Array) -> dict[str, pa.Array]:
    """IMO numbers, which some write with the letters before."""
    bare = pc.replace_substring_regex(pc.utf8_upper(texts), pattern=r"^\s*IMO\s*", replacement="")
    return _checked_imo(_whole(bare))


def _checked_imo(numbers: pa.Array) -> dict[str, pa.Array]:
    """Those whose check digit holds, and the others."""
    values = np.asarray(pc.fill_null(numbers, 0), dtype=np.int64)
    holds = (values >= 1_000_000) & (values <= 9_999_999)
    holds &= check_digit(values // 10) == values % 10
    nothing = pa.scalar(None, pa.int64())
    wrong = pa.array(~holds & (values > 0))
    return {
        "imo": pc.if_else(pa.array(holds), numbers, nothing),
        "imo_wrong": pc.if_else(wrong, numbers, nothing),
    }
