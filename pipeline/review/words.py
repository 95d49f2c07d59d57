"""Numbers, times and codes as a reader wants them."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from pipeline.records import EvidenceClass, Site

UNKNOWN_SHIP = "a ship we do not know"


EVIDENCE = {
    EvidenceClass.AIS_VISIT: "visit on AIS",
    EvidenceClass.GAP_SPANS_PORT: "silence that spans the port, no image of the ship",
    EvidenceClass.IMAGE_ONLY: "image only",
    EvidenceClass.GAP_AND_IMAGE: "image, and a silence that spans it",
    EvidenceClass.CONTRADICTED: "image, but AIS puts the ship elsewhere",
}

_INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}
"""Unicode categories: controls, formats such as right-to-left override, line separators."""

SENSORS = {"S1": "Sentinel-1 radar", "S2": "Sentinel-2 optical"}


def probability(p: float) -> str:
    """Two decimals, and never a certainty.

    >>> probability(0.834), probability(0.999), probability(0.0)
    ('0.83', '> 0.99', '< 0.01')
    """
    if p > 0.99:
        return "> 0.99"
    return "< 0.01" if p < 0.01 else f"{p:.2f}"


def utc(instant: datetime | None) -> str:
    """`5 Mar 2024 08:51`, UTC."""
    return "unknown" if instant is None else f"{instant.day} {instant:%b %Y %H:%M}"


def day(instant: datetime | None) -> str:
    """`5 Mar 2024`, UTC."""
    return "unknown" if instant is None else f"{instant.day} {instant:%b %Y}"


def interval(earliest: datetime | None, latest: datetime | None) -> str:
    """An instant known only to lie between two others; either may be unknown."""
    if earliest is None:
        return "unknown" if latest is None else f"before {utc(latest)}"
    if latest is None:
        return f"after {utc(earliest)}"
    if earliest == latest:
        return utc(latest)
    if earliest.date() == latest.date():
        return f"{utc(earliest)} to {latest:%H:%M}"
    if earliest.year == latest.year:
        return f"{earliest.day} {earliest:%b %H:%M} to {utc(latest)}"
    return f"{utc(earliest)} to {utc(latest)}"


def length(length_m: float | None, sigma_m: float | None) -> str:
    """`92 ± 15 m`."""
    if length_m is None:
        return "not measured"
    return f"{length_m:.0f} m" if sigma_m is None else f"{length_m:.0f} ± {sigma_m:.0f} m"


def barrels(amount: float) -> str:
    """Three significant figures: a barrel count is a scenario, never a measurement.

    >>> barrels(23935.4), barrels(1_048_211.0), barrels(0.0)
    ('23,900', '1,050,000', '0')
    """
    return f"{float(f'{amount:.3g}'):,.0f}"


def ship(name: str | None, mmsi: int | None) -> str:
    """Its name, else its MMSI, else that it is unknown.

    Ships name themselves: what would reorder or hide letters is shown as a replacement character.
    """
    if name:
        return "".join("\ufffd" if unicodedata.category(c) in _INVISIBLE else c for c in name)
    return UNKNOWN_SHIP if mmsi is None else f"MMSI {mmsi}"


def berth(zone_name: str, site_name: str) -> str:
    """A zone's name without its port's, which stands beside it.

    >>> berth("Port Alder, oil jetty south", "Port Alder"), berth("Pier 3", "Port Alder")
    ('oil jetty south', 'Pier 3')
    """
    return zone_name.removeprefix(site_name).lstrip(" ,:") or zone_name


def place(site: Site, zone_id: str | None) -> str:
    """A port and its berth; the port alone where the berth is none of its own."""
    zone = next((zone for zone in site.zones if zone.zone_id == zone_id), None)
    return site.name if zone is None else f"{site.name}, {berth(zone.name, site.name)}"


def ship_type(code: int | None) -> str:
    """AIS ship type in words."""
    if code is None:
        return "type not broadcast"
    groups = {6: "passenger", 7: "cargo", 8: "tanker"}
    return f"{groups.get(code // 10, 'other type')} ({code})"


def duration(seconds: float | None) -> str:
    """Hours and days; minus where time is lacking."""
    if seconds is None:
        return "not known"
    hours = seconds / 3600.0
    return f"{hours:.0f} h" if abs(hours) < 72 else f"{hours / 24.0:.1f} days"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 call`, `3 calls`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sortable(instant: datetime | None) -> tuple[bool, float]:
    """A sort key that puts unknown times last."""
    return instant is None, 0.0 if instant is None else instant.timestamp()
