"""A configuration is complete, or refused with the key and the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Config, load_config
from pipeline.errors import UsageError

ROOT = Path(__file__).parents[1]
MINIMAL = """
name: mine
title: My ports
workspace: ../work
sites: sites/mine.geojson
period: {start: 2024-03-01, end: 2024-04-01T12:00:00+09:00}
"""


def write(tmp_path: Path, text: str, base: str = "workers: 3\n") -> Path:
    (tmp_path / "configs").mkdir(exist_ok=True)
    (tmp_path / "configs/base.yaml").write_text(base)
    path = tmp_path / "configs/mine.yaml"
    path.write_text(text)
    return path


def test_a_named_configuration_is_laid_over_the_base(tmp_path):
    held = load_config(write(tmp_path, MINIMAL, "workers: 3\ndetect: {tile_px: 512}\n"))
    assert held.workers == 3
    assert held.detect.tile_px == 512
    above = load_config(write(tmp_path, MINIMAL + "workers: 5\n"))
    assert above.workers == 5


def test_paths_are_relative_to_the_file_and_times_are_utc(tmp_path):
    held = load_config(write(tmp_path, MINIMAL))
    assert held.workspace == tmp_path / "work"
    assert held.sites == tmp_path / "configs/sites/mine.geojson"
    assert held.period.end.isoformat() == "2024-04-01T03:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("worksapce2: x\n", "unknown key `worksapce2`, did you mean `workspace`"),
        ("detect: {tile_pix: 5}\n", "did you mean `tile_px`"),
        ("executor: threads\n", "`executor`"),
        ("ray: {address: somewhere}\n", "`ray.address`"),
        ("workspace_store: s3://key:word@bucket/x\n", "`workspace_store`"),
        ("workspace_store: /srv/depot\n", "`workspace_store`"),
        ("workers: 0\n", "`workers`"),
        ("- a list\n", "not YAML"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path, line, said):
    with pytest.raises(UsageError) as refusal:
        load_config(write(tmp_path, MINIMAL + line))
    assert said in str(refusal.value)
    assert refusal.value.exit_code == 2


def test_a_missing_configuration_names_those_there_are(tmp_path):
    path = write(tmp_path, MINIMAL)
    with pytest.raises(UsageError, match=r"mine\.yaml"):
        load_config(path.with_name("none.yaml"))


def test_yaml_cannot_build_objects(tmp_path):
    with pytest.raises(UsageError, match="not YAML"):
        load_config(write(tmp_path, "name: !!python/object/apply:os.getcwd []\n"))


def test_an_unset_variable_in_a_path_is_said(tmp_path):
    text = MINIMAL + 'inputs: {scenes: ["${DARKCALL_ELSEWHERE}/x"]}\n'
    with pytest.raises(UsageError, match="DARKCALL_ELSEWHERE is not set"):
        load_config(write(tmp_path, text), {})
    held = load_config(write(tmp_path, text), {"DARKCALL_ELSEWHERE": "/data"})
    assert held.inputs.scenes == (Path("/data/x"),)


def test_what_does_not_change_results_does_not_change_their_hash(tmp_path):
    slow = load_config(write(tmp_path, MINIMAL + "executor: serial\n"))
    fast = load_config(write(tmp_path, MINIMAL + "workers: 9\n"))
    other = load_config(write(tmp_path, MINIMAL + "detect: {tile_px: 512}\n"))
    assert slow.results_depend_on() == fast.results_depend_on() != other.results_depend_on()


@pytest.mark.parametrize("name", ["demo", "vostochny", "reference"])
def test_the_shipped_configurations_hold(name):
    held = load_config(ROOT / f"configs/{name}.yaml", {"DARKCALL_REFERENCE_DATA": "/data"})
    assert held.name == name
    assert held.sites.exists()


def models(model=Config):
    for field in model.model_fields.values():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in kinds:
            if hasattr(kind, "model_fields"):
                yield kind
                yield from models(kind)


@pytest.mark.parametrize("model", sorted(set(models()), key=str), ids=lambda m: m.__module__)
def test_every_threshold_says_what_it_is_and_nothing_is_changed_in_passing(model):
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
    for name, field in model.model_fields.items():
        nested = any(
            hasattr(kind, "model_fields")
            for kind in [field.annotation, *getattr(field.annotation, "__args__", ())]
        )
        assert field.description or nested, f"{model.__module__}.{name}"
