"""Places for hulls: afloat, inside their zone, with a clear way to the sea."""

from __future__ import annotations

import math

import pytest
import shapely

from pipeline.errors import UsageError
from pipeline.geo import axis_difference_deg, azimuth_deg, destination, distance_m
from pipeline.records import ZoneRole
from pipeline.simulate.harbour import alongside, build_harbour, lie, way_out
from pipeline.sites import load_sites
from tests.simulate.conftest import DEMO, SOUTH, a_port, box_around

PORTS = [build_harbour(site) for site in (*load_sites(DEMO), a_port())]
each_port = pytest.mark.parametrize("harbour", PORTS, ids=lambda one: one.site.site_id)


@each_port
def test_every_place_and_its_way_out_are_afloat(harbour):
    land = shapely.union_all(list(harbour.site.land))
    for place in harbour.places:
        berthed = alongside(place, 16.0)
        assert place.zone.polygon.covers(shapely.Point(berthed)), place.place_id
        way = shapely.LineString([berthed, *way_out(harbour, place)])
        assert way.intersection(land).length == 0, place.place_id


@each_port
def test_hulls_at_neighbouring_places_keep_clear_of_each_other(harbour):
    for one in harbour.places:
        for other in harbour.places:
            if one.place_id < other.place_id:
                apart_m = float(distance_m(one.lon, one.lat, other.lon, other.lat))
                # two swinging circles of 110 m, or two hulls abreast at a jetty
                assert apart_m > (220 if one.quay_deg is None and other.quay_deg is None else 40)


def test_a_hull_lies_against_the_quay_with_a_fender_between():
    """Strip of 45 m along a quay in its west: the centre is half a beam and 2 m off the quay."""
    harbour = PORTS[-1]
    (berth,) = harbour.for_zone(role=ZoneRole.LOAD, oil=True)
    assert float(axis_difference_deg(berth.axis_deg, 0.0)) < 2.0
    quay = shapely.union_all(list(harbour.site.land))
    lon, lat = alongside(berth, 20.0)
    gap_deg = quay.distance(shapely.Point(lon, lat))
    assert gap_deg * 111_320 * math.cos(math.radians(SOUTH[1])) == pytest.approx(12.0, abs=0.5)
    assert not quay.intersects(shapely.Point(destination(lon, lat, 270.0, 11.5)))


def test_ships_leave_towards_the_sea():
    harbour = PORTS[-1]
    seaward = float(azimuth_deg(*SOUTH, harbour.gate_lon, harbour.gate_lat))
    assert abs(seaward - 90.0) < 10.0
    assert not harbour.site.aoi.covers(shapely.Point(harbour.gate_lon, harbour.gate_lat))


def test_a_narrow_anchorage_has_one_place_inside():
    site = a_port()
    narrow = box_around(*SOUTH, 100, -600, 300, 600)
    zones = tuple(
        zone
        if zone.is_berth
        else type(zone)(
            **{name: getattr(zone, name) for name in zone.__slots__ if name != "polygon"},
            polygon=narrow,
        )
        for zone in site.zones
    )
    (place,) = build_harbour(a_port(zones=zones)).for_zone(role=ZoneRole.ANCHORAGE)
    assert narrow.contains(shapely.Point(place.lon, place.lat))


def test_a_port_without_a_drawn_coast_is_refused_in_one_sentence():
    with pytest.raises(UsageError, match=r"coast drawn: south .*`land` polygon"):
        build_harbour(a_port(land=()))


def test_lying_still_begins_and_ends_when_it_should():
    (berth,) = PORTS[-1].for_zone(role=ZoneRole.LOAD)
    first, last = lie(berth, 20.0, start_s=100.0, end_s=5000.0, bow_deg=181.0)
    assert (first.t_s, last.t_s, first.axis_deg) == (100.0, 5000.0, 181.0)
    assert (first.lon, first.lat) == (last.lon, last.lat)
    assert not first.swings
