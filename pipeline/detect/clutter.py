"""The sea without ships: its local level and the threshold it exceeds with a chosen probability."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from pipeline.detect.settings import Settings
from pipeline.records import Image, Surface

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
_SHAPES = np.geomspace(0.4, 200.0, 40)


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """An image in units of its own detection threshold; arrays are (height, width) float32."""

    ratio: Pixels
    """Signal above the sea over the threshold; 1 is the threshold, 0 off the sea."""
    signal: Pixels
    """What was tested: matched reflectance, or the first channel's sigma nought, linear."""
    deviations: Pixels
    """Signal above the local background, in background deviations."""
    land: Pixels
    """Mean over the land nearby of its own signal over the threshold; 0 where none is near."""
    sea: Mask
    """Sea with valid, clear pixels."""

    def window(self, rows: slice, cols: slice) -> Contrast:
        """The same of a part of the image."""
        part = (rows, cols)
        return Contrast(
            ratio=self.ratio[part],
            signal=self.signal[part],
            deviations=self.deviations[part],
            land=self.land[part],
            sea=self.sea[part],
        )


def optical(image: Image, surface: Surface, settings: Settings) -> Contrast | None:
    """Gaussian CA-CFAR on the bands combined by a matched filter.

    The filter is w = S⁻¹d / dᵀS⁻¹d with d a hull's typical excess over water (`hull_spectrum`) and
    S the sea's own covariance (Robey, Fuhrmann, Kelly & Nitzberg 1992, adaptive matched filter), so
    glint and turbidity, which move bands together, count for less. Threshold: t = Φ⁻¹(1 − PFA)
    local deviations.

    Returns:
        None where too little sea is in view.
    """
    sea = surface.sea & image.valid & ~surface.cloud
    if int(sea.sum()) < settings.background_min_px:
        return None
    weights = _matched(image, sea, settings)
    signal: Pixels = np.tensordot(weights, image.data, axes=1).astype(np.float32)
    floor = settings.sigma_floor_reflectance
    level, deviation = _local(signal, sea, image.grid.pixel_m, floor, settings)
    land = ~surface.sea & image.valid
    excess: Pixels = signal - level
    threshold = np.float32(-special.ndtri(settings.false_alarm_probability)) * deviation
    ratio = np.where(sea, (excess - _leak(excess, land, settings)) / threshold, np.float32(0.0))
    return Contrast(
        ratio=ratio,
        signal=signal,
        deviations=(excess / deviation).astype(np.float32),
        land=_nearby(excess / threshold, land, settings),
        sea=sea,
    )


def radar(image: Image, surface: Surface, settings: Settings) -> Contrast | None:
    """CA-CFAR on K-distributed power, each channel at its share of the false-alarm probability.

    Local mean m1 and second moment m2 of the sea's power I give the shape by the method of moments,
    m2 / m1² = (1 + 1/ν)(1 + 1/L) with L looks (Jakeman & Pusey 1976; Ward, Tough & Watts 2006,
    ch. 9), and the threshold is the multiple of m1 that K(ν, L) exceeds with the probability.
    """
    sea = surface.sea & image.valid & ~surface.cloud
    if int(sea.sum()) < settings.background_min_px:
        return None
    names = [name for name in ("VV", "VH") if name in image.bands]
    probability = settings.false_alarm_probability / max(1, len(names))
    parts = [_radar_channel(image, name, surface, sea, probability, settings) for name in names]
    best = parts[0]
    for part in parts[1:]:
        stronger = part.ratio > best.ratio
        best = Contrast(
            ratio=np.maximum(part.ratio, best.ratio),
            signal=best.signal,
            deviations=np.where(stronger, part.deviations, best.deviations),
            land=np.maximum(part.land, best.land),
            sea=sea,
        )
    return best


def _radar_channel(
    image: Image,
    name: str,
    surface: Surface,
    sea: Mask,
    probability: float,
    settings: Settings,
) -> Contrast:
    power = np.maximum(np.nan_to_num(image.data[image.bands.index(name)]), 0.0)
    level, deviation = _local(power, sea, image.grid.pixel_m, 0.0, settings)
    level = np.maximum(level, np.float32(1e-7))
    moment = 1.0 + (deviation / level) ** 2
    texture = moment / (1.0 + 1.0 / settings.s1_looks) - 1.0
    shape = 1.0 / np.maximum(texture, 1.0 / settings.s1_shape_max)
    shape = np.maximum(shape, settings.s1_shape_min)
    factor = np.interp(
        np.log(shape), np.log(_SHAPES), _k_thresholds(probability, settings.s1_looks)
    )
    land = ~surface.sea & image.valid
    threshold = factor.astype(np.float32) * level
    leak = _leak(power - level, land, settings)
    return Contrast(
        ratio=np.where(sea, (power - leak) / threshold, np.float32(0.0)),
        signal=power,
        deviations=(power - level) / np.maximum(deviation, np.float32(1e-7)),
        land=_nearby(power / threshold, land, settings),
        sea=sea,
    )


@functools.lru_cache(maxsize=8)
def _k_thresholds(probability: float, looks: float) -> NDArray[np.float64]:
    """Multiples of the mean exceeded with a probability, for each shape of `_SHAPES`.

    K is gamma speckle on a gamma texture: P(I > t) = E_τ[Q(L, L t / τ)], τ ~ Γ(ν, 1/ν), here by
    summing over textures, finest in the bright tail, where the exceedance comes from.
    """
    edges = 1.0 - np.concatenate([[1.0], np.geomspace(1.0, 1e-9, 150)[1:], [0.0]])
    weights = np.diff(edges)
    middle = (edges[:-1] + edges[1:]) / 2.0
    multiples = np.geomspace(1.0, 400.0, 250)
    thresholds = []
    for shape in _SHAPES:
        texture = special.gammaincinv(shape, middle) / shape
        texture = np.maximum(texture, 1e-12)
        tail = special.gammaincc(looks, looks * multiples[:, None] / texture[None, :]) @ weights
        decreasing = np.log(np.maximum(tail, 1e-300))[::-1]
        log_multiple = np.interp(np.log(probability), decreasing, np.log(multiples)[::-1])
        thresholds.append(float(np.exp(log_multiple)))
    return np.array(thresholds)


def _matched(image: Image, sea: Mask, settings: Settings) -> NDArray[np.float64]:
    """Band weights that answer a hull's spectrum with its NIR excess and the sea's changes least.

    Weights are kept from turning negative: a difference of bands amplifies their noise and misfits.
    """
    hull = np.array([settings.hull_spectrum[name] for name in image.bands])
    pixels = image.data[:, sea]
    step = max(1, pixels.shape[1] // settings.sample_max_px)
    sample = pixels[:, ::step].astype(np.float64)
    middle = np.median(sample, axis=1, keepdims=True)
    spread = 1.4826 * np.median(np.abs(sample - middle), axis=1, keepdims=True)
    spread = np.maximum(spread, settings.sigma_floor_reflectance)
    calm = (np.abs(sample - middle) < settings.censor_deviations * spread).all(axis=0)
    scatter = np.cov(sample[:, calm]) if calm.sum() > 1 else np.zeros((len(sample),) * 2)
    scatter = np.atleast_2d(scatter) + np.eye(len(sample)) * settings.filter_ridge_reflectance**2
    weights = np.maximum(np.linalg.solve(scatter, hull), 0.0)
    return np.asarray(weights / (weights @ hull))


def _local(
    signal: Pixels, sea: Mask, pixel_m: float, floor: float, settings: Settings
) -> tuple[Pixels, Pixels]:
    """Local mean and deviation of the sea, ships censored.

    First pass: order statistics (median, and the 16 % point below it, which ships and quays do not
    touch; Rohling 1983) over background windows on a lattice censor what stands out of them.
    Second pass: moments of what is left, in the background window without its guard window; where
    little sea is left there, as in a basin narrower than the guard, in the whole window; and where
    little is left altogether, leaning on the first pass.
    """
    calm = ndimage.minimum_filter(sea, size=3, mode="nearest")
    window = round(settings.background_m / pixel_m) | 1
    guard = round(settings.guard_m / pixel_m) | 1
    middle, spread = _order_statistics(signal, calm, window, floor, settings)
    stands_out = np.abs(signal - middle) > settings.censor_deviations * spread
    calm &= ~ndimage.maximum_filter(stands_out & sea, size=3)
    level, deviation = _moments(signal, calm, (window, guard), (middle, spread), settings)
    return level, np.maximum(deviation, np.float32(floor)).astype(np.float32)


LEVELS = (50.0, 15.87)
"""Per cent: the median, and a deviation below it."""


def _order_statistics(
    signal: Pixels, calm: Mask, window: int, floor: float, settings: Settings
) -> tuple[Pixels, Pixels]:
    """Local median and lower spread, on a lattice of half windows, interpolated."""
    height, width = signal.shape
    step = max(2, window // 3)
    rows, cols = np.arange(0, height + step, step), np.arange(0, width + step, step)
    whole = signal[calm] if calm.any() else signal.ravel()
    whole = whole[:: max(1, whole.size // settings.sample_max_px)]
    lattice = np.empty((2, len(rows), len(cols)))
    of_whole = np.percentile(whole, LEVELS)  # once: it stands in wherever there is land
    half, thin = window // 2, settings.lattice_thinning_px
    for i, row in enumerate(rows):
        band = slice(max(0, row - half), row + half + 1, thin)
        for j, col in enumerate(cols):
            cell = slice(max(0, col - half), col + half + 1, thin)
            sample = signal[band, cell][calm[band, cell]]
            few = sample.size * thin**2 < settings.background_min_px
            lattice[:, i, j] = of_whole if few else np.percentile(sample, LEVELS)
    lattice[1] = np.maximum(lattice[0] - lattice[1], floor)
    down, right = _between(height, step, len(rows)), _between(width, step, len(cols))
    middle, spread = ((down @ layer @ right.T).astype(np.float32) for layer in lattice)
    return middle, spread


def _between(length: int, step: int, knots: int) -> NDArray[np.float64]:
    """(length, knots): weights of linear interpolation from knots every `step` pixels."""
    place = np.arange(length)[:, None] / step
    return np.maximum(0.0, 1.0 - np.abs(place - np.arange(knots)[None, :]))


def _moments(
    signal: Pixels,
    calm: Mask,
    window_guard: tuple[int, int],
    first_pass: tuple[Pixels, Pixels],
    settings: Settings,
) -> tuple[Pixels, Pixels]:
    """Mean and deviation around the first pass's median, shrunk to the first pass."""
    middle, spread = first_pass
    reference = np.float64(middle.mean())
    centred = np.where(calm, signal - reference, 0.0)
    layers = (calm.astype(np.float64), centred, centred**2)
    window, guard = window_guard
    whole = [_box_sum(layer, window) for layer in layers]
    ring = [total - _box_sum(layer, guard) for total, layer in zip(whole, layers, strict=True)]
    prior = float(settings.background_min_px)
    narrow = ring[0] < prior
    count, total, squares = (np.where(narrow, a, b) for a, b in zip(whole, ring, strict=True))
    shift = middle - reference
    mean = (total + prior * shift) / (count + prior)
    variance = (squares + prior * (spread.astype(np.float64) ** 2 + shift**2)) / (count + prior)
    deviation = np.sqrt(np.maximum(variance - mean**2, 0.0))
    return (mean + reference).astype(np.float32), deviation.astype(np.float32)


def _box_sum(layer: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Sum over a centred odd square, by an integral image; outside counts as nothing."""
    half = size // 2
    height, width = layer.shape
    integral = np.zeros((height + 1, width + 1))
    integral[1:, 1:] = layer.cumsum(axis=0).cumsum(axis=1)
    top = np.clip(np.arange(height) - half, 0, height)
    bottom = np.clip(np.arange(height) + half + 1, 0, height)
    left = np.clip(np.arange(width) - half, 0, width)
    right = np.clip(np.arange(width) + half + 1, 0, width)
    rows = integral[bottom] - integral[top]
    return np.asarray(rows[:, right] - rows[:, left])


def _leak(excess: Pixels, land: Mask, settings: Settings) -> Pixels:
    """What land alone would add to each pixel, by optics and by the coast's error."""
    if not land.any() or settings.leak_gain == 0.0:
        return np.zeros_like(excess)
    bright = np.where(land, np.maximum(excess, 0.0), 0.0).astype(np.float32)
    blurred = ndimage.gaussian_filter(bright, settings.leak_sigma_px, truncate=3.0)
    return np.asarray(settings.leak_gain * blurred, np.float32)


def _nearby(ratio: Pixels, land: Mask, settings: Settings) -> Pixels:
    """Mean of the land's pixels in a small window around each pixel; 0 where none is in it."""
    size = 2 * settings.land_reach_px + 1
    total = ndimage.uniform_filter(np.where(land, ratio, np.float32(0.0)), size, mode="constant")
    count = ndimage.uniform_filter(land.astype(np.float32), size, mode="constant")
    return np.where(count > 0.5 / size**2, total / np.maximum(count, np.float32(1e-6)), 0.0).astype(
        np.float32
    )
