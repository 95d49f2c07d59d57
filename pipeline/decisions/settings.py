"""Every limit of accounts and decisions, with its source."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from pipeline.units import DAY_S, HOUR_S


class Settings(BaseModel):
    """How accounts are kept safe, and what makes a decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    password_min: int = Field(
        12, ge=8, description="characters of a password, at least; NIST SP 800-63B-4: 15 where it "
        "is the only factor, 8 at the very least; judged for a desk on loopback",
    )  # fmt: skip
    session_idle_s: float = Field(
        2 * HOUR_S, gt=0, description="s without a request after which a session ends, judged"
    )
    session_s: float = Field(
        12 * HOUR_S, gt=0, description="s after which a session ends whatever happens (NIST "
        "SP 800-63B, AAL2: 12 h)",
    )  # fmt: skip
    token_s: float = Field(90 * DAY_S, gt=0, description="s for which an API token holds, judged")
    tries_window_s: float = Field(
        900.0, gt=0, description="s in which failed logins are counted; OWASP's account lockout"
    )
    tries_by_name: int = Field(
        5, ge=1, description="failed logins of one name in that time, from which it has to wait"
    )
    tries_by_address: int = Field(
        30, ge=1, description="the same of one address, whatever the names"
    )
    second_review_tiers: tuple[str, ...] = Field(
        ("A", "B"), description="tiers whose cases two people decide, each without the other's word"
    )
