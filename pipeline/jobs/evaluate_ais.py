"""Score the AIS chapter on real tracks with faults put into them."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.ais.air import listen
from pipeline.ais.bulk import Notes, by_ship
from pipeline.ais.gaps import find_gaps
from pipeline.ais.hours import ship_hours, silences_of, until
from pipeline.ais.outages import find_outages
from pipeline.ais.readers import read_parts
from pipeline.ais.settings import Columns, Settings
from pipeline.ais.tracks import TrackSet, build_tracks, seconds
from pipeline.errors import UsageError
from pipeline.evaluate.ais import (
    LEAST_RUN,
    AisScore,
    Cause,
    FoundGap,
    Reports,
    Scale,
    World,
    area_under_curve,
    make_world,
    paired,
    separation,
    steady_ships,
)
from pipeline.heard import (
    Fix,
    Gap,
    GapVerdict,
)
from pipeline.tables import TIME, schema_of, write_table

SOLENT = "ais/solent/SolentAIS_20160112_130211.csv"
COLUMNS = Columns(
    name="Solent CSV",
    columns={
        "mmsi": "MMSI", "sent_at": "Time", "lon": "Longitude_degrees", "lat": "Latitude_degrees",
        "sog": "SOG_knots", "cog": "COG_degrees",
    },
    time_format="%Y-%m-%d %H:%M:%S.%f",
)  # fmt: skip
WORLDS, SEED = 96, 7_000_000
"""Worlds that were not looked at when the method was chosen."""
NEAR_DEG = 1.0
"""Reports from farther off are faults that are in the data already."""
STRETCH = 30.0
"""Time and distances alike: 84 minutes over 30 km become 42 hours over 900, at the same speeds, so
that gaps of hours and receivers of a coast have room. Reports are then minutes apart."""


def evaluate_ais(reference: Path, settings: Settings, *, worlds: int = WORLDS) -> AisScore:
    """Worlds of faults out of 91 real ships of the Solent, and what the chain makes of them.

    Args:
        reference: folder of the reference data.
        settings: thresholds.
        worlds: how many.

    Raises:
        UsageError: the tracks are not there.
    """
    path = reference / SOLENT
    if not path.exists():
        raise UsageError("No real tracks there", where=reference, expected=SOLENT)
    settings = settings.model_copy(update={"formats": (COLUMNS,)})
    parts = [part.fixes for part in read_parts(path, settings=settings)]
    real = _stretched(_reports(pa.concat_tables(parts)))
    scale = Scale(
        bin_s=settings.reception_bin_s, gap_min_s=settings.gap_min_s,
        start_s=float(real.time_s.min()), end_s=float(real.time_s.max()),
    )  # fmt: skip
    tally = _Tally()
    for number in range(worlds):
        world = make_world(real, scale=scale, seed=SEED + number)
        tally.add(world, *_chain(world, scale, settings))
    return tally.score(worlds, len(steady_ships(real, scale)))


def _reports(fixes: pa.Table) -> Reports:
    fixes = fixes.sort_by([("mmsi", "ascending"), ("sent_at", "ascending")])
    numbers = {
        name: np.nan_to_num(np.asarray(fixes.column(name), float))
        for name in ("lon", "lat", "sog_mps", "cog_deg")
    }
    near = np.abs(numbers["lon"] - np.median(numbers["lon"])) < NEAR_DEG
    near &= np.abs(numbers["lat"] - np.median(numbers["lat"])) < NEAR_DEG
    return Reports(
        ship=np.asarray(fixes["mmsi"])[near], time_s=seconds(fixes)[near],
        **{name: column[near] for name, column in numbers.items()},
    )  # fmt: skip


def _stretched(real: Reports) -> Reports:
    """About the beginning and the middle."""
    lon, lat = float(np.median(real.lon)), float(np.median(real.lat))
    start_s = real.time_s.min()
    return replace(
        real,
        time_s=start_s + STRETCH * (real.time_s - start_s),
        lon=lon + STRETCH * (real.lon - lon),
        lat=lat + STRETCH * (real.lat - lat),
    )


def _chain(world: World, scale: Scale, settings: Settings) -> tuple[list[Gap], TrackSet]:
    """Both receivers' tables through sorting, tracks, reception and gaps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = []
        for source, rows in (("first", ~world.second), ("second", world.second)):
            files.append(folder / f"{source}.parquet")
            write_table(Fix, _fixes(world, np.flatnonzero(rows), source), files[-1])
        notes = Notes()
        parts = list(by_ship(files, scratch=folder, notes=notes, settings=settings))
    built = build_tracks(pa.concat_tables(parts), {}, settings=settings)
    hours = ship_hours(built.on_air, settings)
    gaps = find_gaps(
        until(silences_of(built, notes, settings), scale.end_s, settings),
        built.tracks,
        air=listen(hours, is_b=np.zeros(len(built.tracks), np.bool_), settings=settings),
        outages=find_outages(hours, settings),
        data_end=datetime.fromtimestamp(scale.end_s, UTC),
        settings=settings,
    )
    return gaps, built


def _fixes(world: World, rows: np.ndarray, source: str) -> pa.Table:
    reports = world.reports
    at_us = np.round(reports.time_s[rows] * 1e6).astype(np.int64)
    n = len(rows)
    return pa.table(
        {
            "mmsi": world.mmsi[rows],
            "sent_at": pa.array(at_us).cast(TIME),
            "lon": reports.lon[rows], "lat": reports.lat[rows],
            "sog_mps": reports.sog_mps[rows], "cog_deg": reports.cog_deg[rows],
            "heading_deg": pa.nulls(n, pa.float64()), "nav_status": pa.nulls(n, pa.int64()),
            "ais_class": pa.nulls(n, pa.string()), "receiver": pa.nulls(n, pa.string()),
            "mark": pa.nulls(n, pa.string()), "source": pa.array([source] * n),
        }
    ).cast(schema_of(Fix))  # fmt: skip


class _Tally:
    """What the worlds add up to."""

    def __init__(self) -> None:
        self._n = Counter[str]()
        self._p: dict[Cause, list[float]] = {Cause.OFF: [], Cause.RECEIVERS: []}
        self._said: dict[Cause, list[bool]] = {Cause.OFF: [], Cause.RECEIVERS: []}
        self._apart: dict[bool, list[float]] = {False: [], True: []}

    def add(self, world: World, gaps: list[Gap], built: TrackSet) -> None:
        """One world."""
        for true, found in paired(world.gaps, [_found(gap) for gap in gaps]):
            self._n["true"] += true is not None
            self._n["found"] += found is not None
            if true is None or found is None:
                continue
            self._n["both"] += 1
            if true.cause in self._p:
                self._p[true.cause].append(found.p_silent)
                self._said[true.cause].append(found.verdict == GapVerdict.LIKELY_OFF)
        for number, pair in enumerate(world.clones):
            apart = _apart(world, pair, built)
            if apart is not None:
                self._apart[number % 2 == 1].append(apart)

    def score(self, worlds: int, ships: int) -> AisScore:
        """The figures."""
        n, off, lost = self._n, Cause.OFF, Cause.RECEIVERS
        near, far = (float(np.mean(self._apart[kind])) for kind in (False, True))
        return AisScore(
            worlds=worlds, ships=ships, gaps_true=n["true"],
            gap_recall=n["both"] / n["true"], gap_precision=n["both"] / n["found"],
            clone_separation=float(np.mean(self._apart[False] + self._apart[True])),
            clone_separation_near=near, clone_separation_far=far,
            likely_off_auc=area_under_curve(self._p[off], self._p[lost]),
            switched_off=len(self._p[off]), not_received=len(self._p[lost]),
            likely_off_recall=float(np.mean(self._said[off])),
            likely_off_wrong=float(np.mean(self._said[lost])),
        )  # fmt: skip


def _found(gap: Gap) -> FoundGap:
    return FoundGap(
        mmsi=gap.mmsi, off_s=gap.off_at.timestamp(),
        on_s=None if gap.on_at is None else gap.on_at.timestamp(), p_silent=gap.p_silent_if_on,
        verdict=gap.verdict,
    )  # fmt: skip


def _apart(world: World, pair: tuple[int, int], built: TrackSet) -> float | None:
    """How well two ships on one number were told apart; None where one was hardly heard."""
    rows = np.flatnonzero(np.isin(world.reports.ship, pair) & ~world.second & ~world.false)
    if min((world.reports.ship[rows] == ship).sum() for ship in pair) < LEAST_RUN:
        return None
    own = built.fixes.filter(pa.compute.equal(built.fixes["mmsi"], int(world.mmsi[rows[0]])))
    at_us = np.asarray(own["sent_at"].cast(pa.int64()))
    track = {
        (int(t), float(x)): name
        for t, x, name in zip(
            at_us, own["lon"].to_pylist(), own["track_id"].to_pylist(), strict=True
        )
    }
    reports = world.reports
    names = [
        track.get((round(float(reports.time_s[row]) * 1_000_000), float(reports.lon[row])))
        for row in rows
    ]
    kept = [k for k, name in enumerate(names) if name is not None]  # others were said twice
    return separation(reports.ship[rows][kept], [names[k] for k in kept])
