"""Is it a ship, or the quay? Real ports held against themselves with their ships painted over.

No series of real passes over drawn ships is at hand. So each port's scene is made its own empty
berth: drawn hulls become water, and copies lie off by as much as passes do, their land a little
brighter or darker. What was found in the real scene is then held against the copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import pipeline.simulate.settings
from pipeline.detect.cfar import CfarDetector
from pipeline.detect.empty import Picture, pictures, screen_berths
from pipeline.evaluate.detection import found_ship, verdicts
from pipeline.evaluate.match import Share
from pipeline.jobs.evaluate_detection import (
    LabelledScene,
    counted,
    kept,
    labelled_scenes,
    true_ship,
)
from pipeline.jobs.hull_labels import HullLabel
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.learn.hulls import filled
from pipeline.records import Cargo, Image, Sensor, Zone, ZoneRole

COPIES = 12
DAYS_APART = 5
PASSES = pipeline.simulate.settings.Settings()
"""How far passes lie off one another, and how land's brightness changes."""
WATER_NOISE = 0.003
AT_QUAY_M = 60.0
SEED = 20240307


@dataclass(frozen=True, slots=True, kw_only=True)
class BerthScore:
    """What `detect.empty_share_max` would set aside."""

    ships: NDArray[np.float64]
    """`empty_share` of found drawn ships."""
    ships_off_m: NDArray[np.float64]
    """Their distance from the shore."""
    false_shapes: NDArray[np.float64]
    """`empty_share` of false alarms."""
    false_off_m: NDArray[np.float64]
    limit: float

    def as_json(self) -> dict[str, Any]:
        """Headline figures by name."""
        quay_ships = self.ships[self.ships_off_m <= AT_QUAY_M]
        quay_false = self.false_shapes[self.false_off_m <= AT_QUAY_M]
        return {
            "ships": self.ships.size,
            "ships_set_aside": self._aside(self.ships).value,
            "ships_at_quays": quay_ships.size,
            "ships_at_quays_set_aside": self._aside(quay_ships).value,
            "ships_at_quays_share_p95": _p95(quay_ships),
            "false_shapes": self.false_shapes.size,
            "false_shapes_set_aside": self._aside(self.false_shapes).value,
            "false_shapes_at_quays": quay_false.size,
            "false_shapes_at_quays_set_aside": self._aside(quay_false).value,
        }

    def rows(self) -> list[tuple[str, str]]:
        """The same, one line each."""
        return [(name.replace("_", " "), f"{value:.3g}") for name, value in self.as_json().items()]

    def _aside(self, shares: NDArray[np.float64]) -> Share:
        return Share(part=int((shares >= self.limit).sum()), whole=shares.size)


def _p95(shares: NDArray[np.float64]) -> float | None:
    return float(np.percentile(shares, 95.0)) if shares.size else None


def evaluate_berths(run: Run, story: Story) -> BerthScore:
    """Hold CFAR's shapes in labelled Sentinel-2 ports against the same ports without ships.

    Args:
        run: configuration and progress.
        story: its fetched scenes.

    Raises:
        UsageError: no labels beside the configuration's scenes.
    """
    ships: list[tuple[float, float]] = []
    others: list[tuple[float, float]] = []
    scenes = [one for one in labelled_scenes(run, story) if one.scene.sensor is Sensor.S2]
    with run.progress.stage("empty", len(scenes)) as report:
        for one in scenes:
            for is_ship, share, off_m in _shares(run, one):
                (ships if is_ship else others).append((share, off_m))
            report.done(one.site.site_id, {})
    hit, wrong = np.array(ships).reshape(-1, 2), np.array(others).reshape(-1, 2)
    return BerthScore(
        ships=hit[:, 0],
        ships_off_m=hit[:, 1],
        false_shapes=wrong[:, 0],
        false_off_m=wrong[:, 1],
        limit=run.config.detect.empty_share_max[Sensor.S2],
    )


def _shares(run: Run, one: LabelledScene) -> Iterator[tuple[bool, float, float]]:
    """(is a drawn ship, share when empty, m off the shore) of what is found in a port."""
    found = counted(run, kept(run, one, CfarDetector(Sensor.S2, run.config.detect)))
    hulls = [*one.labels, *one.undrawn]
    told = verdicts(
        [true_ship(hull, one) for hull in hulls],
        [found_ship(item, one.image.grid) for item in found],
        run.config.evaluate,
    )
    everywhere = _berth_everywhere(one)
    shown = list(_pictures(one, painted_over(one.image, one.ground.sea, hulls), everywhere))
    held = screen_berths(
        [replace(item, zone_id=everywhere.zone_id) for item in found], shown, run.config.detect
    )
    hits, wrong = {j for _, j in told.hits}, set(told.false_alarms)
    for j, item in enumerate(held):
        if item.empty_share is not None and (j in hits or j in wrong):
            yield j in hits, item.empty_share, item.shore_distance_m


def _berth_everywhere(one: LabelledScene) -> Zone:
    return Zone(
        zone_id="everywhere",
        site_id=one.site.site_id,
        name="everywhere",
        role=ZoneRole.LOAD,
        cargo=Cargo.OIL_PRODUCTS,
        polygon=one.site.aoi,
        source="the whole scene",
        digitised_on="2024-01-01",
        is_guess=True,
    )


def _pictures(one: LabelledScene, empty: Image, zone: Zone) -> Iterator[Picture]:
    site = replace(one.site, zones=(zone,))
    yield from pictures(one.scene, one.image, one.ground, site)
    rng = np.random.default_rng(SEED)
    land = ~one.ground.sea
    for number in range(1, COPIES):
        off_px = rng.normal(scale=PASSES.misregistration_m / one.image.grid.pixel_m, size=2)
        moved = ndimage.shift(empty.data, (0.0, *off_px), order=1, mode="nearest")
        moved[:, land] *= rng.lognormal(0.0, PASSES.land_gain_sigma)
        scene = replace(
            one.scene,
            scene_id=f"{one.scene.scene_id}-{number}",
            sensed_at=one.scene.sensed_at + timedelta(days=DAYS_APART * number),
        )
        yield from pictures(scene, replace(empty, data=moved), one.ground, site)


def painted_over(image: Image, sea: NDArray[np.bool_], hulls: Sequence[HullLabel]) -> Image:
    """The image with water where hulls were drawn, a pixel around them included.

    Args:
        image: pixels.
        sea: (height, width), where the colour of water is taken from.
        hulls: drawn, in the image's pixels.
    """
    drawn = filled([hull.outline_px for hull in hulls], image.valid.shape)
    over = np.asarray(ndimage.maximum_filter(drawn, size=3), np.bool_)
    level = np.median(image.data[:, sea & image.valid & ~over], axis=1)
    noise = np.random.default_rng(SEED).normal(0.0, WATER_NOISE, (len(level), int(over.sum())))
    data = image.data.copy()
    data[:, over] = np.maximum(level[:, None] + noise, 1e-4)
    return replace(image, data=data)
