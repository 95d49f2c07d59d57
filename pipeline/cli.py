"""`darkcall …`: one command a stage, `run` for all of them. Errors become exit codes here."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol

import structlog
import typer
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from pipeline.config import Secrets, load_config
from pipeline.detect.settings import Settings as DetectSettings
from pipeline.errors import EXIT_DONE, EXIT_TRY_LATER, EXIT_USAGE, DarkcallError
from pipeline.jobs.contract import Mode
from pipeline.jobs.evaluate_detection import evaluate_detection
from pipeline.jobs.evaluate_labels import evaluate_labels
from pipeline.jobs.evaluate_season import evaluate_season
from pipeline.jobs.evaluate_tanker import evaluate_tanker
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.label_radar import labels_from_radar, reference_data
from pipeline.jobs.label_ships import labels_from_drawings, labels_from_run
from pipeline.jobs.predict import Looking, predict
from pipeline.jobs.progress import BarProgress, LineProgress, Progress
from pipeline.jobs.run import Run, Selection, open_run
from pipeline.jobs.story import STAGES, Story, tell
from pipeline.jobs.summary import print_failures, print_summary
from pipeline.jobs.trained import (
    model_folder,
    named_detector,
    read_recipe,
    recipe_folder,
    sensor_of,
)
from pipeline.learn.store import Labelled, write_dataset
from pipeline.model import Inputs
from pipeline.review.reliability_plot import reliability_plot
from pipeline.scene.settings import Settings as SceneSettings

DEFAULT_CONFIG = Path("configs/demo.yaml")
EXIT_INTERRUPTED = 130
LOG_WIDTH = 150
# Some releases of typer stand on click, later ones carry their own copy: ask typer for the root.
CommandLineError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which tankers called here, when, with their trackers on or off, and how sure are we?",
)
evaluate_app = typer.Typer(
    no_args_is_help=True, help="How right were we, where the truth is known?"
)
app.add_typer(evaluate_app, name="evaluate")


class Score(Protocol):
    """Figures for a machine and for people."""

    def as_json(self) -> dict[str, Any]:
        """One flat object; unknown is None."""
        ...

    def rows(self) -> list[tuple[str, str]]:
        """(what, how much) in words."""
        ...


ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="configuration file")]
SiteOption = Annotated[
    list[str] | None, typer.Option("--site", help="only this site; may be repeated")
]
SinceOption = Annotated[str | None, typer.Option(help="only scenes from this UTC time on")]
UntilOption = Annotated[str | None, typer.Option(help="only scenes before this UTC time")]
ForceOption = Annotated[bool, typer.Option("--force", help="work on items even if they are done")]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="only items that failed before")]
LogJsonOption = Annotated[bool, typer.Option("--log-json", help="one JSON line an item")]
ModelOption = Annotated[str, typer.Option("--model", help="a folder of models/, or a path")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON object as the last line")]


class LabelSource(StrEnum):
    """Who says what is a hull."""

    DRAWINGS = "drawings"
    RADAR = "radar"
    AIS = "ais"
    DECISIONS = "decisions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every stage command takes."""

    config: Path = DEFAULT_CONFIG
    site: Sequence[str] = ()
    since: str | None = None
    until: str | None = None
    force: bool = False
    retry_failed: bool = False
    log_json: bool = False


def _work(active: Sequence[str], options: Options) -> tuple[Run, Story]:
    """Work on the active stages of a configuration."""
    run = open_run(
        load_config(options.config),
        selection=Selection.of(options.site, options.since, options.until),
        mode=Mode(force=options.force, retry_failed=options.retry_failed),
        progress=_progress(log_json=options.log_json),
    )
    try:
        return run, tell(run, frozenset(active))
    finally:
        run.executor.close()


def _progress(*, log_json: bool) -> Progress:
    """Bars for people; lines on standard error for logs, so that standard output stays clean."""
    console = Console(stderr=True)
    if console.is_terminal and not log_json:
        return BarProgress(console)
    shown = structlog.processors.JSONRenderer() if log_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            shown,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return LineProgress()


def _console() -> Console:
    """As wide as the terminal; wide enough for the tables where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=LOG_WIDTH)


def _stage_command(name: str, about: str, active: Sequence[str]) -> None:
    """Each stage is one command with the same options."""

    def command(
        config: ConfigOption = DEFAULT_CONFIG,
        site: SiteOption = None,
        since: SinceOption = None,
        until: UntilOption = None,
        force: ForceOption = False,
        retry_failed: RetryOption = False,
        log_json: LogJsonOption = False,
    ) -> None:
        options = Options(
            config=config,
            site=tuple(site or ()),
            since=since,
            until=until,
            force=force,
            retry_failed=retry_failed,
            log_json=log_json,
        )
        run, story = _work(active, options)
        if "review" in active:
            print_summary(_console(), run, story)
        print_failures(Console(stderr=True), story)
        raise typer.Exit(story.exit_code)

    command.__doc__ = f"{about}\n\nExample: darkcall {name} --config configs/demo.yaml"
    app.command(name)(command)


for _name, _about in (
    ("fetch", "Stage 1: scenes into the workspace, and what each pass saw of each berth."),
    ("detect", "Stage 2: hulls in the scenes, screened across passes."),
    ("ais", "Stage 3: AIS files to tracks, gaps and reception."),
    ("match", "Stage 4: detections against the ships on the air."),
    ("calls", "Stage 5: port calls, seen and dark, with candidates."),
    ("voyages", "Stage 6: voyages and the oil ledger."),
    ("review", "Stage 7: the queue of cases, the report and the STAC catalogue."),
):
    _stage_command(_name, _about, (_name,))
_stage_command("run", "All stages up to a filled review queue, and a summary.", STAGES)
_stage_command("report", "The static HTML report (written with the review queue).", ("review",))


@app.command("config")
def show_config(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Print what holds, and its hash.

    Example: darkcall config --config configs/vostochny.yaml
    """
    held = load_config(config)
    document = held.model_dump(mode="json")
    digest = sha256_json(held.results_depend_on())
    secrets = {name: value is not None for name, value in Secrets().model_dump().items()}
    if as_json:
        print_json({"config": document, "sha256": digest, "secrets_set": secrets})
        return
    typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())
    for name, is_set in secrets.items():
        typer.echo(f"# secret DARKCALL_{name.upper()}: {'set' if is_set else 'not set'}")
    typer.echo(f"# sha256 of what the results depend on: {digest}")


@evaluate_app.command("season")
def season(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Truth against result of a simulated season that has been run.

    Example: darkcall evaluate season --json
    """
    run, story = _work((), Options(config=config))
    score = evaluate_season(story.simulated, story.findings, run.config.evaluate)
    _print_score(score, as_json=as_json)


@evaluate_app.command("detection")
def detection(
    config: ConfigOption = Path("configs/reference.yaml"),
    model: ModelOption = "s2",
    pictures: Annotated[
        Path | None, typer.Option(help="folder for a contact sheet a port: best and worst")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a model on labelled real images, each port by the fold that never saw it, beside CFAR.

    Example: darkcall evaluate detection --json
    """
    run, story = _work(("fetch",), Options(config=config))
    print_failures(Console(stderr=True), story)
    score = evaluate_detection(run, story, model_folder(model), pictures)
    _print_score(score, as_json=as_json)


@app.command("predict")
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
    found = predict(images, out, looking, _progress(log_json=log_json))
    typer.echo(
        f"{found.ships} ships: {out} ({found.looked_at} windows looked at, {found.skipped} without "
        f"water, clear sky or data; {found.on_land} shapes on land left out)"
    )
    for message in found.failed:
        _complain(message, found.exit_code)
    raise typer.Exit(found.exit_code)


@app.command("label")
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
        Path | None, typer.Option(help="CSV of detection_id and verdict, with --from decisions")
    ] = None,
) -> None:
    """Labels for training, as a YOLO data set: drawn hulls, AIS matches or reviewers' decisions.

    Example: darkcall label --from drawings --out workspace/labels/s2
    """
    if (source is LabelSource.DECISIONS) != (decisions is not None):
        raise typer.BadParameter("--decisions goes with --from decisions, and is needed there")
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
    run, story = _work(active, Options(config=config))
    if source is LabelSource.DRAWINGS:
        return labels_from_drawings(run, story, inputs)
    return labels_from_run(run, story, inputs, decisions)


@app.command("train")
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
    log_json: LogJsonOption = False,
) -> None:
    """Train a model by its recipe: folds, full weights, how to read them. Goes on where it stopped.

    Example: darkcall train --model s2 --data workspace/labels/s2
    """
    from pipeline.jobs.train_model import (  # noqa: PLC0415 - torch takes seconds
        Workshop,
        train_model,
    )

    workshop = Workshop(
        model_folder=recipe_folder(model),
        work=work / Path(model).name,
        threads=threads or os.cpu_count() or 1,
        progress=_progress(log_json=log_json),
    )
    described = train_model(model, data, workshop, only=tuple(part or ()))
    typer.echo("Other parts are left to train" if described is None else f"{described}")


@evaluate_app.command("labels")
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
    progress = _progress(log_json=False)
    told = evaluate_labels(model_folder(model), data, progress)
    if plot is not None:
        plot.write_text(reliability_plot(told.reliability, what="were ships").svg, "utf-8")
    _print_score(told, as_json=as_json)


@evaluate_app.command("tanker")
def tanker(as_json: JsonOption = False) -> None:
    """Can pixels tell a tanker? Radar against length alone, on ships whose type AIS tells.

    Example: darkcall evaluate tanker --json
    """
    _print_score(evaluate_tanker(reference_data(), DetectSettings()), as_json=as_json)


def _print_score(score: Score, *, as_json: bool) -> None:
    if as_json:
        print_json(score.as_json())
        return
    width = max(len(label) for label, _ in score.rows())
    for label, value in score.rows():
        typer.echo(f"{label:<{width}}  {value}")


def print_json(value: Any) -> None:
    """One object on one line, the last of standard output."""
    typer.echo(json.dumps(value, sort_keys=True, allow_nan=False))


def main() -> None:
    """The command `darkcall`."""
    try:
        code = app(standalone_mode=False)
    except DarkcallError as error:
        code = _complain(str(error), error.exit_code)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = _complain(str(error), EXIT_TRY_LATER if full else EXIT_USAGE)
    except typer.Abort:
        code = EXIT_INTERRUPTED
    except CommandLineError as error:
        code = _complain(error.format_message(), EXIT_USAGE)  # type: ignore[attr-defined]
    except KeyboardInterrupt:
        code = _complain("Interrupted; run again to go on where it stopped", EXIT_INTERRUPTED)
    sys.exit(code if isinstance(code, int) else EXIT_DONE)


def _complain(message: str, code: int) -> int:
    Console(stderr=True).print(Text(f"darkcall: {message}", style="red"), soft_wrap=True)
    return code
