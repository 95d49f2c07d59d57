"""How well hulls are found in pictures whose ships are known, by length and shore distance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pipeline.evaluate.settings import Settings
from pipeline.geo import Grid, axis_difference_deg
from pipeline.records import Detection


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueShip:
    """A ship known to be in a scene."""

    scene_id: str
    x_m: float
    """Easting of the centre on the scene's grid."""
    y_m: float
    """Northing of the centre on the scene's grid."""
    length_m: float
    axis_deg: float
    """Clockwise from north, [0, 180); the same north as the detections'."""
    shore_distance_m: float
    is_ignored: bool = False
    """True where the label cannot be trusted: a detection there is neither hit nor false alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundShip:
    """A detection, brought to the scene's grid."""

    scene_id: str
    x_m: float
    y_m: float
    length_m: float
    axis_deg: float
    shore_distance_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Hits, misses and false alarms of one class."""

    hits: int
    misses: int
    false_alarms: int

    @property
    def precision(self) -> float | None:
        """Share of the detections that are ships; None without detections."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """Share of the ships that are detected; None without ships."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two; None where there is nothing to score."""
        return _ratio(2 * self.hits, 2 * self.hits + self.misses + self.false_alarms)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One length class at one distance from the shore."""

    length_class: str
    shore_class: str
    tally: Tally
    length_mae_m: float | None
    length_bias_m: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionScore:
    """The figures; lengths and axes over matched ships of the shortest class and longer."""

    over_100m: Tally
    over_100m_near_shore: Tally
    over_100m_coastal: Tally
    """Near shore and coastal: within the last of the shore edges."""
    from_60_to_100m: Tally
    false_alarms_per_100km2: float | None
    recall: float | None
    """Of all trusted ships of the shortest class and longer."""
    length_mae_m: float | None
    length_bias_m: float | None
    length_mae_150m: float | None
    """The same for ships of 150 m and more, in metres."""
    axis_within_10deg: float | None
    position_rms_m: float | None
    table: tuple[ClassRow, ...]

    def tallies(self, shore_classes: int) -> list[list[Tally]]:
        """By class of length and of shore distance."""
        tallies = [row.tally for row in self.table]
        return [tallies[k : k + shore_classes] for k in range(0, len(tallies), shore_classes)]

    def as_json(self) -> dict[str, float | None]:
        """Headline figures by name; null where there was nothing to measure."""
        return {
            "f1_100m": self.over_100m.f1,
            "f1_60_100m": self.from_60_to_100m.f1,
            "precision_100m": self.over_100m.precision,
            "recall_100m": self.over_100m.recall,
            "f1_100m_near_shore": self.over_100m_near_shore.f1,
            "f1_100m_coastal": self.over_100m_coastal.f1,
            "false_alarms_per_100km2": self.false_alarms_per_100km2,
            "recall": self.recall,
            "length_mae_m": self.length_mae_m,
            "length_mae_150m": self.length_mae_150m,
            "length_bias_m": self.length_bias_m,
            "axis_within_10deg": self.axis_within_10deg,
            "position_rms_m": self.position_rms_m,
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a class for a terminal or a report."""
        lines = [(name, _text(value)) for name, value in self.as_json().items()]
        for row in self.table:
            tally = row.tally
            figures = (
                f"P {_text(tally.precision)} R {_text(tally.recall)} F1 {_text(tally.f1)} "
                f"({tally.hits} hits, {tally.misses} missed, {tally.false_alarms} false alarms), "
                f"length MAE {_text(row.length_mae_m)} m, bias {_text(row.length_bias_m)} m"
            )
            lines.append((f"{row.length_class}, {row.shore_class}", figures))
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What became of each ship and each detection, as indices."""

    hits: tuple[tuple[int, int], ...]
    """(truth, detection)."""
    missed: tuple[int, ...]
    """Truths."""
    false_alarms: tuple[int, ...]
    """Detections."""


def verdicts(
    truths: Sequence[TrueShip], found: Sequence[FoundShip], settings: Settings
) -> Verdicts:
    """Which ships were hit or missed, and which detections are false alarms, as `score` counts."""
    scored = _match(truths, found, settings)
    return Verdicts(
        hits=tuple(scored.pairs),
        missed=tuple(scored.unmatched_truths),
        false_alarms=tuple(scored.false_alarms),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Truth and detections side by side, as arrays."""

    truths: Sequence[TrueShip]
    found: Sequence[FoundShip]
    pairs: list[tuple[int, int]]
    """(truth, detection), detections of scored length on trusted labels only."""
    unmatched_truths: list[int]
    false_alarms: list[int]


def found_ship(detection: Detection, grid: Grid) -> FoundShip:
    """A detection as it is scored, its axis turned to grid north like labels drawn on the grid."""
    x, y = grid.xy_from_px(detection.row_px, detection.col_px)
    turn = grid.convergence_deg(detection.lon, detection.lat)
    return FoundShip(
        scene_id=detection.scene_id,
        x_m=float(x),
        y_m=float(y),
        length_m=detection.length_m,
        axis_deg=(detection.axis_deg - turn) % 180.0,
        shore_distance_m=detection.shore_distance_m,
    )


def score(
    truths: Sequence[TrueShip],
    found: Sequence[FoundShip],
    *,
    water_m2: float,
    settings: Settings,
) -> DetectionScore:
    """Match one to one within each scene and count.

    A pair may lie as far apart as `match_radius_m` or half the ship's length. As labels below the
    shortest class are not exhaustive, a detection shorter than it is neither hit nor false alarm,
    and one that matches a shorter or an ignored label is neither. A class counts the ships of its
    length, what hits them whatever its own length, and unmatched detections of its length.

    Args:
        truths: known ships, all of them: the short ones absorb detections.
        found: detections that were kept.
        water_m2: sea that was searched, for the false-alarm rate.
        settings: class edges and match radius.
    """
    scored = _match(truths, found, settings)
    shortest, middle = settings.length_edges_m[:2]
    near, coastal = settings.shore_edges_m[0], settings.shore_edges_m[-1]
    table = []
    for length_name, lengths in _classes(settings.length_edges_m, open_below=False):
        for shore_name, shores in _classes(settings.shore_edges_m, open_below=True):
            table.append(_row(scored, (length_name, lengths), (shore_name, shores)))
    errors = _length_errors(scored, lambda _: True)
    long = _length_errors(scored, lambda ship: ship.length_m >= settings.long_ship_m)
    axes, offsets = _axis_errors(scored), _offsets(scored)
    return DetectionScore(
        over_100m=_tally(scored, (middle, np.inf), (-np.inf, np.inf)),
        over_100m_near_shore=_tally(scored, (middle, np.inf), (-np.inf, near)),
        over_100m_coastal=_tally(scored, (middle, np.inf), (-np.inf, coastal)),
        from_60_to_100m=_tally(scored, (shortest, middle), (-np.inf, np.inf)),
        false_alarms_per_100km2=_ratio(len(scored.false_alarms), water_m2 / 1e8),
        recall=_ratio(len(scored.pairs), len(scored.pairs) + len(scored.unmatched_truths)),
        length_mae_m=_mean(np.abs(errors)),
        length_bias_m=_mean(errors),
        length_mae_150m=_mean(np.abs(long)),
        axis_within_10deg=_mean(axes <= settings.axis_tolerance_deg),
        position_rms_m=None if not offsets.size else float(np.sqrt(np.mean(offsets**2))),
        table=tuple(table),
    )


def _match(truths: Sequence[TrueShip], found: Sequence[FoundShip], settings: Settings) -> _Scored:
    shortest = settings.length_edges_m[0]
    hits, used, absorbed = [], set(), set()
    scenes = sorted({ship.scene_id for ship in truths} | {ship.scene_id for ship in found})
    for scene_id in scenes:
        rows = [i for i, ship in enumerate(truths) if ship.scene_id == scene_id]
        cols = [j for j, ship in enumerate(found) if ship.scene_id == scene_id]
        for i, j in _assign(truths, found, rows, cols, settings=settings):
            trusted = truths[i].length_m >= shortest and not truths[i].is_ignored
            if trusted and found[j].length_m >= shortest:
                hits.append((i, j))
                used.add(i)
            absorbed.add(j)
    missed = [
        i
        for i, ship in enumerate(truths)
        if i not in used and ship.length_m >= shortest and not ship.is_ignored
    ]
    wrong = [
        j
        for j, ship in enumerate(found)
        if j not in absorbed
        and ship.length_m >= shortest
        and not _on_ignored(ship, truths, settings)
    ]
    return _Scored(truths, found, sorted(hits), missed, wrong)


def _assign(
    truths: Sequence[TrueShip],
    found: Sequence[FoundShip],
    rows: list[int],
    cols: list[int],
    *,
    settings: Settings,
) -> list[tuple[int, int]]:
    """One-to-one pairs of one scene: as many as possible, then as near as possible."""
    if not rows or not cols:
        return []
    gates = np.array([_gate_m(truths[i].length_m, settings) for i in rows])
    x = np.array([truths[i].x_m for i in rows])[:, None] - [found[j].x_m for j in cols]
    y = np.array([truths[i].y_m for i in rows])[:, None] - [found[j].y_m for j in cols]
    share = np.hypot(x, y) / gates[:, None]
    # beyond the gate costs more than all pairs inside it together
    cost = np.where(share <= 1.0, share, float(len(rows) + len(cols) + 1))
    left, right = linear_sum_assignment(cost)
    return [(rows[a], cols[b]) for a, b in zip(left, right, strict=True) if share[a, b] <= 1.0]


def _gate_m(length_m: float, settings: Settings) -> float:
    return max(settings.match_radius_m, settings.match_length_share * length_m)


def _on_ignored(ship: FoundShip, truths: Sequence[TrueShip], settings: Settings) -> bool:
    return any(
        truth.is_ignored
        and truth.scene_id == ship.scene_id
        and np.hypot(truth.x_m - ship.x_m, truth.y_m - ship.y_m)
        <= _gate_m(truth.length_m, settings)
        for truth in truths
    )


def _classes(
    edges_m: tuple[float, ...], *, open_below: bool
) -> list[tuple[str, tuple[float, float]]]:
    """Names and half-open ranges between edges; the last is open above."""
    bounds = [*([-np.inf] if open_below else []), *edges_m, np.inf]
    return [(_range_name(a, b), (a, b)) for a, b in itertools.pairwise(bounds)]


def _range_name(low_m: float, high_m: float) -> str:
    if not np.isfinite(low_m):
        return f"under {high_m:g} m"
    return f"{low_m:g} m and more" if not np.isfinite(high_m) else f"{low_m:g} to {high_m:g} m"


def _tally(scored: _Scored, lengths_m: tuple[float, float], shores_m: tuple[float, float]) -> Tally:
    def within(ship: TrueShip | FoundShip) -> bool:
        return (
            lengths_m[0] <= ship.length_m < lengths_m[1]
            and shores_m[0] <= ship.shore_distance_m < shores_m[1]
        )

    return Tally(
        hits=sum(within(scored.truths[i]) for i, _ in scored.pairs),
        misses=sum(within(scored.truths[i]) for i in scored.unmatched_truths),
        false_alarms=sum(within(scored.found[j]) for j in scored.false_alarms),
    )


def _row(
    scored: _Scored,
    length_class: tuple[str, tuple[float, float]],
    shore_class: tuple[str, tuple[float, float]],
) -> ClassRow:
    (length_name, lengths), (shore_name, shores) = length_class, shore_class
    errors = _length_errors(
        scored,
        lambda ship: (
            lengths[0] <= ship.length_m < lengths[1]
            and shores[0] <= ship.shore_distance_m < shores[1]
        ),
    )
    return ClassRow(
        length_class=length_name,
        shore_class=f"{shore_name} off the shore",
        tally=_tally(scored, lengths, shores),
        length_mae_m=_mean(np.abs(errors)),
        length_bias_m=_mean(errors),
    )


def _length_errors(scored: _Scored, keep: Callable[[TrueShip], bool]) -> NDArray[np.float64]:
    return np.array(
        [
            scored.found[j].length_m - scored.truths[i].length_m
            for i, j in scored.pairs
            if keep(scored.truths[i])
        ]
    )


def _axis_errors(scored: _Scored) -> NDArray[np.float64]:
    truth = np.array([scored.truths[i].axis_deg for i, _ in scored.pairs])
    found = np.array([scored.found[j].axis_deg for _, j in scored.pairs])
    return axis_difference_deg(found, truth)


def _offsets(scored: _Scored) -> NDArray[np.float64]:
    return np.array(
        [
            np.hypot(
                scored.found[j].x_m - scored.truths[i].x_m,
                scored.found[j].y_m - scored.truths[i].y_m,
            )
            for i, j in scored.pairs
        ]
    )


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float | None:
    return float(np.mean(values)) if values.size else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
