"""Can pixels tell a tanker? Radar brightness against length alone, and the prior against AIS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import optimize

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
RIDGE = 1.0
"""On standardised terms; as many as twelve terms meet some two hundred ships."""
ROUNDS = 1000
FAIR_COIN = 0.5
INTERVAL = (5.0, 95.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadarShips:
    """Ships of known type as radar shows them; (n,) arrays."""

    length_m: Floats
    """As measured in the image."""
    brightness: Floats
    """(n, k) terms that describe the ship's brightness, in dB."""
    is_tanker: Truth
    scene: NDArray[np.str_]
    mmsi: NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statics:
    """Ships of known type and size as AIS broadcasts them; (n,) arrays."""

    source: NDArray[np.str_]
    is_tanker: Truth
    prior: Floats
    """What the shipped prior says of such a ship away from any berth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TankerScore:
    """Figures with their intervals (90 %), and the prior's on each source."""

    ships: int
    tankers: int
    auc_length: float
    auc_radar: float
    gain: tuple[float, float, float]
    """Of the area under the curve: value, lower and upper end."""
    brier_length: float
    brier_radar: float
    prior: tuple[tuple[str, int, int, float, float], ...]
    """(source, ships, tankers, the prior's Brier score, that of the plain share of tankers)."""

    def as_json(self) -> dict[str, Any]:
        """Figures by name."""
        value, low, high = self.gain
        return {
            "ships": self.ships,
            "tankers": self.tankers,
            "auc_length": self.auc_length,
            "auc_radar": self.auc_radar,
            "gain": value,
            "gain_p05": low,
            "gain_p95": high,
            "brier_length": self.brier_length,
            "brier_radar": self.brier_radar,
            "prior": {
                name: {"ships": n, "tankers": tankers, "brier": brier, "brier_share": flat}
                for name, n, tankers, brier, flat in self.prior
            },
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a figure."""
        value, low, high = self.gain
        beaten = low > 0 and self.auc_radar > FAIR_COIN
        verdict = "beats length alone" if beaten else "no evidence that it beats length alone"
        return [
            ("radar ships, tankers", f"{self.ships}, {self.tankers}"),
            ("AUC, length alone", f"{self.auc_length:.2f} (Brier {self.brier_length:.3f})"),
            ("AUC, length and brightness", f"{self.auc_radar:.2f} (Brier {self.brier_radar:.3f})"),
            ("gain, 90 % interval", f"{value:+.2f} ({low:+.2f} to {high:+.2f}): {verdict}"),
            *(
                (
                    f"prior on {name}",
                    f"Brier {brier:.3f}, plain share {flat:.3f}; {tankers} of {n} are tankers",
                )
                for name, n, tankers, brier, flat in self.prior
            ),
        ]


def score_tankers(ships: RadarShips, statics: Statics, *, seed: int) -> TankerScore:
    """Score both on ships that were not fitted on.

    Every ship is judged by a logistic regression fitted without its scene and without its MMSI.
    The interval comes of drawing ships (MMSI) anew.
    """
    log_length = np.log(ships.length_m / 100.0)
    by_length = np.stack([log_length, log_length**2], axis=1)
    length = _unseen(by_length, ships)
    radar = _unseen(np.concatenate([by_length, ships.brightness], axis=1), ships)
    truth = ships.is_tanker

    def gained(take: NDArray[np.int64]) -> float:
        scene, is_tanker = ships.scene[take], truth[take]
        return area(radar[take], is_tanker, scene) - area(length[take], is_tanker, scene)

    low, high = _interval(gained, ships, seed)
    return TankerScore(
        ships=len(truth),
        tankers=int(truth.sum()),
        auc_length=area(length, truth, ships.scene),
        auc_radar=area(radar, truth, ships.scene),
        gain=(gained(np.arange(len(truth))), low, high),
        brier_length=_brier(length, truth),
        brier_radar=_brier(radar, truth),
        prior=tuple(_prior(statics)),
    )


def area(score: Floats, truth: Truth, scene: NDArray[np.str_]) -> float:
    """Area under the ROC curve over pairs of one scene: P(tanker scored above another ship).

    Across scenes it would measure which fit a scene was judged by: a scene rich in tankers is
    judged by the fit of the poorer rest.

    Args:
        score: (n,) of each ship.
        truth: (n,) True for tankers.
        scene: (n,) that each ship was seen in.

    Returns:
        The Mann-Whitney statistic over the number of pairs; NaN without a pair.
    """
    above = pairs = 0.0
    for name in np.unique(scene):
        one = scene == name
        tankers = int(truth[one].sum())
        ranks = scipy.stats.rankdata(score[one])
        above += float(ranks[truth[one]].sum()) - tankers * (tankers + 1) / 2.0
        pairs += tankers * (int(one.sum()) - tankers)
    return above / pairs if pairs else float("nan")


def _unseen(terms: Floats, ships: RadarShips) -> Floats:
    """(n,) probability of each ship from a fit that knew neither its scene nor the ship."""
    out = np.zeros(len(terms))
    for scene in np.unique(ships.scene):
        asked = ships.scene == scene
        known = ~asked & ~np.isin(ships.mmsi, ships.mmsi[asked])
        out[asked] = _fitted(terms[known], ships.is_tanker[known])(terms[asked])
    return out


def _fitted(terms: Floats, truth: Truth) -> Callable[[Floats], Floats]:
    """Ridge logistic regression on standardised terms."""
    mean, spread = terms.mean(axis=0), terms.std(axis=0) + 1e-9

    def logit(weights: Floats, of: Floats) -> Floats:
        return np.asarray(weights[0] + ((of - mean) / spread) @ weights[1:])

    def cost(weights: Floats) -> float:
        value = logit(weights, terms)
        penalty = 0.5 * RIDGE * (weights[1:] ** 2).sum()
        return float(np.sum(np.logaddexp(0.0, value) - truth * value) + penalty)

    found = np.asarray(optimize.minimize(cost, np.zeros(terms.shape[1] + 1)).x)
    return lambda of: 1.0 / (1.0 + np.exp(-logit(found, of)))


def _interval(
    figure: Callable[[NDArray[np.int64]], float], ships: RadarShips, seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    names, of = np.unique(ships.mmsi, return_inverse=True)
    rows = [np.flatnonzero(of == number) for number in range(len(names))]
    values = []
    for _ in range(ROUNDS):
        take = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        values.append(figure(take))
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)


def _prior(statics: Statics) -> Sequence[tuple[str, int, int, float, float]]:
    rows = []
    for name in np.unique(statics.source):
        one = statics.source == name
        truth = statics.is_tanker[one]
        # the share of the other sources: what one would say without looking at the ship
        share = float(statics.is_tanker[~one].mean()) if (~one).any() else float(truth.mean())
        flat = np.full(len(truth), share)
        tankers = int(truth.sum())
        prior = _brier(statics.prior[one], truth)
        rows.append((str(name), len(truth), tankers, prior, _brier(flat, truth)))
    return rows


def _brier(probability: Floats, truth: Truth) -> float:
    return float(np.mean((probability - truth) ** 2))
