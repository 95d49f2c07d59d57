"""Hulls that lie where the empty berth shows water: found by what has changed.

A hull alongside a bright quay is hard to tell from it in one picture. Taken off the picture, the
empty berth leaves the hull alone, and the same detector without weights looks at what is left.
What changes on land, cargo and cranes, is no hull: only what was water counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.empty import ARRIVED, Picture
from pipeline.detect.locate import detections
from pipeline.detect.settings import Settings
from pipeline.geo import Grid, distance_m
from pipeline.records import Detection, Image, Scene, Sensor, Site, Surface, content_id

OFF_PX = np.arange(-0.75, 0.76, 0.25)
"""Shifts that are tried, each way: passes lie off one another by less than a pixel."""
LAND_MIN_PX = 40
"""Bright pixels that it takes to tell how two pictures lie on one another."""
WATER_REFLECTANCE = 0.03
"""Of dark water in the near infrared; what is left is shown on top of it."""

Floats = NDArray[np.float32]


def arrivals(
    shown: Sequence[Picture],
    kept: Sequence[Detection],
    *,
    scenes: Mapping[str, Scene],
    site: Site,
    settings: Settings,
) -> list[Detection]:
    """Hulls in berths that only the difference to the empty berth shows, in Sentinel-2 passes.

    Args:
        shown: all pictures of the site's berths.
        kept: detections so far; where one lies, nothing is added.
        scenes: by id, of the pictures.
        site: for its zones.
        settings: thresholds; those of the detector without weights.

    Returns:
        In the order of the pictures, with `ARRIVED` among their flags; pixels are the scene's.
    """
    berths: dict[tuple[str, Grid], list[Picture]] = defaultdict(list)
    for picture in shown:
        if picture.sensor == Sensor.S2.value:
            berths[picture.zone_id, picture.grid].append(picture)
    by_scene: dict[str, list[Detection]] = defaultdict(list)
    for detection in kept:
        if detection.screened is None:
            by_scene[detection.scene_id].append(detection)
    detector = CfarDetector(Sensor.S2, settings)
    added = []
    for group in berths.values():
        for picture, image, surface in _differences(group, settings):
            found = detections(
                detector.find(image, surface),
                scene=scenes[picture.scene_id],
                grid=picture.grid,
                surface=surface,
                site=site,
                detector=detector,
                settings=settings,
            )
            for one in found:
                others = by_scene[picture.scene_id]
                if _is_hull(one, settings) and not _is_known(one, others, settings):
                    added.append(_in_scene(one, picture))
                    others.append(one)
    return added


def _differences(
    group: Sequence[Picture], settings: Settings
) -> Iterator[tuple[Picture, Image, Surface]]:
    """Each clear picture of one berth on one grid, less the berth when empty."""
    if len(group) <= settings.empty_looks_dark:
        return
    stack = np.stack([one.excess for one in group])
    often = np.isfinite(stack).sum(axis=0) > settings.empty_looks_dark
    stack[:, ~often] = 0.0  # a corner that is hardly ever seen shows nothing
    usual = np.nanmedian(stack, axis=0)
    poses = [_pose(usual, layer, settings) for layer in stack]
    straight = [pose.undone(layer) for pose, layer in zip(poses, stack, strict=True)]
    empty = np.nan_to_num(np.nanquantile(straight, settings.arrival_quantile, axis=0))
    for picture, pose in zip(group, poses, strict=True):
        if not picture.is_clear(settings):
            continue
        seen = np.isfinite(picture.excess)
        here = np.where(seen, picture.excess, 0.0)
        before = np.maximum(pose.done(empty), 0.0)
        sea = (before < settings.arrival_water_max) & often
        left = (here - before + WATER_REFLECTANCE).astype(np.float32)
        image = Image(grid=picture.grid, bands=("B08",), data=left[None], valid=seen)
        far_m = ndimage.distance_transform_edt(sea) * picture.grid.pixel_m
        yield (
            picture,
            image,
            Surface(sea=sea, cloud=np.zeros_like(sea), shore_distance_m=far_m.astype(np.float32)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pose:
    """How a picture lies on the usual one, and how bright its land is."""

    down_px: float
    right_px: float
    gain: float

    def done(self, usual: Floats) -> Floats:
        off_px = (self.down_px, self.right_px)
        return np.asarray(self.gain * ndimage.shift(usual, off_px, order=1, mode="nearest"))

    def undone(self, layer: Floats) -> Floats:
        """The picture laid straight; NaN where it shows nothing, and beside it."""
        off_px = (-self.down_px, -self.right_px)
        return np.asarray(ndimage.shift(layer, off_px, order=1, mode="nearest") / self.gain)


def _pose(usual: Floats, layer: Floats, settings: Settings) -> _Pose:
    """The shift and the gain that make the land of the usual picture most like this one's."""
    land = (usual >= settings.arrival_water_max) & np.isfinite(layer)
    best, least = _Pose(down_px=0.0, right_px=0.0, gain=1.0), np.inf
    if land.sum() < LAND_MIN_PX:
        return best
    there = layer[land]
    for down_px in OFF_PX.tolist():
        for right_px in OFF_PX.tolist():
            off_px = (down_px, right_px)
            moved = ndimage.shift(usual, off_px, order=1, mode="nearest")[land]
            gain = float(np.median(there / np.maximum(moved, WATER_REFLECTANCE)))
            error = float(np.abs(there - gain * moved).mean())
            if gain > 0.0 and error < least:
                best, least = _Pose(down_px=down_px, right_px=right_px, gain=gain), error
    return best


def _is_hull(one: Detection, settings: Settings) -> bool:
    in_zone = one.screened is None and one.zone_id is not None
    return in_zone and one.length_m >= settings.arrival_length_min_m


def _is_known(one: Detection, others: Sequence[Detection], settings: Settings) -> bool:
    return any(
        float(distance_m(one.lon, one.lat, other.lon, other.lat)) <= settings.arrival_apart_m
        for other in others
    )


def _in_scene(one: Detection, picture: Picture) -> Detection:
    """With the scene's pixels for the picture's."""
    offset = np.tile([picture.row0, picture.col0], 4)
    return replace(
        one,
        detection_id=content_id("d", one.scene_id, round(one.lon, 5), round(one.lat, 5), ARRIVED),
        row_px=one.row_px + picture.row0,
        col_px=one.col_px + picture.col0,
        outline_px=(np.asarray(one.outline_px) + offset).tolist(),
        flags=[*one.flags, ARRIVED],
    )
