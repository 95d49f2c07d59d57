"""A training recipe: everything that decides what a model learns."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.learn.radar_settings import RadarRender
from pipeline.model import Inputs


class Render(BaseModel):
    """How chips are made from labelled images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chip_px: int = Field(128, ge=32, multiple_of=16, description="px; side of a chip")
    hull_share: float = Field(0.7, ge=0, le=1, description="of chips: centred near a hull")
    shore_share: float = Field(
        0.7, ge=0, le=1, description="of the other chips: centred on a shore or quay, not open sea"
    )
    scale: tuple[float, float] = Field(
        (0.5, 1.2), description="range of the zoom; below 1 large hulls become small ones"
    )
    margin_px: float = Field(
        1.5, ge=0, description="px by which labels are drawn larger than the hull, at any zoom"
    )
    length_min_px: float = Field(
        5.0, gt=0, description="px; shorter hulls are neither wanted nor punished"
    )
    width_min_px: float = Field(2.0, gt=0, description="px; narrower labels are widened to it")
    paste_max: int = Field(4, ge=0, description="cut-outs pasted into one chip at most")
    paste_length_px: tuple[float, float] = Field(
        (5.5, 28.0), description="px; pasted hulls' lengths, log-uniform"
    )
    paste_scale: tuple[float, float] = Field((0.3, 1.15), description="zoom a cut-out may undergo")
    paste_contrast: tuple[float, float] = Field(
        (0.08, 0.25), description="stretched; least excess over the water of a pasted hull"
    )
    paste_paint: float = Field(
        0.0, ge=0, description="standard deviation of a pasted hull's own gain in each band (log)"
    )
    quay_share: float = Field(0.5, ge=0, le=1, description="of pasted hulls: along a shore or quay")
    raft_share: float = Field(0.12, ge=0, le=1, description="of pasted hulls: abreast of another")
    gain: tuple[float, float] = Field((0.5, 1.8), description="of the squared stretched values")
    band_gain: float = Field(0.08, ge=0, description="standard deviation of each band's own gain")
    haze: float = Field(0.06, ge=0, description="squared stretched values; largest veil")
    noise: float = Field(0.012, ge=0, description="stretched; largest white noise added")
    blur_px: float = Field(0.7, ge=0, description="px; largest extra blur")
    cloud_share: float = Field(0.08, ge=0, le=1, description="of chips: under an invented cloud")
    dropout: float = Field(0.3, ge=0, le=1, description="of chips: some bands are taken away")
    dropout_alone: float = Field(
        0.0, ge=0, le=1, description="of those: a single band is left, the last half of the time"
    )


class Recipe(BaseModel):
    """One model's training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folds: tuple[tuple[str, ...], ...] = Field(
        (), description="groups (ports, scenes) that each fold leaves out, to be scored on them"
    )
    seed: int = Field(20240307, ge=0, description="of everything random")
    architecture: str = Field(description="file name of the architecture YAML, beside the recipe")
    inputs: Inputs = Field(description="what the network is fed")
    pretrained: Literal["efficientnet-lite0"] | None = Field(
        None, description="what the backbone EfficientNetLite begins with; null: with nothing"
    )
    stride_px: int = Field(32, ge=1, description="px; sides of what is fed are multiples of it")
    reach_px: int = Field(32, ge=0, description="px of surroundings that a hull needs to be judged")
    chips: int = Field(100_000, ge=1, description="chips seen in all")
    batch: int = Field(16, ge=1, description="chips in a step")
    optimizer: Literal["MuSGD", "AdamW"] = Field("AdamW", description="as ultralytics names them")
    rate: float = Field(1.5e-3, gt=0, description="peak learning rate")
    decay: float = Field(0.05, ge=0, description="weight decay")
    warmup_chips: int = Field(1500, ge=0, description="chips of rising learning rate")
    fall: float = Field(
        0.35, gt=0, le=1, description="of the chips: the last ones, under a falling rate"
    )
    checkpoint_chips: int = Field(4000, ge=1, description="chips from one checkpoint to the next")
    average: float = Field(0.995, gt=0, lt=1, description="decay of the weights' moving average")
    render: Render = Field(Render(), description="chips of optical images")
    radar: RadarRender = Field(RadarRender(), description="chips of radar images")
