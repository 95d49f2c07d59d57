"""Killed at any instant, a plain re-run ends with the bytes of a run nobody disturbed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.jobs.waiting import lives, n_done, until

SEED = 20240307
N_INSTANTS = 20
N_FAST_KILLS = 3


@pytest.fixture
def kill_after(start):
    """Start a run, kill its whole process group after a delay; False where it had ended."""

    def killed(config: Path, delay_s: float) -> bool:
        process = start("run", "--config", config)
        try:
            process.wait(timeout=delay_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return process.returncode == -signal.SIGKILL

    return killed


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_three_kills_in_a_row_cost_nothing_but_time(
    season, tmp_path, darkcall, write_config, contents, start
):
    config = write_config(tmp_path, executor="processes", workers=2)
    workspace = tmp_path / "workspace"
    in_all = n_done(season.workspace)

    for done in sorted(random.Random(SEED).sample(range(in_all // 2), N_FAST_KILLS)):
        process = start("run", "--config", config)
        until(lambda done=done: n_done(workspace) > done)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    left_over = n_done(workspace)
    ended = darkcall("run", "--config", config, "--log-json")

    assert left_over < in_all
    assert ended.code == 0, ended.err
    assert contents(workspace) == contents(season.workspace)


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("instant", range(N_INSTANTS))
def test_a_kill_at_any_instant_costs_nothing_but_time(
    season, tmp_path, darkcall, write_config, contents, kill_after, instant
):
    config = write_config(tmp_path, executor="processes", workers=2)
    delay = season.first.seconds * random.Random(SEED + instant).uniform(0.1, 1.0)

    kill_after(config, delay)
    ended = darkcall("run", "--config", config, "--log-json")

    assert ended.code == 0, ended.err
    assert contents(tmp_path / "workspace") == contents(season.workspace)


def test_workers_end_with_the_run_they_work_for(tmp_path, start, write_config):
    config = write_config(tmp_path, executor="processes", workers=2)
    process = start("run", "--config", config)
    until(lambda: any((tmp_path / "workspace").glob("*/.part-*")))

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    until(lambda: not lives(process.pid))


def test_a_kill_while_results_are_replaced_is_mended(own_season, season, contents, darkcall):
    """The folders a kill leaves between two renames: the old version aside, the new half made."""
    calls = own_season.workspace / "calls"
    (calls / "demo-alder").rename(calls / ".trash-demo-alder")
    (calls / ".part-demo-alder").mkdir()
    (calls / ".part-demo-alder/calls.parquet").write_bytes(b"PAR1 and then nothing")

    ended = darkcall("run", "--config", own_season.config, "--log-json")

    assert ended.code == 0, ended.err
    assert ended.worked() == {}  # the old version is still the right one, and back in its place
    assert contents(own_season.workspace) == contents(season.workspace)
