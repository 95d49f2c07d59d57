"""A short season at the invented ports, and a small port of the southern hemisphere."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import pytest
import shapely

from pipeline.geo import to_crs, utm_crs
from pipeline.records import (
    Cargo,
    Site,
    Zone,
    ZoneRole,
)
from pipeline.simulate.broadcast import day_messages
from pipeline.simulate.fleet import Ship, Trade
from pipeline.simulate.hulls import Hull
from pipeline.simulate.settings import Settings
from pipeline.simulate.world import World, build_world
from pipeline.sites import load_sites

DEMO = Path(__file__).parents[2] / "configs/sites/demo.geojson"
SEASON = Settings(n_days=14, n_dark_tankers=5, n_honest_tankers=4, n_cargo=6, n_small_craft=3)
SOUTH = (-74.7, -33.3)
"""lon, lat: near the western edge of UTM zone 18 south, where grid north is 0.16 deg off."""


@pytest.fixture(scope="session")
def season() -> World:
    return build_world(load_sites(DEMO), settings=SEASON)


@pytest.fixture(scope="session")
def long_season() -> World:
    """As busy as the demo: berths are fought over."""
    return build_world(load_sites(DEMO), settings=Settings(n_days=60))


@pytest.fixture(scope="session")
def air(season: World) -> dict[str, list[dict[str, str]]]:
    """Every row of every day, as an ordinary CSV reader sees it, with the file's day."""
    return {feed: rows_of(season, feed) for feed in season.feeds}


def rows_of(world: World, feed: str) -> list[dict[str, str]]:
    rows = []
    for day in world.days:
        text = day_messages(world, feed, day).decode("utf-8")
        rows += [{**row, "day": day.isoformat()} for row in csv.DictReader(io.StringIO(text))]
    return rows


def sent_at(row: dict[str, str]) -> datetime:
    """Time of a row of either provider, naive UTC."""
    if "# Timestamp" in row:
        return datetime.strptime(row["# Timestamp"], "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007
    return datetime.strptime(row["base_date_time"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007


def mmsi_of(row: dict[str, str]) -> str:
    return row["MMSI"] if "MMSI" in row else row["mmsi"]


def a_ship(length_m: float = 120.0, width_m: float = 20.0, **changes: object) -> Ship:
    facts = {
        "mmsi": 299_000_100, "imo": 1_001_009, "name": "AMBER DAWN", "callsign": "ZZ0000",
        "trade": Trade.DARK_TANKER, "length_m": length_m, "width_m": width_m, "dwt_t": 6000.0,
        "speed_kn": 11.0, "said_type": 80, "said_length_m": length_m,
    }  # fmt: skip
    return Ship(**{**facts, **changes})  # type: ignore[arg-type]


def a_hull(lon: float, lat: float, *, ship: Ship | None = None, **changes: float) -> Hull:
    facts = {"heading_deg": 30.0, "course_deg": 30.0, "sog_mps": 0.0, **changes}
    return Hull(ship=ship or a_ship(), lon=lon, lat=lat, **facts)


def box_around(lon: float, lat: float, west: float, south: float, east: float, north: float):
    """A rectangle in metres around a place, as lon/lat."""
    crs = utm_crs(lon, lat)
    middle = to_crs(shapely.Point(lon, lat), target=crs)
    box = shapely.box(middle.x + west, middle.y + south, middle.x + east, middle.y + north)
    return to_crs(box, source=crs, target="EPSG:4326")


def a_port(lon: float = SOUTH[0], lat: float = SOUTH[1], **changes: object) -> Site:
    """2.6 km wide, 1.6 km high; land in the west, one oil berth along its shore, small roads."""

    def zone(zone_id: str, role: ZoneRole, cargo: Cargo, *extent: float) -> Zone:
        return Zone(
            zone_id=zone_id, site_id="south", name=zone_id, role=role, cargo=cargo,
            polygon=box_around(lon, lat, *extent), source="test", digitised_on="2026-11-24",
            is_guess=False,
        )  # fmt: skip

    facts = {
        "site_id": "south", "name": "South", "country": "ZZ",
        "aoi": box_around(lon, lat, -1300, -800, 1300, 800),
        "zones": (
            zone("oil", ZoneRole.LOAD, Cargo.OIL_PRODUCTS, -800, -150, -755, 150),
            zone("roads", ZoneRole.ANCHORAGE, Cargo.UNKNOWN, 0, -700, 1200, 700),
        ),
        "water": (), "land": (box_around(lon, lat, -3000, -3000, -800, 3000),),
        "source": "test", "digitised_on": "2026-11-24",
    }  # fmt: skip
    return Site(**{**facts, **changes})  # type: ignore[arg-type]
