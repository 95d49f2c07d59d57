"""A trained model's folder: what it takes, how its figures are to be read, checked weights.

`models/<name>/model.yaml` describes; every file it names stands beside it with its SHA-256. Nothing
here unpickles anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import BadInput, UsageError
from pipeline.records import Image, Sensor
from pipeline.whole_files import sha256_of

NAME = r"^[a-z0-9][a-z0-9-]*$"
"""Of a model, and of its folder."""
DESCRIPTION = "model.yaml"
MAX_DESCRIPTION_BYTES = 1_000_000
MAX_WEIGHTS_BYTES = 500_000_000
Floats = NDArray[np.float64]
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Stretch(BaseModel):
    """How physical values become the network's input; 0 stands for a missing band.

    `root` is for reflectance: the darkest water of the view is taken off each band first, as haze
    and glint lie on all pixels alike (dark-object subtraction, Chavez 1988). `decibel` is for
    sigma nought.
    """

    model_config = _FROZEN

    kind: Literal["root", "decibel"] = Field(
        description="root: gain × √(reflectance − dark + floor); decibel: (dB − low) / (high − low)"
    )
    gain: float = Field(1.5, gt=0, description="of the root")
    floor: float = Field(0.01, gt=0, description="reflectance the darkest water is brought to")
    dark_percentile: float = Field(2.0, ge=0, le=100, description="of the water: the dark level")
    dark_pixels_min: int = Field(
        400, ge=1, description="pixels of water below which all pixels stand in for it"
    )
    low_db: float = Field(-30.0, description="dB that becomes 0")
    high_db: float = Field(5.0, description="dB that becomes 1")
    top: float = Field(1.275, gt=0, description="values above are cut")

    def __call__(
        self, band: NDArray[np.float32], *, valid: NDArray[np.bool_], water: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """One band stretched; where it is not valid, as dark as calm water.

        Products write 0 for no data and for the darkest water alike: neither shows a ship.

        Args:
            band: (height, width) reflectance or sigma nought, linear.
            valid: (height, width) where the sensor delivered data.
            water: (height, width) where the dark level is taken from.
        """
        unseen = ~(valid & np.isfinite(band))
        out = np.array(band, np.float32)
        out[unseen] = 0.0
        # in place throughout: a tile has a hundred million pixels a band
        if self.kind == "root":
            out -= np.float32(self._dark(out, ~unseen, water))
            np.sqrt(np.maximum(out, 1e-4, out=out), out=out)
            out *= self.gain
        else:
            np.log10(np.maximum(out, 1e-6, out=out), out=out)
            out *= 10.0 / (self.high_db - self.low_db)
            out -= self.low_db / (self.high_db - self.low_db)
        np.clip(out, self.fill, self.top, out=out)
        out[unseen] = self.fill
        return out

    def power(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sigma nought, linear, of a band stretched in decibels; cut at `high_db`."""
        decibels = self.low_db + (self.high_db - self.low_db) * np.minimum(levels, 1.0)
        return np.asarray(10.0 ** (decibels / 10.0), np.float32)

    @property
    def fill(self) -> float:
        """What stands for no data: the floor under the darkest water, the lowest decibels."""
        return self.gain * math.sqrt(self.floor) * 0.5 if self.kind == "root" else 0.0

    def _dark(
        self, plain: NDArray[np.float32], seen: NDArray[np.bool_], water: NDArray[np.bool_]
    ) -> float:
        """Reflectance that becomes zero before the floor is added."""
        basis = seen & water
        if np.count_nonzero(basis) < self.dark_pixels_min:
            basis = seen
        values = plain[basis]
        if not values.size:
            return 0.0
        return (
            float(np.percentile(values[:: max(1, values.size // 50_000)], self.dark_percentile))
            - self.floor
        )


class WeightsFile(BaseModel):
    """One file of weights."""

    model_config = _FROZEN

    file: str = Field(
        pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)*$",
        description="path in the folder; no way out of it",
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of its bytes")


class Fold(BaseModel):
    """Weights trained without some groups, to be scored on them."""

    model_config = _FROZEN

    weights: WeightsFile = Field(description="safetensors, half precision")
    held_out: tuple[str, ...] = Field(description="ports or scenes that these weights never saw")
    score_min: float = Field(ge=0, le=1, description="threshold chosen on the other folds")
    calibration: tuple[float, float] = Field(description="as `calibration`, from the other folds")
    length_scale: tuple[float, float] = Field(description="as `length_scale`, from the other folds")
    extent_scale: float = Field(0.0, description="as `extent_scale`, from the other folds")
    width_scale: tuple[float, float] = Field(description="as `width_scale`, from the other folds")


class Errors(BaseModel):
    """How far measurements were off on images the weights had not seen."""

    model_config = _FROZEN

    length_sigma_m: float = Field(gt=0, description="m; part that does not grow with the length")
    length_sigma_share: float = Field(ge=0, description="of the length: the part that grows")
    width_sigma_m: float = Field(gt=0, description="m")
    position_sigma_m: float = Field(gt=0, description="m, each axis")
    axis_sigma_deg: float = Field(gt=0, description="deg; for hulls of 150 m and more")


class Inputs(BaseModel):
    """What a network is fed."""

    model_config = _FROZEN

    sensor: Sensor = Field(description="whose images")
    bands: tuple[str, ...] = Field(min_length=1, description="input channels, in order")
    pixel_m: float = Field(10.0, gt=0, description="m; ground sampling distance")
    stretch: Stretch = Field(description="of the input")

    def of(self, image: Image, sea: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(bands, height, width) stretched; 0 throughout a band that the image lacks.

        Args:
            image: pixels of one view.
            sea: (height, width) where a ship could float.

        Raises:
            BadInput: the image has none of the bands.
        """
        layers = [image.band(name) for name in self.bands]
        if all(layer is None for layer in layers):
            raise BadInput(
                "Image has none of the bands that the model takes",
                expected=" ".join(self.bands),
                found=" ".join(image.bands) or "none",
            )
        out = np.zeros((len(layers), image.grid.height, image.grid.width), np.float32)
        for layer, target in zip(layers, out, strict=True):
            if layer is not None:
                target[:] = self.stretch(layer, valid=image.valid, water=sea)
        return out


class Description(Inputs):
    """All that is needed to run a model and to read what it says."""

    name: str = Field(pattern=NAME, description="short name")
    version: int = Field(ge=1, description="raised when the weights change")
    stride_px: int = Field(ge=1, description="px; sides of what is fed are multiples of it")
    reach_px: int = Field(ge=1, description="px of surroundings a hull needs to be seen in full")
    architecture: str = Field(description="YAML beside this file")
    weights: WeightsFile = Field(description="safetensors")
    openvino: WeightsFile | None = Field(None, description="IR's .bin, the .xml beside it")
    openvino_xml_sha256: str | None = Field(None, description="of the .xml")
    score_min: float = Field(ge=0, le=1, description="calibrated score from which a hull counts")
    calibration: tuple[float, float] = Field(
        description="offset and slope of the logit: raw score to probability (Platt 1999)"
    )
    length_scale: tuple[float, float] = Field(
        (0.0, 1.0), description="offset (m) and slope from the box's length to the hull's"
    )
    extent_scale: float = Field(
        0.0,
        description="times the length of the middle 90 % of the backscatter along the box, added "
        "to the above; for radar, 0 where lengths are the box's alone",
    )
    width_scale: tuple[float, float] = Field(
        (0.0, 1.0), description="offset (m) and slope from the box's width to the hull's"
    )
    errors: Errors = Field(description="of what is measured")
    folds: tuple[Fold, ...] = Field((), description="cross-validation")


def hull_lengths_m(
    box_m: Floats, extent_m: Floats, length_scale: tuple[float, float], extent_scale: float
) -> Floats:
    """Lengths overall of hulls, (n,) m, as a description or one of its folds reads them.

    Args:
        box_m: (n,) of their boxes.
        extent_m: (n,) of their backscatter; 0 where it is not measured.
        length_scale: offset (m) and slope of the box.
        extent_scale: of the backscatter.
    """
    offset_m, slope = length_scale
    return np.asarray(offset_m + slope * box_m + extent_scale * extent_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A described folder."""

    folder: Path
    description: Description

    @property
    def sha256(self) -> str:
        """Of the full weights."""
        return self.description.weights.sha256

    @property
    def architecture(self) -> Path:
        """YAML of the network."""
        return self.folder / self.description.architecture

    def fold(self, number: int) -> Model:
        """The same model with the weights of one fold, read as the other folds say."""
        fold = self.description.folds[number]
        reading = fold.model_dump(exclude={"weights", "held_out"})
        own = {"weights": fold.weights, "openvino": None, **reading}
        return Model(folder=self.folder, description=self.description.model_copy(update=own))

    def checked(self, weights: WeightsFile) -> Path:
        """Path of a file of weights whose bytes are those described.

        Raises:
            UsageError: missing, too large, or not the described bytes.
        """
        return checked_file(self.folder / weights.file, weights.sha256)

    def inputs(self, image: Image, sea: NDArray[np.bool_]) -> NDArray[np.float32]:
        """What the network is fed of an image, as `Inputs.of`."""
        return self.description.of(image, sea)


def read_model(folder: Path) -> Model:
    """A model's folder, described but not yet loaded.

    Raises:
        UsageError: no description, or one that cannot be believed.
    """
    path = folder / DESCRIPTION
    try:
        if path.stat().st_size > MAX_DESCRIPTION_BYTES:
            raise UsageError("Model description is too large", where=path, expected="under 1 MB")
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Model(folder=folder, description=Description.model_validate(document))
    except FileNotFoundError:
        raise UsageError(
            "No model there", where=folder, expected=DESCRIPTION, do="Name a folder of models/"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise UsageError("Model description cannot be read", where=path, found=problem) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise UsageError(
            "Model description is wrong", where=path, found=f"{place}: {first['msg']}"
        ) from None


def checked_file(path: Path, sha256: str) -> Path:
    """The path, where its bytes have the hash.

    Raises:
        UsageError: missing, too large, or other bytes.
    """
    try:
        if path.stat().st_size > MAX_WEIGHTS_BYTES:
            raise UsageError("Weights are too large", where=path, expected="under 500 MB")
        found = sha256_of(path)
    except OSError as error:
        raise UsageError("Weights cannot be read", where=path, found=error.strerror) from None
    if found != sha256:
        raise UsageError(
            "Weights are not those described",
            where=path,
            expected=f"sha256 {sha256[:12]}…",
            found=f"{found[:12]}…",
            do="Restore the file, or train again",
        )
    return path
