"""Scenes of the season against their own truth."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.transform import Affine

from pipeline.geo import contains
from pipeline.records import Sensor
from pipeline.simulate.ground import ground
from pipeline.simulate.render import render_scene
from pipeline.simulate.world import build_world
from pipeline.sites import load_sites
from tests.simulate.conftest import DEMO, SEASON

CLEAR = SEASON.model_copy(update={"clear_share": 1.0, "overcast_share": 0.0})


@pytest.fixture(scope="module")
def clear():
    """A cloudless season's scenes of the fifth to eighth day, by sensor."""
    world = build_world(load_sites(DEMO), settings=CLEAR)
    chosen = [one for one in world.passes if 4 <= world.seconds(one.sensed_at) / 86400 < 8]
    scenes = [render_scene(world, one.pass_id) for one in chosen]
    assert {scene.sensor for scene, _, _ in scenes} == {Sensor.S1, Sensor.S2}
    return world, scenes


def pixel(image, lon: float, lat: float) -> tuple[int, int]:
    """Row and column by pyproj and rasterio's affine, not by the code under test."""
    x, y = Transformer.from_crs(4326, image.grid.crs, always_xy=True).transform(lon, lat)
    col, row = ~Affine(*image.grid.affine) @ (x, y)
    return int(row), int(col)


def test_hulls_are_bright_where_the_truth_says(clear):
    """Moored and anchored ships of 60 m and more: brighter than nearly all of the water."""
    world, scenes = clear
    looked = {Sensor.S1: 0, Sensor.S2: 0}
    for scene, image, truth in scenes:
        band = image.bands.index("B08" if scene.sensor is Sensor.S2 else "VV")
        land = ground(world.site(scene.site_id), world.settings).land
        water = image.data[band][(land == 0) & image.valid]
        for hull in truth:
            row, col = pixel(image, hull.lon, hull.lat)
            if hull.length_m < 60 or hull.sog_mps > 0 or not hull.is_visible:
                continue
            near = image.data[band, row - 3 : row + 4, col - 3 : col + 4]
            assert near.max() > np.quantile(water, 0.99), (scene.scene_id, hull.mmsi)
            looked[scene.sensor] += 1
    assert min(looked.values()) >= 4


def test_the_truth_is_of_the_area_and_every_ship_in_it(clear):
    world, scenes = clear
    for scene, _, truth in scenes:
        site = world.site(scene.site_id)
        t_s = np.array([world.seconds(scene.sensed_at)])
        expected = {}
        for life, track in zip(world.lives, world.tracks, strict=True):
            at = track.at(t_s)
            if contains(site.aoi, float(at.lon[0]), float(at.lat[0])):
                silent = bool(life.is_silent(t_s)[0])
                axis_deg = float(at.heading_deg[0]) % 180
                expected[life.ship.mmsi] = (silent, life.ship.is_tanker, axis_deg)
        assert {one.mmsi: (one.is_dark, one.is_tanker, one.axis_deg) for one in truth} == expected
    assert sum(len(truth) for _, _, truth in scenes) > 10


def test_a_hull_at_a_berth_is_part_of_its_call(clear):
    world, scenes = clear
    calls = {call.call_id: call for call in world.truth_calls}
    moored = 0
    for scene, _, truth in scenes:
        for hull in truth:
            if hull.call_id is None:
                assert hull.sog_mps > 0
                continue
            call = calls[hull.call_id]
            assert call.mmsi == hull.mmsi
            assert call.arrived_at <= scene.sensed_at <= call.departed_at
            assert call.site_id == scene.site_id
            moored += 1
    assert moored > 5


def test_scenes_say_what_they_are(clear):
    world, scenes = clear
    for scene, image, truth in scenes:
        height, width = image.valid.shape
        assert height != width
        assert image.data.shape == (len(scene.bands), height, width)
        assert scene.bands == image.bands
        assert scene.valid_fraction == pytest.approx(image.valid.mean())
        assert (scene.cloud_fraction is None) == (scene.sensor is Sensor.S1)
        assert (scene.incidence_deg is None) == (scene.sensor is Sensor.S2)
        assert all(hull.scene_id == f"{scene.scene_id}_{scene.site_id}" for hull in truth)
        assert image.grid.crs == ("EPSG:32653" if world.site(scene.site_id).aoi.centroid.x > 132
                                  else "EPSG:32652")  # fmt: skip


def test_a_clear_sky_shows_every_hull_inside_and_an_overcast_one_none(clear):
    world, scenes = clear
    overcast = build_world(
        world.sites,
        settings=SEASON.model_copy(update={"clear_share": 0.0, "overcast_share": 1.0}),
    )
    scene, _, truth = max(
        (one for one in scenes if one[0].sensor is Sensor.S2), key=lambda one: len(one[2])
    )
    assert scene.cloud_fraction == 0.0
    assert len(truth) >= 2
    assert sum(hull.is_visible for hull in truth) >= len(truth) - 1  # one may be cut by the edge
    hidden, image, same = render_scene(overcast, scene.scene_id)
    assert hidden.cloud_fraction == 1.0
    assert [hull.mmsi for hull in same] == [hull.mmsi for hull in truth]
    assert not any(hull.is_visible for hull in same)
    assert image.data.min() > 0.4


def test_clouds_do_not_hide_from_radar(clear):
    for scene, _, truth in clear[1]:
        if scene.sensor is Sensor.S1:
            assert sum(not hull.is_visible for hull in truth) <= 1


def test_the_same_seed_gives_the_same_scene_in_any_order(clear):
    world, scenes = clear
    again = build_world(load_sites(DEMO), settings=CLEAR)
    ground.cache_clear()
    for scene, image, truth in (scenes[-1], scenes[0]):
        scene2, image2, truth2 = render_scene(again, scene.scene_id)
        assert scene2 == scene
        assert truth2 == truth
        assert np.array_equal(image2.data, image.data)
        assert np.array_equal(image2.valid, image.valid)
    other = build_world(load_sites(DEMO), settings=CLEAR.model_copy(update={"seed": 9}))
    _, image3, _ = render_scene(other, other.passes[0].pass_id)
    assert not np.array_equal(image3.data, scenes[0][1].data)
    assert world.passes == again.passes
