"""`darkcall prune`: pixels go, what was made of them stays, and the next run does not miss them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from pipeline.config import load_config
from pipeline.errors import BadInput, Locked
from pipeline.jobs.evidence import evidence_of
from pipeline.jobs.prune import plan_prune, prune
from pipeline.pruned import read_pruned
from pipeline.scene.read import read_scene
from pipeline.scene.settings import Settings as SceneSettings
from tests.jobs.conftest import TINY

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def with_policy(season, **changes):
    """The season's configuration, its pixels pruned after 60 days."""
    document = yaml.safe_load(season.config.read_text())
    document |= {"upkeep": {"keep_scenes_days": 60}, **changes}
    season.config.write_text(yaml.safe_dump(document, sort_keys=False))
    return season.config


def spared(season):
    """The season's calls forgotten at one port, so that nothing refers to its scenes."""
    shutil.rmtree(season.workspace / "history")
    config = load_config(season.config)
    evidence = evidence_of(config)
    return {
        json.loads(path.read_text())["id"]: path.parent
        for path in sorted(season.workspace.glob("fetch/*/item.json"))
        if not evidence.keeps(path.parent.name.split("--")[0], json.loads(path.read_text())["id"])
    }


def tree(workspace: Path) -> dict[str, bytes]:
    """All that lies in a workspace, but for the instant at which scenes were pruned."""
    return {
        path.relative_to(workspace).as_posix(): (
            json.loads(path.read_text())["files"] if path.name == "pruned.json" else
            path.stat().st_size
        )
        for path in sorted(workspace.rglob("*"))
        if path.is_file() and path.relative_to(workspace).parts[0] not in {".cache", ".locks"}
    }  # fmt: skip


def test_a_run_after_it_only_tells_the_catalogue(own_season, darkcall, contents):
    config = with_policy(own_season)
    spare = spared(own_season)
    assert spare, "the tiny season has a scene that nothing refers to"
    before = contents(own_season.workspace)
    plan = plan_prune(load_config(config), now=NOW)
    assert contents(own_season.workspace) == before  # a plan touches nothing
    assert {one.item_id for one in plan.going} == {folder.name for folder in spare.values()}

    done = darkcall("prune", "--yes", "--json", "--config", config)
    assert done.code == 0, done.err
    assert json.loads(done.out.splitlines()[-1])["n_bytes"] == plan.n_bytes
    for folder in spare.values():
        assert not list(folder.glob("[BV]*.tif"))

    again = darkcall("run", "--config", config, "--log-json")
    assert again.code == 0, again.err
    assert again.worked() == {"catalogue": 1}
    after = contents(own_season.workspace)
    lost = set(before) - set(after)
    assert {Path(name).parent.name for name in lost} == {f.name for f in spare.values()}
    changed = {name for name in after if name in before and before[name] != after[name]}
    assert {name.split("/")[0] for name in changed} == {"catalogue"}


@pytest.mark.slow
def test_what_needs_the_pixels_says_so_and_has_them_again(own_season, darkcall, contents):
    config = with_policy(own_season)
    spare = spared(own_season)
    before = contents(own_season.workspace)
    prune(load_config(config), now=NOW)

    # matching does not need the pixels; detection with other settings says that it has none
    matched = {name: one for name, one in before.items() if name.startswith("match/")}
    assert darkcall("match", "--force", "--config", config, "--log-json").code == 0
    now = contents(own_season.workspace)
    assert {name: now[name] for name in matched} == matched
    with_policy(own_season, detect={**TINY["detect"], "raw_score_min": 0.06})
    ended = darkcall("detect", "--config", config, "--log-json")
    assert ended.code == 0, ended.err
    (said,) = [line for line in ended.said() if line.startswith("detect: ")]
    assert f"{len(spare)} items were left out, as their pixels were pruned" in said
    assert f"{len(spare)} of them stand as they were made before" in said

    folder = next(iter(spare.values()))
    with pytest.raises(BadInput, match="darkcall fetch --force") as refused:
        read_scene(folder)
    words = str(refused.value).split("darkcall ")[1].split(" (")[0].split()
    assert darkcall(*words, "--config", config).code == 0
    assert read_pruned(folder) is None
    again = contents(own_season.workspace)
    names = {name for name in before if name.startswith(f"fetch/{folder.name}/")}
    assert {name: again[name] for name in names} == {name: before[name] for name in names}


@pytest.mark.slow
def test_killed_in_the_middle_it_ends_the_same(own_season, tmp_path, start, darkcall):
    config = with_policy(own_season)
    assert spared(own_season)
    other = tmp_path / "other"
    shutil.copytree(own_season.config.parent, other / "configs")
    shutil.copytree(own_season.workspace, other / "workspace")
    process = start("prune", "--yes", "--config", config)
    while process.poll() is None and not any(own_season.workspace.glob("fetch/*/hidden.tif")):
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert darkcall("prune", "--yes", "--config", config).code == 0
    prune(load_config(other / "configs/tiny.yaml"), now=NOW)
    assert tree(own_season.workspace) == tree(other / "workspace")


def test_half_dropped_pixels_are_finished(own_season):
    config = with_policy(own_season)
    spare = list(spared(own_season).values())
    whole = tree(own_season.workspace)
    prune(load_config(config), now=NOW)
    pruned = tree(own_season.workspace)
    assert pruned != whole
    # as if it had been killed after the note: a file is back
    note = read_pruned(spare[0])
    name = min(note.files)
    (spare[0] / name).write_bytes(b"\0" * note.files[name].n_bytes)
    prune(load_config(config), now=NOW)
    assert tree(own_season.workspace) == pruned


def test_caches_only_leaves_scenes_alone_and_nobody_prunes_beside_a_run(own_season):
    config = with_policy(own_season)
    spared(own_season)
    before = tree(own_season.workspace)
    left = own_season.workspace / "detect/.part-alder--x"
    left.mkdir()
    (left / "detections.parquet").write_bytes(b"half")
    with (own_season.workspace / ".locks/detect.lock").open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Locked, match="detect is running"):
            prune(load_config(config), now=NOW, caches_only=True)
        assert left.exists()
    assert prune(load_config(config), now=NOW, caches_only=True).n_bytes == 4
    assert not left.exists()
    assert tree(own_season.workspace) == before


def test_until_so_much_is_free_the_oldest_go_and_too_little_is_told(own_season, darkcall):
    config = with_policy(own_season)
    spare = spared(own_season)
    free_gb = shutil.disk_usage(own_season.workspace).free / 1e9
    enough = darkcall("prune", "--yes", "--until-free-gb", free_gb / 2, "--config", config)
    assert enough.code == 0, enough.err
    assert "0 scenes lost" in enough.out
    assert not any(read_pruned(folder) for folder in spare.values())

    never = darkcall("prune", "--yes", "--until-free-gb", "1e9", "--config", config)
    assert never.code == 3
    assert f"{len(spare)} scenes lost" in never.out
    assert "1,000,000,000.0 GB were asked for" in never.err
    assert all(read_pruned(folder) for folder in spare.values())


def test_prune_asks_first(own_season, darkcall):
    config = with_policy(own_season)
    spared(own_season)
    before = tree(own_season.workspace)
    ended = darkcall("prune", "--config", config)  # nobody answers
    assert ended.code != 0
    assert tree(own_season.workspace) == before


def test_the_mask_of_hidden_places_is_the_one_the_pixels_had(season, tmp_path):
    from pipeline.scene.hidden import HIDDEN, hidden, keep_hidden  # noqa: PLC0415
    from pipeline.scene.raster import read_plain  # noqa: PLC0415

    for folder in sorted(season.workspace.glob("fetch/*")):
        if folder.name.startswith("."):
            continue
        keep_hidden(folder, SceneSettings(coastline="site"), into=tmp_path)
        _, image = read_scene(folder)
        kept = read_plain(tmp_path / HIDDEN)[0] > 0
        assert (kept == hidden(image, SceneSettings(coastline="site"))).all()
