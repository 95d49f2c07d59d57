"""Every threshold of the evaluate chapter."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
    axis_tolerance_deg: float = Field(
        10.0, gt=0, description="deg; axis error that counts as right"
    )
