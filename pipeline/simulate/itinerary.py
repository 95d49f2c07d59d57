"""Where ships go and when: calls, voyages, and the silences of the dark ones."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

import numpy as np

from pipeline.errors import UsageError
from pipeline.geo import destination
from pipeline.records import ZoneRole
from pipeline.simulate.chance import chance
from pipeline.simulate.fleet import MMSI_FIRST, MMSI_STEP, Ship, Trade, renamed
from pipeline.simulate.harbour import Harbour, Place, alongside, length_m, lie, way_out
from pipeline.simulate.settings import Settings
from pipeline.simulate.track import Track, Waypoint
from pipeline.units import DAY_S, HOUR_S, m_from_nautical_miles, mps_from_knots

AWAY_NM = 160.0
"""How far out honest ships leave the region between calls."""
WAIT_NM = 70.0
"""Where a ship drifts while its berth is taken."""
LEAD_S = 2.5 * DAY_S
"""Before a load call that is due, a dark tanker sets out."""
LIT_S = 1.5 * DAY_S
"""Into a call begun with AIS on, it is switched off: a couple of days, as CHON MA SAN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A ship at a place, seconds since the season's start."""

    ship: Ship
    harbour: Harbour
    place: Place
    arrive_s: float
    depart_s: float
    bow_deg: float
    is_dark: bool


@dataclass(slots=True)
class Life:
    """One ship's season as it is being made."""

    ship: Ship
    visits: list[Visit] = field(default_factory=list)
    waypoints: list[Waypoint] = field(default_factory=list)
    silences: list[tuple[float, float]] = field(default_factory=list)
    """(off, on) in seconds."""
    due_s: list[float] | None = None
    """Load calls still to be made, earliest first; None where none are planned ahead."""
    renamed_s: float = math.inf
    """From when she goes by another name."""

    def ship_at(self, t_s: float) -> Ship:
        """Who she says she is."""
        return self.ship if t_s < self.renamed_s else renamed(self.ship)

    def mmsi_at(self, t_s: float) -> int:
        """Under which MMSI."""
        return self.ship_at(t_s).mmsi

    def track(self) -> Track:
        """Its positions."""
        return Track(self.waypoints)

    def is_silent(self, t_s: np.ndarray) -> np.ndarray:
        """(n,) True while the transponder is off."""
        silent = np.zeros(len(t_s), np.bool_)
        for off_s, on_s in self.silences:
            silent |= (t_s >= off_s) & (t_s < on_s)
        return silent


def live(fleet: list[Ship], harbours: list[Harbour], settings: Settings) -> list[Life]:
    """Everybody's season: ships take berths in the order they are ready for them."""
    end_s = settings.n_days * DAY_S
    lives = [Life(ship) for ship in fleet]
    _plan(lives, settings)
    taken: dict[str, float] = {}
    ready = []
    for index, one in enumerate(lives):
        rng = chance(settings.seed, "begin", one.ship.mmsi)
        _begin(one, harbours, rng, settings)
        ready.append((one.waypoints[-1].t_s + float(rng.uniform(0, 4 * DAY_S)), index))
    heapq.heapify(ready)
    while ready:
        now_s, index = heapq.heappop(ready)
        if now_s >= end_s:
            continue
        depart_s = _next_visit(lives[index], now_s, harbours, taken, settings)
        heapq.heappush(ready, (depart_s, index))
    for one in lives:
        last = one.waypoints[-1]
        one.waypoints.append(Waypoint(t_s=max(end_s, last.t_s) + DAY_S, lon=last.lon, lat=last.lat))
    return lives


def _plan(lives: list[Life], settings: Settings) -> None:
    """Who loads when, and who takes another name: for a season with a set number of voyages."""
    dark = [one for one in lives if one.ship.trade is Trade.DARK_TANKER]
    rng = chance(settings.seed, "renamed")
    for one in dark[len(dark) - settings.n_identity_changes :]:
        one.renamed_s = settings.n_days * DAY_S * float(rng.uniform(0.4, 0.6))
    if settings.n_dark_voyages is None or settings.dark_days is None or not dark:
        return
    rng = chance(settings.seed, "plan")
    first, last = settings.dark_days
    between = np.sort(rng.uniform(first, last, settings.n_dark_voyages))
    between[0], between[-1] = first, last
    for one in dark:
        one.due_s = []
    for day in between:
        rested = [
            one
            for one in dark
            if not one.due_s or day * DAY_S - one.due_s[-1] >= settings.dark_turn_days * DAY_S
        ]
        one = (
            rested[int(rng.integers(len(rested)))]
            if rested
            else min(dark, key=lambda one: (one.due_s or [0.0])[-1])
        )
        assert one.due_s is not None
        one.due_s.append(float(day) * DAY_S)


def _begin(
    one: Life, harbours: list[Harbour], rng: np.random.Generator, settings: Settings
) -> None:
    """Out at sea, off some port, before the season."""
    harbour = harbours[int(rng.integers(len(harbours)))]
    lon, lat = destination(
        harbour.gate_lon, harbour.gate_lat, rng.uniform(*settings.away_deg),
        m_from_nautical_miles(AWAY_NM),
    )  # fmt: skip
    one.waypoints.append(Waypoint(t_s=0.0, lon=float(lon), lat=float(lat)))


def _next_visit(
    one: Life,
    now_s: float,
    harbours: list[Harbour],
    taken: dict[str, float],
    settings: Settings,
) -> float:
    """Plan the next call, sail to it and stay; returns when the ship is ready for the one after."""
    rng = chance(settings.seed, "visit", one.ship.mmsi, len(one.visits))
    due_s = 0.0
    if one.due_s is not None and not _is_laden(one):
        if not one.due_s:
            return math.inf
        if now_s < one.due_s[0] - LEAD_S:
            return one.due_s[0] - LEAD_S
        due_s = one.due_s.pop(0)
    if one.visits and (one.ship.trade is not Trade.DARK_TANKER or due_s > 0.0):
        now_s = max(now_s, _go_away(one, one.visits[-1].depart_s, rng, settings))
    harbour, places = _choices(one, harbours, rng, settings)
    place = min(places, key=lambda p: (max(taken.get(p.place_id, 0.0), now_s), rng.random()))
    sail_s = _sailing_s(one, harbour, place, settings)
    free_s = taken.get(place.place_id, 0.0) + settings.turn_round_h * HOUR_S
    arrive_s = max(now_s + sail_s, free_s, due_s)
    stay_s = DAY_S * settings.stay_median_days * float(np.exp(rng.normal(0, settings.stay_spread)))
    visit = Visit(
        ship=one.ship,
        harbour=harbour,
        place=place,
        arrive_s=arrive_s,
        depart_s=arrive_s + stay_s,
        bow_deg=(place.axis_deg + 180.0 * float(rng.random() < 0.5)) % 360.0,
        is_dark=_is_dark(one, place, rng, settings),
    )
    taken[place.place_id] = visit.depart_s
    _sail(one, now_s, visit, rng, settings)
    one.visits.append(visit)
    return visit.depart_s


def _is_laden(one: Life) -> bool:
    return bool(one.visits) and one.visits[-1].place.zone.role is ZoneRole.LOAD


def _choices(
    one: Life, harbours: list[Harbour], rng: np.random.Generator, settings: Settings
) -> tuple[Harbour, list[Place]]:
    """A harbour, and the places there that suit the ship."""
    role = None
    is_dark = one.ship.trade is Trade.DARK_TANKER
    if one.ship.is_tanker:
        delivers = _is_laden(one) and (is_dark or settings.honest_discharge)
        role = ZoneRole.DISCHARGE if delivers else ZoneRole.LOAD
    suiting = []
    for harbour in harbours:
        if is_dark and settings.dark_sites and harbour.site.site_id not in settings.dark_sites:
            continue
        if one.ship.is_tanker:
            places = harbour.for_zone(role=role, oil=True)
        elif one.ship.trade is Trade.CARGO and rng.random() < 0.7:
            places = [p for p in harbour.for_zone(oil=False) if p.zone.is_berth]
        else:
            places = harbour.for_zone(role=ZoneRole.ANCHORAGE)
        if places:
            suiting.append((harbour, places))
    if not suiting:
        raise UsageError(
            f"No place suits a {one.ship.trade} of the simulated season",
            expected="sites with oil load and oil discharge berths, dry berths and anchorages",
            found=", ".join(harbour.site.site_id for harbour in harbours) or "no site",
            do="Add zones to the sites file, or set the number of such ships to 0",
        )
    return suiting[int(rng.integers(len(suiting)))]


def _is_dark(one: Life, place: Place, rng: np.random.Generator, settings: Settings) -> bool:
    if one.ship.trade is not Trade.DARK_TANKER:
        return False
    if place.zone.role is ZoneRole.DISCHARGE:
        return bool(rng.random() < settings.dark_discharge_share)
    if settings.lit_arrivals is not None:
        return not _arrives_lit(one, settings)
    # One ship in six keeps its tracker on into port now and then, as CHON MA SAN did.
    return not (one.ship.mmsi % 6 == 0 and rng.random() < 0.4)


def _arrives_lit(one: Life, settings: Settings) -> bool:
    """Is her next call the one she comes to with AIS on?"""
    first = (one.ship.mmsi - MMSI_FIRST) // MMSI_STEP < (settings.lit_arrivals or 0)
    return first and one.ship.trade is Trade.DARK_TANKER and not one.visits


def _sailing_s(one: Life, harbour: Harbour, place: Place, settings: Settings) -> float:
    inside_m, outside_m = _legs(one, harbour, place)
    return inside_m / mps_from_knots(settings.harbour_speed_kn) + outside_m / mps_from_knots(
        one.ship.speed_kn
    )


def _legs(one: Life, harbour: Harbour, place: Place) -> tuple[float, float]:
    """Metres inside harbours and outside, from where the ship is to a place."""
    here = (one.waypoints[-1].lon, one.waypoints[-1].lat)
    out = _out(one)
    inward = [(harbour.gate_lon, harbour.gate_lat), *way_out(harbour, place)[-2::-1]]
    inward.append(alongside(place, one.ship.width_m))
    inside = (length_m([here, *out]) if out else 0.0) + length_m(inward)
    return inside, length_m([out[-1] if out else here, inward[0]])


def _out(one: Life) -> list[tuple[float, float]]:
    """The way out of the harbour the ship lies in, if it lies in one."""
    if not one.visits or one.waypoints[-1].t_s != one.visits[-1].depart_s:
        return []
    return way_out(one.visits[-1].harbour, one.visits[-1].place)


def _go_away(one: Life, now_s: float, rng: np.random.Generator, settings: Settings) -> float:
    """Leave the region for some days; returns when the ship comes back into sight."""
    harbour = one.visits[-1].harbour
    lon, lat = destination(
        harbour.gate_lon, harbour.gate_lat, rng.uniform(*settings.away_deg),
        m_from_nautical_miles(AWAY_NM),
    )  # fmt: skip
    clear_s = _follow(one, _out(one), now_s, mps_from_knots(settings.harbour_speed_kn))
    t_s = _follow(one, [(float(lon), float(lat))], clear_s, mps_from_knots(one.ship.speed_kn))
    back_s = t_s + DAY_S * float(rng.uniform(*settings.days_away))
    one.waypoints.append(Waypoint(t_s=back_s, lon=float(lon), lat=float(lat)))
    return back_s


def _follow(one: Life, points: list[tuple[float, float]], now_s: float, mps: float) -> float:
    """Sail along points at one speed; returns the time at the last."""
    here = (one.waypoints[-1].lon, one.waypoints[-1].lat)
    for point in points:
        now_s += max(length_m([here, point]) / mps, 1.0)
        one.waypoints.append(Waypoint(t_s=now_s, lon=point[0], lat=point[1]))
        here = point
    return now_s


def _sail(
    one: Life, now_s: float, visit: Visit, rng: np.random.Generator, settings: Settings
) -> None:
    """From where the ship is to its next place, drifting outside while the berth is taken."""
    slow, fast = mps_from_knots(settings.harbour_speed_kn), mps_from_knots(one.ship.speed_kn)
    left_s = now_s
    if now_s > one.waypoints[-1].t_s:
        last = one.waypoints[-1]
        one.waypoints.append(Waypoint(t_s=now_s, lon=last.lon, lat=last.lat))
    now_s = _follow(one, _out(one), now_s, slow)
    harbour, place = visit.harbour, visit.place
    inward = [*way_out(harbour, place)[-2::-1], alongside(place, one.ship.width_m)]
    gate = (harbour.gate_lon, harbour.gate_lat)
    inside_s = length_m([gate, *inward]) / slow
    wait_deg = float(rng.uniform(*settings.wait_deg))
    wait = destination(*gate, wait_deg, m_from_nautical_miles(WAIT_NM))
    wait_at = (float(wait[0]), float(wait[1]))
    gate_s = visit.arrive_s - inside_s
    here = (one.waypoints[-1].lon, one.waypoints[-1].lat)
    leave_s = gate_s - length_m([wait_at, gate]) / fast
    # With too little time for the way out to the waiting place and back, it slows down instead.
    if leave_s - now_s - length_m([here, wait_at]) / fast > HOUR_S:
        _follow(one, [wait_at], now_s, fast)
        one.waypoints.append(Waypoint(t_s=leave_s, lon=wait_at[0], lat=wait_at[1]))
    one.waypoints.append(
        Waypoint(t_s=max(gate_s, one.waypoints[-1].t_s + 1.0), lon=gate[0], lat=gate[1])
    )
    _enter(one, inward, visit)
    _fall_silent(one, left_s, visit, inside_s, rng, settings)


def _enter(one: Life, inward: list[tuple[float, float]], visit: Visit) -> None:
    """From the gate to the berth, arriving on time, then lying there."""
    start_s = one.waypoints[-1].t_s
    whole = [(one.waypoints[-1].lon, one.waypoints[-1].lat), *inward]
    total_m = length_m(whole)
    for count in range(2, len(whole)):
        share = length_m(whole[:count]) / total_m
        lon, lat = whole[count - 1]
        t_s = start_s + share * (visit.arrive_s - start_s)
        one.waypoints.append(Waypoint(t_s=t_s, lon=lon, lat=lat))
    one.waypoints += lie(
        visit.place,
        one.ship.width_m,
        start_s=visit.arrive_s,
        end_s=visit.depart_s,
        bow_deg=visit.bow_deg,
    )


def _fall_silent(
    one: Life,
    left_s: float,
    visit: Visit,
    inside_s: float,
    rng: np.random.Generator,
    settings: Settings,
) -> None:
    """Off some way before the port and on some way after; on at an open call, whatever was before.

    Args:
        one: the ship.
        left_s: when it was ready to sail; it does not switch off earlier.
        visit: the call.
        inside_s: from the gate to the berth.
        rng: chance of this call.
        settings: how far out.
    """
    if not visit.is_dark:
        if one.silences:
            off_s, on_s = one.silences[-1]
            one.silences[-1] = (off_s, min(on_s, visit.arrive_s - inside_s))
        if _arrives_lit(one, settings) and visit.arrive_s + LIT_S < visit.depart_s:
            far_s = m_from_nautical_miles(settings.off_range_nm[0]) / mps_from_knots(
                one.ship.speed_kn
            )
            one.silences.append((visit.arrive_s + LIT_S, visit.depart_s + far_s))
        return
    inside_m = inside_s * mps_from_knots(settings.harbour_speed_kn)
    before_s, after_s = (
        inside_s
        + (m_from_nautical_miles(float(rng.uniform(*settings.off_range_nm))) - inside_m)
        / mps_from_knots(one.ship.speed_kn)
        for _ in range(2)
    )
    one.silences.append(
        (max(visit.arrive_s - max(before_s, 0.0), left_s), visit.depart_s + max(after_s, 0.0))
    )
