"""Tables explain themselves, refuse what they do not promise, and are read by others."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import heard, records
from pipeline.errors import BadInput, ChecksFailed
from pipeline.heard import Fix, Track
from pipeline.records import Issue
from pipeline.tables import read_records, read_table, schema_of, to_records, to_table, write_records

TABLES = [
    value
    for value in [*vars(records).values(), *vars(heard).values()]
    if dataclasses.is_dataclass(value)
    and all(field.metadata.get("meaning") for field in dataclasses.fields(value))
]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
# hypothesis wants bounds without a zone; what it draws has one
FIRST, LAST = datetime(1990, 1, 1), datetime(2060, 1, 1)  # noqa: DTZ001
instants = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
fixes = st.builds(
    Fix,
    mmsi=st.integers(0, 999_999_999),
    sent_at=instants,
    lon=st.floats(-180, 180),
    lat=st.floats(-90, 90),
    sog_mps=st.none() | st.floats(0, 52),
    cog_deg=st.none() | st.floats(0, 359.9),
    heading_deg=st.none() | st.floats(0, 359),
    nav_status=st.none() | st.integers(0, 15),
    mark=st.none() | texts,
    source=texts,
)


@pytest.mark.parametrize("record", TABLES, ids=lambda record: record.__name__)
def test_every_column_has_a_unit_and_a_meaning(record):
    schema = schema_of(record)
    assert len(TABLES) >= 15
    for column in schema:
        assert b"unit" in column.metadata
        assert len(column.metadata[b"meaning"]) > 3, column.name


@given(st.lists(fixes, max_size=5))
def test_records_survive_the_way_through_a_table(rows):
    assert to_records(Fix, to_table(Fix, rows)) == rows


def fix(**changes) -> Fix:
    values = {
        "mmsi": 445123456,
        "sent_at": datetime(2024, 3, 7, 2, 9, tzinfo=UTC),
        "lon": 133.07,
        "lat": 42.75,
        "sog_mps": None,
        "cog_deg": 12.5,
        "heading_deg": None,
        "nav_status": 5,
        "ais_class": "A",
        "receiver": None,
        "mark": None,
        "source": "day.csv",
    }
    return Fix(**{**values, **changes})


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_records(Fix, [fix(), fix(lon=-179.5, lat=-77.0)], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert not list(tmp_path.glob("*.part"))


def test_another_program_reads_the_positions_longitude_first(tmp_path):
    write_records(Fix, [fix(), fix(lon=-179.5, lat=-77.0)], tmp_path / "fixes.parquet")
    frame = geopandas.read_parquet(tmp_path / "fixes.parquet")
    assert list(frame.geometry.x) == [133.07, -179.5]
    assert list(frame.geometry.y) == [42.75, -77.0]
    assert frame.crs.to_authority() == ("OGC", "CRS84")


def test_the_schema_on_disk_carries_unit_and_meaning(tmp_path):
    write_records(Fix, [fix()], tmp_path / "fixes.parquet")
    column = pq.read_schema(tmp_path / "fixes.parquet").field("sog_mps")
    assert column.metadata[b"unit"] == b"m/s"


def test_a_null_where_none_is_promised_is_refused():
    with pytest.raises(ChecksFailed, match="lon"):
        to_table(Fix, [fix(lon=None)])


def test_a_table_of_another_kind_is_refused_by_name(tmp_path):
    write_records(Issue, [Issue(where="row 1", rule="r", value="v")], tmp_path / "issues.parquet")
    with pytest.raises(BadInput, match="not one of Fix"):
        read_records(Fix, tmp_path / "issues.parquet")


def test_a_truncated_table_is_one_clear_error(tmp_path):
    path = tmp_path / "fixes.parquet"
    write_records(Fix, [fix()] * 50, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInput, match="cannot be read"):
        read_table(Fix, path)


def test_no_file_is_an_empty_table_of_the_schema():
    table = read_table(Track, [])
    assert table.num_rows == 0
    assert table.schema.field("end_at").type == pa.timestamp("us", tz="UTC")
