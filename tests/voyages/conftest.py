"""Ports on both sides of the 180th meridian, south of the equator, and calls at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import shapely

from pipeline.records import (
    Candidate,
    Cargo,
    PortCall,
    Site,
    Voyage,
    Zone,
    ZoneRole,
)
from pipeline.voyages.settings import Settings

START = datetime(2024, 3, 1, 2, 9, tzinfo=UTC)
HERON, GULL = 445_000_001, 445_000_002


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def site(site_id: str, role: ZoneRole, lon: float, lat: float, cargo=Cargo.OIL_PRODUCTS) -> Site:
    berth = Zone(
        zone_id=f"{site_id}-oil", site_id=site_id, name="oil", role=role, cargo=cargo,
        polygon=shapely.box(lon - 0.002, lat - 0.001, lon + 0.002, lat + 0.001),
        source="drawn for the test", digitised_on="2024-01-01", is_guess=False,
    )  # fmt: skip
    return Site(
        site_id=site_id, name=site_id, country="ZZ",
        aoi=shapely.box(lon - 0.05, lat - 0.03, lon + 0.05, lat + 0.03), zones=(berth,),
        water=(), land=(), source="drawn for the test", digitised_on="2024-01-01",
    )  # fmt: skip


def call(site_id: str, arrive: float, leave: float, **other) -> PortCall:
    """A dark call; the images before and after lie half a day off. Times in days."""
    role = ZoneRole.LOAD if site_id.startswith("load") else ZoneRole.DISCHARGE
    values = {
        "call_id": f"{site_id}@{arrive}", "site_id": site_id, "zone_id": f"{site_id}-oil",
        "zone_role": str(role), "cargo": "oil products", "mmsi": None, "ship_name": None,
        "ship_type": None, "arrival_earliest": at(arrive - 0.5), "arrival_latest": at(arrive),
        "departure_earliest": at(leave), "departure_latest": at(leave + 0.5),
        "evidence_class": "IMAGE_ONLY", "tier": "C", "p_dark": 0.9, "p_tanker": 0.8,
        "p_ship": 1.0, "length_m": 92.0, "length_sigma_m": 15.0, "n_seen": 1,
        "detection_ids": [], "gap_ids": [], "track_ids": [], "counter_evidence": [],
    }  # fmt: skip
    return PortCall(**{**values, **other})


def visit(site_id: str, arrive: float, leave: float, mmsi: int, **other) -> PortCall:
    values = {
        "evidence_class": "AIS_VISIT", "tier": "A", "mmsi": mmsi, "ship_name": f"SHIP {mmsi}",
        "p_dark": 0.0, "length_sigma_m": None,
    }  # fmt: skip
    return call(site_id, arrive, leave, **{**values, **other})


def suspects(one: PortCall, posteriors: dict[int | None, float], length_m=90.0) -> list[Candidate]:
    ranked = sorted(posteriors, key=lambda ship: -posteriors[ship])
    return [
        Candidate(
            call_id=one.call_id, rank=rank, mmsi=ship, ship_name=ship and f"SHIP {ship}",
            ship_type=ship and 80, ship_length_m=ship and length_m, gap_id=ship and "g",
            feasible=True, slack_s=None, term_length=0.0, term_type=0.0, term_listed=0.0,
            term_gap=0.0, posterior=posteriors[ship], reason="test",
        )
        for rank, ship in enumerate(ranked, start=1)
    ]  # fmt: skip


def voyage(voyage_id: str, **other) -> Voyage:
    values = {
        "voyage_id": voyage_id, "load_call_id": "l", "discharge_call_id": "d",
        "load_site_id": "load", "discharge_site_id": "goal", "mmsi": None, "ship_name": None,
        "is_dark": True, "loaded_at": at(5), "discharged_at": at(9), "p_link": 0.7,
        "length_m": 92.0, "length_sigma_m": 15.0, "tier": "B", "cargo_inference": "laden",
        "cargo_basis": "order", "missing": None,
    }  # fmt: skip
    return Voyage(**{**values, **other})


SITES = (
    # 1.5 degrees of longitude across the 180th meridian at 17.5 S: 159 km, 86 nm
    site("load-west", ZoneRole.LOAD, 179.5, -17.5),
    site("goal-east", ZoneRole.DISCHARGE, -179.0, -17.5),
    # 10 degrees of latitude south of the loading berth: 598 nm
    site("goal-south", ZoneRole.DISCHARGE, 179.5, -27.5),
)


@pytest.fixture
def made() -> SimpleNamespace:
    """Builders of records, the sites, and two ships' MMSI."""
    return SimpleNamespace(
        at=at, site=site, call=call, visit=visit, suspects=suspects, voyage=voyage, sites=SITES,
        heron=HERON, gull=GULL,
    )  # fmt: skip


@pytest.fixture
def settings() -> Settings:
    return Settings()
