"""What every detector can do."""

from __future__ import annotations

from typing import Protocol

from pipeline.detect.hull import Hull
from pipeline.records import Image, Surface


class Detector(Protocol):
    """Turns pixels into hulls."""

    @property
    def name(self) -> str:
        """Name and version, as stored with each detection."""

    @property
    def model_sha256(self) -> str | None:
        """SHA-256 of the weights; None where there are none."""

    def find(self, image: Image, surface: Surface) -> list[Hull]:
        """Hulls of one image, in pixel-edge coordinates of that image, sorted by row and col."""
