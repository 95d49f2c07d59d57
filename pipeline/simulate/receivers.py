"""Who hears what: shore stations with a range and bad hours, and satellites now and then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.geo import distance_m
from pipeline.records import Site
from pipeline.simulate.chance import chance
from pipeline.simulate.settings import Settings
from pipeline.units import DAY_S, HOUR_S, m_from_nautical_miles

BAD_HOUR_SHARE = 0.03
BAD_HOUR_P = 0.25


def station_sites(feed: str, sites: tuple[Site, ...]) -> list[Site]:
    """The stations of a feed: one a site; the middle of the list belongs to both feeds."""
    by_latitude = sorted(sites, key=lambda site: -site.aoi.centroid.y)
    half = (len(by_latitude) + 1) // 2
    return by_latitude[: half + 1] if feed == "north" else by_latitude[max(half - 1, 0) :]


def p_heard(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    t_s: NDArray[np.float64],
    *,
    feed: str,
    sites: tuple[Site, ...],
    settings: Settings,
) -> NDArray[np.float64]:
    """(n,) probability that each message is in the feed."""
    best = np.full(len(t_s), settings.satellite_p_heard)
    reach_m = m_from_nautical_miles(settings.receiver_range_nm)
    for site in station_sites(feed, sites):
        centre = site.aoi.centroid
        near = distance_m(lon, lat, centre.x, centre.y) <= reach_m
        hourly = _station(site, settings)[np.clip(t_s // HOUR_S, 0, None).astype(int)]
        best = np.maximum(best, np.where(near, settings.receiver_p_heard * hourly, 0.0))
    return np.where(_in_outage(t_s, feed, settings), 0.0, best)


def _station(site: Site, settings: Settings) -> NDArray[np.float64]:
    """(hours of the season,) share of its usual hearing a station has."""
    hours = (settings.n_days + 2) * 24
    rng = chance(settings.seed, "station", site.site_id)
    return np.where(rng.random(hours) < BAD_HOUR_SHARE, BAD_HOUR_P, 1.0)


def _in_outage(t_s: NDArray[np.float64], feed: str, settings: Settings) -> NDArray[np.bool_]:
    """One outage a feed, at a different time in the middle of the season."""
    share = 0.42 if feed == "north" else 0.61
    start_s = share * settings.n_days * DAY_S
    return (t_s >= start_s) & (t_s < start_s + settings.outage_days * DAY_S)
