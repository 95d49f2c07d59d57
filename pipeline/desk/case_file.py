"""What the desk shows of one case, ready to be written on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.decided import Said
from pipeline.records import Case

Corners = tuple[tuple[float, float], ...]
"""(x, y) of a box's corners as shares of a picture's sides, from its upper left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the queue shows of a case and is filtered by."""

    case: Case
    place: str
    when: str
    start: datetime
    """First instant the case is about."""
    end: datetime
    sensors: tuple[str, ...]
    ships: tuple[tuple[int, str], ...]
    """MMSI and name of the likeliest candidates, the likeliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hull:
    """A detection as it is drawn over a picture."""

    detection_id: str
    corners: Corners
    is_own: bool
    """Part of the case's evidence."""
    said: str
    """Length, outcome and, where it was set aside, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One pass over the place."""

    scene_id: str
    sensor: str
    platform: str
    sensed_at: datetime
    state: str
    """Of the zone in this pass: `records.CoverageState`."""
    shows: bool
    """A detection of the case was made on it."""
    renditions: tuple[str, ...]
    hulls: tuple[Hull, ...]

    @property
    def is_clear(self) -> bool:
        """Did it see the place?"""
        return self.shows or self.state in ("seen", "partly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A candidate, with its terms in words."""

    rank: int
    mmsi: int | None
    who: str
    posterior: float
    terms: tuple[tuple[str, float], ...]
    """What speaks for and against, in nats: above zero for."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A heading of the explanation, and its sentences."""

    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A case with all that stands behind it."""

    case: Case
    place: str
    lon: float
    lat: float
    side_m: float
    """Side of its pictures on the ground."""
    north_deg: float
    """True north in its pictures, clockwise from up."""
    when: str
    said: Said
    """Kept with each decision: what the machine said at the time."""
    facts: tuple[tuple[str, str], ...]
    suspects: tuple[Suspect, ...]
    explanation: tuple[Part, ...]
    looks: tuple[Look, ...]
    """In time."""
    ground: Mapping[str, Any]
    """GeoJSON collections by name: land, zones, tracks, silences, detections, heard, ellipses."""

    def look(self, scene_id: str) -> Look | None:
        """The pass of a scene, if it is one of the case's."""
        return next((look for look in self.looks if look.scene_id == scene_id), None)

    @property
    def detection_ids(self) -> frozenset[str]:
        """Of all detections on its passes."""
        features = self.ground["detections"]["features"]
        return frozenset(str(feature["properties"]["id"]) for feature in features)

    @property
    def first_shown(self) -> int:
        """Index of the pass that a reader sees first: the first that shows the ship."""
        return next((k for k, look in enumerate(self.looks) if look.shows), 0)


def before_at_after(looks: Sequence[Look], at: int) -> dict[str, dict[str, str | None]]:
    """By sensor: scene ids of the last clear pass before, of the one at, and the first after.

    Args:
        looks: in time.
        at: index of the pass in the middle. The other sensor's middle is that one of its passes
            in the span that shows the ship, is clear, or is nearest in time, in this order.

    The passes before and after are those outside the span in which the ship is shown, so that they
    answer the question: was she there already, was she still there?
    """
    shown = [k for k, look in enumerate(looks) if look.shows] or [at]
    first, last = min(shown[0], at), max(shown[-1], at)
    columns: dict[str, dict[str, str | None]] = {}
    for sensor in sorted({look.sensor for look in looks}):
        own = [k for k, look in enumerate(looks) if look.sensor == sensor]
        clear = [k for k in own if looks[k].is_clear]
        before = next((k for k in reversed(clear) if k < first), None)
        after = next((k for k in clear if k > last), None)
        middle = at if at in own else _nearest(looks, [k for k in own if first <= k <= last], at)
        columns[sensor] = {
            name: None if k is None else looks[k].scene_id
            for name, k in (("before", before), ("at", middle), ("after", after))
        }
    return columns


def _nearest(looks: Sequence[Look], among: Sequence[int], at: int) -> int | None:
    """The pass nearest in time, those that show the ship first."""
    when = looks[at].sensed_at
    return min(
        among,
        key=lambda k: (
            not looks[k].shows,
            not looks[k].is_clear,
            abs((looks[k].sensed_at - when).total_seconds()),
        ),
        default=None,
    )
