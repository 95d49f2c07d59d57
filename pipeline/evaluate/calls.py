"""How right the dark calls of a simulated season are: found, true, named, and when they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.evaluate.match import Bin, calibration_error, reliability
from pipeline.evaluate.settings import Settings
from pipeline.records import Candidate, PortCall, TrueCall, TrueHull


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsScore:
    """Counts, so that every share can be checked; seasons add up."""

    claims: int
    """Dark calls of tiers A to C."""
    true_claims: int
    """Of them, those that are a true dark call at that berth; a call split in two is right once."""
    dark_calls: int
    """True dark calls."""
    visible_calls: int
    """Of them, those that some image shows under a clear sky."""
    visible_found: int
    top1: int
    """Of the true claims, those whose true ship ranks first."""
    top3: int
    bracketed: int
    """Of the true claims, those with both ends of the arrival interval."""
    arrivals_held: int
    """Of those, between the last image without and the first with the ship."""
    arrivals_held_90: int
    """Of those, inside the 90 % interval."""
    left_out: int = 0
    """Of the true claims, those weighed once more without the true ship."""
    unknown_first: int = 0
    """Of those, the ones in which a ship we do not know then ranks first."""
    names: tuple[tuple[float, bool], ...] = ()
    """Of the true claims' candidates: posterior, and is it the true ship?"""
    darkness: tuple[tuple[float, bool], ...] = ()
    """Of all dark calls, leads too: P(dark), and was there one?"""

    def __add__(self, other: CallsScore) -> CallsScore:
        """Two seasons."""
        return CallsScore(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )

    def as_json(self) -> dict[str, float | int | None]:
        """One flat object; null where there was nothing to measure."""
        return {
            "dark_precision": share(self.true_claims, self.claims),
            "dark_recall_visible": share(self.visible_found, self.visible_calls),
            "identity_top1": share(self.top1, self.true_claims),
            "identity_top3": share(self.top3, self.true_claims),
            "arrival_coverage_90": share(self.arrivals_held_90, self.bracketed),
            "arrival_in_bracket": share(self.arrivals_held, self.bracketed),
            "unknown_first_when_left_out": share(self.unknown_first, self.left_out),
            **{
                f"calibration_error_{name}": calibration_error(bins)
                for name, bins in self.reliability().items()
            },
            "dark_claims": self.claims,
            "dark_calls_true": self.dark_calls,
            "dark_calls_visible": self.visible_calls,
        }

    def reliability(self) -> dict[str, list[Bin]]:
        """Of the candidates' posteriors and of P(dark)."""
        return {
            name: reliability(
                np.array([p for p, _ in said]), np.array([true for _, true in said], bool)
            )
            for name, said in (("names", self.names), ("dark", self.darkness))
        }

    def rows(self) -> list[tuple[str, str]]:
        """The same in words."""
        unseen = self.dark_calls - self.visible_calls
        found = part(self.visible_found, self.visible_calls, "found")
        lines = [
            ("dark calls claimed (tiers A to C)", part(self.true_claims, self.claims, "true")),
            ("dark calls that a clear image shows", f"{found}; {unseen} more were never shown"),
            ("true ship ranked first", part(self.top1, self.true_claims, "of the true claims")),
            ("true ship among three", part(self.top3, self.true_claims, "of the true claims")),
            (
                "arrival inside its bracket",
                part(self.arrivals_held, self.bracketed, "with both ends"),
            ),
            (
                "arrival inside its 90 % interval",
                part(self.arrivals_held_90, self.bracketed, "with both ends"),
            ),
        ]
        if self.left_out:
            said = part(self.unknown_first, self.left_out, "of the true claims")
            lines.append(("an unknown ship first, the true one left out", said))
        return lines


def score_calls(
    *,
    true_calls: Sequence[TrueCall],
    true_hulls: Sequence[TrueHull],
    calls: Sequence[PortCall],
    candidates: Sequence[Candidate],
    settings: Settings,
) -> CallsScore:
    """Hold a season's dark calls against its truth.

    A claim is a dark call of tier A to C. It is true where a tanker really lay dark at that berth
    while the claim says she was there, give or take `call_tolerance_s`; claims and true calls pair
    one to one. Recall counts only calls that a clear image shows.
    """
    dark = [call for call in true_calls if call.is_dark]
    claims = [call for call in calls if call.is_claim]
    pairs = pair_claims(claims, dark, settings)
    visible = {hull.call_id for hull in true_hulls if hull.is_dark and hull.is_visible}
    ranks = [rank_of(claims[i], dark[j].mmsi, candidates) for i, j in pairs.items()]
    every = [call for call in calls if call.is_dark]
    there = pair_claims(every, dark, settings)
    both = [(claims[i], dark[j]) for i, j in pairs.items() if claims[i].arrival_90 is not None]
    return CallsScore(
        claims=len(claims),
        true_claims=len(pairs),
        dark_calls=len(dark),
        visible_calls=sum(call.call_id in visible for call in dark),
        visible_found=sum(dark[j].call_id in visible for j in pairs.values()),
        top1=sum(rank == 1 for rank in ranks),
        top3=sum(rank is not None and rank <= 3 for rank in ranks),
        bracketed=len(both),
        arrivals_held=sum(_holds(claim, truth) for claim, truth in both),
        arrivals_held_90=sum(_holds_90(claim, truth) for claim, truth in both),
        names=tuple(
            (one.posterior, one.mmsi == dark[j].mmsi)
            for i, j in pairs.items()
            for one in candidates
            if one.call_id == claims[i].call_id and one.mmsi is not None
        ),
        darkness=tuple((call.p_dark, i in there) for i, call in enumerate(every)),
    )


def pair_claims(
    claims: Sequence[PortCall], dark: Sequence[TrueCall], settings: Settings
) -> Mapping[int, int]:
    """Claim → true call, as many as can be, then the nearest in time."""
    if not claims or not dark:
        return {}
    tolerance = timedelta(seconds=settings.call_tolerance_s)
    far = float(len(claims) + len(dark) + 1)
    cost = np.full((len(claims), len(dark)), far)
    for i, claim in enumerate(claims):
        for j, call in enumerate(dark):
            if (
                claim.zone_id == call.zone_id
                and claim.arrival_latest <= call.departed_at + tolerance
                and claim.departure_earliest >= call.arrived_at - tolerance
            ):
                apart = abs((claim.arrival_latest - call.arrived_at).total_seconds())
                cost[i, j] = apart / (apart + settings.call_tolerance_s + 1.0)
    left, right = linear_sum_assignment(cost)
    return {int(i): int(j) for i, j in zip(left, right, strict=True) if cost[i, j] < far}


def rank_of(claim: PortCall, mmsi: int | None, candidates: Sequence[Candidate]) -> int | None:
    """Rank of a ship among all candidates, or of the unknown one (None); None: not listed."""
    own = (one for one in candidates if one.call_id == claim.call_id and one.mmsi == mmsi)
    return min((one.rank for one in own), default=None)


def _holds(claim: PortCall, truth: TrueCall) -> bool:
    earliest = claim.arrival_earliest
    return earliest is not None and earliest <= truth.arrived_at <= claim.arrival_latest


def _holds_90(claim: PortCall, truth: TrueCall) -> bool:
    between = claim.arrival_90
    return between is not None and between[0] <= truth.arrived_at <= between[1]


def share(of: int, whole: int) -> float | None:
    """None of nothing."""
    return of / whole if whole else None


def part(of: int, whole: int, what: str) -> str:
    """In words."""
    return f"{of} of {whole} {what}" + (f" ({of / whole:.0%})" if whole else "")
