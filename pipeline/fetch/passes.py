"""Items of a STAC API become passes: what one satellite saw of a site in one flight over it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from shapely import Geometry

from pipeline.errors import BadInput
from pipeline.fetch.stac import ItemHead, read_head
from pipeline.records import Sensor

COVERED = 0.999
"""Share of the site from which no further granule is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One flight over one site."""

    pass_id: str
    """Stays the same when late granules come; another processing baseline is another pass."""
    sensor: Sensor
    platform: str
    """As in STAC: `sentinel-2a`."""
    sensed_at: datetime
    """Of the earliest granule."""
    footprint: Geometry
    documents: tuple[dict[str, Any], ...]
    """Items of the granules that are needed, best first."""


def passes_of(
    documents: Iterable[dict[str, Any]], site: Geometry
) -> tuple[list[Pass], list[tuple[str, BadInput]]]:
    """Passes over a site, by time, and items that are none, with why.

    Granules of one pass are kept together and never mixed with another's. Where two granules show
    the same ground, as neighbouring tiles do, only one is kept; of a granule processed twice, the
    later baseline.

    Args:
        documents: STAC items.
        site: lon/lat polygon.
    """
    rejected: list[tuple[str, BadInput]] = []
    flights: dict[str, list[tuple[ItemHead, dict[str, Any]]]] = {}
    for document in documents:
        try:
            head = read_head(document)
        except BadInput as error:
            rejected.append((str(document.get("id", "item"))[:80], error))
            continue
        if head.footprint.intersects(site):
            flights.setdefault(_flight(head), []).append((head, document))
    made = [_pass(flight, granules, site) for flight, granules in flights.items()]
    return sorted(made, key=lambda one: (one.sensed_at, one.pass_id)), rejected


def _flight(head: ItemHead) -> str:
    """A site is passed by one satellite on one relative orbit once a day at most."""
    satellite = head.platform.replace("sentinel-", "S").upper()
    orbit = f"{head.sensed_at:%H}h" if head.relative_orbit is None else f"R{head.relative_orbit:03}"
    return f"{satellite}_{head.sensed_at:%Y%m%d}_{orbit}"


def _pass(flight: str, granules: list[tuple[ItemHead, dict[str, Any]]], site: Geometry) -> Pass:
    newest: dict[str, tuple[ItemHead, dict[str, Any]]] = {}
    for head, document in sorted(granules, key=lambda pair: pair[0].version):
        newest[head.tile] = (head, document)
    kept = _needed(list(newest.values()), site)
    heads = [head for head, _ in kept]
    baselines = sorted({head.baseline for head in heads if head.baseline})
    version = f"_N{re.sub(r'[^0-9]', '', baselines[-1])}" if baselines else ""
    return Pass(
        pass_id=f"{flight}{version}",
        sensor=heads[0].sensor,
        platform=heads[0].platform,
        sensed_at=min(head.sensed_at for head in heads),
        footprint=shapely.union_all([head.footprint for head in heads]),
        documents=tuple(document for _, document in kept),
    )


def _needed(
    granules: Sequence[tuple[ItemHead, dict[str, Any]]], site: Geometry
) -> list[tuple[ItemHead, dict[str, Any]]]:
    """The fewest granules that show what all of them show of the site, chosen greedily."""
    left, kept = site, []
    rest = sorted(granules, key=lambda pair: pair[0].item_id)
    while rest and left.area > (1.0 - COVERED) * site.area:
        gains = [left.intersection(head.footprint).area for head, _ in rest]
        best = max(range(len(rest)), key=gains.__getitem__)
        if gains[best] <= 1e-6 * site.area:
            break
        kept.append(rest.pop(best))
        left = left.difference(kept[-1][0].footprint)
    return kept or rest[:1]
