"""Oriented boxes as a network gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Oriented boxes of one view, likeliest first; pixel-edge coordinates, x = col, y = row."""

    xy_px: Floats
    """(n, 2)"""
    length_px: Floats
    """(n,)"""
    width_px: Floats
    """(n,)"""
    angle_rad: Floats
    """(n,) of the long side, from +x towards +y."""
    score: Floats
    """(n,) raw, [0, 1]."""
    extent_px: Floats | None = None
    """(n,) of the backscatter along the box, where that was measured (`extent`)."""

    def __len__(self) -> int:
        return len(self.score)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Found:
        """The boxes an index or a mask picks."""
        return Found(
            xy_px=self.xy_px[index],
            length_px=self.length_px[index],
            width_px=self.width_px[index],
            angle_rad=self.angle_rad[index],
            score=self.score[index],
            extent_px=None if self.extent_px is None else self.extent_px[index],
        )

    def corners_px(self) -> Floats:
        """(n, 4, 2) x, y going round."""
        ahead = np.stack([np.cos(self.angle_rad), np.sin(self.angle_rad)], axis=1)
        abeam = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
        along, side = ahead * self.length_px[:, None] / 2, abeam * self.width_px[:, None] / 2
        signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
        return np.stack([self.xy_px + a * along + b * side for a, b in signs], axis=1)

    @staticmethod
    def joined(parts: Sequence[Found]) -> Found:
        """The boxes of all, one part after the other, not measured yet."""
        return Found(
            xy_px=np.concatenate([part.xy_px for part in parts]),
            length_px=np.concatenate([part.length_px for part in parts]),
            width_px=np.concatenate([part.width_px for part in parts]),
            angle_rad=np.concatenate([part.angle_rad for part in parts]),
            score=np.concatenate([part.score for part in parts]),
        )
