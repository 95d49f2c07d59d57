"""Trained models as detectors: which one a sensor's scenes are given to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError

import pipeline.detect.settings
import pipeline.match.settings
from pipeline.detect.cfar import CfarDetector
from pipeline.detect.detector import Detector
from pipeline.detect.yolo import open_yolo
from pipeline.errors import UsageError
from pipeline.learn.settings import Recipe
from pipeline.model import DESCRIPTION, Model, read_model
from pipeline.rates import FILE, read_rates
from pipeline.records import Sensor
from pipeline.whole_files import sha256_of

MODELS = Path(__file__).parents[2] / "models"
CFAR = "cfar"
RECIPE = "recipe.yaml"


def model_folder(name: str) -> Path:
    """Folder of a model, by its name under `models/` or by its path.

    Raises:
        UsageError: neither is there.
    """
    return _holding(name, DESCRIPTION)


def recipe_folder(name: str) -> Path:
    """Folder of a training recipe, by its name under `models/` or by its path.

    Raises:
        UsageError: neither is there.
    """
    return _holding(name, RECIPE)


def rates_path(name: str) -> Path:
    """Where a detector's measured rates stand, or would."""
    return (MODELS / name if name == CFAR else model_folder(name)) / FILE


def with_rates(
    sensor: Sensor,
    detect: pipeline.detect.settings.Settings,
    match: pipeline.match.settings.Settings,
) -> pipeline.match.settings.Settings:
    """Matching with the measured rates of the sensor's detector, where there are any.

    Raises:
        UsageError: its rates do not hold.
    """
    path = rates_path(detect.models[sensor])
    return match.model_copy(update={"rates": read_rates(path)}) if path.exists() else match


def _holding(name: str, file: str) -> Path:
    for folder in (MODELS / name, Path(name)):
        if (folder / file).exists():
            return folder
    known = sorted(path.parent.name for path in MODELS.glob(f"*/{file}"))
    raise UsageError(
        f"No {file} there", where=name, expected=", ".join(known) or "a folder that has one"
    )


def detector_for(sensor: Sensor, settings: pipeline.detect.settings.Settings) -> Detector:
    """The detector that the settings name for a sensor.

    Raises:
        UsageError: no such model, damaged weights, or a model of another sensor.
    """
    return named_detector(settings.models[sensor], sensor, settings)


def named_detector(
    name: str, sensor: Sensor, settings: pipeline.detect.settings.Settings
) -> Detector:
    """A detector by name, for a sensor.

    Raises:
        UsageError: no such model, damaged weights, or a model of another sensor.
    """
    if name == CFAR:
        return CfarDetector(sensor, settings)
    return _opened(name, fingerprint(name), sensor, settings.model_dump_json())


def fingerprint(name: str) -> str:
    """Of a detector: SHA-256 of its description, which names the weights' own; or `cfar`.

    Raises:
        UsageError: no such model.
    """
    return CFAR if name == CFAR else sha256_of(model_folder(name) / DESCRIPTION)


@lru_cache(maxsize=2)
def _opened(name: str, _fingerprint: str, sensor: Sensor, settings_json: str) -> Detector:
    """Kept open from one scene to the next; weights that changed on disk are another model."""
    settings = pipeline.detect.settings.Settings.model_validate_json(settings_json)
    model = read_model(model_folder(name))
    if model.description.sensor is not sensor:
        raise UsageError(
            "Model is for another sensor",
            where=model.folder,
            expected=sensor.value,
            found=model.description.sensor.value,
        )
    return open_yolo(model, settings)


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a model's folder.

    Raises:
        UsageError: missing or wrong.
    """
    path = folder / RECIPE
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError("No recipe there", where=path, do="Name a folder of models/") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError("Recipe cannot be read", where=path, found=error) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise UsageError("Recipe is wrong", where=path, found=f"{place}: {first['msg']}") from None


def sensor_of(name: str) -> Sensor:
    """The sensor a model is for.

    Raises:
        UsageError: no such model, or none that is described.
    """
    return read_model(model_folder(name)).description.sensor


def fold_detectors(
    model: Model, settings: pipeline.detect.settings.Settings
) -> Mapping[str, Detector]:
    """For each group that some fold left out, that fold's detector.

    Raises:
        UsageError: the model has no folds, or their weights are damaged.
    """
    if not model.description.folds:
        raise UsageError(
            "Model has no folds to score", where=model.folder, do="Train it with `darkcall train`"
        )
    found: dict[str, Detector] = {}
    for number, fold in enumerate(model.description.folds):
        detector = open_yolo(model.fold(number), settings)
        found |= dict.fromkeys(fold.held_out, detector)
    return found
