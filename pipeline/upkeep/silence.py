"""Silence: a site that nothing new comes from, or far less than it is used to.

A feed that stops makes no error. Every tracker then looks switched off, and every berth empty.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from pipeline.clock import format_utc
from pipeline.upkeep.alerts import Alert, Kind
from pipeline.upkeep.settings import Settings


def silences(
    scenes: Mapping[str, Sequence[datetime]],
    heard: Mapping[str, Sequence[datetime]],
    *,
    start: datetime,
    now: datetime,
    settings: Settings,
) -> list[Alert]:
    """An alert for each site and kind of input that has fallen silent or is far below its habit.

    Args:
        scenes: sensing times of fetched passes, by site, in any order.
        heard: hours in which ships were heard, by site, in any order.
        start: when the watch began; nothing was to be expected before.
        now: aware UTC.
        settings: thresholds.
    """
    found = []
    for what, by_site, longest_h, window_days in (
        ("scene", scenes, settings.silence_scenes_h, settings.few_scenes_days),
        ("AIS", heard, settings.silence_ais_h, settings.few_ais_days),
    ):
        for site_id, instants in sorted(by_site.items()):
            said = _silent(sorted(instants), start, now, longest_h) or _few(
                sorted(instants), start, now, timedelta(days=window_days), settings
            )
            if said is not None:
                found.append(
                    Alert(
                        kind=Kind.SILENCE,
                        key=f"silence:{what}:{site_id}",
                        title=f"No {what} from {site_id}" if said[0] else f"Few {what} data from "
                        f"{site_id}",
                        body=said[1],
                    )
                )  # fmt: skip
    return found


def _silent(
    instants: Sequence[datetime], start: datetime, now: datetime, longest_h: float
) -> tuple[bool, str] | None:
    last = instants[-1] if instants else None
    since = start if last is None else last
    hours = (now - since).total_seconds() / 3600.0
    if hours <= longest_h:
        return None
    newest = "none yet" if last is None else format_utc(last)
    return True, (
        f"The newest is of {newest}, {hours:.0f} hours ago; more than {longest_h:.0f} are told. "
        "Until it comes, silent trackers and empty berths there mean nothing."
    )


def _few(
    instants: Sequence[datetime],
    start: datetime,
    now: datetime,
    window: timedelta,
    settings: Settings,
) -> tuple[bool, str] | None:
    windows = int((now - start) / window)
    if windows <= settings.habit_windows or not instants:
        return None

    def within(number: int) -> int:
        """In the window that ended `number` windows ago."""
        end = now - number * window
        first = bisect.bisect_right(instants, end - window)
        return bisect.bisect_right(instants, end) - first

    habit = median(within(number) for number in range(1, windows))
    if within(0) >= settings.few_share * habit:
        return None
    days = window.total_seconds() / 86_400.0
    return False, f"{within(0)} in the last {days:.0f} days; the habit there is {habit:.0f}."
