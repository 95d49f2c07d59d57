"""How far it is by sea: round the land where land lies between.

Two places are joined where the straight way between them is open water, else by way of nodes: a
lattice of places at sea, and those of a maritime network (searoute's, from Eurostat's), which
knows canals and far oceans. The network alone will not do: around Korea its nodes lie a hundred
miles apart, and it calls Vostochny to Chongjin 79 nautical miles, whose great circle is 156.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from pipeline.geo import EARTH_RADIUS_M, azimuth_deg, destination, distance_m, on_sphere, sphere_m

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
IsLand = Callable[[Floats, Floats], NDArray[np.bool_]]
STEP_M = 2_000.0
"""Between the places of a straight way that are asked for land: a strait is wider."""
PORT_M = 10_000.0
"""Near a port land does not count: it lies behind moles and in bays."""
SIGHT_M = 120_000.0
"""Nodes farther apart are joined by the network alone."""
LATTICE_DEG = 0.25
"""Step of the lattice."""
LATTICE_REACH_DEG, NETWORK_REACH_DEG = 10.0, 60.0
"""From the berth, north and south, east and west."""
CELL_DEG = 4.0
"""Berths of one cell share their nodes."""


@dataclass(frozen=True, eq=False)
class SeaRoutes:
    """Ways by sea from one berth."""

    lon: float
    lat: float
    is_land: IsLand | None
    """(lon, lat) to (n,); None where nothing but great circles is to be reckoned with."""

    def metres(self, lon: Floats, lat: Floats) -> Floats:
        """(n,) m by sea from the berth to places; never less than the great circle.

        A way round land is as long as this network of nodes makes it, a few per cent too long.
        """
        straight = distance_m(self.lon, self.lat, lon, lat)
        if self.is_land is None:
            return straight
        start = np.full(len(lon), self.lon), np.full(len(lat), self.lat)
        barred = ~open_water(start[0], start[1], lon, lat, self.is_land, ports=(True, True))
        if barred.any():
            round_m = self._round_land(lon[barred], lat[barred])
            straight[barred] = np.maximum(straight[barred], round_m)
        return straight

    def _round_land(self, lon: Floats, lat: Floats) -> Floats:
        """By way of the nodes that the berth and the place see."""
        return np.asarray((self._legs(lon, lat) + self._onward_m).min(axis=1))

    @functools.cached_property
    def _network(self) -> _Network:
        assert self.is_land is not None
        middle = (round(v / CELL_DEG) * CELL_DEG for v in (self.lon, self.lat))
        return _nodes_around(*middle, self.is_land)

    @functools.cached_property
    def _onward_m(self) -> Floats:
        """(nodes,) m by sea from the berth to each node."""
        start = self._legs(np.array([self.lon]), np.array([self.lat]))[0]
        return np.asarray(dijkstra(_with_start(self._network, start), indices=len(start))[:-1])

    def _legs(self, lon: Floats, lat: Floats) -> Floats:
        """(n, nodes) m to each node in sight; from a place that sees none, to the nearest."""
        network, is_land = self._network, self.is_land
        assert is_land is not None
        legs = np.asarray(sphere_m(lon[:, None], lat[:, None], network.lon, network.lat))
        seen = legs <= SIGHT_M
        row, node = np.nonzero(seen)
        seen[row, node] = open_water(
            lon[row], lat[row], network.lon[node], network.lat[node], is_land,
            ports=(True, False),
        )  # fmt: skip
        blind = ~seen.any(axis=1)
        seen[blind, legs[blind].argmin(axis=1)] = True
        return np.where(seen, legs, np.inf)


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways by sea between berths; those from one berth share their reckoning."""

    is_land: IsLand | None = None
    """None: great circles."""
    _of: dict[tuple[float, float], SeaRoutes] = field(default_factory=dict)

    def of(self, place: tuple[float, float]) -> SeaRoutes:
        """From and to a place, lon, lat."""
        if place not in self._of:
            self._of[place] = SeaRoutes(*place, self.is_land)
        return self._of[place]

    def metres(self, one: tuple[float, float], other: tuple[float, float]) -> float:
        """Metres between two (lon, lat)."""
        lon, lat = (np.array([value]) for value in other)
        return float(self.of(one).metres(lon, lat)[0])


def open_water(
    lon1: Floats, lat1: Floats, lon2: Floats, lat2: Floats, is_land: IsLand,
    *, ports: tuple[bool, bool] = (False, False),
) -> NDArray[np.bool_]:  # fmt: skip
    """(n,) is there no land on the great circle between two places, but near ports at its ends?"""
    length = np.asarray(sphere_m(lon1, lat1, lon2, lat2))
    clear = np.ones(len(length), bool)
    azimuth = azimuth_deg(lon1, lat1, lon2, lat2)
    first, last = (PORT_M if port else 0.0 for port in ports)
    inner = np.maximum(length - first - last, 0.0)
    steps = np.ceil(inner / STEP_M).astype(int)
    for step in range(int(steps.max(initial=0)) + 1):
        todo = np.flatnonzero(clear & (inner > 0.0) & (step <= steps))
        at_m = first + inner[todo] * step / np.maximum(steps[todo], 1)
        lon, lat = destination(lon1[todo], lat1[todo], azimuth[todo], at_m)
        clear[todo] = ~is_land(np.ascontiguousarray(lon), np.ascontiguousarray(lat))
    return clear


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """Nodes of a part of the world, and m between those that are joined."""

    lon: Floats
    lat: Floats
    edges: csr_array


@functools.lru_cache(maxsize=8)
def _nodes_around(lon: float, lat: float, is_land: IsLand) -> _Network:
    """The lattice around a place, and the network far around it."""
    from searoute.searoute import setup_M  # noqa: PLC0415 - networkx takes a third of a second

    world = setup_M()
    nodes = [
        node for node in world.nodes
        if abs((node[0] - lon + 180.0) % 360.0 - 180.0) <= NETWORK_REACH_DEG
        and abs(node[1] - lat) <= NETWORK_REACH_DEG
    ]  # fmt: skip
    number = {node: k for k, node in enumerate(nodes)}
    joined = np.array(
        [(number[a], number[b]) for a, b in world.edges if a in number and b in number], np.int64
    ).reshape(-1, 2)
    lattice_lon, lattice_lat = _lattice(lon, lat, is_land)
    lons = np.concatenate([[node[0] for node in nodes], lattice_lon])
    lats = np.concatenate([[node[1] for node in nodes], lattice_lat])
    i, j = np.concatenate([joined, _in_sight(lons, lats, is_land)]).T
    # two nodes of the network are one place at the antimeridian: an edge of 0 would be none
    metres = np.maximum(np.asarray(sphere_m(lons[i], lats[i], lons[j], lats[j])), 1.0)
    edges = csr_array((metres, (i, j)), shape=(len(lons), len(lons)))
    return _Network(lon=lons, lat=lats, edges=edges.maximum(edges.T))


def _lattice(lon: float, lat: float, is_land: IsLand) -> tuple[Floats, Floats]:
    """Places at sea around one."""
    steps = np.arange(-LATTICE_REACH_DEG, LATTICE_REACH_DEG, LATTICE_DEG)
    lons, lats = (axis.ravel() for axis in np.meshgrid(lon + steps, lat + steps))
    lons, lats = (lons + 180.0) % 360.0 - 180.0, np.clip(lats, -85.0, 85.0)
    wet = ~is_land(lons, lats)
    return lons[wet], lats[wet]


def _in_sight(lon: Floats, lat: Floats, is_land: IsLand) -> Ints:
    """(n, 2) pairs of nodes that see each other."""
    tree = KDTree(on_sphere(lon, lat))
    pairs = np.asarray(tree.query_pairs(SIGHT_M / EARTH_RADIUS_M, output_type="ndarray"), np.int64)
    i, j = pairs.T
    return pairs[open_water(lon[i], lat[i], lon[j], lat[j], is_land)]


def _with_start(network: _Network, legs: Floats) -> csr_array:
    """The network with one node more, the berth."""
    size = len(network.lon)
    own = network.edges.tocoo()
    reached = np.flatnonzero(np.isfinite(legs))
    start = np.full(len(reached), size)
    rows = np.concatenate([own.coords[0], reached, start])
    columns = np.concatenate([own.coords[1], start, reached])
    values = np.concatenate([own.data, legs[reached], legs[reached]])
    return csr_array((values, (rows, columns)), shape=(size + 1, size + 1))
