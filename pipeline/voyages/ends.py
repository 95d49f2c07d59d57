"""A call as the end of a voyage: where it is, and which ships it may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import Geometry

from pipeline.errors import BadInput
from pipeline.records import (
    Candidate,
    Cargo,
    EvidenceClass,
    PortCall,
    Site,
)

OIL = (Cargo.OIL_PRODUCTS, Cargo.CRUDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One oil call that may begin or end a voyage."""

    call: PortCall
    lon: float
    lat: float
    ships: Mapping[int | None, float]
    """P(the call is this ship's), by MMSI; None stands for a ship we do not know."""
    names: Mapping[int, str | None]
    unmeasured: frozenset[int | None]
    """Ships whose probability does not rest on the hull's length yet."""

    @property
    def is_dark(self) -> bool:
        """Was the call made without AIS?"""
        return self.call.is_dark


def works_oil(call: PortCall) -> bool:
    """Does the berth handle oil?"""
    return call.cargo in OIL


def oil_claims(calls: Iterable[PortCall], role: str) -> list[PortCall]:
    """Claimed dark calls at oil berths of a role."""
    return [c for c in calls if c.is_claim and c.zone_role == role and works_oil(c)]


def is_lead_only(call: PortCall) -> bool:
    """Too weak to make a voyage: an anomaly, or a silence that no image bears out."""
    return call.tier == "D" or call.evidence_class == EvidenceClass.GAP_SPANS_PORT


def make_ends(
    calls: Iterable[PortCall], candidates: Sequence[Candidate], sites: Sequence[Site]
) -> list[End]:
    """The oil calls that may be ends of voyages, in time.

    Raises:
        BadInput: a call lies at a berth that no site has.
    """
    of_call: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        of_call.setdefault(candidate.call_id, []).append(candidate)
    ends = []
    for call in calls:
        if works_oil(call) and not is_lead_only(call):
            own = sorted(of_call.get(call.call_id, []), key=lambda c: (c.rank, c.mmsi or 0))
            ends.append(_end(call, own, berth_position(call, sites)))
    return sorted(ends, key=lambda end: (end.call.arrival_latest, end.call.call_id))


def _end(call: PortCall, candidates: Sequence[Candidate], at: tuple[float, float]) -> End:
    ships: dict[int | None, float] = {}
    if call.evidence_class == EvidenceClass.AIS_VISIT:
        ships[call.mmsi] = 1.0
    elif candidates:
        for one in candidates:
            ships[one.mmsi] = ships.get(one.mmsi, 0.0) + one.posterior
    elif call.mmsi is not None:
        ships[call.mmsi] = call.p_ship
    # Whatever the list leaves open belongs to ships we do not know.
    ships[None] = ships.get(None, 0.0) + max(0.0, 1.0 - sum(ships.values()))
    names = {one.mmsi: one.ship_name for one in candidates if one.mmsi is not None}
    if call.mmsi is not None:
        names.setdefault(call.mmsi, call.ship_name)
    unmeasured = {one.mmsi for one in candidates if one.ship_length_m is None}
    return End(
        call=call,
        lon=at[0],
        lat=at[1],
        ships=ships,
        names=names,
        unmeasured=frozenset(unmeasured | {None}),
    )


def berth_position(call: PortCall, sites: Sequence[Site]) -> tuple[float, float]:
    """(lon, lat) of the berth of a call.

    Raises:
        BadInput: no site has the berth.
    """
    zones = (z for site in sites if site.site_id == call.site_id for z in site.zones)
    zone = next((z for z in zones if z.zone_id == call.zone_id), None)
    if zone is None:
        raise BadInput(
            "Port call at a berth that no site has",
            where=call.call_id,
            expected=f"a zone of site {call.site_id}",
            found=call.zone_id,
            do="Run the calls stage again with these sites",
        )
    return middle(zone.polygon)


def middle(polygon: Geometry) -> tuple[float, float]:
    """(lon, lat) amid a polygon's corners, taken on the sphere: 180° E and W are neighbours."""
    lon, lat = np.radians(shapely.get_coordinates(polygon)).T
    x, y, z = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    level = np.hypot(x.mean(), y.mean())
    return (
        float(np.degrees(np.arctan2(y.mean(), x.mean()))),
        float(np.degrees(np.arctan2(z.mean(), level))),
    )
