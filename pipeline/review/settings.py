"""Every threshold of the review chapter."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """What a person's decision on a case is worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    barrels_fallback: float = Field(
        17_000.0,
        gt=0,
        description="bbl at stake where the ledger counts no delivery, times P(tanker): mean of 46 "
        "deliveries, 781,497 bbl, UN Panel of Experts, September 2023",
    )
    uncertainty_floor: float = Field(
        0.05, gt=0, le=1, description="least uncertainty: even a clear case is worth a look"
    )
    indirect_weight: float = Field(
        0.2,
        gt=0,
        le=1,
        description="factor on what no image shows (silences that span a port, spoofing leads), "
        "judged: a fifth of a pictured call",
    )

    dossier_days: float = Field(
        14.0,
        gt=0,
        description="d before and after a call whose looks at the berth and AIS rows go into its "
        "dossier, judged: two repeat cycles of Sentinel-1A; silences lengthen it",
    )

    # spoofing leads
    lead_misses_min: int = Field(
        2, ge=1, description="clear images that do not show the ship, at least"
    )
    lead_p_detect_min: float = Field(
        0.75, gt=0, lt=1, description="recall from which a miss means something: hulls over 60 m"
    )
    lead_sigma_max_m: float = Field(
        200.0, gt=0, description="m; a ship whose place is known worse may lie elsewhere"
    )
    lead_clear_m: float = Field(
        200.0, gt=0, description="m around the place without any hull: it is no unmatched one"
    )
    lead_prior: float = Field(
        0.02, gt=0, lt=1, description="P(a ship's positions are false) before any image, judged"
    )
