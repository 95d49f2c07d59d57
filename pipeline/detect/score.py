"""How much a component looks like a hull: a logistic model of shape and contrast."""

from __future__ import annotations

import numpy as np

from pipeline.detect.parts import Floats, Parts
from pipeline.detect.settings import Settings
from pipeline.records import Sensor

TERMS = (
    "1", "l", "l2", "w", "w2", "a", "a2", "f", "f2", "c", "c2", "r", "r2", "i", "i2",
    "b", "b2", "m", "m2", "s", "s2", "cw", "ci", "ca", "fa", "lw", "il", "bw",
)  # fmt: skip
"""Of the model, in the order of `features`; the letters are explained there."""


def features(found: Parts, pixel_m: float) -> Floats:
    """(components, terms) of the model.

    l, w: logarithms of length over 150 m and of width over 25 m; a: of length over width, over 6;
    f: fill of the oriented box; c: contact with land; r: contrast; i: isolation from its rim;
    b: brightness over the land beside it; m: compactness; s: step from the component around it.
    """
    length = np.log(np.clip(found.length_px * pixel_m, 20.0, 1000.0) / 150.0)
    width = np.log(np.clip(found.width_px * pixel_m, 3.0, 300.0) / 25.0)
    aspect = length - width
    fill = np.clip(found.fill, 0.0, 1.0) - 0.7
    contact = np.clip(found.contact, 0.0, 1.0)
    contrast = np.clip(found.contrast, -1.0, 4.0)
    isolation = np.clip(found.isolation, 0.0, 4.0)
    columns = [np.ones_like(length)]
    land = np.clip(found.over_land, -3.0, 3.0)
    compact = np.clip(found.compact, -2.0, 1.0)
    step = np.clip(found.step, -4.0, 0.0)
    for value in (
        length, width, aspect, fill, contact, contrast, isolation, land, compact, step
    ):  # fmt: skip
        columns += [value, value * value]
    columns += [
        contact * width,
        contact * isolation,
        contact * aspect,
        fill * aspect,
        length * width,
        isolation * length,
        land * width,
    ]
    return np.stack(columns, axis=1)


def likeness(found: Parts, pixel_m: float, settings: Settings) -> Floats:
    """Likeness to a hull for each component, [0, 1]: a probability over all levels' components."""
    logit = features(found, pixel_m) @ np.asarray(settings.score_weights)
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def calibrated(likely: Floats, sensor: Sensor, settings: Settings) -> Floats:
    """Probability that a chosen component is a ship (Platt 1999), from its likeness."""
    offset, slope = settings.score_calibration[sensor]
    bounded = np.clip(likely, 1e-6, 1.0 - 1e-6)
    logit = offset + slope * np.log(bounded / (1.0 - bounded))
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
