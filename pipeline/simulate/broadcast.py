"""AIS as two providers would deliver it: daily CSV files, each in its own dialect, with its faults.

`north` writes the Danish Maritime Authority's columns, `south` those of MarineCadastre from 2025.
Ships report every 2 s to 3 min (ITU-R M.1371); the feeds keep one report in `report_interval_s`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import day_start
from pipeline.simulate.chance import chance
from pipeline.simulate.fleet import Ship, Trade
from pipeline.simulate.itinerary import Life
from pipeline.simulate.receivers import p_heard
from pipeline.simulate.settings import Settings
from pipeline.simulate.track import Track
from pipeline.simulate.world import World
from pipeline.units import DAY_S, knots_from_mps

DMA_HEADER = (
    "# Timestamp", "Type of mobile", "MMSI", "Latitude", "Longitude", "Navigational status",
    "ROT", "SOG", "COG", "Heading", "IMO", "Callsign", "Name", "Ship type", "Cargo type", "Width",
    "Length", "Type of position fixing device", "Draught", "Destination", "ETA",
    "Data source type", "A", "B", "C", "D",
)  # fmt: skip
MARINECADASTRE_HEADER = (
    "mmsi", "base_date_time", "longitude", "latitude", "sog", "cog", "heading", "vessel_name",
    "imo", "call_sign", "vessel_type", "status", "length", "width", "draft", "cargo", "transceiver",
)  # fmt: skip
DMA_TYPES = {80: "Tanker", 70: "Cargo", 52: "Tug", 30: "Fishing", 0: "Undefined"}
DMA_STATUS = {0: "Under way using engine", 1: "At anchor", 5: "Moored"}
UNDER_WAY, AT_ANCHOR, MOORED = 0, 1, 5
COG_UNAVAILABLE = 360.0
HEADING_UNAVAILABLE = 511
LON_UNAVAILABLE, LAT_UNAVAILABLE = 181.0, 91.0
STILL_MPS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One received position report with its ship's static data."""

    sent_at: datetime
    ship: Ship
    lon: float
    lat: float
    sog_kn: float
    cog_deg: float
    heading_deg: int
    status: int
    draught_m: float


def day_file_name(feed: str, day: date) -> str:
    """The provider's name for a day's file."""
    return f"aisdk-{day.isoformat()}.csv" if feed == "north" else f"ais-{day.isoformat()}.csv"


def day_messages(world: World, feed: str, day: date) -> bytes:
    """A day's CSV file of one feed."""
    reports = sorted(
        (report for life, track in zip(world.lives, world.tracks, strict=True)
         for report in _heard(world, life, track, feed, day)),
        key=lambda report: (report.sent_at, report.ship.mmsi),
    )  # fmt: skip
    rng = chance(world.settings.seed, "faults", feed, day)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    is_dma = feed == "north"
    writer.writerow(DMA_HEADER if is_dma else MARINECADASTRE_HEADER)
    for report in reports:
        row = _dma_row(report) if is_dma else _marinecadastre_row(report)
        if rng.random() < world.settings.corrupt_share:
            row[2 if is_dma else 0] = "garbled"
        writer.writerow(row)
    return stream.getvalue().encode()


def _heard(world: World, life: Life, track: Track, feed: str, day: date) -> Iterator[Report]:
    settings, ship = world.settings, life.ship
    rng = chance(settings.seed, "air", feed, day, ship.mmsi)
    start_s = world.seconds(day_start(day))
    t_s = _send_times_s(ship, day, start_s, settings)
    count = len(t_s)
    state = track.at(t_s)
    chances = p_heard(state.lon, state.lat, t_s, feed=feed, sites=world.sites, settings=settings)
    heard = (rng.random(count) < chances) & ~life.is_silent(t_s) & (t_s < start_s + DAY_S)
    noise = rng.normal(scale=settings.gps_sigma_m / 111_200.0, size=(count, 2))
    lost = rng.random(count) < settings.sentinel_share
    laden = _draught_m(life, start_s)
    for k in np.flatnonzero(heard):
        still = state.sog_mps[k] < STILL_MPS
        visit = world.visit_at(life, float(t_s[k]))
        moored = AT_ANCHOR if visit is None or not visit.place.zone.is_berth else MOORED
        lon = state.lon[k] + noise[k, 0] / np.cos(np.deg2rad(state.lat[k]))
        yield Report(
            sent_at=settings.start + timedelta(seconds=float(t_s[k])),
            ship=life.ship_at(float(t_s[k])),
            lon=LON_UNAVAILABLE if lost[k] else float(lon),
            lat=LAT_UNAVAILABLE if lost[k] else float(state.lat[k] + noise[k, 1]),
            sog_kn=round(float(knots_from_mps(state.sog_mps[k])), 1),
            cog_deg=COG_UNAVAILABLE if still else round(float(state.course_deg[k]), 1) % 360.0,
            heading_deg=(
                HEADING_UNAVAILABLE
                if ship.trade is Trade.SMALL
                else round(float(state.heading_deg[k])) % 360
            ),
            status=moored if still else UNDER_WAY,
            draught_m=laden,
        )


def _send_times_s(ship: Ship, day: date, start_s: float, settings: Settings) -> NDArray[np.float64]:
    """When a ship's kept reports of a day go out: its own phase, and some jitter."""
    count = int(DAY_S // settings.report_interval_s)
    phase = chance(settings.seed, "phase", ship.mmsi).random()
    jitter_s = chance(settings.seed, "jitter", day, ship.mmsi).uniform(0, 20, count)
    sent_s = start_s + settings.report_interval_s * (np.arange(count) + phase)
    return np.asarray(np.floor(sent_s + jitter_s), np.float64)


def _draught_m(life: Life, t_s: float) -> float:
    """As the crew last typed it in: about L/17 laden, L/26 in ballast; often never changed."""
    before = [visit for visit in life.visits if visit.depart_s <= t_s]
    laden = bool(before) and before[-1].place.zone.role == "load"
    typed_in = life.ship.mmsi % 3 != 0
    share = 17.0 if laden and typed_in else 26.0
    return round(life.ship.length_m / share, 1)


def _dma_row(report: Report) -> list[object]:
    ship = report.ship
    unavailable = report.heading_deg == HEADING_UNAVAILABLE
    length, width = round(ship.said_length_m), round(ship.width_m)
    return [
        f"{report.sent_at:%d/%m/%Y %H:%M:%S}",
        "Class A",
        ship.mmsi,
        f"{report.lat:.6f}",
        f"{report.lon:.6f}",
        DMA_STATUS[report.status],
        "",
        report.sog_kn,
        "" if report.cog_deg == COG_UNAVAILABLE else report.cog_deg,
        "" if unavailable else report.heading_deg,
        ship.imo or "Unknown",
        ship.callsign,
        ship.name,
        DMA_TYPES[ship.said_type],
        "",
        width,
        length or "",
        "GPS",
        report.draught_m,
        "",
        "",
        "AIS",
        length // 2 if length else "",
        length - length // 2 if length else "",
        width // 2,
        width - width // 2,
    ]


def _marinecadastre_row(report: Report) -> list[object]:
    ship = report.ship
    return [
        ship.mmsi,
        f"{report.sent_at:%Y-%m-%d %H:%M:%S}",
        f"{report.lon:.5f}",
        f"{report.lat:.5f}",
        report.sog_kn,
        report.cog_deg,
        report.heading_deg,
        ship.name,
        f"IMO{ship.imo}" if ship.imo else "",
        ship.callsign,
        ship.said_type,
        report.status,
        round(ship.said_length_m) or "",
        round(ship.width_m),
        report.draught_m,
        "",
        "A",
    ]
