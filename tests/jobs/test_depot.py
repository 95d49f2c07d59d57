"""The workspace in object storage, against a server that speaks S3 over real HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

import boto3
import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from pipeline.errors import BadInput, Unreachable, UsageError
from pipeline.jobs.contract import Item, Mode, Outcome, Stage, run_stage
from pipeline.jobs.depot import Depot
from pipeline.jobs.executors import ProcessExecutor, SerialExecutor
from pipeline.jobs.finished import Need, read_manifest
from pipeline.jobs.hashing import sha256_json
from tests.jobs.clusters import LOOPBACK, Cluster
from tests.jobs.waiting import until

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning:moto"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(moto|botocore|flask|werkzeug)"),
]
SECRET = "correct-horse-battery"
BIG = 6_000_000
"""Bytes; sent in several parts."""


class Quiet:
    @contextlib.contextmanager
    def stage(self, name, total):
        yield self

    def done(self, item_id, counts):
        pass

    def failed(self, item_id, message):
        pass


@pytest.fixture(scope="module")
def server():
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def credentials(server, monkeypatch):
    host, port = server.get_host_and_port()
    told = {
        "AWS_ACCESS_KEY_ID": "reader",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    return told


@pytest.fixture
def bucket(credentials, tmp_path):
    """A new bucket's name, and a store to look into it with."""
    name = f"dc-{abs(hash(tmp_path)) % 10**12}"
    boto3.client(
        "s3", endpoint_url=credentials["AWS_ENDPOINT_URL"], region_name="us-east-1"
    ).create_bucket(Bucket=name)
    return name, S3Store(name)


@pytest.fixture
def depots(bucket, tmp_path):
    """The same depot as two machines see it, each with a workspace of its own."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return [
        Depot(url=f"s3://{bucket[0]}/season", workspace=tmp_path / name) for name in ("one", "two")
    ]


def names_in(bucket) -> list[str]:
    return sorted(one["path"] for part in obstore.list(bucket[1]) for one in part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A task that reads what another stage made."""

    folders: tuple[Path, ...]


def make(task: int, out: Path) -> Outcome:
    (out / "chips").mkdir()
    (out / "chips" / "a b.png").write_bytes(bytes([task]) * 10)
    (out / "table.txt").write_text(str(task))
    (out / "band.tif").write_bytes(bytes([task]) * (BIG if task == 2 else 6_000))
    return Outcome(counts={"value": task})


def add_up(task: Reading, out: Path) -> Outcome:
    total = sum(int((folder / "table.txt").read_text()) for folder in task.folders)
    (out / "total.txt").write_text(str(total))
    return Outcome(counts={"total": total})


def weigh(task: Reading, out: Path) -> Outcome:
    total = sum((folder / "band.tif").stat().st_size for folder in task.folders)
    (out / "total.txt").write_text(str(total))
    return Outcome(counts={"total": total})


def fail(task, out: Path) -> Outcome:
    raise AssertionError("it was done already")


MAKE = Stage(name="make", version=1, work=make)


def go(depot, stage, items, executor=None, **mode):
    return run_stage(
        stage, items, workspace=depot.workspace, mode=Mode(**mode), progress=Quiet(),
        executor=executor or SerialExecutor(), store=depot,
    )  # fmt: skip


def made(n=3, **inputs):
    return [Item(item_id=f"scene {k}", task=k, inputs={"k": str(k), **inputs}) for k in range(n)]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


@pytest.mark.parametrize("processes", [False, True], ids=["serial", "processes"])
def test_a_second_machine_takes_up_what_the_first_has_done(depots, processes):
    one, two = depots
    forkserver._forkserver._stop()  # one begun by another test knows nothing of this address
    executor = ProcessExecutor(2) if processes else SerialExecutor()
    try:
        first = go(one, MAKE, made(), executor)
        assert not first.failures
        again = go(two, Stage(name="make", version=1, work=fail), made(), executor)
        assert (again.n_worked, again.failures, len(again.done)) == (0, (), 3)
        lean = files(two.workspace)
        assert not [name for name in lean if name.endswith(".tif")]  # pixels stay in the depot

        task = Reading(folders=tuple(again.folders()))
        items = [Item(item_id="sum", task=task, inputs={"a": "b"})]
        weighed = go(two, Stage(name="weigh", version=1, work=weigh, pixels=True), items, executor)
        assert weighed.done["sum"].counts == {"total": BIG + 12_000}  # and come when needed
    finally:
        executor.close()
    assert {n: b for n, b in files(two.workspace).items() if n.startswith("make")} == files(
        one.workspace
    )


def test_a_worker_that_has_nothing_is_brought_what_its_task_names(depots):
    one, two = depots
    done = go(one, MAKE, made())
    needs = one.needs(Reading(folders=tuple(done.folders())))
    assert sorted(needs) == [f"make/scene {k}" for k in range(3)]
    two.bring_all(needs, pixels=False)
    total = Reading(folders=tuple(two.workspace / name for name in needs))
    (two.workspace / "out").mkdir()
    assert add_up(total, two.workspace / "out").counts == {"total": 3}


def test_what_was_done_before_there_was_a_depot_is_pushed(depots, bucket):
    one, two = depots
    run_stage(
        MAKE, made(), workspace=one.workspace, mode=Mode(), executor=SerialExecutor(),
        progress=Quiet(),
    )  # fmt: skip
    assert names_in(bucket) == []
    go(one, MAKE, made(), active=False)
    go(two, Stage(name="make", version=1, work=fail), made(), active=False)
    assert read_manifest(two.workspace / "make" / "scene 1", lean=True) is not None


def test_only_the_latest_version_is_kept(depots, bucket):
    one, _ = depots
    go(one, MAKE, made(1))
    before = names_in(bucket)
    go(one, MAKE, made(1, settings="changed"))
    after = names_in(bucket)
    assert len(after) == len(before)
    assert not set(after) & set(before)


PUSHER = """
import sys
from pathlib import Path
from pipeline.jobs.depot import Depot
Depot(url=sys.argv[1], workspace=Path(sys.argv[2])).push(Path(sys.argv[2]) / "make" / "scene 0")
"""


def many(task: int, out: Path) -> Outcome:
    for number in range(120):
        (out / f"{number}.png").write_bytes(b"chip" * 1000)
    return Outcome()


def test_an_item_pushed_by_half_is_not_there(depots, bucket):
    one, two = depots
    stage = Stage(name="make", version=1, work=many)
    run_stage(
        stage, made(1), workspace=one.workspace, mode=Mode(), executor=SerialExecutor(),
        progress=Quiet(),
    )  # fmt: skip
    pusher = subprocess.Popen([sys.executable, "-c", PUSHER, one.url, str(one.workspace)])
    until(lambda: len(names_in(bucket)) > 10)
    pusher.send_signal(signal.SIGKILL)
    pusher.wait()
    left = names_in(bucket)
    assert 10 < len(left) < 121
    assert not [name for name in left if name.endswith("manifest.json")]

    again = go(two, stage, made(1))
    assert (again.n_worked, len(again.done)) == (1, 1)
    assert len(names_in(bucket)) == 122  # chips, issues, manifest


def placed(bucket, end: str) -> str:
    return next(name for name in names_in(bucket) if name.endswith(end))


@pytest.mark.parametrize("damage", [b"other", b"1" * 50_000, b""])
def test_a_file_changed_in_the_depot_is_named_and_not_used(depots, bucket, damage):
    one, two = depots
    go(one, MAKE, made(1))
    where = placed(bucket, "table.txt")
    obstore.put(bucket[1], where, damage)
    with pytest.raises(BadInput, match=r"not what its manifest tells.*table\.txt"):
        go(two, MAKE, made(1))
    assert not (two.workspace / "make" / "scene 0").exists()
    assert not list((two.workspace / "make").glob(".part*"))


def hostile(name: str, size: object = 1):
    def change(manifest):
        manifest["outputs"][name] = {"sha256": "0" * 64, "bytes": size}
        hashes = {k: entry["sha256"] for k, entry in manifest["outputs"].items()}
        manifest["content_sha256"] = sha256_json(hashes)

    return change


def of_another(manifest):
    manifest["item"] = "another"


def without_sum(manifest):
    manifest["outputs"]["more.txt"] = {"sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    "change",
    [
        hostile("../../../evil"), hostile("/tmp/evil"), hostile("a\\b"), hostile("c:evil"),
        hostile(""), hostile("manifest.json"), hostile("a/../b"), hostile("a\nb"),
        hostile("big", 2**60), hostile("less", -1), hostile("word", "7"), hostile("true", True),
        of_another, without_sum, lambda manifest: manifest.clear(),
    ],
)  # fmt: skip
def test_a_manifest_is_believed_as_little_as_any_file(depots, bucket, change, tmp_path):
    one, two = depots
    go(one, MAKE, made(1))
    where = placed(bucket, "manifest.json")
    manifest = json.loads(bytes(obstore.get(bucket[1], where).bytes()))
    change(manifest)
    obstore.put(bucket[1], where, json.dumps(manifest).encode())
    before = sorted(path for path in tmp_path.rglob("*") if "two" not in path.parts)
    with pytest.raises(BadInput, match="manifest in object storage does not hold"):
        go(two, MAKE, made(1))
    assert before == sorted(path for path in tmp_path.rglob("*") if "two" not in path.parts)
    assert not (two.workspace / "make" / "scene 0").exists()


def test_what_was_replaced_meanwhile_is_not_taken_for_what_is_needed(depots):
    one, two = depots
    go(one, MAKE, made(1))
    need = Need(key="0" * 64, content_sha256="0" * 64)
    with pytest.raises(Unreachable, match="no longer has"):
        two.bring(two.workspace / "make" / "scene 0", need, pixels=False)


def test_a_bucket_that_is_not_there_or_does_not_answer_is_said(depots, monkeypatch):
    nowhere = Depot(url="s3://dc-not-there/x", workspace=depots[0].workspace)
    with pytest.raises(UsageError, match="no such bucket"):
        nowhere.check()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    silent = Depot(url="s3://dc-silent/x", workspace=depots[0].workspace)
    started = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        silent.check()
    assert time.monotonic() - started < 60
    assert SECRET not in str(caught.value)
    assert caught.value.exit_code == 75


@pytest.mark.slow  # a thousand requests
def test_a_season_moves_to_another_machine_by_the_depot_alone(
    own_season, season, darkcall, write_config, contents, bucket, credentials
):
    home = own_season.config.parents[1]
    config = write_config(home, workspace_store=f"s3://{bucket[0]}/tiny")
    pushed = darkcall("run", "--config", config, "--log-json", **credentials)
    assert (pushed.code, pushed.worked()) == (0, {}), pushed.err
    shutil.rmtree(own_season.workspace)

    there = darkcall("run", "--config", config, "--log-json", **credentials)
    assert (there.code, there.worked()) == (0, {}), there.err
    lean, whole = contents(own_season.workspace), contents(season.workspace)
    missing = set(whole) - set(lean)
    assert missing
    assert all(name.startswith("fetch/") and name.endswith(".tif") for name in missing)
    assert lean.items() <= whole.items()

    shown = darkcall("evaluate", "season", "--config", config, "--json", **credentials)
    assert shown.code == 0, shown.err
    assert contents(own_season.workspace) == whole
    assert SECRET not in pushed.err + there.err + shown.err + shown.out


@pytest.mark.slow
def test_pixels_pruned_here_stay_in_the_depot(
    own_season, darkcall, write_config, bucket, credentials
):
    home = own_season.config.parents[1]
    shutil.rmtree(own_season.workspace / "history")
    config = write_config(
        home, workspace_store=f"s3://{bucket[0]}/tiny", upkeep={"keep_scenes_days": 60}
    )
    assert darkcall("run", "--config", config, **credentials).code == 0
    shutil.rmtree(own_season.workspace / "history")
    told = darkcall("prune", "--yes", "--json", "--config", config, **credentials)
    assert told.code == 0, told.err
    pruned = [path.parent.name for path in own_season.workspace.glob("fetch/*/pruned.json")]
    assert pruned
    there = names_in(bucket)
    assert all(any(n.endswith(".tif") and f"/{name}/" in n for n in there) for name in pruned)

    again = darkcall("run", "--config", config, "--log-json", **credentials)
    assert again.worked() == {"catalogue": 1}, again.err
    shown = darkcall("evaluate", "season", "--config", config, "--json", **credentials)
    assert shown.code == 0, shown.err
    for name in pruned:  # what is shown brings no pixels back that were let go
        assert not list((own_season.workspace / "fetch" / name).glob("B*.tif"))


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="disks of their own need root: mount namespaces")
def test_machines_that_share_nothing_but_the_depot_give_the_bytes_of_serial_work(
    own_season, season, tmp_path, darkcall, write_config, contents, bucket, credentials
):
    workspace = own_season.workspace
    for stage in ("detect", "match", "calls"):
        shutil.rmtree(workspace / stage)
    folder = Path(f"/tmp/dc-{os.getpid()}")
    folder.mkdir()
    machines = Cluster(folder)
    try:
        for number in range(
            2
        ):  # each begins with nothing; the head is a machine too; the run's own disk is the third
            own = tmp_path / f"disk-{number}"
            own.mkdir()
            mount = f'mount --bind {own} {workspace} && exec "$@"'
            machines.add(inside=["unshare", "-m", "sh", "-c", mount, "sh"], **credentials)
        config = write_config(
            tmp_path, executor="ray", ray={"address": machines.address},
            workspace_store=f"s3://{bucket[0]}/tiny",
        )  # fmt: skip
        ended = darkcall("run", "--config", config, "--log-json", **credentials, **LOOPBACK)
        assert ended.code == 0, ended.err
        for number in range(2):
            assert list((tmp_path / f"disk-{number}").glob("detect/*/manifest.json"))
        assert contents(workspace) == contents(season.workspace)
    finally:
        machines.close()
        shutil.rmtree(folder, ignore_errors=True)
