"""Ships that people matched with AIS, and real tracks, out of the reference data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.clock import from_posix
from pipeline.errors import BadInput, UsageError
from pipeline.evaluate.crowd import RealPair, Shape, Traffic
from pipeline.jobs.label_radar import MARKS_LONGER_M, ais_length_m, ship_box
from pipeline.records import Scene, Sensor
from pipeline.units import mps_from_knots

SHIPS = "sar_opensarship/ships.json"
ROADS = "ais/vladivostok/25.02.2016.csv"
INCLINATION_DEG = 98.18
"""Of Sentinel-1's orbit (ESA)."""
ORBIT_M, EARTH_M = 693e3, 6371e3
"""Height of Sentinel-1 and radius of the earth."""
SATELLITE_MPS, GROUND_MPS = 7590.0, 6800.0
EAST_M, NORTH_M = 81_200.0, 111_130.0
"""A degree at 43.1° N."""
FASTEST_MPS = mps_from_knots(40.0)


def read_pairs(reference: Path) -> list[RealPair]:
    """OpenSARShip's ships of ground-range scenes.

    Raises:
        UsageError: they are not there.
        BadInput: they cannot be read.
    """
    path = reference / SHIPS
    if not path.exists():
        raise UsageError("No matched ships there", where=reference, expected=SHIPS)
    try:
        ships: list[Mapping[str, str]] = json.loads(path.read_text(encoding="utf-8"))
        return [_pair(ship) for ship in ships if "GRD" in ship["dir"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("Matched ships cannot be read", where=path, found=repr(error)) from None


def _pair(ship: Mapping[str, str]) -> RealPair:
    sar, ais = "SARShipInformation", "AISShipInformation"
    lon, lat = (float(ship[f"{sar}.Center_{name}"]) for name in ("longitude", "latitude"))
    name = Path(ship["dir"]).parts[1]
    sensed_at = _sensed_at(name, float(ship[f"{sar}.Center_y"]))
    course, heading = float(ship[f"{ais}.Cog"]) / 10.0, float(ship[f"{ais}.True_Head"])
    scene = _scene(name[:32], sensed_at, lon, lat, float(ship[f"{sar}.Incidence"]))
    told = heading if heading < 360.0 else None
    return RealPair(
        scene=scene,
        lon=lon,
        lat=lat,
        mmsi=int(ship[f"{ais}.MMSI"]),
        sent_at=from_posix(float(ship[f"{ais}.Time"])),
        sent_lon=float(ship[f"{ais}.Longitude"]),
        sent_lat=float(ship[f"{ais}.Latitude"]),
        sog_mps=mps_from_knots(float(ship[f"{ais}.Sog"]) / 10.0),
        cog_deg=course if course < 360.0 else None,
        shape=Shape(
            said_m=ais_length_m(ship),
            measured_m=max(_marked_m(ship) - MARKS_LONGER_M, 20.0),
            heading_deg=told,
            axis_off_deg=0.0 if told is None else _off(_axis_deg(ship, scene), told),
            ship_type=int(ship[f"{ais}.Ship_Type"] or 0) or None,
        ),
    )


def _sensed_at(name: str, row_px: float) -> datetime:
    """Of a row of 10 m: the product's name tells the first row's time, the data the middle's."""
    start = datetime.strptime(name[17:32], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return start + timedelta(seconds=10.0 * row_px / GROUND_MPS)


def _scene(name: str, sensed_at: datetime, lon: float, lat: float, incidence_deg: float) -> Scene:
    """With its pass geometry: of a descending pass at six in the morning, else ascending."""
    local_h = (sensed_at.hour + sensed_at.minute / 60.0 + lon / 15.0) % 24.0
    ascends = 12.0 < local_h < 24.0
    turn = math.degrees(
        math.asin(math.cos(math.radians(INCLINATION_DEG)) / math.cos(math.radians(lat)))
    )
    incidence = math.radians(incidence_deg)
    look = math.asin(EARTH_M / (EARTH_M + ORBIT_M) * math.sin(incidence))
    range_m = EARTH_M * math.sin(incidence - look) / math.sin(look)
    return Scene(
        scene_id=name, site_id=name, sensor=Sensor.S1, platform="sentinel-1a", provider="",
        product_ids=(name,), sensed_at=sensed_at, bands=("VV",), gsd_m=10.0, cloud_fraction=None,
        valid_fraction=1.0, orbit_state="ascending" if ascends else "descending",
        heading_deg=(turn if ascends else 180.0 - turn) % 360.0, incidence_deg=incidence_deg,
        range_over_velocity_s=range_m / SATELLITE_MPS,
    )  # fmt: skip


def _marked_m(ship: Mapping[str, str]) -> float:
    """Between the marks, m."""
    ahead = _ahead_px(ship)
    return 10.0 * math.hypot(*ahead)


def _ahead_px(ship: Mapping[str, str]) -> tuple[float, float]:
    """(right, down) from tail to head."""
    box = ship_box(ship)
    right, down = (box[0] + box[1] - box[2] - box[3]) / 2.0
    return float(right), float(down)


def _axis_deg(ship: Mapping[str, str], scene: Scene) -> float:
    """Of the marks, clockwise from north: columns go away from the sensor, rows with its flight."""
    right, down = _ahead_px(ship)
    flight = math.radians(scene.heading_deg or 0.0)
    east = right * math.sin(flight + math.pi / 2.0) + down * math.sin(flight)
    north = right * math.cos(flight + math.pi / 2.0) + down * math.cos(flight)
    return math.degrees(math.atan2(east, north)) % 180.0


def _off(axis_deg: float, heading_deg: float) -> float:
    return (axis_deg - heading_deg + 90.0) % 180.0 - 90.0


def read_traffic(reference: Path) -> Traffic:
    """Two hours and twenty minutes of Vladivostok's roads.

    A report is as old as its `age` says, in minutes; `speed` is in tenths of a knot.

    Raises:
        UsageError: they are not there.
    """
    path = reference / ROADS
    if not path.exists():
        raise UsageError("No real tracks there", where=reference, expected=ROADS)
    table = csv.read_csv(path)
    minute = pc.strptime(table["date_add"], format="%m/%d/%Y %H:%M", unit="s")
    numbers = {name: np.asarray(table[name], np.float64) for name in
               ("lon", "lat", "speed", "course", "age")}  # fmt: skip
    rows = np.stack(
        [
            np.asarray(minute).astype(np.float64) - 60.0 * numbers["age"],
            EAST_M * numbers["lon"],
            NORTH_M * numbers["lat"],
            mps_from_knots(1.0) * numbers["speed"] / 10.0,
            numbers["course"],
        ],
        axis=1,
    )
    ship = np.asarray(table["id_marine"])
    return Traffic(
        tracks=tuple(
            _in_time(rows[(ship == one) & (rows[:, 3] < FASTEST_MPS)]) for one in np.unique(ship)
        )
    )


def _in_time(rows: np.ndarray) -> np.ndarray:
    """One row an instant, in time."""
    _, first = np.unique(rows[:, 0], return_index=True)
    return rows[first]
