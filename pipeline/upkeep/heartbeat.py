"""A sign of life to a service that misses it: the only alert that a dead machine can send."""

from __future__ import annotations

import requests

TIMEOUT_S = 10.0


def beat(url: str) -> bool:
    """Ask for the address, which is a secret; False where nobody answered."""
    try:
        return requests.get(url, timeout=TIMEOUT_S, allow_redirects=False).ok
    except requests.RequestException:
        return False
