"""The detector is held against every label of a real port."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PORT = "klang"


def write_one_port(folder: Path, port: str = PORT) -> Path:
    """The reference configuration with one port of its fourteen."""
    sites = json.loads((ROOT / "configs/sites/reference.geojson").read_text())
    sites["features"] = [
        feature for feature in sites["features"] if feature["properties"]["site_id"] == port
    ]
    (folder / "sites.geojson").write_text(json.dumps(sites))
    document = yaml.safe_load((ROOT / "configs/reference.yaml").read_text())
    undrawn = document["evaluate"]["undrawn"]
    (folder / undrawn).write_text((ROOT / "configs" / undrawn).read_text())
    document |= {"sites": "sites.geojson", "workspace": "workspace", "executor": "serial"}
    config = folder / "port.yaml"
    config.write_text(yaml.safe_dump(document))
    return config


@pytest.mark.real_data
@pytest.mark.slow
def test_every_label_of_a_port_is_hit_missed_or_too_short(reference_data, tmp_path, darkcall):
    labels = json.loads((reference_data / "sentinel2_ports/annotations_coco.json").read_text())
    (image,) = (one["id"] for one in labels["images"] if one["file_name"] == f"{PORT}.tif")
    lengths = [one["length_m"] for one in labels["annotations"] if one["image_id"] == image]

    config = write_one_port(tmp_path)
    words = ("evaluate", "detection", "--config", config)
    environment = {"DARKCALL_REFERENCE_DATA": str(reference_data)}
    told = darkcall(*words, **environment)
    ended = darkcall(*words, "--json", **environment)

    assert (told.code, ended.code) == (0, 0), told.err + ended.err
    figures = json.loads(ended.out.splitlines()[-1])
    assert 0.0 < figures["recall_100m"] <= 1.0
    assert 0.0 < figures["cfar"]["recall_100m"] <= 1.0
    assert figures["recall_100m"] != figures["cfar"]["recall_100m"]
    ours = "\n".join(line.split("| CFAR:")[0] for line in told.out.splitlines())
    rows = re.findall(r"\((\d+) hits, (\d+) missed", ours)
    counted = sum(int(hits) + int(missed) for hits, missed in rows)
    assert counted == sum(length_m >= 60.0 for length_m in lengths)


@pytest.mark.slow
@pytest.mark.real_data
def test_the_score_of_the_tanker_prior_gives_its_interval(reference_data, darkcall):
    ended = darkcall("evaluate", "tanker", "--json", DARKCALL_REFERENCE_DATA=str(reference_data))

    assert ended.code == 0, ended.err
    figures = json.loads(ended.out.splitlines()[-1])
    assert figures["gain_p05"] < figures["gain"] < figures["gain_p95"]
    assert figures["tankers"] < figures["ships"]
    assert all(0.0 < one["brier"] < 0.3 for one in figures["prior"].values())


def test_without_the_reference_data_the_tanker_score_says_what_to_set(darkcall_here, tmp_path):
    ended = darkcall_here("evaluate", "tanker", DARKCALL_REFERENCE_DATA=str(tmp_path / "nowhere"))

    assert ended.code == 2
    assert "DARKCALL_REFERENCE_DATA" in ended.err
