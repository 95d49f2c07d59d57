"""Commands around the detector: its scores, images of one's own, labels, training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from pipeline.ais.settings import Settings as AisSettings
from pipeline.cli_common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    LogJsonOption,
    ModelOption,
    Options,
    complain,
    print_score,
    progress_for,
    work,
    work_on,
)
from pipeline.config import Config, load_config
from pipeline.decisions.journal import entries
from pipeline.detect.settings import Settings as DetectSettings
from pipeline.evaluate.match import Bin
from pipeline.evaluate.settings import Settings as EvaluateSettings
from pipeline.jobs.evaluate_ais import evaluate_ais
from pipeline.jobs.evaluate_berths import evaluate_berths
from pipeline.jobs.evaluate_calls import STAGES, evaluate_calls
from pipeline.jobs.evaluate_detection import evaluate_detection
from pipeline.jobs.evaluate_labels import evaluate_labels
from pipeline.jobs.evaluate_match import evaluate_match
from pipeline.jobs.evaluate_radar import evaluate_radar
from pipeline.jobs.evaluate_replay import STAGES as REPLAY_STAGES
from pipeline.jobs.evaluate_replay import evaluate_replay
from pipeline.jobs.evaluate_season import evaluate_season
from pipeline.jobs.evaluate_tanker import evaluate_tanker
from pipeline.jobs.label_radar import labels_from_radar, reference_data
from pipeline.jobs.label_ships import labels_from_drawings, labels_from_run
from pipeline.jobs.open_decisions import open_decisions
from pipeline.jobs.predict import Looking, predict
from pipeline.jobs.queue_review import queued_cases
from pipeline.jobs.reviewed_hulls import ReviewedHulls, decided_hulls, read_decisions
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.jobs.summary import print_failures
from pipeline.jobs.trained import (
    CFAR,
    model_folder,
    named_detector,
    rates_path,
    read_recipe,
    recipe_folder,
    sensor_of,
)
from pipeline.learn.store import Labelled, write_dataset
from pipeline.match.settings import Settings as MatchSettings
from pipeline.model import Inputs, read_model
from pipeline.rates import write_rates
from pipeline.scene.settings import Settings as SceneSettings

SeedsOption = Annotated[
    int, typer.Option(min=1, help="seasons: the configuration's, and others of other seeds")
]
SkipOption = Annotated[
    int, typer.Option(min=0, help="seasons left out at the beginning, as looked at before")
]


class LabelSource(StrEnum):
    """Who says what is a hull."""

    DRAWINGS = "drawings"
    RADAR = "radar"
    AIS = "ais"
    DECISIONS = "decisions"


def season(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Truth against result of a simulated season that has been run.

    Example: darkcall evaluate season --json
    """
    run, story = work((), Options(config=config))
    score = evaluate_season(story.simulated, story.findings, run.config.evaluate)
    print_score(score, as_json=as_json)


def calls(
    config: ConfigOption = DEFAULT_CONFIG,
    seeds: SeedsOption = 1,
    skip: SkipOption = 0,
    plots: Annotated[
        Path | None, typer.Option(help="folder for SVGs: the reliability of the odds")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Dark calls of simulated seasons against their truth; runs what has not been run.

    Example: darkcall evaluate calls --seeds 3 --json
    """

    def run_season(season: Config) -> Story:
        return work_on(season, STAGES)

    score = evaluate_calls(load_config(config), seeds, run_season, skip=skip)
    _plot({f"calls-{name}": bins for name, bins in score.reliability().items()}, plots)
    print_score(score, as_json=as_json)


def replay(
    config: ConfigOption = Path("configs/replay-2024.yaml"),
    seeds: SeedsOption = 1,
    skip: SkipOption = 0,
    drop: Annotated[
        bool, typer.Option("--drop", help="of a season that has ended keep only the figures")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Can the season's numbers be trusted? Their intervals against the truth of replayed seasons.

    Runs what has not been run; a season takes up to half an hour on two cores and leaves 12 GB.

    Example: darkcall evaluate replay --seeds 20 --drop --json
    """

    def run_season(season: Config) -> Story:
        return work_on(season, REPLAY_STAGES)

    score = evaluate_replay(load_config(config), seeds, run_season, skip=skip, drop=drop)
    print_score(score, as_json=as_json)


def _plot(reliability: Mapping[str, Sequence[Bin]], folder: Path | None) -> None:
    """One SVG for each kind of odds."""
    if folder is None:
        return
    from pipeline.review.reliability_plot import reliability_plot  # noqa: PLC0415 - matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    for name, bins in reliability.items():
        points = [(one.said, one.true, one.count) for one in bins]
        drawn = reliability_plot(points, what="came true").svg
        (folder / f"{name}.svg").write_text(drawn, "utf-8")


def detection(
    config: ConfigOption = Path("configs/reference.yaml"),
    model: ModelOption = "s2",
    pictures: Annotated[
        Path | None, typer.Option(help="folder for a contact sheet a port: best and worst")
    ] = None,
    keep_rates: Annotated[
        bool,
        typer.Option(
            "--keep-rates", help="write rates.yaml, which matching reckons with, for both detectors"
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score a model on labelled real images, each port by the fold that never saw it, beside CFAR.

    Example: darkcall evaluate detection --json
    """
    run, story = work(("fetch",), Options(config=config))
    print_failures(Console(stderr=True), story)
    score = evaluate_detection(run, story, model_folder(model), pictures)
    if keep_rates:
        write_rates(score.rates, rates_path(model))
        write_rates(score.cfar_rates, rates_path(CFAR))
    print_score(score, as_json=as_json)


def predict_ships(
    images: Annotated[list[Path], typer.Argument(help="GeoTIFF or JPEG 2000, 10 m")],
    out: Annotated[Path, typer.Option(help="GeoJSON to write")],
    model: ModelOption = "s2",
    bands: Annotated[
        str | None, typer.Option(help="the files' bands in order, as B02,B03,B04,B08; - for others")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    score_min: Annotated[
        float | None, typer.Option(min=0, max=1, help="least probability; default the model's")
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(min=1, max=8, help="ways round each window is looked at; 1 is fastest"),
    ] = None,
    log_json: LogJsonOption = False,
) -> None:
    """Ships in images of your own, as GeoJSON: no workspace, no AIS.

    Example: darkcall predict harbour.tif --model s2 --out ships.geojson
    """
    sensor = sensor_of(model)
    looks = {} if views is None else {"views": {sensor: views}}
    try:
        detect = DetectSettings.model_validate({"device": device, **looks})
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"--{first['loc'][0]}: {first['msg']}") from None
    detector = named_detector(model, sensor, detect)
    looking = Looking(
        sensor=sensor,
        detector=detector,
        bands=tuple(bands.split(",")) if bands else (),
        score_min=detector.reading.score_min if score_min is None else score_min,
        scene=SceneSettings(),
        detect=detect,
    )
    found = predict(images, out, looking, progress_for(log_json=log_json))
    typer.echo(
        f"{found.ships} ships: {out} ({found.looked_at} windows looked at, {found.skipped} without "
        f"water, clear sky or data; {found.on_land} shapes on land left out)"
    )
    for message in found.failed:
        complain(message, found.exit_code)
    raise typer.Exit(found.exit_code)


def label(
    out: Annotated[Path, typer.Option(help="folder to write the data set to")],
    config: ConfigOption = Path("configs/reference.yaml"),
    model: ModelOption = "s2",
    source: Annotated[
        LabelSource,
        typer.Option(
            "--from",
            help="whom to believe: drawings, radar (chips with AIS identity), ais or decisions",
        ),
    ] = LabelSource.DRAWINGS,
    decisions: Annotated[
        Path | None,
        typer.Option(
            help="with --from decisions: CSV of detection_id and verdict; none: the desk's"
        ),
    ] = None,
) -> None:
    """Labels for training, as a YOLO data set: drawn hulls, AIS matches or reviewers' decisions.

    Example: darkcall label --from drawings --out workspace/labels/s2
    """
    if source is not LabelSource.DECISIONS and decisions is not None:
        raise typer.BadParameter("--decisions goes with --from decisions")
    inputs = read_recipe(recipe_folder(model)).inputs
    found = _labelled(source, config, inputs, decisions)
    write_dataset(out, found, bands=inputs.bands)
    hulls = sum(len(image.sources) for image in found)
    typer.echo(f"{len(found)} images, {hulls} hulls: {out}")


def _labelled(
    source: LabelSource, config: Path, inputs: Inputs, decisions: Path | None
) -> list[Labelled]:
    if source is LabelSource.RADAR:
        return labels_from_radar(reference_data(), inputs)
    active = ("fetch",) if source is LabelSource.DRAWINGS else ()
    run, story = work(active, Options(config=config))
    if source is LabelSource.DRAWINGS:
        return labels_from_drawings(run, story, inputs)
    if source is LabelSource.AIS:
        return labels_from_run(run, story, inputs)
    said = _journalled(run, story) if decisions is None else read_decisions(decisions)
    return labels_from_run(run, story, inputs, said)


def _journalled(run: Run, story: Story) -> ReviewedHulls:
    store = open_decisions(run.config)
    try:
        return decided_hulls(queued_cases(story.queued), entries(store))
    finally:
        store.close()


def train(
    data: Annotated[Path, typer.Option(help="folder that `darkcall label` wrote")],
    model: ModelOption = "s2",
    work: Annotated[Path, typer.Option(help="folder for checkpoints and logs")] = Path(
        "workspace/train"
    ),
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default all")] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="only this part (fold-1 … full); may be repeated")
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option(
            help="model whose weights to begin with, each part with those that left out its groups"
        ),
    ] = None,
    log_json: LogJsonOption = False,
) -> None:
    """Train a model by its recipe: folds, full weights, how to read them. Goes on where it stopped.

    Example: darkcall train --model s2 --data workspace/labels/s2
    """
    from pipeline.jobs.train_model import (  # noqa: PLC0415 - torch takes seconds
        Workshop,
        train_model,
    )

    folder = recipe_folder(model)
    workshop = Workshop(
        model_folder=folder,
        work=work / folder.resolve().name,
        threads=threads or os.cpu_count() or 1,
        progress=progress_for(log_json=log_json),
        begin=None if begin is None else read_model(model_folder(begin)),
    )
    described = train_model(data, workshop, only=tuple(part or ()))
    typer.echo("Other parts are left to train" if described is None else f"{described}")


def labels(
    data: Annotated[Path, typer.Option(help="folder that `darkcall label` wrote")],
    model: ModelOption = "s1",
    plot: Annotated[
        Path | None, typer.Option(help="SVG to write: the reliability of the scores")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a model's folds on a data set, each on the groups it never saw.

    Example: darkcall evaluate labels --model s1 --data workspace/labels/s1 --json
    """
    progress = progress_for(log_json=False)
    told = evaluate_labels(model_folder(model), data, progress)
    if plot is not None:
        from pipeline.review.reliability_plot import reliability_plot  # noqa: PLC0415 - matplotlib

        plot.write_text(reliability_plot(told.reliability, what="were ships").svg, "utf-8")
    print_score(told, as_json=as_json)


def radar(
    coast_error_m: Annotated[
        float, typer.Option(min=0, max=100, help="m by which the coast is drawn too far inland")
    ] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """What a radar shape is worth: CFAR on real ships and real coasts, and its calibration.

    Example: darkcall evaluate radar --json
    """
    told = evaluate_radar(
        reference_data(),
        detect=DetectSettings(),
        evaluate=EvaluateSettings(),
        coast_error_m=coast_error_m,
    )
    print_score(told, as_json=as_json)


def berths(
    config: ConfigOption = Path("configs/reference.yaml"), as_json: JsonOption = False
) -> None:
    """Is it a ship or the quay? Real ports held against themselves with their ships painted over.

    Example: darkcall evaluate berths --json
    """
    run, story = work(("fetch",), Options(config=config))
    print_failures(Console(stderr=True), story)
    print_score(evaluate_berths(run, story), as_json=as_json)


def tanker(as_json: JsonOption = False) -> None:
    """Can pixels tell a tanker? Radar against length alone, on ships whose type AIS tells.

    Example: darkcall evaluate tanker --json
    """
    print_score(evaluate_tanker(reference_data(), DetectSettings()), as_json=as_json)


def ais(as_json: JsonOption = False) -> None:
    """Is a gap what it seems? Faults put into real tracks, and what is made of them.

    Example: darkcall evaluate ais --json
    """
    print_score(evaluate_ais(reference_data(), AisSettings()), as_json=as_json)


def match(
    plots: Annotated[
        Path | None, typer.Option(help="folder for SVGs: the reliability of the odds")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Is it that ship? Real pairs among real traffic, and made-up harbours.

    Example: darkcall evaluate match --json
    """
    score = evaluate_match(reference_data(), AisSettings(), MatchSettings())
    reliability = score.reliability().items()
    _plot({f"match-{name.replace(' ', '-')}": bins for name, bins in reliability}, plots)
    print_score(score, as_json=as_json)
