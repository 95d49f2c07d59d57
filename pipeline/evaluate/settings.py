"""Every threshold of the evaluate chapter."""

from __future__ import annotations

from pathlib import Path

import shapely
from pydantic import BaseModel, ConfigDict, Field
from shapely import Geometry


class IgnoredArea(BaseModel):
    """Where labels are known not to be exhaustive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="what lies there, and why labels fail")
    west: float = Field(ge=-180, le=180, description="deg")
    south: float = Field(ge=-90, le=90, description="deg")
    east: float = Field(ge=-180, le=180, description="deg")
    north: float = Field(ge=-90, le=90, description="deg")

    @property
    def polygon(self) -> Geometry:
        """As a lon/lat box."""
        return shapely.box(self.west, self.south, self.east, self.north)


class Settings(BaseModel):
    """How results are held against what is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # detection.py
    match_radius_m: float = Field(
        30.0, gt=0, description="m; a detection's centre may be this far from a short ship's"
    )
    match_length_share: float = Field(
        0.5, gt=0, description="of the ship's length: the centre may be that far where it is more"
    )
    length_edges_m: tuple[float, ...] = Field(
        (60.0, 100.0, 180.0),
        description="m; lower edges of the length classes, the first is the shortest that counts",
    )
    shore_edges_m: tuple[float, ...] = Field(
        (500.0, 2000.0), description="m; upper edges of near shore and coastal, beyond is open"
    )
    long_ship_m: float = Field(
        150.0, gt=0, description="m; ships from here on have a length error of their own"
    )
    axis_tolerance_deg: float = Field(
        10.0, gt=0, description="deg; axis error that counts as right"
    )
    ignored_areas: tuple[IgnoredArea, ...] = Field(
        (), description="areas left out of scoring: labels and detections there count as nothing"
    )

    undrawn: Path | None = Field(
        None,
        description="GeoJSON of hulls that the labels lack, with a `verdict` each: ships and small "
        "craft are left out of scoring, unclear ones of training too; beside the configuration",
    )

    # season.py
    call_tolerance_s: float = Field(
        21600.0, ge=0, description="s; a claim may be off a true stay by so much and still be true"
    )
