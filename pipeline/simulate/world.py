"""The whole season as it really was: everything else is a view of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipeline.clock import days_between
from pipeline.records import (
    Site,
    TrueCall,
    TrueVoyage,
    ZoneRole,
    content_id,
)
from pipeline.sea_routes import IsLand
from pipeline.simulate.chance import chance
from pipeline.simulate.fleet import Trade, build_fleet
from pipeline.simulate.harbour import build_harbour
from pipeline.simulate.itinerary import Life, Visit, live
from pipeline.simulate.passes import Pass, passes
from pipeline.simulate.settings import Settings
from pipeline.simulate.track import Track

FEEDS = ("north", "south")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Ships, passes and receivers of a season, and its truth."""

    settings: Settings
    sites: tuple[Site, ...]
    lives: tuple[Life, ...]
    tracks: tuple[Track, ...]
    """One a life, in the same order."""
    passes: tuple[Pass, ...]
    feeds: tuple[str, ...]
    days: tuple[date, ...]
    truth_calls: list[TrueCall]
    truth_voyages: list[TrueVoyage]

    def seconds(self, instant: datetime) -> float:
        """Seconds since the season's start."""
        return (instant - self.settings.start).total_seconds()

    def site(self, site_id: str) -> Site:
        """One site by id."""
        return next(site for site in self.sites if site.site_id == site_id)

    def visit_at(self, life: Life, t_s: float) -> Visit | None:
        """The call a ship is making at a time, if any."""
        return next((v for v in life.visits if v.arrive_s <= t_s <= v.depart_s), None)


def build_world(
    sites: tuple[Site, ...], *, settings: Settings, is_land: IsLand | None = None
) -> World:
    """Everything that happens, from the sites and the seed.

    Args:
        sites: with the land around them.
        settings: how big, and the seed.
        is_land: of real places; None where the ports are invented and the sea is open.
    """
    harbours = [
        build_harbour(site, seaward_m=settings.seaward_m, is_land=is_land) for site in sites
    ]
    lives = live(build_fleet(settings), harbours, settings)
    end = settings.start + timedelta(days=settings.n_days)
    return World(
        settings=settings,
        sites=sites,
        lives=tuple(lives),
        tracks=tuple(life.track() for life in lives),
        passes=tuple(passes(sites, settings)),
        feeds=FEEDS,
        days=tuple(days_between(settings.start, end)),
        truth_calls=[
            true_call(visit, life, settings)
            for life in lives
            for visit in _in_season(life, settings)
        ],
        truth_voyages=[voyage for life in lives for voyage in _voyages(life, settings)],
    )


def _in_season(life: Life, settings: Settings) -> list[Visit]:
    return [visit for visit in life.visits if visit.arrive_s < settings.n_days * 86400.0]


def true_call(visit: Visit, life: Life, settings: Settings) -> TrueCall:
    """The record of a call."""
    arrived_at = settings.start + timedelta(seconds=round(visit.arrive_s))
    zone, ship = visit.place.zone, life.ship_at(visit.arrive_s)
    return TrueCall(
        call_id=content_id("truth", ship.mmsi, zone.zone_id, arrived_at),
        mmsi=ship.mmsi,
        ship_name=ship.name,
        is_tanker=visit.ship.is_tanker,
        is_dark=visit.is_dark,
        length_m=visit.ship.length_m,
        site_id=zone.site_id,
        zone_id=zone.zone_id,
        arrived_at=arrived_at,
        departed_at=settings.start + timedelta(seconds=round(visit.depart_s)),
    )


def barrels_per_t(settings: Settings) -> float:
    """Of the season's mix of products."""
    if settings.barrels_per_t_mix is None:
        return settings.barrels_per_t
    low, mode, high = settings.barrels_per_t_mix
    return float(chance(settings.seed, "mix").triangular(low, mode, high))


def _voyages(life: Life, settings: Settings) -> list[TrueVoyage]:
    """A dark load call and the discharge call after it."""
    if life.ship.trade is not Trade.DARK_TANKER:
        return []
    visits = _in_season(life, settings)
    voyages = []
    for index, visit in enumerate(visits):
        if visit.place.zone.role is not ZoneRole.LOAD or not visit.is_dark:
            continue
        load = true_call(visit, life, settings)
        after = [true_call(next_one, life, settings) for next_one in visits[index + 1 : index + 2]]
        rng = chance(settings.seed, "cargo", load.call_id)
        cargo_t = life.ship.dwt_t * settings.cargo_share_of_dwt
        cargo_t *= float(rng.uniform(*settings.load_fraction))
        voyages.append(
            TrueVoyage(
                voyage_id=content_id("truevoyage", load.call_id),
                mmsi=load.mmsi,
                load_call_id=load.call_id,
                discharge_call_id=after[0].call_id if after else None,
                dwt_t=life.ship.dwt_t,
                barrels=cargo_t * barrels_per_t(settings),
            )
        )
    return voyages
