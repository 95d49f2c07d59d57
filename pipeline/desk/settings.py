"""Every limit of the review desk."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """What the desk takes in, and how long browsers keep what it gives out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_max_bytes: int = Field(
        65_536, ge=1_024, description="B of a request's body, attachments apart; a note is 4,000 "
        "characters, judged",
    )  # fmt: skip
    attachment_max_bytes: int = Field(
        100_000_000, ge=1, description="B of one attached file: a finer image's crop, a document; "
        "judged",
    )  # fmt: skip
    picture_age_s: int = Field(
        86_400, ge=0, description="s for which a browser may keep a picture: a scene once fetched "
        "does not change",
    )  # fmt: skip
    tile_zoom_max: int = Field(
        18, ge=0, le=22, description="deepest zoom of the map's tiles; 10 m are one pixel at 14"
    )
    results_check_s: float = Field(
        10.0, ge=0, description="s between two looks whether a run has brought other results"
    )
