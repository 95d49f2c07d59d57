"""A recipe and a data set become a model's folder: folds, full weights, and how to read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.jobs.fit_model import describe
from pipeline.jobs.progress import Progress
from pipeline.jobs.trained import read_recipe
from pipeline.learn.dataset import LabelledImage
from pipeline.learn.radar import RadarRenderer
from pipeline.learn.render import Renderer
from pipeline.learn.settings import Recipe
from pipeline.learn.store import read_dataset
from pipeline.learn.train import Advance, ChipSource, train
from pipeline.model import NAME, Model
from pipeline.network import save_network
from pipeline.records import Sensor

FULL = "full"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One training: a fold, or all images."""

    name: str
    held_out: tuple[str, ...]
    """Groups it must not see; none for the full training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where and with what a model is trained."""

    model_folder: Path
    """Holds the recipe and the architecture; the model is written there."""
    work: Path
    """For checkpoints and logs."""
    threads: int
    """CPU threads."""
    progress: Progress
    """Told of each thousand chips."""
    begin: Model | None = None
    """A model to go on from: each part from the weights that left out the same groups."""


def train_model(data: Path, workshop: Workshop, *, only: Sequence[str] = ()) -> Path | None:
    """Train every fold and the full weights, then write down how to read them.

    What is finished is not trained again, and a training that was cut off goes on from its last
    checkpoint; the same seed, data and recipe give the same chips in the same order.

    Args:
        data: folder that `darkcall label` wrote.
        workshop: where and with what.
        only: names of parts (`fold-1` … `full`) to train now, for several processes side by side.

    Returns:
        Path of the description; None where `only` leaves parts out.

    Raises:
        UsageError: recipe missing or wrong, folds that do not fit the data, a folder whose name
            no model can have.
        BadInput: the data set cannot be read.
    """
    name = workshop.model_folder.resolve().name
    if not re.fullmatch(NAME, name):
        raise UsageError(
            "A model is named after its folder, and this one cannot be",
            where=workshop.model_folder,
            expected="small letters, digits and -",
            do="Rename it",
        )
    recipe = read_recipe(workshop.model_folder)
    inputs = recipe.inputs
    images = read_dataset(data, bands=inputs.bands, fill=inputs.stretch.fill)
    every = parts(images, recipe)
    trained = {part: train_part(part, images, recipe, workshop) for part in _chosen(every, only)}
    if len(trained) < len(every):
        return None
    folds = [(part.held_out, path) for part, path in trained.items() if part.held_out]
    full = next(path for part, path in trained.items() if not part.held_out)
    return describe(
        name,
        recipe,
        images,
        folds=folds,
        full=full,
        folder=workshop.model_folder,
        progress=workshop.progress,
    )


def parts(images: Sequence[LabelledImage], recipe: Recipe) -> list[Part]:
    """The folds of a recipe, then the full training.

    Raises:
        UsageError: a fold names a group that no image belongs to, or two folds name one group.
    """
    groups = {image.group for image in images}
    named = [group for fold in recipe.folds for group in fold]
    unknown = sorted(set(named) - groups)
    if unknown or len(set(named)) < len(named):
        raise UsageError(
            "Folds do not fit the data set",
            expected="each group in one fold at most, all of them in the data set",
            found=", ".join(unknown) or "a group twice",
        )
    folds = [
        Part(name=f"fold-{number}", held_out=fold) for number, fold in enumerate(recipe.folds, 1)
    ]
    return [*folds, Part(name=FULL, held_out=())]


def _chosen(every: Sequence[Part], only: Sequence[str]) -> list[Part]:
    names = [part.name for part in every]
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise UsageError("No such part", expected=", ".join(names), found=unknown[0])
    return [part for part in every if not only or part.name in only]


def _source(images: Sequence[LabelledImage], recipe: Recipe) -> ChipSource:
    if recipe.inputs.sensor is Sensor.S1:
        return RadarRenderer(images, recipe.radar, recipe.inputs.stretch)
    return Renderer(images, recipe.render)


def weights_without(part: Part, model: Model) -> Path:
    """Weights of a model that saw nothing of what a part holds out.

    A port or scene that no fold of the model names is new to it.

    Raises:
        UsageError: it has none, or they are damaged.
    """
    folds = model.description.folds
    known = {group for fold in folds for group in fold.held_out} & set(part.held_out)
    if not known:
        return model.checked(model.description.weights)
    for fold in folds:
        if known <= set(fold.held_out):
            return model.checked(fold.weights)
    raise UsageError(
        "Model to begin with has seen what this part is to be scored on",
        where=model.folder,
        expected=f"a fold without {', '.join(sorted(known))}",
        do="Begin with a model of the same folds, or with none",
    )


def train_part(
    part: Part, images: Sequence[LabelledImage], recipe: Recipe, workshop: Workshop
) -> Path:
    """Weights of one part, single precision, in the part's folder under `work`."""
    folder = workshop.work / part.name
    weights = folder / WEIGHTS
    if weights.exists():
        return weights
    folder.mkdir(parents=True, exist_ok=True)
    seen = [image for image in images if image.group not in part.held_out]
    with workshop.progress.stage(part.name, recipe.chips // 1000) as bar:

        def report(at: Advance) -> None:
            bar.done(f"{at.chips} chips", {name: round(1e3 * v) for name, v in at.loss.items()})

        network = train(
            _source(seen, recipe),
            recipe,
            architecture=workshop.model_folder / recipe.architecture,
            folder=folder,
            threads=workshop.threads,
            report=report,
            begin=None if workshop.begin is None else weights_without(part, workshop.begin),
        )
    partial = weights.with_suffix(".part")
    save_network(network, partial, half=False)
    partial.rename(weights)
    return weights
