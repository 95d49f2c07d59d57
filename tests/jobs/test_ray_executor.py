"""Items on two machines: the bytes of serial work, whatever dies meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from pipeline.config import RaySettings
from pipeline.errors import UsageError
from pipeline.jobs import ray_executor
from pipeline.jobs.executors import Place, WorkerDied
from pipeline.jobs.ray_executor import RayExecutor
from tests.jobs.clusters import LOOPBACK, cluster

pytestmark = [
    # Ray leaves sockets and log files of its own to the collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.xdist_group("ray"),
    pytest.mark.timeout(290),
]
REDONE = ("calendar", "detect", "match", "calls")
N_SCENES = 5


@pytest.fixture(scope="module")
def machines():
    with pytest.MonkeyPatch.context() as patch, cluster(2) as running:
        for name, text in LOOPBACK.items():
            patch.setenv(name, text)
        yield running


@pytest.fixture
def executor(machines):
    opened = RayExecutor(RaySettings(address=machines.address), None)
    yield opened
    opened.close()


def test_two_machines_give_the_bytes_of_serial_work(
    machines, own_season, season, darkcall, write_config, contents
):
    for stage in REDONE:
        shutil.rmtree(own_season.workspace / stage)
    config = write_config(
        own_season.config.parents[1], executor="ray", ray={"address": machines.address}
    )

    ended = darkcall("run", "--config", config, "--log-json", **LOOPBACK)

    assert ended.code == 0, ended.err
    assert set(ended.worked()) == set(REDONE)  # what comes after them was found unchanged
    assert contents(own_season.workspace) == contents(season.workspace)


@pytest.mark.slow
def test_ships_in_buckets_on_two_machines_give_the_bytes_of_serial_work(
    machines, own_season, darkcall, write_config, contents, tmp_path
):
    where = {"serial": {"executor": "serial"},
             "ray": {"executor": "ray", "ray": {"address": machines.address}}}  # fmt: skip
    results = []
    for name, changes in where.items():
        for folder in ("simulate", "ais"):
            shutil.copytree(own_season.workspace / folder, tmp_path / name / "workspace" / folder)
        config = write_config(tmp_path / name, vessel_buckets=3, **changes)

        ended = darkcall("ais", "--config", config, "--log-json", **LOOPBACK)

        assert ended.code == 0, ended.err
        assert ended.worked()["ships"] == 3
        results.append(contents(tmp_path / name / "workspace"))
    assert results[0] == results[1]


def doubled(task: tuple[float, int]) -> int:
    delay_s, number = task
    time.sleep(delay_s)
    return 2 * number


def test_results_come_in_the_order_of_finishing(executor):
    list(executor.run(doubled, [(0.0, 0), (0.0, 1)]))  # both machines have a worker now
    assert list(executor.run(doubled, [(3.0, 1), (0.0, 2)])) == [(1, 4), (0, 2)]
    assert list(executor.run(doubled, [])) == []


def noted(task: tuple[Path, int]) -> int:
    folder, number = task
    (folder / str(number)).touch()
    return number


@pytest.mark.parametrize("place", [Place.ANY, Place.GPU])
def test_no_more_is_sent_than_there_is_room_for(executor, tmp_path, place):
    results = executor.run(noted, [(tmp_path, number) for number in range(9)], place=place)
    first, _ = next(results)
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= 2  # two cores; more goes when more is asked for
    assert sorted([first, *(index for index, _ in results)]) == list(range(9))


def mortal(task: tuple[Path, int, int]) -> int:
    """Dies as often as told, and remembers in a folder."""
    folder, number, deaths = task
    died = len(list(folder.glob(f"{number}-*")))
    if died < deaths:
        (folder / f"{number}-{died}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("place", [Place.ANY, Place.GPU])
def test_a_worker_that_dies_is_forgiven_once(executor, tmp_path, place):
    tasks = [(tmp_path, 0, 0), (tmp_path, 1, 1), (tmp_path, 2, 9), (tmp_path, 3, 0)]
    results = dict(executor.run(mortal, tasks, place=place))
    assert isinstance(results.pop(2), WorkerDied)
    assert results == {0: 0, 1: 1, 3: 3}
    assert len(list(tmp_path.glob("2-*"))) == 2


def whose(task: int) -> int:
    return os.getpid()


def forked_from(task: int) -> int:
    return os.getppid()


def ancestors(pid: int) -> set[int]:
    return {pid, *(one.pid for one in psutil.Process(pid).parents())}


def test_who_detects_stays_between_scenes_and_what_takes_all_stays_here(executor):
    assert len({pid for _, pid in executor.run(whose, range(8), place=Place.GPU)}) <= 2
    ((_, parent),) = executor.run(forked_from, [0], place=Place.HERE)
    assert os.getpid() in ancestors(parent)


def test_a_machine_with_another_darkcall_is_refused(executor, monkeypatch):
    monkeypatch.setattr(ray_executor, "software", lambda: "0" * 64)
    with pytest.raises(UsageError, match=r"another Darkcall.*requirements\.lock"):
        list(executor.run(whose, [0]))


def test_no_cluster_and_no_ray_are_said_in_one_line(darkcall, write_config, tmp_path):
    config = write_config(tmp_path, executor="ray", ray={"address": "127.0.0.1:9"})
    ended = darkcall("ais", "--config", config, "--log-json")
    assert ended.code == 2
    assert len(ended.said()) == 1
    assert "No Ray cluster answers: 127.0.0.1:9" in ended.said()[0]

    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "ray.py").write_text("raise ImportError\n")
    path = os.pathsep.join([str(tmp_path / "none"), str(Path(__file__).parents[2])])
    ended = darkcall("ais", "--config", config, "--log-json", PYTHONPATH=path)
    assert ended.code == 2
    assert "Ray is not installed" in ended.said()[0]
    assert "darkcall[ray]" in ended.said()[0]


@pytest.mark.slow
def test_a_machine_killed_in_the_middle_costs_nothing_but_time(
    own_season, season, start, write_config, contents
):
    for stage in REDONE:
        shutil.rmtree(own_season.workspace / stage)
    with cluster(2) as machines:
        config = write_config(
            own_season.config.parents[1], executor="ray", ray={"address": machines.address}
        )
        process = start("run", "--config", config, **LOOPBACK)
        try:
            while not list(own_season.workspace.glob("detect/*/manifest.json")):
                assert process.poll() is None
                time.sleep(0.05)
            machines.kill(1)
            assert len(list(own_season.workspace.glob("detect/*/manifest.json"))) < N_SCENES
            assert process.wait(timeout=200) == 0
        finally:
            process.kill()
            process.wait()
    assert contents(own_season.workspace) == contents(season.workspace)
