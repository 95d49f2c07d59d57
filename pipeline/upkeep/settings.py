"""Thresholds of running it for years, each with its reason."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """How nights are watched and how long what they leave is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")
