"""Hulls that nobody drew are brought to a scene's grid and left out of scoring."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.errors import BadInput
from pipeline.evaluate.detection import FoundShip, TrueShip, score
from pipeline.evaluate.settings import Settings
from pipeline.geo import Grid
from pipeline.jobs.hull_labels import undrawn_on


@pytest.fixture
def grid():
    """170 x 90 px of 10 m off Vostochny, UTM 53 north."""
    return Grid(
        crs="EPSG:32653", x_min_m=333000.0, y_max_m=4733000.0, pixel_m=10.0, height=90, width=170
    )


def write(path, grid, hulls):
    """Polygons of (row, col, length, width, degrees from grid north) in lon, lat."""
    features = []
    for row, col, length, width, axis_deg, verdict in hulls:
        turn = np.radians(axis_deg)
        ahead = np.array([np.sin(turn), -np.cos(turn)]) * length / 2
        abeam = np.array([-ahead[1], ahead[0]]) * width / length
        centre = np.array([col, row])
        ring = [centre + ahead + abeam, centre + ahead - abeam, centre - ahead - abeam,
                centre - ahead + abeam]  # fmt: skip
        lonlat = [[float(v) for v in grid.lonlat_from_px(y, x)] for x, y in ring]
        features.append(
            {
                "type": "Feature",
                "properties": {"verdict": verdict, "length_m": 10.0 * length},
                "geometry": {"type": "Polygon", "coordinates": [[*lonlat, lonlat[0]]]},
            }
        )
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_an_undrawn_hull_lies_where_it_was_seen(tmp_path, grid):
    seen = [(40.0, 120.0, 14.0, 3.0, 30.0, "ship"), (300.0, 120.0, 9.0, 3.0, 0.0, "small craft")]

    (hull,) = undrawn_on(write(tmp_path / "undrawn.geojson", grid, seen), grid)

    assert hull.source == "ship"
    assert hull.is_ignored
    assert hull.corners_px.mean(axis=0) == pytest.approx([120.0, 40.0], abs=0.02)
    assert hull.length_m == 140.0
    assert hull.axis_grid_deg == pytest.approx(30.0, abs=0.2)
    assert undrawn_on(None, grid) == []


def test_an_answer_on_an_undrawn_hull_is_no_hit_and_no_false_alarm():
    settings = Settings()
    truth = TrueShip(
        scene_id="s", x_m=0.0, y_m=0.0, length_m=120.0, axis_deg=0.0, shore_distance_m=50.0,
        is_ignored=True,
    )  # fmt: skip
    answers = [
        FoundShip(scene_id="s", x_m=x, y_m=0.0, length_m=130.0, axis_deg=0.0, shore_distance_m=50.0)
        for x in (20.0, 900.0)
    ]

    told = score([truth], answers, water_m2=1e8, settings=settings)

    assert (told.over_100m.hits, told.over_100m.misses, told.over_100m.false_alarms) == (0, 0, 1)


@pytest.mark.parametrize("text", ["", "{}", '{"features": [{"geometry": {}}]}', "[1]"])
def test_a_list_of_undrawn_hulls_that_is_none_is_refused(tmp_path, grid, text):
    path = tmp_path / "undrawn.geojson"
    path.write_text(text)

    with pytest.raises(BadInput, match=r"Undrawn hulls cannot be read.*undrawn.geojson"):
        undrawn_on(path, grid)
