"""What every detector can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.detect.hull import Hull
from pipeline.records import Image, Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a detector's figures are to be read: from when a hull counts, and how far off it may be.

    Errors are standard deviations.
    """

    score_min: float
    """Probability from which a hull counts."""
    score_min_berth: float
    """The same inside a berth."""
    berth_odds: float
    """Odds that a hull-like shape is a hull inside a berth against anywhere along a coast."""
    length_sigma_m: float
    """Part that does not grow with the length."""
    length_sigma_share: float
    """Of the length: the part that grows."""
    width_sigma_m: float
    position_sigma_m: float
    """Each axis, for a ship that lies still."""
    axis_sigma_deg: float
    """For hulls of `Settings.axis_length_m` and more."""


class Detector(Protocol):
    """Turns pixels into hulls."""

    @property
    def name(self) -> str:
        """Name and version, as stored with each detection."""

    @property
    def model_sha256(self) -> str | None:
        """SHA-256 of the weights; None where there are none."""

    @property
    def reading(self) -> Reading:
        """How its figures are to be read."""

    def find(self, image: Image, surface: Surface) -> list[Hull]:
        """Hulls of one image, in pixel-edge coordinates of that image, sorted by row and col."""
