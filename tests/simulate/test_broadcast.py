"""AIS files as two providers deliver them, read by the standard library's CSV reader."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.geo import distance_m
from pipeline.simulate.broadcast import day_file_name, day_messages
from pipeline.simulate.fleet import Trade
from pipeline.simulate.receivers import p_heard
from pipeline.simulate.world import build_world
from pipeline.sites import load_sites
from pipeline.units import DAY_S
from tests.simulate.conftest import DEMO, SEASON, mmsi_of, rows_of, sent_at

DMA = (
    "# Timestamp,Type of mobile,MMSI,Latitude,Longitude,Navigational status,ROT,SOG,COG,Heading,"
    "IMO,Callsign,Name,Ship type,Cargo type,Width,Length,Type of position fixing device,Draught,"
    "Destination,ETA,Data source type,A,B,C,D"
)
MARINECADASTRE = (
    "mmsi,base_date_time,longitude,latitude,sog,cog,heading,vessel_name,imo,call_sign,vessel_type,"
    "status,length,width,draft,cargo,transceiver"
)


def position(row: dict[str, str]) -> tuple[float, float]:
    if "MMSI" in row:
        return float(row["Longitude"]), float(row["Latitude"])
    return float(row["longitude"]), float(row["latitude"])


def seconds(world, row: dict[str, str]) -> float:
    return world.seconds(sent_at(row).replace(tzinfo=UTC))


def good(rows):
    """Rows a reader keeps: an MMSI and a position."""
    return [row for row in rows if mmsi_of(row) != "garbled" and position(row) != (181.0, 91.0)]


@pytest.mark.parametrize(("feed", "header"), [("north", DMA), ("south", MARINECADASTRE)])
def test_each_provider_has_its_documented_header_and_full_rows(season, feed, header):
    text = day_messages(season, feed, season.days[4]).decode("ascii")
    assert text.splitlines()[0] == header
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) > 500
    assert {len(row) for row in rows} == {len(header.split(","))}


def test_files_are_named_as_the_providers_name_them(season):
    day = season.days[4]
    assert day_file_name("north", day) == "aisdk-2024-03-05.csv"
    assert day_file_name("south", day) == "ais-2024-03-05.csv"


def test_the_same_seed_sends_the_same_bytes_and_another_does_not(season):
    again = build_world(load_sites(DEMO), settings=SEASON)
    other = build_world(load_sites(DEMO), settings=SEASON.model_copy(update={"seed": 1}))
    day = season.days[9]
    first = day_messages(season, "south", day)
    day_messages(again, "north", season.days[2])  # order makes no difference
    assert day_messages(again, "south", day) == first
    assert day_messages(other, "south", day) != first


def test_rows_are_of_their_day_and_in_order_of_time(air):
    for rows in air.values():
        assert {row["day"] for row in rows} == {str(sent_at(row).date()) for row in rows}
        assert all(str(sent_at(row).date()) == row["day"] for row in rows)
        times = [sent_at(row) for row in rows]
        assert times == sorted(times)


def test_dark_ships_send_nothing_while_silent_and_something_before_or_after(season, air):
    sent = defaultdict(list)
    for rows in air.values():
        for row in rows:
            sent[mmsi_of(row)].append(seconds(season, row))
    silences = 0
    for life in season.lives:
        times = np.array(sent[str(life.ship.mmsi)])
        assert len(times) > 50
        for off_s, on_s in life.silences:
            assert not ((times >= off_s) & (times < on_s)).any()
            silences += 1
        for visit in life.visits:
            during = (times >= visit.arrive_s) & (times <= visit.depart_s)
            whole = visit.arrive_s > 0 and visit.depart_s < season.settings.n_days * DAY_S
            if whole:
                assert during.any() != visit.is_dark
    assert silences >= 5


def test_as_many_messages_arrive_as_the_receivers_chances_say(season, air):
    """Sum of the chances of every sending, within five standard deviations."""
    settings = season.settings
    for feed, rows in air.items():
        counted = Counter(mmsi_of(row) for row in rows)
        expected, variance, found = 0.0, 0.0, 0
        for life, track in zip(season.lives, season.tracks, strict=True):
            t_s = np.arange(0.0, settings.n_days * DAY_S, settings.report_interval_s)
            at = track.at(t_s)
            p = p_heard(at.lon, at.lat, t_s, feed=feed, sites=season.sites, settings=settings)
            p = np.where(life.is_silent(t_s), 0.0, p)
            expected, variance = expected + p.sum(), variance + (p * (1 - p)).sum()
            found += counted[str(life.ship.mmsi)]
        # Sendings are jittered by up to 20 s, so borders of range and silence blur by a few.
        assert abs(found - expected) < 5 * variance**0.5 + 60
        assert expected > 5000


def test_nobody_is_heard_in_a_feeds_outage(season, air):
    start_s = 0.42 * season.settings.n_days * DAY_S
    end_s = start_s + season.settings.outage_days * DAY_S
    inside = {
        feed: sum(start_s <= seconds(season, row) < end_s for row in rows)
        for feed, rows in air.items()
    }
    assert inside["north"] == 0
    assert inside["south"] > 0


def test_positions_are_the_tracks_within_the_noise_of_gps(season, air):
    tracks = {str(one.ship.mmsi): at for one, at in zip(season.lives, season.tracks, strict=True)}
    off_m = []
    for rows in air.values():
        for row in good(rows)[::7]:
            at = tracks[mmsi_of(row)].at(np.array([seconds(season, row)]))
            off_m.append(float(distance_m(at.lon[0], at.lat[0], *position(row))))
    # Two axes of 6 m: the root mean square of the distance is 6 * sqrt(2).
    assert np.sqrt(np.mean(np.square(off_m))) == pytest.approx(8.49, rel=0.05)
    assert max(off_m) < 40


def test_faults_are_as_frequent_as_set():
    settings = SEASON.model_copy(
        update={"n_days": 4, "sentinel_share": 0.05, "corrupt_share": 0.02}
    )
    world = build_world(load_sites(DEMO), settings=settings)
    for feed in world.feeds:
        rows = rows_of(world, feed)
        lost = np.mean([position(row) == (181.0, 91.0) for row in rows])
        garbled = np.mean([mmsi_of(row) == "garbled" for row in rows])
        assert lost == pytest.approx(0.05, abs=5 * (0.05 / len(rows)) ** 0.5)
        assert garbled == pytest.approx(0.02, abs=5 * (0.02 / len(rows)) ** 0.5)


def test_each_dialect_leaves_out_what_a_ship_does_not_say(season, air):
    ships = {str(life.ship.mmsi): life.ship for life in season.lives}
    for row in air["north"]:
        if (ship := ships.get(row["MMSI"])) is None:
            continue
        assert row["Type of mobile"] == "Class A"
        assert row["IMO"] == str(ship.imo)
        assert (row["Length"] == "") == (ship.said_length_m == 0)
        assert (row["Heading"] == "") == (ship.trade is Trade.SMALL)
        assert float(row["SOG"]) > 0 or row["COG"] == ""
        if row["Length"]:
            assert int(row["A"]) + int(row["B"]) == int(row["Length"])
            assert int(row["C"]) + int(row["D"]) == int(row["Width"])
    for row in air["south"]:
        if (ship := ships.get(row["mmsi"])) is None:
            continue
        assert row["imo"] == f"IMO{ship.imo}"
        assert (row["heading"] == "511") == (ship.trade is Trade.SMALL)
        assert (row["cog"] == "360.0") == (row["status"] != "0")
        assert row["vessel_type"] == str(ship.said_type)


def test_moored_anchored_and_under_way_are_told_apart(season, air):
    lives = {str(life.ship.mmsi): life for life in season.lives}
    seen = set()
    for row in good(air["north"]):
        visit = season.visit_at(lives[row["MMSI"]], seconds(season, row))
        if visit is not None:
            expected = "Moored" if visit.place.zone.is_berth else "At anchor"
            assert row["Navigational status"] == expected
        elif float(row["SOG"]) >= 0.2:
            assert row["Navigational status"] == "Under way using engine"
        seen.add(row["Navigational status"])
    assert len(seen) == 3


def test_times_are_whole_seconds_of_utc(air):
    assert isinstance(sent_at(air["north"][0]), datetime)
    assert air["north"][0]["# Timestamp"].startswith("01/03/2024 ")
    assert air["south"][0]["base_date_time"].startswith("2024-03-01 ")
