"""Random numbers that depend on the seed and a name, never on the order things are made in."""

from __future__ import annotations

import hashlib

import numpy as np


def chance(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for each name."""
    digest = hashlib.sha256(repr((seed, *map(str, names))).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
