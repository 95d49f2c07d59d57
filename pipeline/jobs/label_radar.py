"""Radar ships with AIS identity, and radar scenes with drawn ships, as a training data set."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadInput, UsageError
from pipeline.learn.hulls import boxes_of, filled
from pipeline.learn.store import Labelled
from pipeline.model import Inputs
from pipeline.scene.raster import read_plain

SHIPS = "ships.json"
MARGIN_PX = 1.0
"""Boxes are drawn a pixel larger than the ship, as its side lobes are."""
SCENE_PIXEL_M = 3.0
"""Of the drawn scenes (HRSID, about 3 m); they are brought to 10 m."""
MASK_MIN_PX = 12
AIS_LENGTH_M = (15.0, 420.0)
"""Lengths outside are typing errors or the code for unknown."""
MARKS_LONGER_M = 23.0
"""Median by which a ship's marked ends lie farther apart than its AIS length: 197 chips."""
BELIEVED = (0.5, 1.15)
"""AIS length over marked length; elsewhere one of the two is another ship's."""
DRAWN = "hrsid"
CANVAS_PX = 160
"""Chips are ringed by their own sea up to this side: a detector needs surroundings."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadarPicture:
    """A real radar image at 10 m and the ships that people or AIS found in it."""

    name: str
    group: str
    """Scene: what a split may not divide."""
    bands: tuple[str, ...]
    power: NDArray[np.float32]
    """(bands, height, width) sigma nought, linear; of a drawn scene up to a factor."""
    boxes: NDArray[np.float64]
    """(n, 4, 2) x, y corners of the ships."""
    lengths_m: tuple[float | None, ...]
    """From AIS; empty where only the box tells."""
    sources: tuple[str, ...]
    ignored: tuple[NDArray[np.float64], ...] = ()
    """Corners of what else is bright, and may be a ship or not."""

    @property
    def is_drawn(self) -> bool:
        """Did people draw every ship in it? A chip shows one ship and its surroundings."""
        return self.group == DRAWN


def reference_data() -> Path:
    """Folder of the reference data, from the environment.

    Raises:
        UsageError: `DARKCALL_REFERENCE_DATA` names no folder.
    """
    named = os.environ.get("DARKCALL_REFERENCE_DATA", "")
    if not named or not Path(named).is_dir():
        raise UsageError(
            "Environment variable DARKCALL_REFERENCE_DATA names no folder",
            found=named or "nothing",
            do="Set it to the folder of the reference data",
        )
    return Path(named)


def labels_from_radar(reference: Path, inputs: Inputs) -> list[Labelled]:
    """The ships of `radar_pictures` as a network is fed them.

    Args:
        reference: folder of the reference data.
        inputs: bands and stretch.

    Raises:
        UsageError: neither folder is there.
    """
    return [_labelled(one, inputs) for one in radar_pictures(reference)]


def radar_pictures(reference: Path) -> list[RadarPicture]:
    """AIS-matched chips of `sar_opensarship` and the drawn scenes of `sar_hrsid`.

    Args:
        reference: folder of the reference data.

    Raises:
        UsageError: neither folder is there.
        BadInput: what is there cannot be read.
    """
    found = [*_chips(reference / "sar_opensarship"), *_scenes(reference / "sar_hrsid")]
    if not found:
        raise UsageError(
            "No radar ships there", where=reference, expected="sar_opensarship, sar_hrsid"
        )
    return found


def _labelled(one: RadarPicture, inputs: Inputs) -> Labelled:
    seen = np.ones(one.power.shape[1:], bool)
    by_name = dict(zip(one.bands, one.power, strict=True))
    layers = [
        inputs.stretch(by_name[name], valid=seen, water=seen)
        if name in by_name
        else np.zeros(seen.shape, np.float32)
        for name in inputs.bands
    ]
    return Labelled(
        name=one.name,
        group=one.group,
        data=np.stack(layers),
        corners_px=boxes_of(one.boxes).corners_px()
        if one.is_drawn and len(one.boxes)
        else one.boxes,
        outlines=tuple(one.boxes),
        sources=one.sources,
        ignored=one.ignored,
        lengths_m=one.lengths_m,
    )


def _chips(folder: Path) -> Iterable[RadarPicture]:
    """Ground-range chips of ships seen in one scene only.

    Slant-range ones (SLC) have pixels of another shape. A ship seen in two scenes would stand on
    both sides of a split by scene.
    """
    path = folder / SHIPS
    if not path.exists():
        return
    try:
        ships: list[Mapping[str, str]] = json.loads(path.read_text(encoding="utf-8"))
        scenes: dict[str, set[str]] = defaultdict(set)
        for ship in ships:
            scenes[ship["AISShipInformation.MMSI"]].add(_scene_of(ship))
        for number, ship in enumerate(ships):
            if "GRD" in ship["dir"] and len(scenes[ship["AISShipInformation.MMSI"]]) == 1:
                yield _chip(folder, ship, number)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("Radar ships cannot be read", where=path, found=repr(error)) from None


def _scene_of(ship: Mapping[str, str]) -> str:
    return Path(ship["dir"]).parts[1][:32]


def _chip(folder: Path, ship: Mapping[str, str], number: int) -> RadarPicture:
    """A chip in the middle of more of its own sea; what else is bright in it is ignored."""
    values = read_plain(folder / ship["file.Patch_Cal"])
    marks, box = ship_box(ship), true_box(ship)
    near = filled([marks.mean(axis=0) + (marks - marks.mean(axis=0)) * 1.5], values.shape[1:])
    rim = values[:, ~near]
    others = _bright_others(values[-1], near, float(np.median(rim[-1])))
    rows, cols = (max(CANVAS_PX, side) for side in values.shape[1:])
    rng = np.random.default_rng(number)
    canvas = rim[:, rng.integers(rim.shape[1], size=(rows, cols))]
    top, left = (rows - values.shape[1]) // 2, (cols - values.shape[2]) // 2
    canvas[:, top : top + values.shape[1], left : left + values.shape[2]] = values
    shift = np.array([left, top], np.float64)
    return RadarPicture(
        name=f"SAR{number:04d}",
        group=_scene_of(ship),
        bands=("VH", "VV") if len(canvas) > 1 else ("VV",),
        power=np.asarray(canvas, np.float32),
        boxes=(box + shift)[None],
        sources=(f"OpenSARShip {number}, MMSI {ship['AISShipInformation.MMSI']}",),
        ignored=tuple(area + shift for area in others),
        lengths_m=(ais_length_m(ship),),
    )


def _bright_others(
    power: NDArray[np.float32], near: NDArray[np.bool_], sea: float
) -> list[NDArray[np.float64]]:
    """Boxes around bright things off the labelled ship: other ships, land, or its ghosts."""
    bright = ((power > 6.0 * sea) & ~near).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    found = []
    for left, top, width, height, area in stats[1:count]:
        if area >= 4:
            low = np.array([left - 2.0, top - 2.0])
            high = np.array([left + width + 2.0, top + height + 2.0])
            corners = [[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]
            found.append(np.array(corners))
    return found


def ais_length_m(ship: Mapping[str, str]) -> float | None:
    """Length overall as broadcast; None where nothing believable was."""
    length_m = float(ship["AISShipInformation.Length"] or 0.0)
    return length_m if AIS_LENGTH_M[0] <= length_m <= AIS_LENGTH_M[1] else None


def ship_box(ship: Mapping[str, str]) -> NDArray[np.float64]:
    """(4, 2) x, y corners in a chip's pixels: head to tail as marked, the beam from AIS."""

    def at(name: str) -> float:
        return float(ship[f"SARShipInformation.{name}"])

    left = min(at("UpperLeft_x"), at("LowerRight_x"))
    top = min(at("UpperLeft_y"), at("LowerRight_y"))
    # marks count pixels from their far edge: the ships' brightness lies 0.4, 0.9 px off otherwise
    head = np.array([at("Head_x") - left, at("Head_y") - top]) + 1.0
    tail = np.array([at("Tail_x") - left, at("Tail_y") - top]) + 1.0
    length = math.hypot(*(head - tail))
    ahead = (head - tail) / max(length, 1e-6)
    beam_m = float(ship["AISShipInformation.Width"] or 0.0)
    beam = beam_m / 10.0 if 0.0 < beam_m < 70.0 else max(length / 6.0, 1.0)
    along = ahead * (length + 1.0) / 2.0
    abeam = np.array([-ahead[1], ahead[0]]) * (beam + MARGIN_PX) / 2.0
    centre = (head + tail) / 2.0
    return np.stack(
        [centre + along + abeam, centre + along - abeam, centre - along - abeam,
         centre - along + abeam]
    )  # fmt: skip


def true_box(ship: Mapping[str, str]) -> NDArray[np.float64]:
    """(4, 2) corners about the marks' middle, as long as the ship is: its AIS length.

    What is to be learned is the ship's length, and marks run along its side lobes.
    """
    box = ship_box(ship)
    centre = box.mean(axis=0)
    half = (box[0] + box[1]) / 2.0 - centre
    marked_m = 20.0 * float(np.hypot(*half))
    length_m = ais_length_m(ship)
    if length_m is None or not BELIEVED[0] <= length_m / marked_m <= BELIEVED[1]:
        length_m = max(marked_m - MARKS_LONGER_M, 0.5 * marked_m)
    shorter = half * (1.0 - (length_m / 10.0 + MARGIN_PX) * 10.0 / marked_m)
    return np.asarray(box - np.stack([shorter, shorter, -shorter, -shorter]))


def _scenes(folder: Path) -> Iterable[RadarPicture]:
    for path in sorted((folder / "images").glob("*")):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        mask = cv2.imread(str(folder / "masks" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        if grey is None or mask is None:
            raise BadInput("Radar scene or its mask cannot be read", where=path)
        yield _scene(path.stem, np.asarray(grey), np.asarray(mask))


def _scene(name: str, grey: NDArray[Any], mask: NDArray[Any]) -> RadarPicture:
    """A drawn scene at 10 m: power averaged, its unknown gain set so that the median is -15 dB."""
    factor = SCENE_PIXEL_M / 10.0
    size = (round(grey.shape[1] * factor), round(grey.shape[0] * factor))
    power = cv2.resize((grey.astype(np.float32) / 255.0) ** 2, size, interpolation=cv2.INTER_AREA)
    power = power * (10.0**-1.5 / max(float(np.median(power)), 1e-5))
    corners = []
    count, labels = cv2.connectedComponents((mask > 0).astype(np.uint8))
    for label in range(1, count):
        rows, cols = np.nonzero(labels == label)
        if rows.size >= MASK_MIN_PX:
            points = np.stack([cols, rows], axis=1).astype(np.float32)
            corners.append((cv2.boxPoints(cv2.minAreaRect(points)) + 0.5) * factor)
    boxes = np.array(corners, np.float64).reshape(-1, 4, 2)
    return RadarPicture(
        name=name,
        group=DRAWN,
        bands=("VV",),
        power=power[None],
        boxes=boxes,
        lengths_m=(),
        sources=tuple(f"HRSID {name}" for _ in boxes),
    )
