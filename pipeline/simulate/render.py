"""One pass over one site as a scene, with the truth of every hull in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geo import contains
from pipeline.records import (
    Image,
    Scene,
    Sensor,
    TrueHull,
)
from pipeline.simulate import optics, radar
from pipeline.simulate.chance import chance
from pipeline.simulate.ground import Ground, ground
from pipeline.simulate.hulls import Hull, stamp
from pipeline.simulate.itinerary import Life
from pipeline.simulate.passes import Pass
from pipeline.simulate.sky import cloud_thickness
from pipeline.simulate.world import World, true_call

OPAQUE = 0.5
"""Thickness from which a cloud hides what is below."""
VISIBLE_SHARE = 0.7
"""Share of a hull under a clear sky from which a person would see it."""
NEAR_DEG = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class _Present:
    """A hull near the AOI at the pass, and whose it is."""

    hull: Hull
    life: Life
    t_s: float
    silent: bool
    call_id: str | None


def render_scene(world: World, pass_id: str) -> tuple[Scene, Image, list[TrueHull]]:
    """The scene of a pass, its pixels, and the truth of the hulls inside the AOI."""
    sensed = next(one for one in world.passes if one.pass_id == pass_id)
    site = world.site(sensed.site_id)
    layers = ground(site, world.settings)
    rng = chance(world.settings.seed, "scene", pass_id)
    present = _present(world, sensed)
    hulls = [one.hull for one in present]
    cloud = np.zeros(layers.land.shape, np.float32)
    bands: tuple[str, ...]
    if sensed.sensor is Sensor.S2:
        cloud = cloud_thickness(layers.land.shape, rng, sensed.sensed_at.month, world.settings)
        data = optics.render(layers, hulls, cloud, rng, world.settings)
        bands = optics.BANDS
    else:
        data = radar.render(layers, hulls, sensed, rng, world.settings)
        bands = radar.BANDS
    image = Image(grid=layers.grid, bands=bands, data=data, valid=layers.inside.copy())
    truth = [_true_hull(one, sensed, cloud, layers) for one in present]
    kept = [hull for hull in truth if contains(site.aoi, hull.lon, hull.lat)]
    return _scene(sensed, cloud, layers), image, kept


def _present(world: World, sensed: Pass) -> list[_Present]:
    t_s = np.array([world.seconds(sensed.sensed_at)])
    centre = world.site(sensed.site_id).aoi.centroid
    found = []
    for life, track in zip(world.lives, world.tracks, strict=True):
        state = track.at(t_s)
        lon, lat = float(state.lon[0]), float(state.lat[0])
        if abs(lon - centre.x) > NEAR_DEG or abs(lat - centre.y) > NEAR_DEG:
            continue
        visit = world.visit_at(life, float(t_s[0]))
        hull = Hull(
            ship=life.ship,
            lon=lon,
            lat=lat,
            heading_deg=float(state.heading_deg[0]),
            course_deg=float(state.course_deg[0]),
            sog_mps=float(state.sog_mps[0]),
        )
        found.append(
            _Present(
                hull=hull,
                life=life,
                t_s=float(t_s[0]),
                silent=bool(life.is_silent(t_s)[0]),
                call_id=None if visit is None else true_call(visit, life, world.settings).call_id,
            )
        )
    return found


def _true_hull(one: _Present, sensed: Pass, cloud: NDArray[np.float32], layers: Ground) -> TrueHull:
    hull = one.hull
    return TrueHull(
        scene_id=f"{sensed.pass_id}_{sensed.site_id}",
        mmsi=one.life.mmsi_at(one.t_s),
        lon=hull.lon,
        lat=hull.lat,
        length_m=hull.ship.length_m,
        width_m=hull.ship.width_m,
        axis_deg=hull.heading_deg % 180.0,
        sog_mps=hull.sog_mps,
        is_tanker=hull.ship.is_tanker,
        is_dark=one.silent,
        is_visible=_clear_share(hull, cloud, layers) >= VISIBLE_SHARE,
        call_id=one.call_id,
    )


def _clear_share(hull: Hull, cloud: NDArray[np.float32], layers: Ground) -> float:
    """Share of the hull's pixels in the AOI and under no opaque cloud."""
    placed = stamp(hull, layers.grid)
    if placed is None or not placed.deck.any():
        return 0.0
    clear = (cloud[placed.rows, placed.cols] < OPAQUE) & layers.inside[placed.rows, placed.cols]
    return float((placed.deck * clear).sum() / placed.deck.sum())


def _scene(sensed: Pass, cloud: NDArray[np.float32], layers: Ground) -> Scene:
    """What the archive states of the scene; its cloud figure is rough, as real ones are."""
    is_optical = sensed.sensor is Sensor.S2
    return Scene(
        scene_id=sensed.pass_id,
        site_id=sensed.site_id,
        sensor=sensed.sensor,
        platform=sensed.platform,
        provider="simulated",
        product_ids=(f"SIMULATED_{sensed.pass_id}",),
        sensed_at=sensed.sensed_at,
        bands=optics.BANDS if is_optical else radar.BANDS,
        gsd_m=10.0,
        cloud_fraction=round(float((cloud >= OPAQUE).mean()), 1) if is_optical else None,
        valid_fraction=float(layers.inside.mean()),
        orbit_state=sensed.orbit_state,
        relative_orbit=sensed.relative_orbit,
        heading_deg=sensed.heading_deg,
        incidence_deg=sensed.incidence_deg,
        range_over_velocity_s=sensed.range_over_velocity_s,
    )
