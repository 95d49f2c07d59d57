"""Kept tables of every version are read, and their columns do not change without a step."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import BadInput
from pipeline.records import column
from pipeline.table_versions import KEPT, STEPS
from pipeline.tables import read_records, read_table, write_records
from tests.kept.write_fixtures import GOLDEN, KEPT_RECORDS, ROWS, columns, file_of

RELEASED = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", RELEASED)
def test_columns_of_a_released_version_stand(name):
    released = RELEASED[name]
    if KEPT[name] == released["version"]:
        assert columns(KEPT_RECORDS[name]) == released["columns"], (
            f"{name} is kept for ever: raise its version in pipeline/table_versions.py, add a step "
            "from the version before, and a fixture with tests/kept/write_fixtures.py"
        )
        return
    for version in range(released["version"], KEPT[name]):
        assert (name, version) in STEPS


def test_every_kept_table_is_pinned():
    assert set(KEPT) == set(KEPT_RECORDS) == set(RELEASED)


@pytest.mark.parametrize(
    ("name", "version"), [(name, n) for name in KEPT for n in range(1, KEPT[name] + 1)]
)
def test_a_file_of_every_version_is_read(name, version):
    found = read_records(KEPT_RECORDS[name], file_of(name, version))
    assert len(found) == len(ROWS[name])
    if version == KEPT[name]:
        assert found == ROWS[name]


def test_a_newer_version_is_refused_with_one_message(tmp_path):
    name = "CallVersion"
    table = pq.read_table(file_of(name, 1))
    newer = {**table.schema.metadata, b"version": b"9"}
    pq.write_table(table.replace_schema_metadata(newer), tmp_path / "calls.parquet")
    with pytest.raises(BadInput, match="newer Darkcall has written this table") as refused:
        read_records(KEPT_RECORDS[name], tmp_path / "calls.parquet")
    assert "expected version 1, found 9" in str(refused.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Harbour:
    """A table of its third version."""

    name: str = column("", "name")
    depth_m: float = column("m", "depth; was in feet, and before not there")


def test_steps_lead_from_the_first_version_to_this_one(tmp_path, monkeypatch):
    def with_depth(table: pa.Table) -> pa.Table:
        return table.append_column("depth_ft", pa.array([30.0] * len(table)))

    def in_metres(table: pa.Table) -> pa.Table:
        depth = pa.array([one * 0.3048 for one in table["depth_ft"].to_pylist()])
        return table.drop_columns(["depth_ft"]).append_column("depth_m", depth)

    monkeypatch.setitem(KEPT, "Harbour", 3)
    monkeypatch.setitem(STEPS, ("Harbour", 1), with_depth)
    monkeypatch.setitem(STEPS, ("Harbour", 2), in_metres)
    first = pa.table({"name": ["Alder"]}, metadata={"record": "Harbour"})
    pq.write_table(first, tmp_path / "1.parquet")
    pq.write_table(
        with_depth(first).replace_schema_metadata({"record": "Harbour", "version": "2"}),
        tmp_path / "2.parquet",
    )
    write_records(Harbour, [Harbour(name="Alder", depth_m=30 * 0.3048)], tmp_path / "3.parquet")
    paths = [tmp_path / f"{n}.parquet" for n in (1, 2, 3)]
    assert read_records(Harbour, paths) == [Harbour(name="Alder", depth_m=30 * 0.3048)] * 3
    assert read_table(Harbour, paths[2]).schema.metadata[b"version"] == b"3"
    monkeypatch.delitem(STEPS, ("Harbour", 1))
    with pytest.raises(BadInput, match="version that is not read"):
        read_table(Harbour, paths[0])
