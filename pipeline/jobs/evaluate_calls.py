"""How right are the dark calls of simulated seasons, several of them?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pipeline.evaluate.settings
from pipeline.calls.names import candidates, name_calls
from pipeline.calls.settings import Settings as CallsSettings
from pipeline.config import Config
from pipeline.evaluate.calls import CallsScore, pair_claims, rank_of, score_calls
from pipeline.jobs.evaluate_season import seasons
from pipeline.jobs.find_calls import STAYS, SUSPICIONS
from pipeline.jobs.findings import Findings
from pipeline.jobs.simulate_season import Truth, read_truth
from pipeline.jobs.story import Story
from pipeline.records import SeenStay, Suspicion
from pipeline.tables import read_records

STAGES = ("fetch", "detect", "ais", "match", "calls")


def evaluate_calls(
    config: Config, seeds: int, run_season: Callable[[Config], Story], *, skip: int = 0
) -> CallsScore:
    """Run some seasons of a configuration, each of another seed, and add up how right they were.

    Args:
        config: simulates a season.
        seeds: how many; the first is the configuration's own, in its own workspace.
        run_season: works on a configuration's stages up to the calls.
        skip: seasons left out at the beginning.

    Raises:
        UsageError: the configuration simulates nothing.
    """
    scores = [
        score_season_calls(run_season(season), season) for season in seasons(config, seeds, skip)
    ]
    total = scores[0]
    for score in scores[1:]:
        total = total + score
    return total


def score_season_calls(story: Story, config: Config) -> CallsScore:
    """One season that has been run."""
    assert story.simulated is not None
    truth, found = read_truth(story.simulated), story.findings.read()
    score = score_calls(
        true_calls=truth.calls, true_hulls=truth.hulls, calls=found.calls,
        candidates=found.candidates, settings=config.evaluate,
    )  # fmt: skip
    folders = [done.folder for done in story.called.done.values()]
    left_out, unknown_first = _left_out(
        read_records(SeenStay, [folder / STAYS for folder in folders]),
        read_records(Suspicion, [folder / SUSPICIONS for folder in folders]),
        truth, found, config.evaluate, config.calls,
    )  # fmt: skip
    return replace(score, left_out=left_out, unknown_first=unknown_first)


def _left_out(
    stays: Sequence[SeenStay],
    suspicions: Sequence[Suspicion],
    truth: Truth,
    found: Findings,
    evaluate: pipeline.evaluate.settings.Settings,
    calls: CallsSettings,
) -> tuple[int, int]:
    """True claims, and in how many an unknown ship ranks first were the true one not known."""
    dark = [call for call in truth.calls if call.is_dark]
    claims = [call for call in found.calls if call.is_claim]
    pairs = pair_claims(claims, dark, evaluate)
    stay_of = {stay.call_id: stay for stay in stays}
    first = 0
    for ship in sorted({dark[j].mmsi for j in pairs.values()}):
        odds = name_calls(stays, [one for one in suspicions if one.mmsi != ship], calls)
        for i, j in pairs.items():
            if dark[j].mmsi == ship:
                call_id = claims[i].call_id
                rows = candidates(stay_of[call_id], odds[call_id], calls)
                first += rank_of(claims[i], None, rows) == 1
    return len(pairs), first
