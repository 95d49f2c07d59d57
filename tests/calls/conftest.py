"""A terminal on Vanua Levu, south of the equator and hard by the 180th meridian."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import shapely

from pipeline.calls.settings import Settings
from pipeline.calls.stays import Sighting, Stay, Watch
from pipeline.calls.suspects import Air
from pipeline.calls.visits import Fixes, Visit
from pipeline.heard import (
    Gap,
    Track,
    TrackFix,
)
from pipeline.records import (
    Cargo,
    Coverage,
    Detection,
    Match,
    SeenStay,
    Site,
    Zone,
    ZoneRole,
)
from pipeline.tables import to_table

# The turn of the year falls on day 3.
START = datetime(2023, 12, 29, tzinfo=UTC)
LON, LAT = 179.5, -17.5
HERON, GULL = 520_000_001, 520_000_002


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def place(east_m: float, north_m: float, lon=LON, lat=LAT) -> tuple[float, float]:
    """Metres from a place, good to a metre over a kilometre; longitude in [-180, 180)."""
    east = lon + east_m / (111_320.0 * math.cos(math.radians(lat)))
    return (east + 180.0) % 360.0 - 180.0, lat + north_m / 110_660.0


def zone(name: str, east_m=0.0, north_m=0.0, *, lon=LON, lat=LAT, half=(200.0, 80.0), **other):
    """A box of twice `half` metres; an oil-loading berth unless said otherwise."""
    west, south = place(east_m - half[0], north_m - half[1], lon, lat)
    east, north = place(east_m + half[0], north_m + half[1], lon, lat)
    values = {
        "zone_id": name, "site_id": "labasa", "name": name, "role": ZoneRole.LOAD,
        "cargo": Cargo.OIL_PRODUCTS, "polygon": shapely.box(west, south, east, north),
        "source": "drawn for the test", "digitised_on": "2023-01-01", "is_guess": False,
    }  # fmt: skip
    return Zone(**{**values, **other})


OIL = zone("oil")
DRY = zone("dry", north_m=900.0, cargo=Cargo.DRY)
ROADS = zone(
    "roads", north_m=-4000.0, half=(900.0, 700.0), role=ZoneRole.ANCHORAGE, cargo=Cargo.UNKNOWN
)


def site(*zones: Zone) -> Site:
    return Site(
        site_id="labasa", name="Labasa", country="FJ",
        aoi=shapely.box(LON - 0.06, LAT - 0.06, LON + 0.06, LAT + 0.03),
        zones=zones or (OIL, DRY, ROADS), water=(), land=(), source="drawn for the test",
        digitised_on="2023-01-01",
    )  # fmt: skip


def track(mmsi=HERON, **other) -> Track:
    values = {
        "track_id": f"t{mmsi}", "mmsi": mmsi, "start_at": at(0), "end_at": at(30), "n_fixes": 99,
        "ais_class": "A",
        "imo": None, "name": f"SHIP {mmsi}", "ship_type": 80, "length_m": 92.0, "width_m": 14.0,
    }  # fmt: skip
    return Track(**{**values, **other})


def sail(*fixes, mmsi=HERON, lon=LON, lat=LAT) -> list[TrackFix]:
    """Fixes from (hours, east m, north m, speed m/s or None[, course])."""
    rows = []
    for hours, east_m, north_m, speed, *course in fixes:
        where = place(east_m, north_m, lon, lat)
        rows.append(
            TrackFix(
                track_id=f"t{mmsi}", mmsi=mmsi, sent_at=at(hours / 24.0), lon=where[0],
                lat=where[1], sog_mps=speed, cog_deg=course[0] if course else None,
                heading_deg=None, nav_status=None,
            )
        )  # fmt: skip
    return rows


def table(fixes=()):
    return to_table(TrackFix, fixes)


def visit(in_zone=OIL, mmsi=GULL, *, first: float, last: float) -> Visit:
    """Times in days."""
    return Visit(
        zone=in_zone, track=track(mmsi), before_at=at(first - 0.1), first_at=at(first),
        last_at=at(last), after_at=at(last + 0.1),
    )  # fmt: skip


def coverage(days: float, state="seen", in_zone=OIL) -> Coverage:
    return Coverage(
        site_id="labasa", zone_id=in_zone.zone_id, scene_id=f"pass@{days}", sensor="S2",
        sensed_at=at(days), state=state, clear_fraction=float(state == "seen"),
        cloud_fraction=float(state == "cloudy"), imaged_fraction=1.0,
    )  # fmt: skip


def hull(days: float, east_m=0.0, north_m=0.0, **other) -> Detection:
    lon, lat = place(east_m, north_m)
    values = {
        "detection_id": f"hull@{days}", "scene_id": f"pass@{days}", "site_id": "labasa",
        "sensor": "S2", "sensed_at": at(days), "lon": lon, "lat": lat, "position_sigma_m": 5.0,
        "row_px": 10.0, "col_px": 12.0, "outline_px": [0.0] * 8, "score": 0.95, "length_m": 92.0,
        "length_sigma_m": 5.0, "width_m": 15.0, "width_sigma_m": 3.0, "axis_deg": 90.0,
        "axis_sigma_deg": 3.0, "contrast": 20.0, "p_tanker": 0.8, "p_tanker_basis": "berth",
        "zone_id": "oil", "shore_distance_m": 60.0, "cloud_score": 0.0, "empty_share": 0.05,
        "flags": [],
        "screened": None, "detector": "test", "model_sha256": None, "chip": None,
    }  # fmt: skip
    return Detection(**{**values, **other})


def match(one: Detection, outcome="dark", **other) -> Match:
    values = {
        "match_id": f"m-{one.detection_id}", "detection_id": one.detection_id,
        "scene_id": one.scene_id, "site_id": one.site_id, "sensed_at": one.sensed_at,
        "outcome": outcome, "track_id": None, "mmsi": None, "ship_type": None, "p_match": 0.02,
        "p_dark": 0.97, "llr": None, "term_position": None, "term_length": None,
        "term_axis": None, "term_type": None, "offset_m": None, "ships_heard": 5,
        "p_heard": 0.98, "provisional": False,
    }  # fmt: skip
    return Match(**{**values, **other})


def watch(hulls, passes, *, in_zone=OIL, outcomes=None, visits=()) -> Watch:
    """What `passes` (day → state) showed; outcomes differ from dark where told."""
    told = {one.detection_id: "dark" for one in hulls if one.screened is None}
    by_scene: dict[str, tuple[Detection, ...]] = {}
    for one in hulls:
        by_scene[one.scene_id] = (*by_scene.get(one.scene_id, ()), one)
    return Watch(
        zone=in_zone,
        passes=tuple(coverage(days, state, in_zone) for days, state in sorted(passes.items())),
        detections=by_scene,
        outcomes={**told, **(outcomes or {})},
        visits=tuple(visits),
    )


def stay(*hulls: Detection, in_zone=OIL) -> Stay:
    return Stay(
        zone=in_zone,
        sightings=tuple(Sighting(detection=one, match=match(one)) for one in hulls),
        absent_before_at=None,
        absent_after_at=None,
    )


def gap(off: float, on: float | None, mmsi=HERON, *, end=30.0, **other) -> Gap:
    """A silence that begins and ends 20 km off the berth; times in days."""
    lon, lat = place(0.0, -20_000.0)
    values = {
        "gap_id": f"g{mmsi}@{off}", "mmsi": mmsi, "track_id": f"t{mmsi}", "off_at": at(off),
        "off_lon": lon, "off_lat": lat, "on_at": None if on is None else at(on),
        "on_lon": None if on is None else lon, "on_lat": None if on is None else lat,
        "data_end_at": at(end), "n_expected": 40.0, "n_other_ships": 9, "n_elsewhere": 0,
        "n_hours": 6, "p_silent_if_on": 0.001, "p_silent_low": 1e-4, "p_silent_high": 0.01,
        "reason": "",
        "verdict": "likely off",
    }  # fmt: skip
    return Gap(**{**values, **other})


def air(gaps, *tracks: Track, fixes=(), listed=None, in_view=()) -> Air:
    known = tracks or tuple(track(mmsi) for mmsi in sorted({one.mmsi for one in gaps}))
    return Air(
        gaps=gaps, tracks={one.track_id: one for one in known}, fixes=Fixes.of(table(fixes)),
        listed=listed or {}, in_view=in_view,
    )  # fmt: skip


def seen(one: Stay) -> SeenStay:
    """What is kept of a stay."""
    first = one.sightings[0].detection
    return SeenStay(
        call_id="call", zone_id=one.zone.zone_id, lon=first.lon, lat=first.lat,
        first_at=one.first_at, last_at=one.last_at, p_false=0.05, p_unmatched=0.97, p_unheard=0.0,
        is_dark=True, at_oil_berth=True, on_air_there=False, provisional=False,
        may_be_fixture=False,
    )  # fmt: skip


@pytest.fixture
def made() -> SimpleNamespace:
    """Builders of records, the zones, and two ships' MMSI."""
    return SimpleNamespace(
        at=at, place=place, zone=zone, site=site, track=track, sail=sail, table=table,
        visit=visit, coverage=coverage, hull=hull, match=match, watch=watch, stay=stay, gap=gap,
        air=air, seen=seen, oil=OIL, dry=DRY, roads=ROADS, heron=HERON, gull=GULL,
    )  # fmt: skip


@pytest.fixture
def settings() -> Settings:
    """Round thresholds of the tests' own, so that tuning the defaults moves no test."""
    return Settings(
        stop_begin_mps=0.1, enter_m=40.0, exit_m=200.0, visit_min_s=3600.0,
        stay_mean_s=2.5 * 86400.0, berth_taken=0.15, fleet_length_m=(95.0, 25.0), p_missed=0.15,
        same_berth_m=150.0, same_anchorage_m=500.0, same_min=0.5, speed_max_mps=7.0,
        unknown_weight=3.0, other_silence=0.1, type_odds_other=0.1, type_odds_unknown=0.7,
        listed_odds=5.0, name_odds=2.0, flag_odds={"445": 3.0}, spoofing_odds=0.02, repeats_max=3,
        heading_odds=2.0, heading_min_mps=1.0, p_wrong_length=0.05, length_sigma_share=0.05,
        listed_max=8, named_min=0.5, unheard_hours=3.0, dark_min=0.5, tanker_min=0.5,
        lead_range_m=120_000.0, lead_stay_s=43_200.0,
    )  # fmt: skip
