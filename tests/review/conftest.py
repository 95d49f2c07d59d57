"""Small made-up findings: two ports, one of them south-west of the meridians, and few calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import shapely

from pipeline.heard import Gap
from pipeline.records import (
    AisInView,
    Candidate,
    Cargo,
    Case,
    Coverage,
    Detection,
    LedgerEntry,
    LedgerTotal,
    Match,
    PortCall,
    Site,
    Voyage,
    Zone,
    ZoneRole,
)
from pipeline.review.told import Report

START = datetime(2024, 3, 1, 2, 9, tzinfo=UTC)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def zone(site_id: str, name: str, role: ZoneRole, lon: float, lat: float, **other) -> Zone:
    values = {
        "zone_id": f"{site_id}-{name}", "site_id": site_id, "name": name, "role": role,
        "cargo": Cargo.OIL_PRODUCTS, "polygon": shapely.box(lon, lat, lon + 0.002, lat + 0.001),
        "source": "drawn for the test", "digitised_on": "2024-01-01", "is_guess": False,
    }  # fmt: skip
    return Zone(**{**values, **other})


def site(site_id: str, name: str, west: float, south: float) -> Site:
    return Site(
        site_id=site_id,
        name=name,
        country="ZZ",
        aoi=shapely.box(west, south, west + 0.09, south + 0.05),
        zones=(
            zone(site_id, "oil-1", ZoneRole.LOAD, west + 0.03, south + 0.02),
            zone(site_id, "oil-2", ZoneRole.DISCHARGE, west + 0.03, south + 0.03, is_guess=True),
            zone(site_id, "roads", ZoneRole.ANCHORAGE, west + 0.06, south + 0.01),
        ),
        water=(),
        land=(),
        source="drawn for the test",
        digitised_on="2024-01-01",
    )


def detection(detection_id: str, **other) -> Detection:
    values = {
        "detection_id": detection_id, "scene_id": "north--1", "site_id": "north", "sensor": "S2",
        "sensed_at": at(4), "lon": 132.031, "lat": 42.0205, "position_sigma_m": 12.0,
        "row_px": 10.0, "col_px": 20.0, "outline_px": [0.0] * 8, "score": 0.9, "length_m": 92.0,
        "length_sigma_m": 15.0, "width_m": 15.0, "width_sigma_m": 9.0, "axis_deg": 30.0,
        "axis_sigma_deg": 8.0, "contrast": 9.0, "p_tanker": 0.8, "p_tanker_basis": "berth",
        "zone_id": "north-oil-1", "shore_distance_m": 40.0, "cloud_score": 0.0, "empty_share": 0.05,
        "flags": [],
        "screened": None, "detector": "test 1", "model_sha256": None,
        "chip": f"../../detect/north--1/chips/{detection_id}.png",
    }  # fmt: skip
    return Detection(**{**values, **other})


def match(detection_id: str, outcome: str, p_dark: float, **other) -> Match:
    values = {
        "match_id": f"m-{detection_id}", "detection_id": detection_id, "scene_id": "north--1",
        "site_id": "north", "sensed_at": at(4), "outcome": outcome, "track_id": None, "mmsi": None,
        "ship_type": None, "p_match": 1 - p_dark, "p_dark": p_dark, "llr": None,
        "term_position": None, "term_length": None, "term_axis": None, "term_type": None,
        "offset_m": None, "ships_heard": 6, "p_heard": 0.9, "provisional": False,
    }  # fmt: skip
    return Match(**{**values, **other})


def call(call_id: str, **other) -> PortCall:
    values = {
        "call_id": call_id, "site_id": "north", "zone_id": "north-oil-1", "zone_role": "load",
        "cargo": "oil products", "mmsi": 445_000_001, "ship_name": "GREY HERON", "ship_type": 80,
        "arrival_earliest": at(2), "arrival_latest": at(4), "departure_earliest": at(5),
        "departure_latest": at(7.25), "evidence_class": "GAP_AND_IMAGE", "tier": "B",
        "p_dark": 0.93, "p_tanker": 0.81, "p_ship": 0.62, "length_m": 92.4, "length_sigma_m": 11.0,
        "n_seen": 2, "detection_ids": ["d1", "d2"], "gap_ids": ["g1"], "track_ids": [],
        "counter_evidence": ["length fits two ships"],
    }  # fmt: skip
    return PortCall(**{**values, **other})


def candidate(call_id: str, rank: int, **other) -> Candidate:
    values = {
        "call_id": call_id, "rank": rank, "mmsi": 445_000_000 + rank, "ship_name": "GREY HERON",
        "ship_type": 80, "ship_length_m": 95.0, "gap_id": "g1", "feasible": True,
        "slack_s": 6.0 * 3600, "term_length": 0.4, "term_type": 0.9, "term_listed": 0.0,
        "term_gap": 1.2, "posterior": 0.62, "reason": "silent over the call, length fits",
    }  # fmt: skip
    return Candidate(**{**values, **other})


def gap(gap_id: str, **other) -> Gap:
    values = {
        "gap_id": gap_id, "mmsi": 445_000_001, "track_id": "t1", "off_at": at(1),
        "off_lon": 133.0, "off_lat": 41.5, "on_at": at(9), "on_lon": 133.0, "on_lat": 41.5,
        "data_end_at": at(60), "n_expected": 300.0, "n_other_ships": 7, "n_elsewhere": 0,
        "n_hours": 6,
        "p_silent_if_on": 0.02, "p_silent_low": 0.01, "p_silent_high": 0.04, "reason": "",
        "verdict": "likely off",
    }  # fmt: skip
    return Gap(**{**values, **other})


def voyage(voyage_id: str, load: str | None, discharge: str | None, **other) -> Voyage:
    values = {
        "voyage_id": voyage_id, "load_call_id": load, "discharge_call_id": discharge,
        "load_site_id": load and "north", "discharge_site_id": discharge and "south",
        "mmsi": 445_000_001, "ship_name": "GREY HERON", "is_dark": True, "loaded_at": at(5),
        "discharged_at": at(9), "p_link": 0.71, "length_m": 92.0, "length_sigma_m": 8.0,
        "tier": "B", "cargo_inference": "laden", "cargo_basis": "load berth, then discharge berth",
        "missing": None,
    }  # fmt: skip
    return Voyage(**{**values, **other})


def entry(voyage_id: str, barrels_p50: float = 24_000.0, **other) -> LedgerEntry:
    values = {
        "voyage_id": voyage_id, "counted_at": at(9), "headline": True, "dwt_basis": "length",
        "dwt_p10_t": 2500.0, "dwt_p50_t": 3600.0, "dwt_p90_t": 5000.0,
        "barrels_p10": barrels_p50 * 0.6, "barrels_p50": barrels_p50,
        "barrels_p90": barrels_p50 * 1.5, "barrels_load_33": 9000.0, "barrels_load_60": 16_000.0,
        "barrels_load_90": 24_000.0, "barrels_load_100": 27_000.0,
    }  # fmt: skip
    return LedgerEntry(**{**values, **other})


def total(scope: str, when: datetime, n: int, p50: float, **other) -> LedgerTotal:
    values = {
        "scope": scope, "year": when.year, "counted_at": when, "n_deliveries": n,
        "barrels_p10": 0.6 * p50, "barrels_p50": p50, "barrels_p90": 1.5 * p50,
        "p_cap_exceeded": 0.07,
    }  # fmt: skip
    return LedgerTotal(**{**values, **other})


def look(site_id: str, zone_name: str, sensor: str, days: float, state: str) -> Coverage:
    clear = {"seen": 1.0, "partly": 0.5}.get(state, 0.0)
    return Coverage(
        site_id=site_id,
        zone_id=f"{site_id}-{zone_name}",
        scene_id=f"{site_id}--{sensor}-{days}",
        sensor=sensor,
        sensed_at=at(days),
        state=state,
        clear_fraction=clear,
        cloud_fraction=1.0 - clear if state == "cloudy" else 0.0,
        imaged_fraction=0.0 if state == "not imaged" else 1.0,
    )


def in_view(days: float, **other) -> AisInView:
    values = {
        "scene_id": f"north--{days}", "site_id": "north", "sensed_at": at(days), "track_id": "t9",
        "mmsi": 273_000_009, "lon": 132.06, "lat": 42.012, "sigma_m": 30.0, "status": "not seen",
        "p_detect": 0.9, "detection_id": None,
    }  # fmt: skip
    return AisInView(**{**values, **other})


SITES = (site("north", "Northport", 132.0, 42.0), site("south", "Southport", -70.5, -33.05))


@pytest.fixture
def made() -> SimpleNamespace:
    """Builders of records; every one takes keyword overrides."""
    return SimpleNamespace(
        at=at, site=site, zone=zone, detection=detection, match=match, call=call,
        candidate=candidate, gap=gap, voyage=voyage, entry=entry, total=total, look=look,
        in_view=in_view, sites=SITES,
    )  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with one site's table folder and one chip, d1's."""
    chips = tmp_path / "detect" / "north--1" / "chips"
    chips.mkdir(parents=True)
    (chips / "d1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "screen" / "north").mkdir(parents=True)
    (tmp_path / "review" / "season").mkdir(parents=True)
    return tmp_path


EMPTY = Report(
    title="Test season",
    config_name="test",
    config_sha256="ab" * 32,
    is_simulated=False,
    sites=SITES,
    land={item.site_id: shapely.Polygon() for item in SITES},
    track_lines={},
    chip_root=Path("../../screen"),
    coverage=[], missed=[], detections=[], matches=[], gaps=[], in_view=[], calls=[], candidates=[],
    voyages=[], entries=[], totals=[], groups=[], estimates=[], cadences=[], crossings=[],
    declared=[], region=shapely.Polygon(), cases=[], failures=[],
    rows_set_aside=0,
    truth_rows=None,
)  # fmt: skip


@pytest.fixture
def empty() -> Report:
    """A report of a run that found nothing."""
    return EMPTY


@pytest.fixture
def full() -> Callable[..., Report]:
    """A report of a run that found one dark call with two images, and an AIS visit."""

    def build(**other) -> Report:
        unknown = candidate(
            "c1", 2, mmsi=None, ship_name=None, ship_type=None, ship_length_m=None, gap_id=None,
            slack_s=None, posterior=0.38, reason="no ship we know fits better",
        )  # fmt: skip
        west, south, east, north = SITES[0].aoi.bounds
        report = replace(
            EMPTY,
            land={
                "north": shapely.box(west, south, west + 0.03, north),
                "south": shapely.Polygon(),
            },
            track_lines={"north": [[(west + 0.04, south), (east, north)]]},
            coverage=[
                look("north", "oil-1", "S2", 4, "seen"),
                look("north", "oil-1", "S2", 9, "cloudy"),
                look("north", "oil-1", "S1", 5, "partly"),
                look("north", "oil-2", "S1", 5, "not imaged"),
                look("north", "oil-1", "S1", 17, "seen"),
            ],
            detections=[
                detection("d1"),
                detection("d2", sensor="S1", sensed_at=at(5), length_m=93.0),
            ],
            matches=[match("d1", "dark", 0.94), match("d2", "dark", 0.88)],
            gaps=[gap("g1")],
            calls=[
                call("c1"),
                call(
                    "v1", mmsi=273_000_002, ship_name="LOUD GULL", evidence_class="AIS_VISIT",
                    p_dark=0.0, detection_ids=[], gap_ids=[], counter_evidence=[],
                ),
            ],
            candidates=[unknown, candidate("c1", 1)],
            voyages=[voyage("y1", "c1", None, missing="no discharge call was seen")],
            entries=[entry("y1")],
            totals=[
                total("headline", at(9), 1, 24_000.0),
                total("upper bound", at(9), 1, 24_000.0),
                total("upper bound", at(20), 2, 48_000.0),
            ],
            cases=[
                Case(
                    case_id="case-1", priority=1234.0, kind="spoofing lead", subject_id="t9",
                    site_id="north", zone_id=None, tier=None, question="Was MMSI 273000009 here?",
                    reasons=["2 clear images show no hull"], chips=[], evidence_ids=[],
                    evidence_key="e",
                )
            ],
        )  # fmt: skip
        return replace(report, **other)

    return build
