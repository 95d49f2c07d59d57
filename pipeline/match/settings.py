"""Every threshold of the matching chapter, with its source."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How detections and tracks are compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # what is looked at
    fix_window_s: float = Field(
        12 * 3600.0, gt=0, description="s before and after a scene from which fixes are taken"
    )
    fix_radius_m: float = Field(
        150_000.0, gt=0, description="m around a site; a ship beyond cannot be in view within 3 h"
    )
    gate_chi2: float = Field(
        16.0, gt=0, description="squared Mahalanobis distance of a pair at most: 99.97 % of pairs"
    )

    # the likelihood ratio, DESIGN section 7
    p_detect: tuple[float, float, float, float] = Field(
        (0.35, 0.75, 0.9, 0.95),
        description="detector's recall for hulls < 60, 60-100, 100-180, > 180 m",
    )
    clutter_per_km2: float = Field(
        0.06,
        gt=0,
        description="dark ships and false detections a km2 of port water: a few a harbour",
    )
    length_sigma_share: float = Field(
        0.08, gt=0, description="of AIS length: typed-in errors, beside the detection's own sigma"
    )
    length_prior_m: tuple[float, float] = Field(
        (110.0, 60.0), description="mean and deviation of an unknown hull's length, m"
    )
    axis_sigma_deg: float = Field(
        12.0, gt=0, description="deg; heading against axis, beside the detection's own sigma"
    )
    p_wrong_length: float = Field(
        0.05, ge=0, le=1, description="share of ships whose broadcast length is of no use"
    )

    # outcomes
    matched_min: float = Field(
        0.70, ge=0.5, le=1, description="P(match) from which a detection is matched"
    )
    dark_min: float = Field(
        0.70, ge=0.5, le=1, description="P(no ship on the air is it) from which it is dark"
    )
    heard_window_s: float = Field(
        5400.0, gt=0, description="s around a scene in which reception is asked about"
    )
    heard_low_min: float = Field(
        0.30,
        ge=0,
        le=1,
        description="lower 5 % point of P(heard in an hour) from which silence means something",
    )
    provisional_s: float = Field(
        10 * 86400.0, ge=0, description="s after a scene while late AIS may change its outcome"
    )
    states_max: int = Field(
        2000,
        ge=1,
        description="partial assignments of one cluster up to which all are counted, at any ship",
    )
