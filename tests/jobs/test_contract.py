"""What a user may rely on: done is done, a bad item is named, a kill loses one item at most."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import BadInput, ChecksFailed, Locked, UsageError
from pipeline.jobs.contract import Item, Mode, Outcome, Stage, StageResult, run_stage
from pipeline.jobs.executors import ProcessExecutor, SerialExecutor
from pipeline.jobs.hashing import HashCache
from pipeline.jobs.locks import stage_lock
from pipeline.records import Issue
from pipeline.whole_files import sha256_of

PLAIN = Mode()


class Quiet:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextlib.contextmanager
    def stage(self, name, total):
        yield self

    def done(self, item_id, counts):
        self.said.append(f"done {item_id}")

    def failed(self, item_id, message):
        self.said.append(f"failed {item_id}: {message}")


def double(task: int, out: Path) -> Outcome:
    (out / "value.txt").write_text(str(2 * task))
    return Outcome(counts={"value": 2 * task})


def picky(task: int, out: Path) -> Outcome:
    if task == 3:
        raise BadInput("Raster is truncated", where="three.tif", expected="9 bytes", found="4")
    if task == 4:
        raise ZeroDivisionError("a defect")
    return double(task, out)


def die(task: int, out: Path) -> Outcome:
    if task == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return double(task, out)


def fill_disk(task: int, out: Path) -> Outcome:
    double(task, out)
    if task == 2:
        with Path("/dev/full").open("w") as stream:
            stream.write("more than fits")
    return Outcome()


def lose_a_row(task: int, out: Path) -> Outcome:
    issue = Issue(where="row 7", rule="no time", value="")
    return Outcome(rows_in=10, rows_out=8, issues=[issue])


def go(
    workspace: Path,
    work=double,
    *,
    n: int = 5,
    mode: Mode = PLAIN,
    executor=None,
    inputs=None,
    version: int = 1,
    unselected: tuple[int, ...] = (),
) -> tuple[StageResult, Quiet]:
    quiet = Quiet()
    items = [
        Item(
            item_id=f"item-{k}",
            task=k,
            inputs={"number": str(k), **(inputs or {})},
            selected=k not in unselected,
        )
        for k in range(n)
    ]
    result = run_stage(
        Stage(name="doubling", version=version, work=work),
        items,
        workspace=workspace,
        mode=mode,
        executor=executor or SerialExecutor(),
        progress=quiet,
    )
    return result, quiet


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def test_second_run_does_nothing_and_changes_no_byte(tmp_path):
    first, _ = go(tmp_path)
    before = tree(tmp_path)
    second, said = go(tmp_path)
    assert (first.n_worked, second.n_worked) == (5, 0)
    assert said.said == []
    assert tree(tmp_path) == before
    assert second.done == first.done


def test_changed_input_does_that_item_again_and_no_other(tmp_path):
    go(tmp_path)
    items = [
        Item(item_id=f"item-{k}", task=k + (k == 2), inputs={"number": str(k + (k == 2))})
        for k in range(5)
    ]
    quiet = Quiet()
    stage = Stage(name="doubling", version=1, work=double)
    run_stage(
        stage, items, workspace=tmp_path, mode=Mode(), executor=SerialExecutor(), progress=quiet
    )
    assert quiet.said == ["done item-2"]
    assert (tmp_path / "doubling/item-2/value.txt").read_text() == "6"


def test_a_raised_stage_version_does_everything_again(tmp_path):
    go(tmp_path)
    assert go(tmp_path, version=2)[0].n_worked == 5


def test_force_works_again_and_gives_the_same_bytes(tmp_path):
    go(tmp_path)
    before = tree(tmp_path)
    again, _ = go(tmp_path, mode=Mode(force=True))
    assert again.n_worked == 5
    assert tree(tmp_path) == before


def test_a_bad_item_is_named_and_the_others_go_on(tmp_path):
    result, said = go(tmp_path, picky, n=4)
    assert sorted(result.done) == ["item-0", "item-1", "item-2"]
    assert result.exit_code == 3
    message = "Raster is truncated: three.tif (expected 9 bytes, found 4)"
    assert f"failed item-3: {message}" in said.said
    assert result.failures[0].message == message


def test_a_defect_is_told_apart_from_bad_input_and_keeps_its_trace_on_disk(tmp_path):
    result, said = go(tmp_path, picky, n=5)
    assert result.exit_code == 1
    assert not any("Traceback" in line for line in said.said)
    record = json.loads((tmp_path / "doubling/.failed/item-4.json").read_text())
    assert "ZeroDivisionError" in record["trace"]


def test_retry_failed_takes_the_failed_item_alone(tmp_path):
    go(tmp_path, picky, n=4)
    result, said = go(tmp_path, double, n=4, mode=Mode(retry_failed=True))
    assert said.said == ["done item-3"]
    assert result.exit_code == 0
    assert not (tmp_path / "doubling/.failed/item-3.json").exists()


def test_the_failure_of_what_is_no_item_any_more_is_forgotten(tmp_path):
    go(tmp_path, picky, n=4)
    failed = tmp_path / "doubling/.failed/item-3.json"
    assert failed.exists()

    go(tmp_path, picky, n=4)
    assert failed.exists()
    go(tmp_path, picky, n=3)
    assert not failed.exists()


def test_a_stage_not_worked_on_still_tells_what_failed_before_but_is_no_failure_now(tmp_path):
    go(tmp_path, picky, n=4)
    result, _ = go(tmp_path, picky, n=4, mode=Mode(active=False))
    assert [failure.item_id for failure in result.failures] == ["item-3"]
    assert result.exit_code == 0
    assert len(result.done) == 3


def test_items_outside_the_selection_are_used_but_not_made(tmp_path):
    result, said = go(tmp_path, unselected=(1, 2))
    assert result.left_out == ("item-1", "item-2")
    assert "done item-1" not in said.said
    go(tmp_path)
    assert go(tmp_path, unselected=(1, 2))[0].left_out == ()


def test_a_full_disk_is_said_in_one_line_and_asks_to_come_back(tmp_path):
    result, said = go(tmp_path, fill_disk, n=4)
    assert result.exit_code == 75
    assert sorted(result.done) == ["item-0", "item-1", "item-3"]
    assert any("No space left on the disk" in line for line in said.said)
    assert not list((tmp_path / "doubling").glob(".part*"))


def test_rows_that_go_missing_publish_nothing(tmp_path):
    result, _ = go(tmp_path, lose_a_row, n=1)
    assert result.exit_code == ChecksFailed.exit_code == 4
    assert result.done == {}
    assert "Rows went missing" in result.failures[0].message


def test_a_dead_worker_costs_its_own_item_alone(tmp_path):
    executor = ProcessExecutor(2)
    try:
        result, _ = go(tmp_path, die, n=4, executor=executor)
    finally:
        executor.close()
    assert sorted(result.done) == ["item-0", "item-1", "item-3"]
    assert result.exit_code == 3


def test_processes_give_the_same_bytes_as_one_process(tmp_path):
    executor = ProcessExecutor(2)
    try:
        go(tmp_path / "two", executor=executor)
    finally:
        executor.close()
    go(tmp_path / "one")
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


def test_a_second_run_says_who_holds_the_lock(tmp_path):
    with stage_lock(tmp_path, "doubling"), pytest.raises(Locked) as refusal:
        go(tmp_path)
    assert f"pid {os.getpid()}" in str(refusal.value)
    assert refusal.value.exit_code == 75
    assert go(tmp_path)[0].n_worked == 5


def test_a_half_written_output_is_not_believed(tmp_path):
    go(tmp_path)
    (tmp_path / "doubling/item-1/value.txt").write_text("")
    result, said = go(tmp_path)
    assert said.said == ["done item-1"]
    assert result.n_worked == 1


@pytest.mark.parametrize("item_id", ["", "../escape", "a/b", ".hidden"])
def test_an_item_id_cannot_leave_its_folder(tmp_path, item_id):
    stage = Stage(name="doubling", version=1, work=double)
    with pytest.raises(UsageError):
        run_stage(
            stage,
            [Item(item_id=item_id, task=1, inputs={})],
            workspace=tmp_path,
            mode=Mode(),
            executor=SerialExecutor(),
            progress=Quiet(),
        )


SLOW_RUN = """
import sys, time
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
import test_contract as t
from pipeline.jobs.contract import Outcome

def slow(task, out):
    for k in range(20):
        (out / f"part-{{k}}.txt").write_text(f"{{task}} {{k}}\\n" * 500)
        time.sleep(0.002)
    return Outcome(counts={{"n": 20}})

t.go(Path({workspace!r}), slow, n=12)
"""


def test_kill_at_random_instants_then_rerun_gives_an_undisturbed_runs_bytes(tmp_path):
    here = Path(__file__)

    def script(workspace: Path) -> list[str]:
        text = SLOW_RUN.format(
            root=str(here.parents[2]), here=str(here.parent), workspace=str(workspace)
        )
        return [sys.executable, "-c", text]

    subprocess.run(script(tmp_path / "calm"), check=True, capture_output=True)
    rng = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(script(tmp_path / "stormy"), start_new_session=True)
        time.sleep(rng.uniform(0.3, 1.4))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(script(tmp_path / "stormy"), check=True, capture_output=True)
    assert tree(tmp_path / "stormy") == tree(tmp_path / "calm")


def test_a_stage_tells_its_seconds_and_what_it_wrote_of_this_run_alone(tmp_path):
    first, _ = go(tmp_path, n=4)
    again, _ = go(tmp_path, n=4)
    fifth, _ = go(tmp_path, n=5)
    passive, _ = go(tmp_path, n=5, mode=Mode(active=False))

    size = sum(path.stat().st_size for path in tmp_path.glob("*/item-*/value.txt")) / 5
    issues = (next(tmp_path.glob("*/item-0")) / "issues.parquet").stat().st_size
    assert first.bytes_written == 4 * (size + issues)
    assert fifth.bytes_written == size + issues
    assert (again.bytes_written, passive.bytes_written) == (0, 0)
    assert first.seconds > 0
    assert passive.seconds == 0
    assert [one.n_items for one in (first, again, fifth, passive)] == [4, 4, 5, 5]


def test_hashes_are_remembered_while_their_files_are_there(tmp_path):
    kept, gone = tmp_path / "kept.csv", tmp_path / "gone.csv"
    for path in (kept, gone):
        path.write_text(path.name)
    cache = HashCache(tmp_path / "cache.json")
    known = {path: cache.sha256(path) for path in (kept, gone)}
    cache.save()
    gone.unlink()
    new = tmp_path / "new.csv"
    new.write_text("new")
    cache.sha256(new)
    cache.save()

    assert set(json.loads((tmp_path / "cache.json").read_text())) == {str(kept), str(new)}
    assert HashCache(tmp_path / "cache.json").sha256(kept) == known[kept] == sha256_of(kept)


def test_a_kill_between_the_two_renames_of_a_new_version_keeps_the_old(tmp_path):
    go(tmp_path)
    before = tree(tmp_path / "doubling")
    (tmp_path / "doubling/item-3").rename(tmp_path / "doubling/.trash-item-3")

    result, _ = go(tmp_path)

    assert result.n_worked == 0
    assert tree(tmp_path / "doubling") == before
