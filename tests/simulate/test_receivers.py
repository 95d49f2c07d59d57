"""Who hears what, and when nobody does."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.geo import destination
from pipeline.simulate.receivers import p_heard, station_sites
from pipeline.simulate.settings import Settings
from pipeline.units import DAY_S
from tests.simulate.conftest import a_port

SETTINGS = Settings(n_days=100, receiver_range_nm=40.0, outage_days=0.5)
NORTH, MIDDLE, SOUTH = (
    a_port(lat=lat, site_id=name) for lat, name in ((-30, "n"), (-33, "m"), (-36, "s"))
)
SITES = (SOUTH, NORTH, MIDDLE)
HOURS = np.arange(0.5, 100 * 24) * 3600.0


def heard_at(site, range_nm: float, feed: str, t_s=HOURS):
    centre = site.aoi.centroid
    lon, lat = destination(centre.x, centre.y, 200.0, range_nm * 1852.0)
    many = np.ones(len(t_s))
    return p_heard(many * lon, many * lat, t_s, feed=feed, sites=SITES, settings=SETTINGS)


def test_feeds_share_the_middle_of_the_coast():
    names = {feed: [s.site_id for s in station_sites(feed, SITES)] for feed in ("north", "south")}
    assert names == {"north": ["n", "m", "s"], "south": ["m", "s"]}
    four = (*SITES, a_port(lat=-39, site_id="f"))
    names = {feed: [s.site_id for s in station_sites(feed, four)] for feed in ("north", "south")}
    assert names == {"north": ["n", "m", "s"], "south": ["m", "s", "f"]}
    assert station_sites("north", (SOUTH,)) == station_sites("south", (SOUTH,)) == [SOUTH]


def test_a_station_hears_within_its_range_and_satellites_beyond():
    assert np.median(heard_at(NORTH, 39.9, "north")) == pytest.approx(0.93)
    assert set(heard_at(NORTH, 40.1, "north")) == {0.0, 0.05}
    assert set(heard_at(NORTH, 1.0, "south")) == {0.0, 0.05}, "no station of that feed there"


def test_a_station_has_bad_hours_the_same_for_every_ship():
    near = heard_at(NORTH, 5.0, "north")
    assert set(np.round(near, 6)) == {0.0, 0.2325, 0.93}
    # 3 % of 2400 hours, give or take four standard errors of 0.35 %
    assert 0.016 < np.mean(np.isclose(near, 0.2325)) < 0.044
    assert np.array_equal(near, heard_at(NORTH, 30.0, "north"))


@pytest.mark.parametrize(("feed", "share"), [("north", 0.42), ("south", 0.61)])
def test_one_outage_a_feed_as_long_as_set_and_total(feed, share):
    near = heard_at(MIDDLE, 5.0, feed)
    deaf = HOURS[near == 0.0]
    assert len(deaf) == 12
    assert deaf[0] == pytest.approx(share * 100 * DAY_S, abs=3600)
    assert np.ptp(deaf) == 11 * 3600


def test_no_outage_can_be_asked_for():
    quiet = SETTINGS.model_copy(update={"outage_days": 0.0})
    centre = MIDDLE.aoi.centroid
    many = np.ones(len(HOURS))
    heard = p_heard(
        many * centre.x, many * centre.y, HOURS, feed="north", sites=SITES, settings=quiet
    )
    assert heard.min() > 0
