"""Every threshold of the matching chapter, with its source."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from pipeline.rates import Rates


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
    reach_sigma: float = Field(
        5.0, gt=0, description="standard errors within which a detection is looked for"
    )
    llr_min: float = Field(
        -5.0, le=0, description="nats; pairs below are worth less than 1 % and are left out"
    )
    llr_slack: float = Field(
        8.0, ge=0, description="nats that recall, length, axis and type may add to a place"
    )

    # the likelihood ratio, DESIGN section 7
    rates: Rates = Field(
        Rates(
            source="an assumption, for detectors without measured rates",
            length_edges_m=(60.0, 100.0, 180.0), shore_edges_m=(500.0, 2000.0),
            recall=((0.35,) * 3, (0.75,) * 3, (0.9,) * 3, (0.95,) * 3),
            false_per_km2=((0.01,) * 3,) * 4,
        ),
        description="the detector's, where its folder has no rates.yaml",
    )  # fmt: skip
    dark_per_km2: float = Field(
        0.03, gt=0, description="ships a km2 of port water that are not on the air: a few a harbour"
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

    p_wrong_axis: float = Field(
        0.09, gt=0, le=1,
        description="share of headings or axes that are of no use: 197 ships of OpenSARShip",
    )  # fmt: skip

    # outcomes
    matched_min: float = Field(
        0.50,
        ge=0.5,
        le=1,
        description="P(match) from which a detection is matched: likelier than not",
    )
    dark_min: float = Field(
        0.50,
        ge=0.5,
        le=1,
        description="P(no ship on the air is it) from which it is dark; calls carry the number on",
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
