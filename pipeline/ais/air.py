"""What receivers heard of the ships known to be there, by cell and hour, and what follows.

After Hammond & Peters 2012: a ship heard shortly before an hour and shortly after it was there in
it; the share of such ships heard in the hour itself is the chance that a transmitting ship is
heard. Cells are H3's, at three sizes. A small cell with few ships leans on the larger one round it
(a Beta prior with the larger cell's mean), so that no cell is judged on one ship. A ship that is
heard less than her neighbours by habit is judged by her habit.
"""

from __future__ import annotations

from dataclasses import dataclass

import h3.api.basic_int as h3
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special

from pipeline.ais.hours import ShipHours
from pipeline.ais.settings import Settings
from pipeline.geo import sphere_m
from pipeline.heard import CellReception
from pipeline.tables import TIME, schema_of

TABLED = 4
"""The resolution of the table for people."""
RESOLUTIONS = (2, 3, 4, 5)
"""Edges of about 183, 69, 26 and 10 km (h3geo.org, table of cell statistics); the largest answers
only where the next has nobody."""
EDGE_M = {3: 68_979.0, 4: 26_072.0, 5: 9_854.0}
LARGEST_ASKED = 3
GRID_DEG = 0.002
"""Positions this near share a cell: 200 m against the smallest cell's 10 km."""
NO_CELL = np.int64(0)
CLASSES = 2
"""Of transceivers: A or not told, and B, which sends with a sixth of the power."""
DENSE = 8
"""Slots a row up to which counting beats sorting."""
P_HEARD_MAX = 0.999
"""No hour of silence is ever worth more than 1 in 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """Hours in which a ship is known to have been there, arrays (n,)."""

    track: NDArray[np.int64]
    hour: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    heard: NDArray[np.bool_]
    satellite: NDArray[np.bool_]
    """Heard, and by a satellite too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One cell size: by key of cell, hour and class, ascending."""

    key: NDArray[np.int64]
    n_known: NDArray[np.int64]
    n_heard: NDArray[np.int64]
    n_satellite: NDArray[np.int64]
    alpha: NDArray[np.float64]
    """Of the Beta posterior of being heard in the hour."""
    beta: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Air:
    """Reception of a season."""

    levels: dict[int, Level]
    cells: dict[int, NDArray[np.int64]]
    """By resolution: the cells with anybody known in them, ascending."""
    first_hour: int
    n_hours: int
    shift: NDArray[np.float64]
    """(n tracks,) how much less or more than the others each ship is heard, in logits."""
    shift_sd: NDArray[np.float64]
    """(n tracks,)."""
    rate: NDArray[np.float64]
    """(n tracks,) fixes in an hour in which she is heard."""
    is_b: NDArray[np.bool_]
    """(n tracks,) class B."""

    def table(self, settings: Settings) -> pa.Table:
        """Of `CellReception`, the middle size of cells, by cell and hour."""
        level, cells = self.levels[TABLED], self.cells[TABLED]
        cell, rest = np.divmod(level.key, max(self.n_hours, 1) * CLASSES)
        hour, is_b = np.divmod(rest, CLASSES)
        names = np.array([h3.int_to_str(int(one)) for one in cells], object)
        at_us = ((hour + self.first_hour) * settings.reception_bin_s * 1e6).astype(np.int64)
        columns = {
            "cell": pa.array(names[cell], pa.string()),
            "hour_at": pa.array(at_us).cast(TIME),
            "ais_class": pa.array(np.where(is_b == 1, "B", "A"), pa.string()),
            "n_known": level.n_known,
            "n_heard": level.n_heard,
            "n_satellite": level.n_satellite,
            "p_heard": level.alpha / (level.alpha + level.beta),
            "p_heard_low": special.betaincinv(level.alpha, level.beta, 0.05),
            "p_heard_high": special.betaincinv(level.alpha, level.beta, 0.95),
        }
        return pa.table(columns).cast(schema_of(CellReception))

    def chance(
        self,
        resolution: int,
        cell: NDArray[np.int64],
        hour: NDArray[np.int64],
        track: NDArray[np.int64],
        own: NDArray[np.bool_],
    ) -> Chance:
        """Of these ships being heard in these cells' hours, arrays (n,) all.

        The worse of two: the cell of that resolution, in which she must be, and the smallest round
        the fix, where she may still be. Where a cell has nobody known in that hour the next larger
        one answers, if it has. `own`: the ship's own silence is among the missed, and is left out.
        """
        wide, near = (
            self._chance(r, cell, hour, track, own) for r in (resolution, RESOLUTIONS[-1])
        )
        worse = np.nan_to_num(near.p, nan=2.0) < np.nan_to_num(wide.p, nan=2.0)
        return Chance(
            p=np.where(worse, near.p, wide.p),
            sd_logit=np.where(worse, near.sd_logit, wide.sd_logit),
            known=wide.known | near.known,
            n_known=np.where(worse, near.n_known, wide.n_known),
        )

    def _chance(
        self,
        resolution: int,
        cell: NDArray[np.int64],
        hour: NDArray[np.int64],
        track: NDArray[np.int64],
        own: NDArray[np.bool_],
    ) -> Chance:
        alpha, beta, n_known = self.posterior(resolution, cell, hour, self.is_b[track], own)
        logit = np.log(alpha / beta) + self.shift[track]
        return Chance(
            p=np.minimum(special.expit(logit), P_HEARD_MAX),
            sd_logit=np.sqrt(special.polygamma(1, alpha) + special.polygamma(1, beta)),
            known=~np.isnan(alpha), n_known=n_known,
        )  # fmt: skip

    def posterior(
        self,
        resolution: int,
        cell: NDArray[np.int64],
        hour: NDArray[np.int64],
        is_b: NDArray[np.bool_],
        own: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Beta's two parameters, NaN where unknown, and the ships that tell, arrays (n,) all."""
        alpha, beta = np.full(len(cell), np.nan), np.full(len(cell), np.nan)
        n_known = np.zeros(len(cell), np.int64)
        for level in sorted((r for r in RESOLUTIONS if r <= resolution), reverse=True):
            todo = np.flatnonzero(np.isnan(alpha))
            if len(todo) == 0:
                break
            row, found = self._rows(level, parent(cell[todo], level), hour[todo], is_b[todo])
            at = self.levels[level]
            if own is not None and len(at.key):
                mine = own[todo] & (at.n_known[row] > at.n_heard[row])
                found &= at.n_known[row] > mine
            else:
                mine = np.zeros(len(todo), np.bool_)
            rows = todo[found]
            alpha[rows] = at.alpha[row[found]]
            beta[rows] = at.beta[row[found]] - mine[found]
            n_known[rows] = at.n_known[row[found]] - mine[found]
        return alpha, beta, n_known

    def chance_at(
        self,
        resolution: NDArray[np.int64],
        cell: NDArray[np.int64],
        hour: NDArray[np.int64],
        track: NDArray[np.int64],
        own: NDArray[np.bool_],
    ) -> Chance:
        """As `chance`, each asked at a resolution of its own."""
        n = len(cell)
        columns = {
            "p": np.full(n, np.nan), "sd_logit": np.full(n, np.nan),
            "known": np.zeros(n, np.bool_), "n_known": np.zeros(n, np.int64),
        }  # fmt: skip
        for one in np.unique(resolution):
            rows = np.flatnonzero(resolution == one)
            said = self.chance(int(one), cell[rows], hour[rows], track[rows], own[rows])
            for name, column in columns.items():
                column[rows] = getattr(said, name)
        return Chance(**columns)

    def _rows(
        self,
        resolution: int,
        cell: NDArray[np.int64],
        hour: NDArray[np.int64],
        is_b: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        cells, level = self.cells[resolution], self.levels[resolution]
        if len(level.key) == 0:
            return np.zeros(len(cell), np.int64), np.zeros(len(cell), np.bool_)
        index = np.minimum(np.searchsorted(cells, cell), len(cells) - 1)
        key = _key(index, hour - self.first_hour, is_b, self.n_hours)
        row = np.minimum(np.searchsorted(level.key, key), len(level.key) - 1)
        inside = (hour >= self.first_hour) & (hour < self.first_hour + self.n_hours)
        return row, inside & (cells[index] == cell) & (level.key[row] == key)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chance:
    """Of being heard, arrays (n,)."""

    p: NDArray[np.float64]
    """NaN where unknown."""
    sd_logit: NDArray[np.float64]
    """Standard deviation of the chance's logit."""
    known: NDArray[np.bool_]
    n_known: NDArray[np.int64]
    """Ships known to have been there that tell."""


def listen(hours: ShipHours, *, is_b: NDArray[np.bool_], settings: Settings) -> Air:
    """Reception out of a season's ship-hours.

    Args:
        hours: each ship once an hour.
        is_b: (n tracks,) class B.
        settings: how near in time other hours must be, priors.
    """
    known = known_hours(hours, settings)
    first = int(known.hour.min()) if len(known.hour) else 0
    n_hours = int(known.hour.max()) - first + 1 if len(known.hour) else 0
    finest, place = np.unique(cell_of(known.lon, known.lat, RESOLUTIONS[-1]), return_inverse=True)
    levels: dict[int, Level] = {}
    cells: dict[int, NDArray[np.int64]] = {}
    above: Level | None = None
    for resolution in RESOLUTIONS:
        cells[resolution], index = np.unique(parent(finest, resolution), return_inverse=True)
        key = _key(index[place], known.hour - first, is_b[known.track], n_hours)
        key, n_known, n_heard, n_satellite = _counted(key, known, len(cells[resolution]) * n_hours)
        counts = (n_known, n_heard)
        round_about = _round_about(key, counts, above, cells, resolution, n_hours)
        alpha, beta = _prior(round_about, settings)
        above = levels[resolution] = Level(
            key=key, n_known=n_known, n_heard=n_heard, n_satellite=n_satellite,
            alpha=alpha + n_heard, beta=beta + n_known - n_heard,
        )  # fmt: skip
    n_tracks = len(hours.track_ids)
    air = Air(
        levels=levels, cells=cells, first_hour=first, n_hours=n_hours,
        shift=np.zeros(n_tracks), shift_sd=np.zeros(n_tracks),
        rate=_rate(hours, n_tracks), is_b=is_b,
    )  # fmt: skip
    return _with_habits(air, known, finest[place], n_tracks, settings)


def cell_of(
    lon: NDArray[np.float64], lat: NDArray[np.float64], resolution: int
) -> NDArray[np.int64]:
    """(n,) H3 cells of places, near ones asked for once; `NO_CELL` where lon or lat is NaN."""
    valid = np.isfinite(lon) & np.isfinite(lat)
    columns, rows = np.round(lon[valid] / GRID_DEG), np.round(lat[valid] / GRID_DEG)
    grid, index = np.unique(columns * 1e6 + rows, return_inverse=True)
    column = np.round(grid / 1e6)
    places = zip((grid - column * 1e6) * GRID_DEG, column * GRID_DEG, strict=True)
    cells = np.array([h3.latlng_to_cell(y, x, resolution) for y, x in places], np.int64)
    out = np.full(len(lon), NO_CELL)
    out[valid] = cells[index] if len(cells) else NO_CELL
    return out


def parent(cell: NDArray[np.int64], resolution: int) -> NDArray[np.int64]:
    """(n,) the cells round these at a coarser resolution, by the bits of the index.

    Four bits from 52 hold the resolution; of the fifteen digits of three bits those finer than it
    are all ones (h3geo.org, "H3Index bit layout").
    """
    finer = (1 << 3 * (15 - resolution)) - 1
    parents = (cell & ~np.int64(0xF << 52)) | np.int64(resolution << 52) | np.int64(finer)
    return np.where(cell == NO_CELL, NO_CELL, parents)


def known_hours(hours: ShipHours, settings: Settings) -> Known:
    """Hours in which a ship was there for sure, those in which she was heard and the others.

    She was if she was heard a few hours before and a few hours after, or at most a day apart in one
    and the same place. The hour itself has no part in it, so that the share heard is fair.
    """
    n = len(hours)
    heard = np.arange(1, max(n - 1, 1))[: max(n - 2, 0)]
    heard = heard[_sure(hours, heard - 1, heard + 1, hours.hour[heard], settings)]
    step = np.diff(hours.hour) * (np.diff(hours.track) == 0)
    before = np.flatnonzero((step > 1) & (step <= longest_bins(settings)))
    rows = np.repeat(before, step[before] - 1)
    starts = np.cumsum(step[before] - 1) - (step[before] - 1)
    ahead = np.arange(len(rows)) - np.repeat(starts, step[before] - 1) + 1
    sure = _sure(hours, rows, rows + 1, hours.hour[rows] + ahead, settings)
    rows, ahead = rows[sure], ahead[sure]
    after = np.minimum(rows + 1, max(n - 1, 0))
    share = ahead / np.maximum(step[rows], 1) if n > 1 else ahead.astype(float)
    turn = (hours.lon[after] - hours.lon[rows] + 180.0) % 360.0 - 180.0
    lon = (hours.lon[rows] + share * turn + 180.0) % 360.0 - 180.0
    lat = hours.lat[rows] + share * (hours.lat[after] - hours.lat[rows])
    return Known(
        track=np.concatenate([hours.track[heard], hours.track[rows]]),
        hour=np.concatenate([hours.hour[heard], hours.hour[rows] + ahead]),
        lon=np.concatenate([hours.lon[heard], lon]),
        lat=np.concatenate([hours.lat[heard], lat]),
        heard=np.concatenate([np.ones(len(heard), np.bool_), np.zeros(len(rows), np.bool_)]),
        satellite=np.concatenate([hours.satellite[heard], np.zeros(len(rows), np.bool_)]),
    )


def longest_bins(settings: Settings) -> int:
    """Hours between two in which a ship is heard, beyond which nothing is known between."""
    return max(2 * settings.present_bins, settings.still_bins)


def between(
    gone: NDArray[np.int64],
    to_go: NDArray[np.int64],
    hop_m: NDArray[np.float64] | float,
    settings: Settings,
) -> NDArray[np.bool_]:
    """(n,) is a ship sure to have been there, so many hours after one fix and before the next?"""
    near = (gone <= settings.present_bins) & (to_go <= settings.present_bins)
    still = (gone + to_go <= settings.still_bins) & (hop_m <= settings.present_still_m)
    return near | still


def _sure(
    hours: ShipHours,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    hour: NDArray[np.int64],
    settings: Settings,
) -> NDArray[np.bool_]:
    if len(before) == 0:
        return np.zeros(0, np.bool_)
    gone, to_go = hour - hours.hour[before], hours.hour[after] - hour
    same = hours.track[before] == hours.track[after]
    sure = same & between(gone, to_go, np.inf, settings)
    doubt = np.flatnonzero(same & ~sure & (gone + to_go <= settings.still_bins))
    a, b = before[doubt], after[doubt]
    hop_m = sphere_m(hours.lon[a], hours.lat[a], hours.lon[b], hours.lat[b])
    sure[doubt] = between(gone[doubt], to_go[doubt], hop_m, settings)
    return np.asarray(sure)


def _key(
    cell: NDArray[np.int64], hour: NDArray[np.int64], is_b: NDArray[np.bool_], n_hours: int
) -> NDArray[np.int64]:
    return (cell.astype(np.int64) * max(n_hours, 1) + hour) * CLASSES + is_b


def _counted(
    key: NDArray[np.int64], known: Known, n_cell_hours: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Keys, ascending, with how many rows have each, were heard, and were by a satellite."""
    if n_cell_hours * CLASSES <= DENSE * len(key):  # no need to sort
        counts = np.bincount(key, minlength=1)
        own = np.flatnonzero(counts)
        group, size = key, len(counts)
    else:
        own, group = np.unique(key, return_inverse=True)
        size = len(own)
    kept = own if group is key else slice(None)
    every, heard, satellite = (
        np.bincount(group, weights, minlength=size)[kept].astype(np.int64)
        for weights in (None, known.heard, known.satellite)
    )
    return own, every, heard, satellite


def _round_about(
    key: NDArray[np.int64],
    counts: tuple[NDArray[np.int64], NDArray[np.int64]],
    above: Level | None,
    cells: dict[int, NDArray[np.int64]],
    resolution: int,
    n_hours: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ships known and heard in the rest of the larger cell round each, of the same hour and class.

    Without the cell's own, which would else count twice.
    """
    n_known, n_heard = counts
    if above is None:
        return np.zeros_like(n_known), np.zeros_like(n_heard)
    cell, rest = np.divmod(key, max(n_hours, 1) * CLASSES)
    coarser = RESOLUTIONS[RESOLUTIONS.index(resolution) - 1]
    up = np.searchsorted(cells[coarser], parent(cells[resolution][cell], coarser))
    row = np.searchsorted(above.key, up * max(n_hours, 1) * CLASSES + rest)
    return above.n_known[row] - n_known, above.n_heard[row] - n_heard


def _prior(
    round_about: tuple[NDArray[np.int64], NDArray[np.int64]], settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The settings' own, or a few ships of the larger cell's: never less than the settings'."""
    n_known, n_heard = round_about
    share = n_heard / np.maximum(n_known, 1)
    ships = np.minimum(n_known, settings.round_about_ships)
    a, b = settings.reception_prior
    return np.maximum(a, ships * share), np.maximum(b, ships * (1.0 - share))


def _rate(hours: ShipHours, n_tracks: int) -> NDArray[np.float64]:
    fixes = np.bincount(hours.track, hours.n_fixes, minlength=n_tracks)
    return np.asarray(fixes / np.maximum(np.bincount(hours.track, minlength=n_tracks), 1))


def _with_habits(
    air: Air, known: Known, cell: NDArray[np.int64], n_tracks: int, settings: Settings
) -> Air:
    """Each ship against what the others in her cells and hours promised, leaning on the promise."""
    if len(known.hour) == 0:
        return air
    alpha, beta, _ = air.posterior(LARGEST_ASKED, cell, known.hour, air.is_b[known.track])
    n = np.bincount(known.track, minlength=n_tracks)
    # Without her own hour; the large cell, for in a small one she may be alone.
    a = np.maximum(alpha - known.heard, 1e-3)
    b = np.maximum(beta - ~known.heard, 1e-3)
    promised = np.bincount(known.track, np.nan_to_num(a / (a + b), nan=0.5), minlength=n_tracks)
    heard = np.bincount(known.track, known.heard, minlength=n_tracks)
    k = settings.habit_hours
    share = np.divide(promised, n, out=np.full(n_tracks, 0.5), where=n > 0)
    a, b = heard + k * share + 0.5, n - heard + k * (1.0 - share) + 0.5
    as_promised = (share * (n + k) + 0.5) / ((1.0 - share) * (n + k) + 0.5)
    # Only where she is heard less: one heard more may owe it to where she has been.
    habit = np.where(n > 0, np.minimum(np.log(a / b) - np.log(as_promised), 0.0), 0.0)
    sd = np.sqrt(special.polygamma(1, a) + special.polygamma(1, b))
    return Air(
        levels=air.levels, cells=air.cells, first_hour=air.first_hour, n_hours=air.n_hours,
        shift=habit, shift_sd=sd, rate=air.rate, is_b=air.is_b,
    )  # fmt: skip
