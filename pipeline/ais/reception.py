"""What the receivers heard near each site, hour by hour.

After Hammond & Peters 2012: a ship heard in the hours before and after was there in between; the
share of such ships heard in the hour itself, with a Beta prior, is the chance that a transmitting
ship is heard. Nothing is assumed of hours in which no such ship tells.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pipeline.ais.hours import ShipHours
from pipeline.ais.settings import Settings
from pipeline.geo import distance_m
from pipeline.heard import Reception
from pipeline.records import Site
from pipeline.units import HOUR_S

LOW_POINT = 0.05


def reception(
    hours: ShipHours, *, sites: tuple[Site, ...], start: datetime, end: datetime, settings: Settings
) -> list[Reception]:
    """One row a site and hour of [start, end).

    Args:
        hours: each ship once an hour.
        sites: whose surroundings are asked about.
        start: first instant; taken down to its hour.
        end: end, exclusive.
        settings: radius and prior.
    """
    first = start.replace(minute=0, second=0, microsecond=0)
    n_hours = max(0, int(np.ceil((end - first).total_seconds() / HOUR_S)))
    at_s = hours.hour * settings.reception_bin_s
    hour = ((at_s - first.timestamp()) // HOUR_S).astype(np.int64)
    rows: list[Reception] = []
    for site in sites:
        centre = site.aoi.centroid
        near = distance_m(hours.lon, hours.lat, centre.x, centre.y) <= settings.reception_radius_m
        near &= (hour >= 0) & (hour < n_hours)
        ships, ship = np.unique(hours.track[near], return_inverse=True)
        counts = np.zeros((n_hours, len(ships)), np.int32)
        np.add.at(counts, (hour[near], ship), hours.n_fixes[near])
        rows += _of_site(site, counts, first, settings)
    return rows


def _of_site(
    site: Site, counts: NDArray[np.int32], first: datetime, settings: Settings
) -> list[Reception]:
    heard = counts > 0
    around = np.zeros_like(heard)
    around[1:-1] = heard[:-2] & heard[2:]
    known = around.sum(axis=1)
    told = (around & heard).sum(axis=1)
    a, b = settings.reception_prior
    p_heard = (a + told) / (a + b + known)
    low = special.betaincinv(a + told, b + known - told, LOW_POINT)
    return [
        Reception(
            site_id=site.site_id,
            hour_at=(first + timedelta(hours=k)).astimezone(UTC),
            n_ships=int(heard[k].sum()),
            n_fixes=int(counts[k].sum()),
            p_heard=float(p_heard[k]),
            p_heard_low=float(low[k]),
        )
        for k in range(len(counts))
    ]
