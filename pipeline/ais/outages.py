"""Hours in which receivers, not ships, fell silent; and waters in which positions were disturbed.

An outage is told by the ships: a region that has been hearing many hears next to none. Whoever is
silent in it may as well have been transmitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.ais.air import NO_CELL, cell_of, parent
from pipeline.ais.bulk import Shift
from pipeline.ais.hours import ShipHours
from pipeline.ais.settings import Settings
from pipeline.clock import format_utc
from pipeline.heard import Outage, OutageKind
from pipeline.records import content_id

WHOLE_FEED = np.int64(-1)
REGIONS = (2, 4)
"""H3 resolutions of regions: edges of 183 km, about what a chain of shore stations hears, and of 26
km, one station's."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outages:
    """Regions and hours, sorted by region; (n,) each."""

    region: NDArray[np.int64]
    hour: NDArray[np.int64]
    expected: NDArray[np.float64]
    """Ships an hour that are usually heard there."""
    heard: NDArray[np.int64]

    def cover(self, cell: NDArray[np.int64], hour: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) were receivers out there and then?"""
        own = set(zip(self.region.tolist(), self.hour.tolist(), strict=True))
        if not own:
            return np.zeros(len(cell), np.bool_)
        whole = np.full(len(cell), WHOLE_FEED)
        around = [whole, *(parent(cell, resolution) for resolution in REGIONS)]
        return np.array([
            any((region, h) in own for region in regions)
            for *regions, h in zip(*(a.tolist() for a in around), hour.tolist(), strict=True)
        ], np.bool_)  # fmt: skip


def find_outages(hours: ShipHours, settings: Settings) -> Outages:
    """Hours in which a region, or the whole feed, hears far less than it does around them."""
    found: list[tuple[int, int, float, int]] = []
    if len(hours):
        first, n_hours = int(hours.hour.min()), int(np.ptp(hours.hour)) + 1
        out = np.zeros(n_hours, np.bool_)
        found += _low(int(WHOLE_FEED), hours.hour - first, out, first, settings)
        inner = cell_of(hours.lon, hours.lat, max(REGIONS))
        named = {(region, hour) for region, hour, *_ in found}
        for resolution in REGIONS:
            cells, index = np.unique(parent(inner, resolution), return_inverse=True)
            order = np.argsort(index, kind="stable")
            ends = np.cumsum(np.bincount(index, minlength=len(cells)))
            for number, cell in enumerate(cells.tolist()):
                own = hours.hour[order[ends[number - 1] if number else 0 : ends[number]]] - first
                out = _out_around(cell, resolution, named, first, n_hours)
                rows = _low(cell, own, out, first, settings)
                named |= {(region, hour) for region, hour, *_ in rows}
                found += rows
    found.sort()
    columns = list(zip(*found, strict=True)) if found else [()] * 4
    return Outages(
        region=np.array(columns[0], np.int64), hour=np.array(columns[1], np.int64),
        expected=np.array(columns[2], float), heard=np.array(columns[3], np.int64),
    )  # fmt: skip


def _low(
    region: int,
    hour: NDArray[np.int64],
    out: NDArray[np.bool_],
    first: int,
    settings: Settings,
) -> list[tuple[int, int, float, int]]:
    """Hours of one region in which next to nobody was heard; not those out round it already."""
    heard = np.bincount(hour, minlength=len(out))
    if heard.max() < settings.outage_min_ships:
        return []
    usual = _usual(heard, settings)
    low = (usual >= settings.outage_min_ships) & (heard <= settings.outage_share * usual)
    low &= ~out & (np.arange(len(heard)) >= np.flatnonzero(heard)[0])
    return [
        (region, first + k, float(usual[k]), int(heard[k])) for k in np.flatnonzero(low).tolist()
    ]


def _out_around(
    cell: int, resolution: int, named: set[tuple[int, int]], first: int, n_hours: int
) -> NDArray[np.bool_]:
    """(n hours,) is the whole feed out already, or the larger region round the cell?"""
    around = [int(WHOLE_FEED)]
    around += [int(parent(np.array([cell]), r)[0]) for r in REGIONS if r < resolution]
    hours = [hour - first for region, hour in named if region in around] if named else []
    out = np.zeros(n_hours, np.bool_)
    out[hours] = True
    return out


def _usual(heard: NDArray[np.int64], settings: Settings) -> NDArray[np.float64]:
    """(n hours,) the median of the hours within the window on both sides."""
    window = 2 * settings.outage_window_bins + 1
    return np.asarray(ndimage.median_filter(heard.astype(float), window, mode="reflect"))


def outage_records(outages: Outages, settings: Settings) -> list[Outage]:
    """Hours in a row as one outage, by region and time."""
    rows = zip(
        outages.region.tolist(), outages.hour.tolist(), outages.expected.tolist(),
        outages.heard.tolist(), strict=True,
    )  # fmt: skip
    return [
        _named(
            run[0][0], OutageKind.RECEIVERS, (run[0][1], run[-1][1] + 1),
            float(np.mean([usual for _, _, usual, _ in run])), max(n for *_, n in run), settings,
        )
        for run in _runs(list(rows))
    ]  # fmt: skip


def _named(
    region: int,
    kind: OutageKind,
    hours: tuple[int, int],
    expected: float,
    found: int,
    settings: Settings,
) -> Outage:
    size_s = settings.reception_bin_s
    start_at, end_at = (datetime.fromtimestamp(hour * size_s, UTC) for hour in hours)
    lat, lon = (None, None) if region == WHOLE_FEED else h3.cell_to_latlng(region)
    cell = "" if region == WHOLE_FEED else h3.int_to_str(region)
    return Outage(
        outage_id=content_id("o", str(kind), cell, format_utc(start_at)),
        kind=str(kind), cell=cell or None, lon=lon, lat=lat, start_at=start_at, end_at=end_at,
        n_usual=expected, n_found=found, source=None, shift_s=None,
    )  # fmt: skip


def clock_records(shifts: Sequence[Shift]) -> list[Outage]:
    """Sources whose clocks were put right."""
    return [
        Outage(
            outage_id=content_id("o", str(OutageKind.CLOCK), one.source, one.shift_s),
            kind=str(OutageKind.CLOCK), cell=None, lon=None, lat=None, start_at=one.first_at,
            end_at=one.last_at, n_usual=0.0, n_found=one.n_pairs, source=one.source,
            shift_s=one.shift_s,
        )
        for one in shifts
    ]  # fmt: skip


def disturbed(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    time_s: NDArray[np.float64],
    mmsi: NDArray[np.int64],
    settings: Settings,
) -> list[Outage]:
    """Waters where several ships sent impossible positions in one hour: GNSS jamming or spoofing.

    Args:
        lon: (n,) of the last place that was possible, of each report marked as a jump.
        lat: (n,).
        time_s: (n,) POSIX seconds of the report.
        mmsi: (n,).
        settings: ships it takes.
    """
    if len(lon) == 0:
        return []
    region = cell_of(lon, lat, REGIONS[0])
    hour = np.floor(time_s / settings.reception_bin_s).astype(np.int64)
    found: dict[tuple[int, int], set[int]] = {}
    for cell, h, ship in zip(region.tolist(), hour.tolist(), mmsi.tolist(), strict=True):
        if cell != NO_CELL:
            found.setdefault((cell, h), set()).add(ship)
    bad = sorted(
        (c, h, len(s)) for (c, h), s in found.items() if len(s) >= settings.jamming_min_ships
    )
    return [
        _named(
            run[0][0], OutageKind.POSITIONS, (run[0][1], run[-1][1] + 1), 0.0,
            max(n for *_, n in run), settings,
        )
        for run in _runs(bad)
    ]  # fmt: skip


def _runs(rows: Sequence[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Rows of (region, hour, …), sorted, as stretches of hours in a row of one region."""
    runs: list[list[tuple[Any, ...]]] = []
    for one in rows:
        if runs and runs[-1][-1][:2] == (one[0], one[1] - 1):
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
