"""AIS at scale: gaps beside DuckDB's bare window query, the whole stage beside MovingPandas.

The fixes are made up (ships that go to and fro, with silences), in time order as feeds come, and
lie in one table of `Fix`. Each way runs in a process of its own, so that its memory is its own.
MovingPandas (`pip install movingpandas`) is no dependency; it is given the first ships of the same
file, and the ratio is of fixes a second. Keys of `--json`:

  gap_ratio_vs_duckdb      time to find and judge all gaps over that of the window query
  peak_rss_gib             the most memory of the gap finding
  fixes_per_second         of the whole stage: clean, split into ships, tracks, reception, gaps
  stage_rss_gib            the most memory of the whole stage
  buckets_ratio            time of the whole stage in four vessel buckets one after the other, their
                           survey and their joining included, over that of all ships at once
  longest_bucket_share     the longest bucket's time over all of that: what more machines can save
  speedup_vs_movingpandas  of the whole stage
  cost                     with --grow: seconds and memory of the whole stage by number of fixes
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))
import numpy as np

from pipeline.ais.air import listen
from pipeline.ais.bulk import Notes, by_ship
from pipeline.ais.gaps import judge
from pipeline.ais.hours import closed_silences, joined_hours, joined_silences, ship_hours
from pipeline.ais.outages import find_outages
from pipeline.ais.settings import Settings
from pipeline.heard import OutsideEvent, Static
from pipeline.jobs import ingest_ais, track_season
from pipeline.tables import schema_of, write_table

SETTINGS = Settings()
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 31, tzinfo=UTC)
SHIPS = 2000
BUCKETS = 4
MOVINGPANDAS_FIXES = 200_000
MADE = """
    COPY (
        SELECT 219000000 + ship AS mmsi, make_timestamptz(at_us) AS sent_at,
            10 + (ship % 40) * 0.2 + 0.2 * sin(at_us / 1e6 / 13750 + ship) AS lon,
            54 + (ship % 50) * 0.1 + 0.05 * cos(at_us / 1e6 / 13750 + ship) AS lat,
            1.0 + (ship % 5) AS sog_mps, (at_us // 1000000 % 360)::DOUBLE AS cog_deg,
            NULL::DOUBLE AS heading_deg, 0::BIGINT AS nav_status, 'A' AS ais_class,
            'terrestrial' AS receiver, NULL::VARCHAR AS mark, 'made.csv' AS source
        FROM (
            SELECT i % {ships} AS ship,
                {start_us} + (i::DOUBLE / {n} * {span_us})::BIGINT
                    + (hash(i) % 1000000)::BIGINT AS at_us
            FROM range({n}) AS made(i)
        )
        WHERE hash(ship * 1000 + at_us // 43200000000) % 50 <> 0
    ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""
FIRST = "SELECT * FROM '{path}' WHERE mmsi < 219000000 + {ships}"
WINDOW = """
    SELECT count(*) FROM (
        SELECT sent_at, lead(sent_at) OVER (PARTITION BY mmsi ORDER BY sent_at) AS next_at
        FROM '{path}'
    ) WHERE next_at - sent_at > INTERVAL 6 HOURS
"""


def made(path: Path, n: int) -> None:
    """About `n` fixes of 2,000 ships in 30 days."""
    start_us, end_us = (int(at.timestamp() * 1e6) for at in (START, END))
    query = MADE.format(n=n, ships=SHIPS, start_us=start_us, span_us=end_us - start_us, path=path)
    duckdb.connect().execute(f"SET TimeZone = 'UTC'; {query}")


def window(path: Path) -> dict:
    """DuckDB's gaps: no ships told apart, none judged."""
    return {"gaps": duckdb.sql(WINDOW.format(path=path)).fetchall()[0][0]}


def gaps(path: Path) -> dict:
    """Gaps found and judged, with the reception learned from the same fixes."""
    hours, silences, n_tracks = [], [], 0
    with tempfile.TemporaryDirectory() as scratch:
        for part in by_ship([path], scratch=Path(scratch), notes=Notes(), settings=SETTINGS):
            fixes = part.append_column("track_id", part["mmsi"])
            hours.append(ship_hours(fixes, SETTINGS))
            silences.append((n_tracks, closed_silences(fixes, SETTINGS)))
            n_tracks += len(hours[-1].track_ids)
    season = joined_hours(hours)
    air = listen(season, is_b=np.zeros(n_tracks, np.bool_), settings=SETTINGS)
    silent = judge(joined_silences(silences), air, find_outages(season, SETTINGS), SETTINGS)
    return {"gaps": len(silent.p), "likely_off": int((silent.high <= 0.05).sum())}


def task_of(path: Path, folder: Path) -> track_season.TracksTask:
    """The season of the file alone, as stage `tracks` is given it."""
    source = folder / "in"
    source.mkdir()
    (source / ingest_ais.FIXES).symlink_to(path.resolve())
    for record, name in ((Static, ingest_ais.STATICS), (OutsideEvent, ingest_ais.EVENTS)):
        write_table(record, schema_of(record).empty_table(), source / name)
    return track_season.TracksTask(
        folders=(source,), sites=(), start=START, end=END, settings=SETTINGS
    )


def made_in(folder: Path) -> Path:
    """The same folder, made."""
    folder.mkdir()
    return folder


def stage(path: Path) -> dict:
    """The whole of stage `tracks`, tables written."""
    with tempfile.TemporaryDirectory() as name:
        task = task_of(path, Path(name))
        outcome = track_season.TRACK.work(task, made_in(Path(name) / "out"))
    return dict(outcome.counts)


def buckets(path: Path) -> dict:
    """The same in buckets of ships, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = task_of(path, folder)
        surveyed = track_season.SurveyTask(
            folders=task.folders, n_buckets=BUCKETS, settings=SETTINGS
        )
        track_season.DIVIDE.work(surveyed, made_in(folder / "survey"))
        shares, took = [], []
        for index in range(BUCKETS):
            begun = time.perf_counter()
            shares.append(made_in(folder / str(index)))
            bucket = track_season.BucketTask(
                folders=task.folders, survey=folder / "survey", index=index, sites=(),
                settings=SETTINGS,
            )  # fmt: skip
            track_season.SHIPS.work(bucket, shares[-1])
            took.append(time.perf_counter() - begun)
        whole = replace(task, survey=folder / "survey", buckets=tuple(shares))
        outcome = track_season.TRACK.work(whole, made_in(folder / "out"))
    return {**outcome.counts, "longest_s": max(took)}


def movingpandas(path: Path) -> dict:
    """The same of the first ships: outliers by speed, trajectories, split at gaps."""
    warnings.simplefilter("ignore")
    import geopandas  # noqa: PLC0415  no dependency
    import movingpandas as mpd  # noqa: PLC0415

    rows = duckdb.sql(FIRST.format(ships=SHIPS // 100, path=path)).df()
    rows = rows.head(MOVINGPANDAS_FIXES)
    rows["sent_at"] = rows["sent_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    begun = time.perf_counter()
    frame = geopandas.GeoDataFrame(
        rows[["mmsi", "sent_at"]], geometry=geopandas.points_from_xy(rows.lon, rows.lat), crs=4326
    ).set_index("sent_at")
    tracks = mpd.TrajectoryCollection(frame, traj_id_col="mmsi")
    clean = mpd.OutlierCleaner(tracks).clean(v_max=20.6)
    parts = mpd.ObservationGapSplitter(clean).split(gap=timedelta(hours=6))
    return {"fixes": len(rows), "tracks": len(parts), "inside_s": time.perf_counter() - begun}


WAYS = {
    "window": window,
    "gaps": gaps,
    "stage": stage,
    "buckets": buckets,
    "movingpandas": movingpandas,
}


def in_child(way: str, path: Path) -> dict:
    """Time, memory and findings of one way in a fresh process."""
    command = [sys.executable, __file__, "--child", way, "--file", str(path)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return json.loads(ended.stdout)


def child(way: str, path: Path) -> None:
    """Run one way and say what it took; the start of Python is not counted."""
    begun = time.perf_counter()
    found = WAYS[way](path)
    seconds = found.pop("inside_s", time.perf_counter() - begun)
    rss_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "rss_gib": rss_gib, **found}))


def measured(folder: Path, n: int, *, peers: bool) -> tuple[dict, list[tuple]]:
    """Figures of `n` fixes, and rows for the table."""
    path = folder / f"{n}.parquet"
    made(path, n)
    n_fixes = pq.ParquetFile(path).metadata.num_rows
    table = []
    results = {}
    for way in WAYS if peers else ("stage",):
        try:
            took = in_child(way, path)
        except subprocess.CalledProcessError:
            if way != "movingpandas":
                raise
            continue  # it is not here
        results[way] = took
        rate = took.get("fixes", n_fixes) / took["seconds"]
        table.append((way, took.get("fixes", n_fixes), took["seconds"], rate, took["rss_gib"]))
    path.unlink()
    return results, table


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixes", type=int, default=20_000_000)
    parser.add_argument("--grow", action="store_true", help="1, 10 and 100 million fixes as well")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=tuple(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        found, table = measured(Path(folder), args.fixes, peers=True)
        figures = {
            "gap_ratio_vs_duckdb": found["gaps"]["seconds"] / found["window"]["seconds"],
            "peak_rss_gib": found["gaps"]["rss_gib"],
            "gaps": found["gaps"]["gaps"],
            "gaps_duckdb": found["window"]["gaps"],
            "fixes_per_second": found["stage"]["clean"] / found["stage"]["seconds"],
            "stage_rss_gib": found["stage"]["rss_gib"],
            "buckets_ratio": found["buckets"]["seconds"] / found["stage"]["seconds"],
            "longest_bucket_share": found["buckets"]["longest_s"] / found["buckets"]["seconds"],
            "buckets_rss_gib": found["buckets"]["rss_gib"],
        }
        if "movingpandas" in found:
            theirs = found["movingpandas"]["fixes"] / found["movingpandas"]["seconds"]
            figures["speedup_vs_movingpandas"] = figures["fixes_per_second"] / theirs
        if args.grow:
            figures["cost"] = {}
            for n in (1_000_000, 10_000_000, 100_000_000):
                one, rows = measured(Path(folder), n, peers=False)
                table += [(f"stage, {n:,} asked for", *row[1:]) for row in rows]
                cost = {key: one["stage"][key] for key in ("seconds", "rss_gib")}
                figures["cost"][str(n)] = cost
    if args.json:
        print(json.dumps(figures))
        return
    print(f"{'way':<32}{'fixes':>14}{'s':>10}{'fixes/s':>14}{'GiB':>8}")
    for way, n, seconds, rate, rss in table:
        print(f"{way:<32}{n:>14,}{seconds:>10.2f}{rate:>14,.0f}{rss:>8.2f}")
    print(", ".join(f"{k} {v:.3g}" for k, v in figures.items() if not isinstance(v, dict)))


if __name__ == "__main__":
    main()
