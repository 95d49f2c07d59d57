"""Records survive kills, full disks and pruning; sums over them never fall."""

from __future__ import annotations

import contextlib
import subprocess
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.upkeep.ran import (
    RESERVED_BYTES,
    FailedItem,
    begin,
    finish,
    prune,
    read_runs,
)


def keep(folder, record, numbers, **changes):
    """A finished record an hour after the other."""
    for number in numbers:
        began = record().began + timedelta(hours=number)
        path = begin(folder, record(began=began, ended=None, exit_code=None, results=()))
        finish(path, record(began=began, **changes))


def test_a_record_is_there_from_the_beginning_and_whole_at_the_end(tmp_path, record):
    path = begin(tmp_path, record(ended=None, exit_code=None, results=()))
    (begun,) = read_runs(tmp_path).records.values()
    finish(path, record())
    (ended,) = read_runs(tmp_path).records.values()

    assert path.name == "20240307T030001.000000Z-77.json"
    assert begun.ended is None
    assert begun.exit_code is None
    assert ended == record()


def test_two_runs_of_one_process_in_one_second_are_two(tmp_path, record):
    paths = {begin(tmp_path, record()) for _ in range(3)}

    assert len(paths) == len(read_runs(tmp_path).records) == 3


def test_a_full_disk_does_not_hide_how_a_run_ended(tmp_path, record, stage_ran):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    many = tuple(FailedItem(item=f"scene-{k}", message="no space " * 30) for k in range(400))
    try:
        path = begin(disk, record(ended=None, exit_code=None, results=()))
        with contextlib.suppress(OSError):
            (disk / "filler").write_bytes(b"x" * 1_000_000)
        finish(path, record(exit_code=75, results=(stage_ran(failures=many, failed=400),)))
        (found,) = read_runs(disk).records.values()
        left = [entry.name for entry in disk.iterdir()]
    finally:
        subprocess.run(["umount", disk], check=True)

    assert found.exit_code == 75
    assert found.results[0].failed == 400
    assert sorted(left) == sorted([path.name, "filler"])
    assert len(found.model_dump_json()) < RESERVED_BYTES


@given(
    n_before=st.integers(0, 6), kept=st.integers(2, 5), n_after=st.integers(0, 4),
    again=st.booleans(),
)  # fmt: skip
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pruning_takes_the_oldest_and_leaves_every_sum(
    tmp_path_factory, record, n_before, kept, n_after, again
):
    folder = tmp_path_factory.mktemp("runs")
    keep(folder, record, range(n_before))
    prune(folder, kept)
    keep(folder, record, range(n_before, n_before + n_after), exit_code=0)
    if again:
        prune(folder, kept)
        prune(folder, kept)

    runs = read_runs(folder)
    totals = runs.totals()

    n = n_before + n_after
    assert {k: v for k, v in totals.runs.items() if v} == {
        key: count for key, count in (("run 3", n_before), ("run 0", n_after)) if count
    }
    assert (totals.stages["fetch"].worked if n else 0) == 5 * n
    if again:
        names = [f"2024{(record().began + timedelta(hours=k)):%m%dT%H%M%S.000000Z}-77.json"
                 for k in range(n)]  # fmt: skip
        assert list(runs.records) == names[-kept:] if n else not runs.records


def test_a_kill_between_sums_and_removal_counts_nothing_twice(tmp_path, record):
    keep(tmp_path, record, range(5))
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("2*.json")}
    prune(tmp_path, 2)
    for name, content in kept.items():  # the sums were written, no file was removed
        (tmp_path / name).write_bytes(content)

    before = read_runs(tmp_path).totals()
    prune(tmp_path, 2)
    after = read_runs(tmp_path).totals()

    assert before.runs == after.runs == {"run 3": 5}
    assert before.stages == after.stages


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"began": "yesterday"}'])
def test_what_is_no_record_is_named_and_believed_to_say_nothing(tmp_path, record, content):
    keep(tmp_path, record, [0])
    (tmp_path / "20240101T000000Z-1.json").write_bytes(content)
    (tmp_path / "totals.json").write_bytes(content)

    runs = read_runs(tmp_path)

    assert runs.unreadable == ("20240101T000000Z-1.json",)
    assert len(runs.records) == 1
    assert runs.totals().runs == {"run 3": 1}


def test_a_run_that_found_another_at_work_is_not_the_last(tmp_path, record):
    keep(tmp_path, record, [0])
    keep(tmp_path, record, [1], exit_code=75, error="running already", error_kind="Locked")

    assert read_runs(tmp_path).last.exit_code == 3
