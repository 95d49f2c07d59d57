"""A delivered scene and the ground it covers."""

from __future__ import annotations

from dataclasses import dataclass

from shapely import Geometry

from pipeline.sources import SourceScene


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a folder says of one scene, before a pixel is read."""

    source: SourceScene
    footprint: Geometry | None
    """lon/lat; None where only the raster itself can tell."""
