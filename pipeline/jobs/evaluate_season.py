"""How right was a run on a simulated season?"""

from __future__ import annotations

from collections.abc import Iterator

import pipeline.evaluate.settings
from pipeline.config import Config
from pipeline.errors import UsageError
from pipeline.evaluate.season import SeasonScore, score_season
from pipeline.jobs.contract import StageResult
from pipeline.jobs.findings import Findings, FindingsAt
from pipeline.jobs.simulate_season import TRUTH, read_truth


def evaluate_season(
    simulated: StageResult | None,
    findings: FindingsAt,
    settings: pipeline.evaluate.settings.Settings,
) -> SeasonScore:
    """Truth against result.

    Raises:
        UsageError: the configuration simulates nothing, or the season has not been run.
    """
    if simulated is None:
        raise no_truth()
    if TRUTH not in simulated.done or not findings.voyages:
        raise UsageError(
            "The season has not been run", do="Run `darkcall run` with this configuration first"
        )
    return score_findings(simulated, findings.read(), settings)


def score_findings(
    simulated: StageResult, found: Findings, settings: pipeline.evaluate.settings.Settings
) -> SeasonScore:
    """The score of findings already read."""
    truth = read_truth(simulated)
    return score_season(
        true_calls=truth.calls,
        true_voyages=truth.voyages,
        true_hulls=truth.hulls,
        coverage=found.coverage,
        calls=found.calls,
        candidates=found.candidates,
        voyages=found.voyages,
        entries=found.entries,
        totals=found.totals,
        detections=found.detections,
        settings=settings,
    )


def seasons(config: Config, seeds: int, skip: int = 0) -> Iterator[Config]:
    """A configuration's seasons, each of another seed and in a workspace of its own.

    The first is the configuration's own.

    Args:
        config: simulates a season.
        seeds: how many.
        skip: left out at the beginning: what was looked at while something was chosen.

    Raises:
        UsageError: the configuration simulates nothing.
    """
    if config.simulate is None:
        raise no_truth()
    for number in range(skip, skip + seeds):
        seed = config.simulate.seed + number
        workspace = config.workspace
        if number:
            workspace = workspace.with_name(f"{workspace.name}-seed-{number}")
        yield config.model_copy(
            update={
                "simulate": config.simulate.model_copy(update={"seed": seed}),
                "workspace": workspace,
            }
        )


def no_truth() -> UsageError:
    """What is said of a configuration that simulates nothing."""
    return UsageError(
        "No simulated season, so no truth to compare with",
        do="Use a configuration with `simulate:`",
    )
