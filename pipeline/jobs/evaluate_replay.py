"""Can the numbers be trusted? Seasons replayed whose truth is known, each of another seed."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pipeline.config import Config
from pipeline.errors import UsageError
from pipeline.evaluate.calls import pair_claims, rank_of, share
from pipeline.jobs.backup import fingerprints
from pipeline.jobs.evaluate_season import seasons
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.prune import every_lock
from pipeline.jobs.simulate_season import read_truth
from pipeline.jobs.stages import EVERY_STAGE, VERSIONS
from pipeline.jobs.story import Story
from pipeline.records import SeasonEstimate, ZoneRole
from pipeline.sites import load_sites
from pipeline.whole_files import replace_text, sha256_of

STAGES = ("fetch", "detect", "ais", "match", "calls", "voyages")
NAMED_TIERS = ("A", "B")
FIGURES = "replayed.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One season: its truth, and what was said of it."""

    seed: int
    calls_true: int
    """Dark calls of tankers at load berths."""
    calls_seen: int
    """Of those, truly claimed."""
    claims: int
    """At load berths."""
    calls: tuple[float, float, float]
    """5, 50, 95 % points."""
    p_seen: float
    """As predicted, median."""
    two_sensors: tuple[float, float] | None
    """5 and 95 % points by capture and recapture."""
    barrels_true: float
    barrels: tuple[float, float, float]
    """5, 50, 95 % points."""
    true_claims: int
    """At all berths."""
    top1: int
    """Of them, those whose true ship ranks first."""
    false_voyages: int
    """Voyages of tier A or B under the name of a ship that made none."""

    @property
    def calls_hold(self) -> bool:
        """Does the 90 % interval hold the true number?"""
        return self.calls[0] <= self.calls_true <= self.calls[2]

    @property
    def barrels_hold(self) -> bool:
        """Does the 90 % interval hold the true barrels?"""
        return self.barrels[0] <= self.barrels_true <= self.barrels[2]

    @property
    def two_sensors_hold(self) -> bool | None:
        """The same of capture and recapture; None without an overlap."""
        if self.two_sensors is None:
            return None
        return self.two_sensors[0] <= self.calls_true <= self.two_sensors[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayScore:
    """All seasons."""

    runs: tuple[Replayed, ...]

    def as_json(self) -> dict[str, Any]:
        """Headline figures by name, and each run."""
        runs = self.runs
        two = [run.two_sensors_hold for run in runs if run.two_sensors_hold is not None]
        return {
            "runs": len(runs),
            "calls_interval_holds": share(sum(run.calls_hold for run in runs), len(runs)),
            "barrels_interval_holds": share(sum(run.barrels_hold for run in runs), len(runs)),
            "identity_top1": share(
                sum(run.top1 for run in runs), sum(run.true_claims for run in runs)
            ),
            "false_voyages_tier_ab": sum(run.false_voyages for run in runs),
            "p_seen_true": share(
                sum(run.calls_seen for run in runs), sum(run.calls_true for run in runs)
            ),
            "p_seen_predicted": float(np.mean([run.p_seen for run in runs])),
            "claims_true": share(
                sum(run.calls_seen for run in runs), sum(run.claims for run in runs)
            ),
            "two_sensors_interval_holds": share(sum(two), len(two)),
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a season, then the sums."""
        lines = [(f"seed {run.seed}", _line(run)) for run in self.runs]
        return lines + [
            (name, "-" if value is None else f"{value:.3g}")
            for name, value in self.as_json().items()
        ]


def _line(run: Replayed) -> str:
    low, middle, high = run.calls
    few, some, many = (value / 1000.0 for value in run.barrels)
    return (
        f"{run.calls_true} calls, {run.calls_seen} seen in {run.claims} claims; said "
        f"{middle:.0f} ({low:.0f} to {high:.0f}){'' if run.calls_hold else ' MISSED'}; "
        f"{run.barrels_true / 1000.0:,.0f} thousand barrels, said {some:,.0f} "
        f"({few:,.0f} to {many:,.0f}){'' if run.barrels_hold else ' MISSED'}"
    )


def evaluate_replay(
    config: Config,
    seeds: int,
    run_season: Callable[[Config], Story],
    *,
    skip: int = 0,
    drop: bool = False,
) -> ReplayScore:
    """Run some seasons and hold what was said of each against its truth.

    Args:
        config: simulates a season.
        seeds: how many.
        run_season: works on a configuration's stages up to the voyages.
        skip: seasons left out at the beginning.
        drop: of a season that has ended only the figures stay on the disk; but the
            configuration's own stays as it is.

    Raises:
        UsageError: the configuration simulates nothing, or a season left no estimate.
        Locked: another run is at work in a season that is to be dropped.
    """
    return ReplayScore(
        runs=tuple(
            _kept_figures(season)
            or _replay(season, run_season, drop=drop and season.workspace != config.workspace)
            for season in seasons(config, seeds, skip)
        )
    )


def _replay(config: Config, run_season: Callable[[Config], Story], *, drop: bool) -> Replayed:
    found = replayed(run_season(config), config)
    if drop:
        with every_lock(config.workspace):
            told = json.dumps({"key": _key(config), "figures": asdict(found)}, indent=1)
            replace_text(config.workspace / FIGURES, told + "\n")
            for name in EVERY_STAGE:
                shutil.rmtree(config.workspace / name, ignore_errors=True)
    return found


def _kept_figures(config: Config) -> Replayed | None:
    """Of a season that was dropped, made by the same stages from the same settings."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads((config.workspace / FIGURES).read_text(encoding="utf-8"))
        if kept["key"] == _key(config):
            return TypeAdapter(Replayed).validate_python(kept["figures"])
    return None


def _key(config: Config) -> str:
    """What a season's figures depend on."""
    return sha256_json(
        [config.results_depend_on(), VERSIONS, fingerprints(config), sha256_of(config.sites)]
    )


def replayed(story: Story, config: Config) -> Replayed:
    """One season that has been run.

    Raises:
        UsageError: it left no estimate: no dark call was claimed at a load berth.
    """
    assert story.simulated is not None
    assert config.simulate is not None
    truth, found = read_truth(story.simulated), story.findings.read()
    at_load = {
        zone.zone_id
        for site in load_sites(config.sites, config.site_ids)
        for zone in site.zones
        if zone.role is ZoneRole.LOAD
    }
    dark = [call for call in truth.calls if call.is_dark and call.is_tanker]
    claims = [call for call in found.calls if call.is_claim]
    pairs = pair_claims(claims, dark, config.evaluate)
    ranks = [rank_of(claims[i], dark[j].mmsi, found.candidates) for i, j in pairs.items()]
    sailed = {voyage.mmsi for voyage in truth.voyages}
    said = _load_estimate(found.estimates, config)
    two = said.two_sensors_p5, said.two_sensors_p95
    return Replayed(
        seed=config.simulate.seed,
        calls_true=sum(call.zone_id in at_load for call in dark),
        calls_seen=sum(dark[j].zone_id in at_load for j in pairs.values()),
        claims=said.n_claims,
        calls=(said.calls_p5, said.calls_p50, said.calls_p95),
        p_seen=said.p_seen_p50,
        two_sensors=None if two[0] is None or two[1] is None else (two[0], two[1]),
        barrels_true=sum(voyage.barrels for voyage in truth.voyages),
        barrels=(said.barrels_p5 or 0.0, said.barrels_p50 or 0.0, said.barrels_p95 or 0.0),
        true_claims=len(pairs),
        top1=sum(rank == 1 for rank in ranks),
        false_voyages=sum(
            voyage.tier in NAMED_TIERS and voyage.mmsi is not None and voyage.mmsi not in sailed
            for voyage in found.voyages
        ),
    )


def _load_estimate(estimates: Sequence[SeasonEstimate], config: Config) -> SeasonEstimate:
    for row in estimates:
        if row.role == ZoneRole.LOAD and row.site_id is None:
            return row
    raise UsageError(
        "No dark call was claimed at a load berth: nothing to hold against the truth",
        where=config.workspace,
        do="Run the season first; look at its coverage calendar",
    )
