"""Builders of scenes, hulls, ships on the air and hours of reception."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shapely.geometry import box

from pipeline.geo import destination
from pipeline.heard import Reception
from pipeline.match.settings import Settings
from pipeline.records import (
    Detection,
    Prediction,
    Scene,
    Sensor,
    Site,
)

SETTINGS = Settings()
NOON = datetime(2024, 3, 7, 12, 20, tzinfo=UTC)
PORT = (-74.7, -33.3)
"""lon, lat: south and west."""


def place(east_m: float = 0.0, north_m: float = 0.0) -> tuple[float, float]:
    """Metres from the port's middle to lon, lat."""
    lon, lat = destination(*PORT, 90.0, east_m)
    lon, lat = destination(lon, lat, 0.0, north_m)
    return float(lon), float(lat)


def scene(sensor: Sensor = Sensor.S2, **more) -> Scene:
    values = {
        "scene_id": "x", "site_id": "s", "sensor": sensor, "platform": "sentinel", "provider": "p",
        "product_ids": (), "sensed_at": NOON, "bands": (), "gsd_m": 10.0, "cloud_fraction": 0.0,
        "valid_fraction": 1.0,
    }  # fmt: skip
    return Scene(**{**values, **more})


def hull(east_m: float = 0.0, north_m: float = 0.0, name: str = "d", **more) -> Detection:
    lon, lat = place(east_m, north_m)
    values = {
        "detection_id": name, "scene_id": "x", "site_id": "s", "sensor": "S2", "sensed_at": NOON,
        "lon": lon, "lat": lat, "position_sigma_m": 10.0, "row_px": 0.0, "col_px": 0.0,
        "outline_px": [0.0] * 8, "score": 0.9, "length_m": 100.0, "length_sigma_m": 10.0,
        "width_m": 16.0, "width_sigma_m": 3.0, "axis_deg": 20.0, "axis_sigma_deg": 4.0,
        "contrast": 9.0, "p_tanker": 0.5, "p_tanker_basis": "image", "zone_id": None,
        "shore_distance_m": 300.0, "cloud_score": 0.0, "empty_share": 0.05,
        "flags": [], "screened": None,
        "detector": "t", "model_sha256": None, "chip": None,
    }  # fmt: skip
    return Detection(**{**values, **more})


def ship(east_m: float = 0.0, north_m: float = 0.0, name: str = "t", **more) -> Prediction:
    lon, lat = place(east_m, north_m)
    values = {
        "track_id": name, "mmsi": 273312000, "ship_type": None, "length_m": 100.0, "width_m": 16.0,
        "lon": lon, "lat": lat, "course_deg": None, "heading_deg": 20.0, "sog_mps": 0.0,
        "sigma_along_m": 40.0, "sigma_cross_m": 40.0, "p_astray": 0.0, "sigma_astray_m": 40.0,
        "fix_age_s": 60.0, "bracketed": True,
    }  # fmt: skip
    return Prediction(**{**values, **more})


def hours(p_low: float = 0.9, n_ships: int = 25, around: int = 4) -> list[Reception]:
    first = NOON.replace(minute=0)
    return [
        Reception(
            site_id="s",
            hour_at=first + timedelta(hours=k),
            n_ships=n_ships,
            n_fixes=6 * n_ships,
            p_heard=(1 + p_low) / 2,
            p_heard_low=p_low,
        )
        for k in range(-around, around + 1)
    ]


def site() -> Site:
    west, south = place(-4000, -3000)
    east, north = place(4000, 3000)
    return Site(
        site_id="s",
        name="Port",
        country="CL",
        aoi=box(west, south, east, north),
        zones=(),
        water=(),
        land=(),
        source="invented",
        digitised_on="2024-01-01",
    )
