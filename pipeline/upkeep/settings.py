"""Thresholds of running it for years, each with its reason."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How nights are watched and how long what they leave is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # what is kept, and how long
    keep_scenes_days: int | None = Field(
        None,
        ge=60,
        description="days after which the pixels of a scene that nothing refers to are pruned; "
        "null: never. Not under 60: late AIS may change calls for 32 days (docs/data-life.md)",
    )
    prune_min_age_days: int = Field(
        60,
        ge=60,
        description="days; no younger scene is pruned to free a disk, however full it is",
    )
    backup_margin: float = Field(
        1.05,
        ge=1.0,
        le=2.0,
        description="free space asked for before a back-up or a restore, over what it will "
        "write: a twentieth for folders, blocks and the database",
    )
