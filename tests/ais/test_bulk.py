"""Fixes by ship out of many files, and receivers whose clocks are off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ais import bulk
from pipeline.ais.bulk import ORDER, Notes, by_ship, survey
from pipeline.errors import BadInput
from pipeline.heard import Fix
from pipeline.tables import write_table
from tests.ais.conftest import SETTINGS, fix, table


def sorted_out(folder, *feeds, **changes):
    """(rows, marks, shifts) of feeds, each a list of fixes in a file."""
    paths = [folder / f"{k}.parquet" for k in range(len(feeds))]
    for path, rows in zip(paths, feeds, strict=True):
        write_table(Fix, table(rows), path)
    notes = Notes()
    chosen = SETTINGS.model_copy(update=changes)
    parts = list(by_ship(paths, scratch=folder, notes=notes, settings=chosen))
    for part, later in pairwise(parts):
        assert part["mmsi"][-1].as_py() < later["mmsi"][0].as_py()
    rows = pa.concat_tables(parts).to_pylist() if parts else []
    return rows, notes.marked, notes.shifts


REPORT = st.builds(
    fix,
    st.sampled_from([219000001, 219000002, 445000001]),
    st.integers(0, 3),
    st.sampled_from([133.0, -179.99, 0.5]),
    st.sampled_from([42.7, -20.0]),
    sog_mps=st.sampled_from([None, 0.0, 5.0]),
    cog_deg=st.sampled_from([None, 90.0]),
    heading_deg=st.sampled_from([None, 1.0]),
    nav_status=st.sampled_from([None, 0]),
    mark=st.sampled_from([None, None, "duplicate"]),
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(REPORT, max_size=30), st.integers(1, 9))
def test_it_is_one_sort_by_all_columns_whatever_the_parts(tmp_path, fixes, batch):
    before = bulk.BATCH_ROWS
    bulk.BATCH_ROWS = batch
    try:
        rows, marked, _ = sorted_out(tmp_path, fixes[::2], fixes[1::2])
    finally:
        bulk.BATCH_ROWS = before
    clean = [one for one in fixes if one.mark is None]
    expected = table(clean).sort_by([(name, "ascending") for name in ORDER])
    assert [[row[name] for name in ORDER] for row in rows] == [
        [row[name] for name in ORDER] for row in expected.to_pylist()
    ]
    assert sum(marked.values()) == len(fixes) - len(clean)


def test_what_is_no_table_of_fixes_is_one_message(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match="not one of Fix"):
        list(by_ship([path], scratch=tmp_path, notes=Notes(), settings=SETTINGS))


def test_reports_without_a_position_are_noted_by_ship_and_time(tmp_path):
    lost = "position not available"
    rows = [
        fix(219000002, 5, 181.0, 91.0, mark=lost),
        fix(219000001, 7, 0.0, 0.0, mark="position 0, 0"),
        fix(219000001, 6, 181.0, 91.0, mark=lost), fix(219000001, 1, 1.0, 1.0, mark="duplicate"),
        fix(219000001, 1, 1.0, 1.0),
    ]  # fmt: skip
    path = tmp_path / "0.parquet"
    write_table(Fix, table(rows), path)
    notes = Notes()
    list(by_ship([path], scratch=tmp_path, notes=notes, settings=SETTINGS))
    assert notes.unplaced_mmsi.tolist() == [219000001, 219000001, 219000002]
    minutes = (notes.unplaced_s - rows[0].sent_at.timestamp()) / 60 + 5
    assert minutes.tolist() == [6.0, 7.0, 5.0]


def voyage(source, *, n=40, late_s=0.0, mmsi=219000001, first=0):
    start = [
        fix(mmsi, k, 10.0 + 0.003 * k, 55.0 + 1e-4 * k, sog_mps=5.0, cog_deg=80.0, source=source)
        for k in range(first, first + n)
    ]
    return [replace(one, sent_at=one.sent_at + timedelta(seconds=late_s)) for one in start]


@pytest.mark.parametrize("late_s", [45.0, 3600.0, 90_000.0])
def test_of_two_clocks_the_later_one_is_put_right(tmp_path, late_s):
    right = voyage("a.csv")
    rows, _, (shift,) = sorted_out(tmp_path, right, voyage("b.csv", n=60, late_s=late_s))
    assert (shift.source, shift.shift_s, shift.n_pairs) == ("b.csv", late_s, 40)
    own = {(row["lon"], row["sent_at"]) for row in rows}
    assert own == {(one.lon, one.sent_at) for one in voyage("a.csv", n=60)}


def test_of_three_clocks_the_one_that_the_others_contradict_is_put_right(tmp_path):
    early = voyage("b.csv", late_s=-120.0)
    _, _, shifts = sorted_out(tmp_path, voyage("a.csv"), early, voyage("c.csv", late_s=1.0))
    assert [(one.source, round(one.shift_s)) for one in shifts] == [("b.csv", -120)]


@pytest.mark.parametrize(
    "other",
    [
        voyage("b.csv", late_s=29.0),
        voyage("b.csv", n=19, late_s=600.0),
        voyage("b.csv", mmsi=219000002, late_s=600.0),
        voyage("b.csv", n=20, late_s=600.0) + voyage("b.csv", n=20, first=20, late_s=900.0),
        [replace(one, sog_mps=0.0) for one in voyage("b.csv", late_s=600.0)],
    ],
    ids=["too little", "too few", "another ship", "not one shift", "ships at rest"],
)
def test_what_does_not_show_a_clock_off_leaves_it_as_it_is(tmp_path, other):
    feeds = [voyage("a.csv"), other]
    if other[0].sog_mps == 0.0:
        feeds[0] = [replace(one, sog_mps=0.0) for one in feeds[0]]
    rows, _, shifts = sorted_out(tmp_path, *feeds)
    assert shifts == []
    assert sorted(row["sent_at"] for row in rows) == sorted(
        one.sent_at for feed in feeds for one in feed
    )


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(REPORT, max_size=30), st.integers(1, 5))
def test_buckets_of_ships_one_after_the_other_are_all_ships(tmp_path, fixes, n_buckets):
    paths = [tmp_path / f"{k}.parquet" for k in range(2)]
    for path, rows in zip(paths, (fixes[::2], fixes[1::2]), strict=True):
        write_table(Fix, table(rows), path)
    whole, apart = Notes(), []
    together = list(by_ship(paths, scratch=tmp_path, notes=whole, settings=SETTINGS))
    found = survey(paths, scratch=tmp_path, settings=SETTINGS, n_buckets=n_buckets)
    unplaced = []
    for bucket in found.buckets:
        notes = Notes()
        apart += by_ship(
            paths, scratch=tmp_path, notes=notes, settings=SETTINGS, surveyed=found, bucket=bucket
        )
        assert notes.marked == whole.marked
        unplaced += notes.unplaced_mmsi.tolist()
    assert [row for part in apart for row in part.to_pylist()] == [
        row for part in together for row in part.to_pylist()
    ]
    assert unplaced == whole.unplaced_mmsi.tolist()
    assert len(found.buckets) <= n_buckets
    edges = [edge for bucket in found.buckets for edge in bucket]
    assert (edges[0], edges[-1]) == (0, bulk.MMSI_END)
    assert edges[1:-1:2] == edges[2::2]


def test_buckets_hold_about_as_many_fixes_each(tmp_path):
    rows = [fix(219000000 + ship, k, 10.0, 55.0) for ship in range(30) for k in range(1 + ship % 5)]
    path = tmp_path / "0.parquet"
    write_table(Fix, table(rows), path)
    found = survey([path], scratch=tmp_path, settings=SETTINGS, n_buckets=4)
    held = [sum(first <= row.mmsi < end for row in rows) for first, end in found.buckets]
    assert len(held) == 4
    assert max(held) - min(held) <= 5


def test_of_two_files_of_one_name_the_clock_that_is_off_is_put_right(tmp_path):
    right = voyage("a.csv", n=60)
    rows, _, (shift,) = sorted_out(tmp_path, right, voyage("a.csv", late_s=45.0))
    assert (shift.source, shift.file, shift.shift_s) == ("a.csv", 1, 45.0)
    assert {(row["lon"], row["sent_at"]) for row in rows} == {(r.lon, r.sent_at) for r in right}
