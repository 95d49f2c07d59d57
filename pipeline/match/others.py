"""What else a detection may be: a ship that is not on the air, or no ship at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.match.settings import Settings

M2_PER_KM2 = 1e6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Others:
    """The density of detections that no ship on the air explains, and the detector's recall."""

    settings: Settings

    def per_m2(self, length_m: Floats, shore_m: Floats) -> Floats:
        """(n,) a m², over the prior density of their length: λ of the likelihood ratio.

        False detections are counted by class of length, and the length term spreads them over all
        lengths by its prior: so each class is divided by its share of that prior.
        """
        row = np.searchsorted(self.settings.rates.length_edges_m, length_m, side="right")
        false = self.settings.rates.false_alarms(length_m, shore_m) / self._class_shares()[row]
        return np.asarray((false + self.settings.dark_per_km2) / M2_PER_KM2)

    def fewest_per_m2(self) -> float:
        """The least of them at any length and place."""
        false = np.array(self.settings.rates.false_per_km2) / self._class_shares()[:, None]
        return float(false.min() + self.settings.dark_per_km2) / M2_PER_KM2

    def log_odds(self, length_m: Floats, shore_m: Floats) -> Floats:
        """(n,) ln of Pd / (1 − Pd)."""
        recall = self.settings.rates.recall_of(length_m, shore_m)
        return np.asarray(np.log(recall / (1.0 - recall)))

    def _class_shares(self) -> Floats:
        mean, spread = self.settings.length_prior_m
        below = [_cdf((edge - mean) / spread) for edge in self.settings.rates.length_edges_m]
        return np.diff([0.0, *below, 1.0])


def _cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
