"""How right matching is where the truth is known: pairs, dark ships, and its odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Match, Outcome

BINS = 10
"""Of equal width, for reliability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Part of a whole, with both numbers."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """None of nothing."""
        return self.part / self.whole if self.whole else None

    def __str__(self) -> str:
        """For a reader."""
        said = "" if self.value is None else f" ({self.value:.3f})"
        return f"{self.part} of {self.whole}{said}"


@dataclass(slots=True, kw_only=True)
class Verdicts:
    """What was said of detections whose ship is known, one entry each."""

    matched: list[bool] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    """Is the ship named first the true one?"""
    p_match: list[float] = field(default_factory=list)
    on_air: list[bool] = field(default_factory=list)
    dark: list[bool] = field(default_factory=list)
    p_dark: list[float] = field(default_factory=list)

    def add(self, matches: Sequence[Match], truth: Sequence[str | None]) -> None:
        """One scene's matches, and for each the track that is its ship (None: not on the air)."""
        for match, ship in zip(matches, truth, strict=True):
            self.matched.append(match.outcome == Outcome.MATCHED)
            self.right.append(ship is not None and match.track_id == ship)
            self.p_match.append(match.p_match)
            self.on_air.append(ship is not None)
            self.dark.append(match.outcome == Outcome.DARK)
            self.p_dark.append(match.p_dark)

    @property
    def match_precision(self) -> Share:
        """Of those matched, with the right ship."""
        hits = sum(m and r for m, r in zip(self.matched, self.right, strict=True))
        return Share(part=hits, whole=sum(self.matched))

    @property
    def match_recall(self) -> Share:
        """Of those on the air, matched with the right ship."""
        return Share(part=self.match_precision.part, whole=sum(self.on_air))

    @property
    def dark_precision(self) -> Share:
        """Of those called dark, not on the air."""
        return Share(part=self._true_dark, whole=sum(self.dark))

    @property
    def dark_recall(self) -> Share:
        """Of those not on the air, called dark."""
        return Share(part=self._true_dark, whole=len(self.on_air) - sum(self.on_air))

    @property
    def _true_dark(self) -> int:
        return sum(d and not a for d, a in zip(self.dark, self.on_air, strict=True))

    def odds(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Every probability that is printed, and whether what it is of was so."""
        named = [(p, r) for p, r in zip(self.p_match, self.right, strict=True) if p > 0.0]
        said = [p for p, _ in named] + self.p_dark
        true = [r for _, r in named] + [not on_air for on_air in self.on_air]
        return np.array(said), np.array(true, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Probabilities about as high as one another, and how many of them came true."""

    said: float
    true: float
    count: int


def reliability(said: NDArray[np.float64], true: NDArray[np.bool_]) -> list[Bin]:
    """Bins of equal width that hold any."""
    which = np.minimum((said * BINS).astype(int), BINS - 1)
    return [
        Bin(said=float(said[own].mean()), true=float(true[own].mean()), count=int(own.sum()))
        for own in (which == number for number in range(BINS))
        if own.any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error: mean distance of said and true, by how many they are."""
    whole = sum(one.count for one in bins)
    return sum(one.count * abs(one.said - one.true) for one in bins) / whole if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RealScore:
    """Real pairs among real traffic."""

    precision: Share
    """Of the matches that name the pair's hull or its ship."""
    recall: Share
    moving_recall: Share
    """Of ships at 3 kn and more."""
    moving_offset_m: float
    """Median from where she should be shown to the hull, of those."""
    crowd: Verdicts
    """All hulls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A simpler rule's dark ships, on the same harbours."""

    precision: Share
    recall: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchScore:
    """The figures."""

    real: RealScore
    without_doppler: RealScore
    by_age: dict[int, Verdicts]
    """By the greatest age of the reports, min."""
    harbour: Verdicts
    by_density: dict[int, Verdicts]
    """By ships in the same square."""
    any_near: Rule
    nearest: Rule

    def reliability(self) -> dict[str, list[Bin]]:
        """By kind of truth."""
        real = [self.real.crowd, *self.by_age.values()]
        return {
            "real traffic": reliability(*_pooled(real)),
            "simulated harbours": reliability(*_pooled(list(self.by_density.values()))),
        }

    def as_json(self) -> dict[str, float | None]:
        """Headline figures by name."""
        real, bare = self.real, self.without_doppler
        everything = [real.crowd, *self.by_age.values(), *self.by_density.values()]
        ages = {
            f"{name}_to_{age}min": share.value
            for age, own in self.by_age.items()
            for name, share in (("precision", own.match_precision), ("recall", own.match_recall))
        }
        return {
            "pair_precision_10min": real.precision.value,
            "pair_recall_10min": real.recall.value,
            "pair_recall_10min_without_doppler": bare.recall.value,
            "moving_recall": real.moving_recall.value,
            "moving_recall_without_doppler": bare.moving_recall.value,
            "moving_offset_m": real.moving_offset_m,
            "moving_offset_m_without_doppler": bare.moving_offset_m,
            "crowd_precision_10min": real.crowd.match_precision.value,
            "crowd_recall_10min": real.crowd.match_recall.value,
            **ages,
            "harbour_dark_precision": self.harbour.dark_precision.value,
            "harbour_dark_recall": self.harbour.dark_recall.value,
            "harbour_dark_precision_any_1500m": self.any_near.precision.value,
            "harbour_dark_recall_any_1500m": self.any_near.recall.value,
            "harbour_dark_precision_nearest": self.nearest.precision.value,
            "harbour_dark_recall_nearest": self.nearest.recall.value,
            "calibration_error": calibration_error(reliability(*_pooled(everything))),
            **{
                f"calibration_error_{name.split()[0]}": calibration_error(bins)
                for name, bins in self.reliability().items()
            },
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a figure."""
        lines = [
            ("real pairs: matches that are right", str(self.real.precision)),
            ("real pairs: ships matched", str(self.real.recall)),
            ("the same, Doppler term left out", str(self.without_doppler.recall)),
            ("ships under way matched", str(self.real.moving_recall)),
            ("the same, Doppler term left out", str(self.without_doppler.moving_recall)),
            (
                "median offset of those, with and without",
                f"{self.real.moving_offset_m:.0f} m, {self.without_doppler.moving_offset_m:.0f} m",
            ),
        ]
        lines.append(("real traffic around real pairs", _both(self.real.crowd)))
        for age, own in self.by_age.items():
            lines.append((f"real traffic, reports up to {age} min old", _both(own)))
        for ships, own in self.by_density.items():
            lines.append((f"harbour of {ships} ships", _both(own)))
        for name, rule in (
            ("dark = no AIS within 1.5 km", self.any_near),
            ("dark = not the nearest, in turn", self.nearest),
        ):
            lines.append((name, f"precision {rule.precision}, recall {rule.recall}"))
        lines += [
            (name, _number(value)) for name, value in self.as_json().items() if "calib" in name
        ]
        for name, bins in self.reliability().items():
            lines += [
                (f"{name}: said {one.said:.2f}", f"{one.true:.2f} of {one.count}") for one in bins
            ]
        return lines


def _pooled(own: Sequence[Verdicts]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    pairs = [verdicts.odds() for verdicts in own]
    return np.concatenate([said for said, _ in pairs]), np.concatenate([true for _, true in pairs])


def _both(own: Verdicts) -> str:
    return (
        f"matched: precision {own.match_precision}, recall {own.match_recall}; "
        f"dark: precision {own.dark_precision}, recall {own.dark_recall}"
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
