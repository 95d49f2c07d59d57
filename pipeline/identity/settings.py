"""Every threshold of the identity chapter, with its source."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How ships are looked up in watch lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name_letters_min: int = Field(
        5, ge=1, description="letters and digits of a name that is looked up at all: STAR is many"
    )
    max_list_bytes: int = Field(
        1_000_000_000, gt=0, description="bytes of a list; OpenSanctions' maritime data has 0.2 GB"
    )
