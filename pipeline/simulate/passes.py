"""When satellites look: Sentinel-1A's and Sentinel-2A/B's repeat cycles over each site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.clock import compact_utc
from pipeline.records import Sensor, Site
from pipeline.simulate.chance import chance
from pipeline.simulate.settings import Settings

S1_REPEAT_DAYS = 12
S2_REPEAT_DAYS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One acquisition over one site."""

    pass_id: str
    site_id: str
    sensor: Sensor
    platform: str
    sensed_at: datetime
    orbit_state: str
    relative_orbit: int
    heading_deg: float | None = None
    incidence_deg: float | None = None
    range_over_velocity_s: float | None = None
    """Sentinel-1 geometry: AIS research table B.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Orbit:
    """One relative orbit that sees a site."""

    sensor: Sensor
    platform: str
    relative_orbit: int
    orbit_state: str
    repeat_days: int
    utc_minutes: int
    heading_deg: float | None = None
    incidence_deg: float | None = None
    range_over_velocity_s: float | None = None


# Local passes of the Sea of Japan: domain facts 5.1 and 5.2. Phases differ from site to site.
ORBITS = (
    _Orbit(sensor=Sensor.S1, platform="sentinel-1a", relative_orbit=25, orbit_state="ascending",
           repeat_days=S1_REPEAT_DAYS, utc_minutes=8 * 60 + 51, heading_deg=347.8,
           incidence_deg=34.0, range_over_velocity_s=109.0),
    _Orbit(sensor=Sensor.S1, platform="sentinel-1a", relative_orbit=127, orbit_state="ascending",
           repeat_days=S1_REPEAT_DAYS, utc_minutes=8 * 60 + 59, heading_deg=347.8,
           incidence_deg=42.5, range_over_velocity_s=120.0),
    _Orbit(sensor=Sensor.S1, platform="sentinel-1a", relative_orbit=134, orbit_state="descending",
           repeat_days=S1_REPEAT_DAYS, utc_minutes=21 * 60 + 23, heading_deg=192.2,
           incidence_deg=38.0, range_over_velocity_s=114.0),
    _Orbit(sensor=Sensor.S2, platform="sentinel-2a", relative_orbit=117, orbit_state="descending",
           repeat_days=S2_REPEAT_DAYS, utc_minutes=2 * 60 + 9),
    _Orbit(sensor=Sensor.S2, platform="sentinel-2b", relative_orbit=117, orbit_state="descending",
           repeat_days=S2_REPEAT_DAYS, utc_minutes=2 * 60 + 9),
    _Orbit(sensor=Sensor.S2, platform="sentinel-2a", relative_orbit=74, orbit_state="descending",
           repeat_days=S2_REPEAT_DAYS, utc_minutes=2 * 60 + 19),
)  # fmt: skip
B_FOLLOWS_A_DAYS = 5


def passes(sites: tuple[Site, ...], settings: Settings) -> list[Pass]:
    """Every acquisition of the season, in time order."""
    found = []
    for site_number, site in enumerate(sites, start=1):
        offset = int(chance(settings.seed, "passes", site.site_id).integers(S1_REPEAT_DAYS))
        for number, orbit in enumerate(ORBITS):
            first = (offset + 3 * number) % orbit.repeat_days
            if orbit.platform == "sentinel-2b":
                first = (offset + 3 * (number - 1) + B_FOLLOWS_A_DAYS) % orbit.repeat_days
            days = range(first, settings.n_days, orbit.repeat_days)
            found += [_pass(site, site_number, orbit, day, settings) for day in days]
    return sorted(found, key=lambda one: (one.sensed_at, one.pass_id))


def _pass(site: Site, site_number: int, orbit: _Orbit, day: int, settings: Settings) -> Pass:
    rng = chance(settings.seed, "second", site.site_id, orbit.relative_orbit, day)
    seconds = 60 * orbit.utc_minutes + int(rng.integers(-90, 90))
    sensed_at = settings.start + timedelta(days=day, seconds=seconds)
    return Pass(
        pass_id=(
            f"S{orbit.platform[-2:].upper()}_{compact_utc(sensed_at)}"
            f"_R{orbit.relative_orbit:03d}_{site_number}"
        ),
        site_id=site.site_id,
        sensor=orbit.sensor,
        platform=orbit.platform,
        sensed_at=sensed_at,
        orbit_state=orbit.orbit_state,
        relative_orbit=orbit.relative_orbit,
        heading_deg=orbit.heading_deg,
        incidence_deg=orbit.incidence_deg,
        range_over_velocity_s=orbit.range_over_velocity_s,
    )
