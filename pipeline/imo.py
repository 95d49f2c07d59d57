"""IMO numbers: seven digits, of which the last checks the others."""

from __future__ import annotations

from typing import Any


def check_digit(six: Any) -> Any:
    """The digit that belongs to the first six, of a whole number or of an array of them.

    Their sum, weighed 7 to 2, without its tens: IMO resolution A.1117(30).
    """
    return sum((six // 10**place) % 10 * (place + 2) for place in range(6)) % 10
