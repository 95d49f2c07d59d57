"""Seasons replayed: what is kept of one when its pixels have gone, and what its figures are."""

from __future__ import annotations

import json

import pytest
import yaml

from pipeline.config import load_config
from pipeline.jobs import evaluate_replay as module
from pipeline.jobs.evaluate_replay import FIGURES, Replayed, evaluate_replay

SAID = Replayed(
    seed=1, calls_true=43, calls_seen=30, claims=32, calls=(38.0, 44.0, 51.0), p_seen=0.7,
    two_sensors=(30.0, 60.0), barrels_true=1.1e6, barrels=(0.8e6, 1.0e6, 1.3e6), true_claims=60,
    top1=50, false_voyages=0,
)  # fmt: skip


@pytest.fixture
def seasons_run(monkeypatch):
    """Workspaces of the seasons that were run, each of which leaves a large file."""
    run = []

    def run_season(config):
        (config.workspace / "simulate/scene").mkdir(parents=True, exist_ok=True)
        (config.workspace / "simulate/scene/B02.tif").write_bytes(bytes(1000))
        run.append(config.workspace.name)
        return config

    monkeypatch.setattr(module, "replayed", lambda *_: SAID)
    return run, run_season


def test_a_dropped_season_is_not_run_again_and_leaves_its_figures_alone(
    tmp_path, write_config, seasons_run
):
    run, run_season = seasons_run
    config = load_config(write_config(tmp_path))

    first = evaluate_replay(config, 2, run_season, drop=True)
    again = evaluate_replay(config, 2, run_season, drop=True)

    assert run == ["workspace", "workspace-seed-1", "workspace"]  # its own season is never dropped
    assert first.runs == again.runs == (SAID, SAID)
    assert (tmp_path / "workspace/simulate/scene/B02.tif").exists()
    left = [path.name for path in (tmp_path / "workspace-seed-1").rglob("*") if path.is_file()]
    assert [name for name in left if not name.endswith(".lock")] == [FIGURES]


@pytest.mark.parametrize("change", ["settings", "version", "damage"])
def test_figures_of_another_making_are_not_taken(
    tmp_path, write_config, seasons_run, change, monkeypatch
):
    run, run_season = seasons_run
    path = write_config(tmp_path)
    evaluate_replay(load_config(path), 1, run_season, skip=1, drop=True)
    figures = tmp_path / "workspace-seed-1" / FIGURES
    if change == "settings":
        document = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**document, "voyages": {"dwt_spread": 0.3}}))
    elif change == "version":
        monkeypatch.setitem(module.VERSIONS, "detect", 99)
    else:
        told = json.loads(figures.read_text())
        del told["figures"]["calls"]
        figures.write_text(json.dumps(told))

    evaluate_replay(load_config(path), 1, run_season, skip=1, drop=True)

    assert run == ["workspace-seed-1"] * 2
