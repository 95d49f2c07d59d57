"""How far radar's shapes can be believed: real ships, and real coasts that are drawn wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import pipeline.detect.settings
import pipeline.evaluate.settings
from pipeline.detect.cfar import CfarDetector
from pipeline.detect.hull import Hull, sea_shares
from pipeline.evaluate.detection import FoundShip, TrueShip, verdicts
from pipeline.evaluate.match import Bin, Share, calibration_error, reliability
from pipeline.geo import Grid
from pipeline.jobs.label_radar import RadarPicture, radar_pictures
from pipeline.learn.fit import calibrated, platt
from pipeline.learn.hulls import boxes_of, filled
from pipeline.records import Image, Sensor, Surface

PIXEL_M = 10.0
LAND_SMOOTH_PX = 5
LAND_OVER_WATER = 4.0
"""Smoothed brightness over the scene's darkest fifth from which it is land: 6 dB."""
DARKEST_PERCENT = 20.0
LAND_MIN_PX = 60
FOLDS = 5
SHORTEST_M = 60.0
"""What screening leaves is weighed, shorter shapes too: as of the shortest class that counts."""
UNSEEN_SHORE_M = 9000.0
"""Shore distance where no land is in view."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shapes:
    """What the detector made of some pictures."""

    likeness: Floats
    """(n,) raw likeness of each shape that could be kept."""
    is_ship: Bools
    """(n,)"""
    fold: NDArray[np.int64]
    """(n,) of its picture."""
    found: Share
    """Of the ships of the shortest class and longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarScore:
    """Ships and false shapes; the calibration in use, and one fitted to the drawn scenes."""

    drawn: Share
    """Found, of the ships in drawn scenes."""
    chips: Share
    """Found, of the AIS-matched chips' ships."""
    false_shapes: int
    """In drawn scenes."""
    bins: tuple[Bin, ...]
    """Of the calibration in use, drawn scenes."""
    unseen_bins: tuple[Bin, ...]
    """Of calibrations fitted on four fifths of the scenes, on the fifth left out."""
    fitted: tuple[float, float]
    """Offset and slope of all drawn scenes: `detect.score_calibration`."""
    chip_scores: tuple[float, float, float]
    """5, 25 and 50 % points of what is said of the chips' ships, which no fit saw."""

    def as_json(self) -> dict[str, Any]:
        """Headline figures by name."""
        low, quarter, median = self.chip_scores
        return {
            "recall": self.drawn.value,
            "recall_opensarship": self.chips.value,
            "false_shapes": self.false_shapes,
            "calibration_error": calibration_error(self.bins),
            "calibration_error_unseen": calibration_error(self.unseen_bins),
            "fitted_offset": round(self.fitted[0], 2),
            "fitted_slope": round(self.fitted[1], 2),
            "opensarship_score_p5": low,
            "opensarship_score_p25": quarter,
            "opensarship_score_p50": median,
        }

    def rows(self) -> list[tuple[str, str]]:
        """The same in words."""
        low, quarter, median = self.chip_scores
        offset, slope = self.fitted
        return [
            ("ships of 60 m and more in drawn scenes (HRSID)", f"{self.drawn} found"),
            ("AIS-matched ships (OpenSARShip)", f"{self.chips} found"),
            ("what is said of those ships, none of which a fit saw",
             f"5 % below {low:.2f}, a quarter below {quarter:.2f}, half below {median:.2f}"),
            ("false shapes in drawn scenes", str(self.false_shapes)),
            ("best calibration, offset and slope", f"{offset:.2f}, {slope:.2f}"),
            *((f"said {one.said:.2f}", f"{one.true:.2f} of {one.count} were ships")
              for one in self.bins),
        ]  # fmt: skip


def evaluate_radar(
    reference: Path,
    *,
    detect: pipeline.detect.settings.Settings,
    evaluate: pipeline.evaluate.settings.Settings,
    coast_error_m: float,
) -> RadarScore:
    """Score CFAR's shapes on real radar, and fit what its likeness is worth there.

    The drawn scenes hold ships and everything else; their coasts are taken from the image and then
    drawn `coast_error_m` too far inland, so that quays and banks show through as they do where a
    map is wrong. The chips hold a ship each and are a check on the fit from outside.

    Args:
        reference: folder of the reference data.
        detect: of the detector.
        evaluate: what counts as found.
        coast_error_m: how far inland the coast is drawn, m.

    Raises:
        UsageError: no radar ships there.
        BadInput: what is there cannot be read.
    """
    pictures = radar_pictures(reference)
    raw = detect.model_copy(
        update={"score_calibration": dict.fromkeys(Sensor, (0.0, 1.0)), "score_keep": 0.02}
    )
    drawn = _shapes([p for p in pictures if p.is_drawn], raw, evaluate, coast_error_m)
    chips = _shapes([p for p in pictures if not p.is_drawn], raw, evaluate, coast_error_m)
    in_use = detect.score_calibration[Sensor.S1]
    said = calibrated(chips.likeness[chips.is_ship], in_use)
    low, quarter, median = (float(value) for value in np.percentile(said, (5.0, 25.0, 50.0)))
    return RadarScore(
        drawn=drawn.found,
        chips=chips.found,
        false_shapes=int((~drawn.is_ship).sum()),
        bins=tuple(reliability(calibrated(drawn.likeness, in_use), drawn.is_ship)),
        unseen_bins=tuple(reliability(_said_unseen(drawn), drawn.is_ship)),
        fitted=platt(drawn.likeness, drawn.is_ship),
        chip_scores=(low, quarter, median),
    )


def _said_unseen(shapes: Shapes) -> Floats:
    """Each scene's probabilities by a calibration that did not see it."""
    said = np.empty(len(shapes.likeness))
    for fold in range(FOLDS):
        own = shapes.fold == fold
        fitted = platt(shapes.likeness[~own], shapes.is_ship[~own])
        said[own] = calibrated(shapes.likeness[own], fitted)
    return said


def _shapes(
    pictures: Sequence[RadarPicture],
    detect: pipeline.detect.settings.Settings,
    evaluate: pipeline.evaluate.settings.Settings,
    coast_error_m: float,
) -> Shapes:
    likeness: list[float] = []
    is_ship: list[bool] = []
    folds: list[int] = []
    hits = ships = 0
    for number, one in enumerate(pictures):
        image, ground = _image(one), _ground(one, coast_error_m)
        hulls = _kept(CfarDetector(Sensor.S1, detect).find(image, ground), ground, detect)
        truths = [*_truths(one), *_others(one)]
        told = verdicts(truths, [_found(one, hull) for hull in hulls], evaluate)
        hits += len(told.hits)
        ships += len(told.hits) + len(told.missed)
        for index, true in [(j, True) for _, j in told.hits] + [
            (j, False) for j in told.false_alarms
        ]:
            likeness.append(hulls[index].score)
            is_ship.append(true)
            folds.append(number % FOLDS)
    return Shapes(
        likeness=np.array(likeness),
        is_ship=np.array(is_ship, bool),
        fold=np.array(folds, np.int64),
        found=Share(part=hits, whole=ships),
    )


def _kept(
    hulls: Sequence[Hull], ground: Surface, detect: pipeline.detect.settings.Settings
) -> list[Hull]:
    """What screening would leave, whatever the score."""
    if not hulls:
        return []
    afloat = sea_shares(hulls, ground.sea)
    return [
        hull
        for hull, share in zip(hulls, afloat, strict=True)
        if share >= detect.sea_share_min
        and detect.length_min_m <= hull.length_px * PIXEL_M <= detect.length_max_m
    ]


def _image(one: RadarPicture) -> Image:
    height, width = one.power.shape[1:]
    return Image(grid=_grid(height, width), bands=one.bands, data=one.power,
                 valid=np.ones((height, width), bool))  # fmt: skip


def _grid(height: int, width: int) -> Grid:
    """Chips and drawn scenes come without a place: anywhere will do."""
    return Grid(crs="EPSG:32652", x_min_m=5e5, y_max_m=4.7e6, pixel_m=PIXEL_M, height=height,
                width=width)  # fmt: skip


def _ground(one: RadarPicture, coast_error_m: float) -> Surface:
    """Sea by the image itself, its coast drawn too far inland."""
    land = _land(one)
    if coast_error_m >= PIXEL_M and land.any():
        land = ndimage.binary_erosion(
            land, iterations=round(coast_error_m / PIXEL_M), border_value=1
        )
    shore_m = (
        ndimage.distance_transform_edt(~land) * PIXEL_M
        if land.any()
        else np.full(land.shape, UNSEEN_SHORE_M)
    )
    return Surface(
        sea=~land,
        cloud=np.zeros(land.shape, bool),
        shore_distance_m=np.asarray(shore_m, np.float32),
    )


def _land(one: RadarPicture) -> Bools:
    """What stays bright over 50 m and is no drawn ship; a chip has none."""
    power = one.power[-1].astype(float)
    if not one.is_drawn:
        return np.zeros(power.shape, bool)
    ships = _inside(one.boxes, power.shape)
    weight = ndimage.uniform_filter((~ships).astype(float), LAND_SMOOTH_PX)
    bright = ndimage.uniform_filter(np.where(ships, 0.0, power), LAND_SMOOTH_PX)
    smooth = bright / np.maximum(weight, 0.05)
    land = (smooth > LAND_OVER_WATER * np.percentile(smooth, DARKEST_PERCENT)) & ~ships
    parts, count = ndimage.label(land)
    sizes = ndimage.sum(land, parts, np.arange(1, count + 1))
    return np.isin(parts, np.flatnonzero(np.asarray(sizes) >= LAND_MIN_PX) + 1)


def _inside(boxes: Floats, shape: tuple[int, ...]) -> Bools:
    """(height, width) True on drawn ships and a pixel around them."""
    ships = filled(list(boxes), (shape[0], shape[1]))
    return np.asarray(ndimage.binary_dilation(ships))


def _truths(one: RadarPicture) -> list[TrueShip]:
    described = boxes_of(one.boxes)
    lengths = one.lengths_m or (None,) * len(described)
    return [
        _truth(one, xy, PIXEL_M * float(length_px) if length_m is None else length_m, angle)
        for xy, length_px, length_m, angle in zip(
            described.xy_px, described.length_px, lengths, described.angle_rad, strict=True
        )
    ]


def _others(one: RadarPicture) -> list[TrueShip]:
    """Bright things of a chip that may be ships: neither hits nor false shapes."""
    found = []
    for corners in one.ignored:
        side_px = float(np.hypot(*(corners.max(axis=0) - corners.min(axis=0))))
        found.append(_truth(one, corners.mean(axis=0), PIXEL_M * side_px, 0.0, is_ignored=True))
    return found


def _truth(
    one: RadarPicture, xy_px: Floats, length_m: float, angle_rad: float, *, is_ignored: bool = False
) -> TrueShip:
    height, width = one.power.shape[1:]
    x_m, y_m = _grid(height, width).xy_from_px(xy_px[1], xy_px[0])
    return TrueShip(
        scene_id=one.name,
        x_m=float(x_m),
        y_m=float(y_m),
        length_m=length_m,
        axis_deg=float(np.degrees(angle_rad) + 90.0) % 180.0,
        shore_distance_m=UNSEEN_SHORE_M,
        is_ignored=is_ignored,
    )


def _found(one: RadarPicture, hull: Hull) -> FoundShip:
    height, width = one.power.shape[1:]
    x_m, y_m = _grid(height, width).xy_from_px(hull.row_px, hull.col_px)
    return FoundShip(
        scene_id=one.name,
        x_m=float(x_m),
        y_m=float(y_m),
        # a short answer on a ship is an answer; `verdicts` would not count it
        length_m=max(hull.length_px * PIXEL_M, SHORTEST_M),
        axis_deg=hull.axis_grid_deg,
        shore_distance_m=UNSEEN_SHORE_M,
    )
