"""Ships of known type, from radar chips and from AIS statics, for the score of `p_tanker`."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pipeline.detect.settings
from pipeline.detect.tanker import Tanker, tanker_probability
from pipeline.errors import BadInput, UsageError
from pipeline.evaluate.tanker import RadarShips, Statics, TankerScore, score_tankers
from pipeline.jobs.label_radar import SHIPS, ship_box
from pipeline.learn.hulls import boxes_of
from pipeline.scene.raster import read_plain

CHIPS = "sar_opensarship"
NOAA = "ais/decoded_and_raw/test_data_noaa_20230101.csv"
SEED = 20240307
STEPS, BINS = 24, 8
"""Samples along the ship, and bins of the profile; a bin keeps its brightest sample."""
LENGTH_M, BEAM_M = (50.0, 420.0), (6.0, 70.0)
"""Sizes outside are tugs and boats, or typing errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Static:
    source: str
    mmsi: str
    is_tanker: bool
    length_m: float
    beam_m: float


def evaluate_tanker(reference: Path, settings: pipeline.detect.settings.Settings) -> TankerScore:
    """Score radar brightness and the size prior on ships whose type AIS tells.

    Args:
        reference: folder of the reference data: OpenSARShip's chips, NOAA's AIS.
        settings: of the prior.

    Raises:
        UsageError: no chips there.
        BadInput: what is there cannot be read.
    """
    path = reference / CHIPS / SHIPS
    if not path.exists():
        raise UsageError("No radar ships there", where=reference, expected=f"{CHIPS}/{SHIPS}")
    try:
        ships: list[Mapping[str, str]] = json.loads(path.read_text(encoding="utf-8"))
        seen = _radar_ships(reference / CHIPS, ships)
        statics = [*_of_chips(ships), *_of_noaa(reference / NOAA)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("Ships of known type cannot be read", found=repr(error)) from None
    return score_tankers(seen, _with_prior(statics, settings), seed=SEED)


def _radar_ships(folder: Path, ships: list[Mapping[str, str]]) -> RadarShips:
    """Ground-range chips: in slant range pixels have another shape."""
    chosen = [ship for ship in ships if "GRD" in ship["dir"]]
    boxes = boxes_of(np.stack([ship_box(ship) for ship in chosen]))
    brightness = [
        _brightness(
            read_plain(folder / ship["file.Patch_Cal"])[-1],
            boxes.xy_px[number],
            float(boxes.length_px[number]),
            float(boxes.angle_rad[number]),
        )
        for number, ship in enumerate(chosen)
    ]
    return RadarShips(
        length_m=boxes.length_px * 10.0,
        brightness=np.array(brightness),
        is_tanker=np.array([_is_tanker(ship) for ship in chosen]),
        scene=np.array([Path(ship["dir"]).parts[1] for ship in chosen]),
        mmsi=np.array([ship["AISShipInformation.MMSI"] for ship in chosen]),
    )


def _brightness(
    power: NDArray[np.float32], centre: NDArray[np.float64], length: float, angle: float
) -> list[float]:
    """Profile along the axis from the brighter end, less its mean; its mean over sea; its spread.

    Args:
        power: (height, width) sigma nought VV, linear.
        centre: x, y in pixels.
        length: of the ship, px.
        angle: of its axis, from +x towards +y.
    """
    along = np.linspace(-0.5, 0.5, STEPS) * length
    abeam = np.linspace(-1.5, 1.5, 7)
    x = centre[0] + along[:, None] * math.cos(angle) - abeam * math.sin(angle)
    y = centre[1] + along[:, None] * math.sin(angle) + abeam * math.cos(angle)
    rows = np.clip(y.astype(int), 0, power.shape[0] - 1)
    cols = np.clip(x.astype(int), 0, power.shape[1] - 1)
    decibel = 10.0 * np.log10(np.maximum(power[rows, cols].max(axis=1), 1e-4))
    profile = decibel.reshape(BINS, -1).max(axis=1)
    if profile[: BINS // 2].sum() < profile[BINS // 2 :].sum():
        profile = profile[::-1]
    sea = 10.0 * math.log10(max(float(np.median(power)), 1e-5))
    return [*(profile - profile.mean()), float(profile.mean()) - sea, float(profile.std())]


def _is_tanker(ship: Mapping[str, str]) -> bool:
    """By AIS type 80 to 89, or by what a ship register calls it."""
    register = (ship.get("MarineTrafficInformation.Elaborated_type") or "").lower()
    kind = int(float(ship["AISShipInformation.Ship_Type"] or 0))
    return 80 <= kind < 90 or "tanker" in register


def _of_chips(ships: list[Mapping[str, str]]) -> Iterator[_Static]:
    for ship in ships:
        if float(ship["AISShipInformation.Ship_Type"] or 0) > 0:
            yield _Static(
                source="OpenSARShip",
                mmsi=ship["AISShipInformation.MMSI"],
                is_tanker=_is_tanker(ship),
                length_m=float(ship["AISShipInformation.Length"] or 0),
                beam_m=float(ship["AISShipInformation.Width"] or 0),
            )


def _of_noaa(path: Path) -> Iterator[_Static]:
    """Ships of MarineCadastre's file; without it the chips' statics stand alone."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            kind = float(row["VesselType"] or 0)
            if kind > 0:
                yield _Static(
                    source="MarineCadastre",
                    mmsi=row["MMSI"],
                    is_tanker=80 <= kind < 90,
                    length_m=float(row["Length"] or 0),
                    beam_m=float(row["Width"] or 0),
                )


def _with_prior(statics: list[_Static], settings: pipeline.detect.settings.Settings) -> Statics:
    """Each ship once, of believable size, with the prior of such a ship as radar measures it."""
    once = {(one.source, one.mmsi): one for one in statics if _is_believable(one)}
    kept = list(once.values())
    sigma_m = max(settings.length_sigma_m.values())
    prior: list[Any] = [
        tanker_probability(
            Tanker(length_m=one.length_m, length_sigma_m=sigma_m, width_m=one.beam_m),
            zone=None,
            settings=settings,
        ).probability
        for one in kept
    ]
    return Statics(
        source=np.array([one.source for one in kept]),
        is_tanker=np.array([one.is_tanker for one in kept]),
        prior=np.array(prior),
    )


def _is_believable(one: _Static) -> bool:
    long = LENGTH_M[0] <= one.length_m <= LENGTH_M[1]
    return long and BEAM_M[0] <= one.beam_m <= BEAM_M[1]
