"""A back-up is brought to another place, says the same there, and leaves nothing to do."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import tarfile
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from pipeline.config import load_config
from pipeline.decided import Noted, Role
from pipeline.decisions import accounts
from pipeline.decisions.journal import append, verify
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.errors import ChecksFailed, DarkcallError, DiskFull, UsageError
from pipeline.jobs import restore as restoring
from pipeline.jobs.backup import Wanted, back_up
from pipeline.jobs.backup_store import Generation, object_name
from pipeline.jobs.open_decisions import open_decisions
from pipeline.jobs.restore import restore
from pipeline.pruned import read_pruned

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = Wanted()


@pytest.fixture
def kept(own_season):
    """A season on which somebody decided."""
    store = open_decisions(load_config(own_season.config))
    accounts.add_user(
        store, "ann", "correct horse battery", Role.LEAD, at=NOW, settings=DecisionSettings()
    )
    append(store, who="ann", case_id="case-1", evidence_key="k", at=NOW, body=Noted(note="look"),
           entry_id="1")  # fmt: skip
    store.close()
    content = b"a finer image"
    (own_season.workspace / "attachments").mkdir()
    name = hashlib.sha256(content).hexdigest()
    (own_season.workspace / "attachments" / name).write_bytes(content)
    return own_season


def with_broken_ais(season):
    """The season with a file of her own that is no AIS."""
    document = yaml.safe_load(season.config.read_text()) | {"inputs": {"ais": ["../mine"]}}
    season.config.write_text(yaml.safe_dump(document, sort_keys=False))
    (season.workspace.parent / "mine").mkdir()
    (season.workspace.parent / "mine/broken.csv").write_bytes(b"\xff\xfe no table")


def write(season, out, *, at=NOW, wanted=WANTED):
    return back_up(load_config(season.config), season.config, out, now=at, wanted=wanted)


@pytest.mark.slow
def test_it_says_the_same_in_another_place(kept, tmp_path, darkcall, contents):
    with_broken_ais(kept)
    assert darkcall("run", "--config", kept.config).code == 3  # the broken file is told
    out = tmp_path / "b"
    made = darkcall("backup", "--out", out, "--config", kept.config, "--json")
    assert made.code == 0, made.err
    elsewhere = tmp_path / "other machine" / "home"
    config = elsewhere / "configs/tiny.yaml"
    shutil.move(out, tmp_path / "carried")
    brought = darkcall("restore", tmp_path / "carried", "--config", config, "--json")
    assert brought.code == 0, brought.err
    told = json.loads(brought.out.splitlines()[-1])
    assert told["sha256"] == json.loads(made.out.splitlines()[-1])["sha256"]

    again = darkcall("run", "--config", config, "--log-json")
    assert again.code == 3, again.err
    assert again.worked() == {"ais": 1}  # the broken file is tried each night
    forced = darkcall("review", "--force", "--config", config, "--log-json")
    assert forced.worked() == {"catalogue": 1, "review": 1}
    here = {name: one for name, one in contents(kept.workspace).items() if "failed" not in name}
    there = contents(elsewhere / "workspace")
    database = {name for name in (*here, *there) if name.startswith("decisions.db")}
    assert {n: one for n, one in there.items() if n in here and n not in database} == {
        name: one for name, one in here.items() if name not in database
    }
    store = open_decisions(load_config(config))
    assert verify(store).n_entries == 1
    assert [one.name for one in accounts.users(store)] == ["ann"]
    store.close()


def test_decisions_go_into_the_postgresql_that_is_named(
    kept, tmp_path, postgres_server, monkeypatch
):
    write(kept, tmp_path / "b")
    postgres_server.psql("CREATE DATABASE restored;")
    monkeypatch.setenv("DARKCALL_DATABASE_URL", postgres_server.get_uri(database="restored"))
    place = tmp_path / "other/configs/tiny.yaml"
    done = restore(tmp_path / "b", place)
    assert not list(done.workspace.glob("decisions.db*"))
    store = open_decisions(load_config(place))
    assert (verify(store).n_entries, [one.name for one in accounts.users(store)]) == (1, ["ann"])
    append(store, who="ann", case_id="case-1", evidence_key="k", at=NOW, body=Noted(note="again"),
           entry_id="2")  # fmt: skip
    store.close()
    # a journal that has gone on is nobody's to overwrite
    with pytest.raises(DarkcallError):
        restore(tmp_path / "b", tmp_path / "third/configs/tiny.yaml")
    store = open_decisions(load_config(place))
    assert verify(store).n_entries == 2
    store.close()


def killed(process, wait_for):
    """SIGKILL as soon as something is there; how far it came."""
    while process.poll() is None and not wait_for():
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_killed_at_any_instant_both_are_done_by_the_next(kept, tmp_path, start, contents, share):
    whole = write(kept, tmp_path / "whole")
    n = len(list((tmp_path / "whole/objects").rglob("*")))
    out = tmp_path / "b"
    words = ("backup", "--out", out, "--config", kept.config)
    code = killed(start(*words), lambda: len(list(out.glob("objects/**/*"))) >= share * n)
    assert code == -signal.SIGKILL
    if not list(out.glob("generations/*")):
        with pytest.raises(UsageError):
            restore(out, tmp_path / "none/configs/tiny.yaml")
    assert write(kept, out).files == whole.files

    place = tmp_path / "other/configs/tiny.yaml"
    part = tmp_path / "other/.workspace.restoring"
    n_files = sum(path.is_file() for path in kept.workspace.rglob("*"))
    code = killed(
        start("restore", out, "--config", place),
        lambda: sum(path.is_file() for path in part.rglob("*")) >= share * n_files,
    )
    assert code == -signal.SIGKILL
    assert not (tmp_path / "other/workspace").exists()
    done = restore(out, place)
    there = contents(done.workspace)
    here = contents(kept.workspace)
    assert {name for name in here if not name.startswith("decisions.db")} <= set(there)
    assert all(there[name] == one for name, one in here.items() if "decisions.db" not in name)
    assert not part.exists()


@pytest.mark.parametrize("name", ["b.zip", "b.tar"])
def test_one_file_holds_the_same(kept, tmp_path, contents, name):
    done = write(kept, tmp_path / name)
    restored = restore(tmp_path / name, tmp_path / "other/configs/tiny.yaml")
    assert restored.sha256 == done.sha256
    there = contents(restored.workspace)
    for path, sha256 in contents(kept.workspace).items():
        if not path.startswith("decisions.db"):
            assert there[path] == sha256


def test_the_next_back_up_copies_what_changed_and_the_first_stays(kept, tmp_path):
    out = tmp_path / "b"
    first = write(kept, out)
    assert first.is_new
    assert not write(kept, out, at=NOW + timedelta(days=1)).is_new
    note = kept.workspace / "history/note.txt"
    note.write_text("new")
    second = write(kept, out, at=NOW + timedelta(days=2), wanted=Wanted(quick=True))
    assert (second.copied_files, second.copied_bytes) == (1, 3)
    place = tmp_path / "place/configs/tiny.yaml"
    restored = restore(out, place, at=first.at)
    assert restored.sha256 == first.sha256
    assert not (restored.workspace / "history/note.txt").exists()
    write(kept, out, at=NOW + timedelta(days=3), wanted=Wanted(keep=1))
    assert len(list((out / "generations").iterdir())) == 1
    assert restore(out, tmp_path / "third/configs/tiny.yaml").files == second.files


@pytest.mark.slow
def test_evidence_alone_is_enough_for_all_but_the_other_pixels(kept, tmp_path, darkcall):
    shutil.rmtree(kept.workspace / "history")
    out = tmp_path / "b"
    whole = write(kept, tmp_path / "whole")
    lean = write(kept, out, wanted=Wanted(evidence_only=True))
    # the one who decided wrote of a case that nobody knows: then everything is evidence
    assert lean.n_bytes == whole.n_bytes
    for left in kept.workspace.glob("decisions.db*"):
        left.unlink()
    lean = write(kept, out, at=NOW + timedelta(days=1), wanted=Wanted(evidence_only=True))
    assert lean.n_bytes < whole.n_bytes
    assert not write(
        kept, out, at=NOW + timedelta(days=2), wanted=Wanted(evidence_only=True)
    ).is_new
    brought = restore(out, tmp_path / "other/configs/tiny.yaml")
    pruned = [read_pruned(folder) for folder in brought.workspace.glob("fetch/*")]
    assert any(one is not None and "not in the back-up" in one.told for one in pruned)
    again = darkcall("run", "--config", tmp_path / "other/configs/tiny.yaml", "--log-json")
    assert again.worked() == {"catalogue": 1}


def test_a_workspace_that_is_not_empty_is_moved_aside_only_by_force(kept, tmp_path):
    write(kept, tmp_path / "b")
    (kept.workspace / "mine.txt").write_text("keep me")
    with pytest.raises(UsageError, match="not empty"):
        restore(tmp_path / "b", kept.config)
    done = restore(tmp_path / "b", kept.config, force=True)
    assert (done.former / "mine.txt").read_text() == "keep me"
    assert not (done.workspace / "mine.txt").exists()


def relisted(out: Path, change) -> None:
    """The list rewritten by somebody who knows how lists are named."""
    (name,) = (out / "generations").iterdir()
    document = json.loads(name.read_text())
    change(document)
    content = json.dumps(document).encode()
    name.rename(name.with_name(f"{name.name[:16]}-{hashlib.sha256(content).hexdigest()}.json"))
    (path,) = (out / "generations").iterdir()
    path.write_bytes(content)


def swap(key, value):
    return lambda document: document["tree"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (swap("path", "workspace/../../evil"), "list was changed"),
        (swap("path", "/etc/evil"), "list was changed"),
        (swap("path", "elsewhere/evil"), "none of it"),
        (swap("path", "workspace/.locks/evil"), "none of it"),
        (swap("path", "workspace/decisions.db"), "none of it"),
        (swap("bytes", 1), "damaged"),
        (lambda d: d["tree"].append(d["tree"][0]), "list was changed"),
        (lambda d: d["tree"].append({**d["tree"][0], "path": d["tree"][0]["path"] + "/x"}),
         "list was changed"),
        (lambda d: d.__setitem__("format", "another"), "list was changed"),
    ],
)  # fmt: skip
def test_a_hostile_list_is_refused_before_anything_is_written(small, tmp_path, change, error):
    relisted(small, change)
    with pytest.raises(ChecksFailed, match=error):
        restore(small, tmp_path / "place/configs/tiny.yaml")
    assert not (tmp_path / "place").exists()
    assert not (tmp_path / "evil").exists()


@pytest.fixture
def small(tmp_path, write_config):
    """A back-up of a workspace with one file."""
    config = write_config(tmp_path / "small")
    workspace = tmp_path / "small/workspace/history"
    workspace.mkdir(parents=True)
    (workspace / "a.txt").write_text("hello, all")
    back_up(load_config(config), config, tmp_path / "b", now=NOW, wanted=WANTED)
    return tmp_path / "b"


def an_object(out: Path) -> Path:
    (name,) = (out / "generations").iterdir()
    generation = Generation.model_validate_json(name.read_text())
    (one,) = [one for one in generation.tree if one.path == "workspace/history/a.txt"]
    return out / object_name(one.sha256)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b"hellO, all"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
        lambda path: path.write_bytes(b"\0" * 50_000_000),
    ],
)
def test_a_damaged_content_is_told_before_anything_is_written(small, tmp_path, harm):
    harm(an_object(small))
    with pytest.raises(ChecksFailed, match="damaged"):
        restore(small, tmp_path / "place/configs/tiny.yaml")
    assert not (tmp_path / "place").exists()


def test_a_zip_that_unpacks_to_more_than_it_promised_is_read_no_further(small, tmp_path):
    bomb = tmp_path / "bomb.zip"
    inside = an_object(small).relative_to(small).as_posix()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(small.rglob("*")):
            name = path.relative_to(small).as_posix()
            if path.is_file() and name != ".lock":
                content = b"\0" * 200_000_000 if name == inside else path.read_bytes()
                packed.writestr(name, content)
    with pytest.raises(ChecksFailed, match="damaged"):
        restore(bomb, tmp_path / "place/configs/tiny.yaml")


def test_a_tar_with_a_link_is_refused(small, tmp_path):
    inside = an_object(small).relative_to(small).as_posix()
    with tarfile.open(tmp_path / "b.tar", "w") as packed:
        for path in sorted(small.rglob("*")):
            name = path.relative_to(small).as_posix()
            if not path.is_file() or name == ".lock":
                continue
            info = tarfile.TarInfo(name)
            if name == inside:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                packed.addfile(info)
                continue
            content = path.read_bytes()
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    with pytest.raises(ChecksFailed, match="damaged"):
        restore(tmp_path / "b.tar", tmp_path / "place/configs/tiny.yaml")


def test_a_configuration_from_the_back_up_does_not_choose_places_outside(tmp_path, write_config):
    config = write_config(tmp_path / "small", workspace=str(tmp_path / "far/workspace"))
    (tmp_path / "far/workspace").mkdir(parents=True)
    (tmp_path / "far/workspace/a.txt").write_text("a")
    back_up(load_config(config), config, tmp_path / "b", now=NOW, wanted=WANTED)
    shutil.rmtree(tmp_path / "far")
    place = tmp_path / "place/configs/tiny.yaml"
    with pytest.raises(UsageError, match="outside of its folder"):
        restore(tmp_path / "b", place)
    assert not (tmp_path / "far").exists()
    # somebody has read it, and says it again
    assert restore(tmp_path / "b", place).workspace == tmp_path / "far/workspace"


def test_a_full_disk_is_told_before_anything_is_written(small, tmp_path, monkeypatch):
    monkeypatch.setattr(restoring, "free_bytes", lambda _: 1)
    with pytest.raises(DiskFull, match="Too little room"):
        restore(small, tmp_path / "place/configs/tiny.yaml")
    assert not (tmp_path / "place/workspace").exists()


def test_links_are_told_and_not_followed(tmp_path, write_config):
    config = write_config(tmp_path / "small")
    (tmp_path / "small/workspace/fetch").mkdir(parents=True)
    (tmp_path / "small/workspace/fetch/elsewhere").symlink_to("/etc")
    done = back_up(load_config(config), config, tmp_path / "b", now=NOW, wanted=WANTED)
    assert done.faults == ("workspace/fetch/elsewhere is a link, which is not followed; left out",)


def test_a_changed_file_of_the_workspace_is_copied_as_it_is_and_told(kept, tmp_path):
    path = next(kept.workspace.glob("fetch/*/B04.tif"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    done = write(kept, tmp_path / "b")
    assert len(done.faults) == 1
    assert "is not what was written there" in done.faults[0]
