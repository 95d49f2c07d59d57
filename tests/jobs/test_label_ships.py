"""Labels from a run: whom AIS or a person vouches for is a hull, and what a person drew is one."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.decided import HullAdded, HullMoved, HullRejected, Withdrawn
from pipeline.decisions.journal import append
from pipeline.geo import Grid
from pipeline.jobs.open_decisions import open_decisions
from pipeline.records import Detection, Match
from pipeline.scene.read import read_scene
from pipeline.tables import read_records

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def kept(season, stage, name, record):
    return read_records(record, sorted(season.workspace.glob(f"{stage}/*/{name}.parquet")))


@pytest.fixture
def optical(own_season):
    """The season, and what it detected in optical scenes."""
    found = kept(own_season, "detect", "detections", Detection)
    return own_season, [one for one in found if one.sensor == "S2"]


def labelled(darkcall, season, *words):
    """Images by name, as the data set tells of them."""
    out = season.workspace.parent / "labels"
    ended = darkcall("label", "--config", season.config, "--out", out, *words)
    assert ended.code == 0, ended.err
    document = json.loads((out / "hulls.json").read_text())
    return {image["name"]: image for image in document["images"]}


def grid_of(season, scene_id) -> Grid:
    every = (read_scene(folder.parent) for folder in season.workspace.glob("fetch/*/B08.tif"))
    return next(image.grid for scene, image in every if scene.scene_id == scene_id)


def boxes(image):
    """(n, 4, 2) x, y."""
    return np.array([hull["corners"] for hull in image["hulls"]])


def sources(image):
    return [hull["source"] for hull in image["hulls"]]


def test_ships_on_the_air_are_hulls(darkcall_here, own_season):
    """Two in radar; of the optical hulls none is matched, as no station heard that port."""
    matches = kept(own_season, "match", "matches", Match)
    on_air = {one.detection_id for one in matches if one.outcome == "matched"}
    assert on_air

    images = labelled(darkcall_here, own_season, "--from", "ais", "--model", "s1")

    told = [source for image in images.values() for source in sources(image)]
    assert sorted(source.split()[0] for source in told) == sorted(on_air)
    words = ("--from", "ais", "--out", own_season.workspace.parent / "none")
    ended = darkcall_here("label", "--config", own_season.config, *words)
    assert ended.code != 0
    assert "No detection is vouched for" in ended.err


def test_a_table_of_verdicts_makes_hulls_and_background(darkcall_here, optical):
    season, found = optical
    yes, no = found[0], next(one for one in found[1:] if one.scene_id == found[0].scene_id)
    path = season.workspace.parent / "said.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [
                ("detection_id", "verdict"),
                (yes.detection_id, "Confirm"),
                (no.detection_id, "reject"),
            ]
        )

    (image,) = labelled(darkcall_here, season, "--from", "decisions", "--decisions", path).values()

    assert sources(image) == [f"{yes.detection_id} confirm"]
    of_scene = [one for one in found if one.scene_id == yes.scene_id]
    assert len(image["ignored"]) == len(of_scene) - 2


def test_hulls_that_a_person_added_or_moved_are_labels(darkcall_here, optical):
    season, found = optical
    moved, refused = found[0], next(one for one in found[1:] if one.scene_id == found[0].scene_id)
    grid = grid_of(season, moved.scene_id)
    # 190 m to the north-east, in open pixels of the scene; and the ship that was moved, 30 m east
    stern, bow = (40.0, 60.0), (40.0 - 19.0 * math.cos(0.7), 60.0 + 19.0 * math.sin(0.7))
    clicks = {name: tuple(float(v) for v in grid.lonlat_from_px(*place))
              for name, place in (("stern", stern), ("bow", bow))}  # fmt: skip
    lon, lat = (float(v) for v in grid.lonlat_from_px(moved.row_px, moved.col_px + 3.0))
    added = HullAdded(scene_id=moved.scene_id, **clicks)
    bodies = [
        added,
        added,  # a second person clicks on the same ship
        HullAdded(scene_id=moved.scene_id, bow=(0.0, 0.0), stern=(0.001, 0.0)),  # off the image
        HullMoved(detection_id=moved.detection_id, lon=lon, lat=lat),
        HullRejected(detection_id=refused.detection_id),
        HullMoved(detection_id=refused.detection_id, lon=0.0, lat=0.0),
        Withdrawn(of_seq=6),
    ]
    store = open_decisions(load_config(season.config))
    for number, body in enumerate(bodies):
        append(store, who="ann", case_id="case-1", evidence_key="k", at=NOW, body=body,
               entry_id=str(number))  # fmt: skip
    store.close()

    (image,) = labelled(darkcall_here, season, "--from", "decisions").values()

    assert sources(image) == [f"{moved.detection_id} moved by hand", "added by hand, entry 1"]
    place, drawn = boxes(image)
    assert place.mean(axis=0) == pytest.approx([moved.col_px + 3.0, moved.row_px], abs=0.05)
    middle = [(stern[1] + bow[1]) / 2.0, (stern[0] + bow[0]) / 2.0]
    assert drawn.mean(axis=0) == pytest.approx(middle, abs=0.01)
    sides = sorted(np.hypot(*(drawn[k] - drawn[k - 1])) for k in (1, 2))
    assert sides == pytest.approx([19.0 / 6.3 + 1.5, 19.0 + 1.5], abs=0.01)
    of_scene = [one for one in found if one.scene_id == moved.scene_id]
    assert len(image["ignored"]) == len(of_scene) - 2
