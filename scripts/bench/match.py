"""Matching at scale: a million detections against a hundred million fixes, beside DuckDB's join.

Ships go to and fro about four hundred ports for thirty days; each port is imaged fifty times, and
each image shows about fifty hulls. Ours finds each port's fixes out of core, says where every ship
was at each image's instant, and matches. DuckDB's is a bare as-of join of as many (ship, instant)
pairs with the same fixes: no places, no errors, no hulls. Each runs in a process of its own, so
that its memory is its own. Keys of `--json`:

  detections, fixes        how many
  seconds, rss_gib         ours, and the most memory
  near_seconds             of it, finding the fixes near the ports
  join_seconds             DuckDB's as-of join
  ratio_vs_join            ours over it
  pairs_per_detection      pairs of ship and hull that were weighed, over the detections
  matched_share            detections that were matched
  cost_by_ships            seconds a scene by ships in view, same area: 25 to 400
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from shapely.geometry import box

sys.path.insert(0, str(Path(__file__).parents[2]))
from pipeline.ais.near import FixesInTime, Place, fixes_near
from pipeline.ais.predict import predict
from pipeline.ais.settings import Settings as AisSettings
from pipeline.evaluate.crowd import PLAIN, harbour
from pipeline.heard import Track
from pipeline.jobs.evaluate_match import matched
from pipeline.match.others import Others
from pipeline.match.score import score
from pipeline.match.settings import Settings as MatchSettings
from pipeline.records import Detection, Prediction

AIS, MATCH = AisSettings(), MatchSettings()
START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, PORTS, SHIPS, IMAGES = 30, 400, 50, 50
WINDOW = timedelta(seconds=MATCH.fix_window_s)
MADE = """
    COPY (
        SELECT 't' || ship AS track_id, 219000000 + ship AS mmsi,
            make_timestamptz(at_us) AS sent_at,
            -170 + (port % 40) * 8.5 + 0.05 * ((ship // {ports}) % 7)
                + 0.02 * sin(at_us / 1e6 / 9000 + ship) AS lon,
            -45 + (port // 40) * 10.0 + 0.03 * ((ship // {ports}) // 7)
                + 0.01 * cos(at_us / 1e6 / 9000 + ship) AS lat,
            0.3 * abs(cos(at_us / 1e6 / 9000 + ship)) AS sog_mps,
            90.0 AS cog_deg, NULL::DOUBLE AS heading_deg, 0::BIGINT AS nav_status
        FROM (
            SELECT i % ({ports} * {ships}) AS ship, i % {ports} AS port,
                {start_us} + (i::DOUBLE / {n} * {span_us})::BIGINT AS at_us
            FROM range({first}, {last}) AS made(i)
        )
    ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""
JOIN = """
    SELECT count(*), avg(epoch(p.at - f.sent_at)) FROM probes AS p
    ASOF JOIN read_parquet('{files}') AS f ON p.track_id = f.track_id AND p.at >= f.sent_at
"""


def instants() -> list[datetime]:
    """Of the images of each port."""
    return [START + timedelta(hours=14.1 * (k + 0.5)) for k in range(IMAGES)]


def make(folder: Path, n: int) -> None:
    """About `n` fixes in one table a day."""
    span_us = int(DAYS * 86_400e6)
    for day in range(DAYS):
        first, last = n * day // DAYS, n * (day + 1) // DAYS
        query = MADE.format(
            ports=PORTS, ships=SHIPS, n=n, start_us=int(START.timestamp() * 1e6),
            span_us=span_us, first=first, last=last, path=folder / f"fixes-{day:02d}.parquet",
        )  # fmt: skip
        duckdb.connect().execute(f"SET TimeZone = 'UTC'; SET memory_limit = '4GB'; {query}")


def ports() -> list[Place]:
    """On a lattice over the world."""
    return [
        Place(name=f"port {k}", lon=-170 + (k % 40) * 8.5 + 0.15, lat=-45 + (k // 40) * 10.0 + 0.1)
        for k in range(PORTS)
    ]


def ours(folder: Path) -> dict:
    """Every image of every port matched."""
    counts = {"detections": 0, "fixes": 0, "pairs": 0, "matched": 0, "near_s": 0.0}
    tracks = {f"t{k}": _track(k) for k in range(PORTS * SHIPS)}
    places = {place.name: place for place in ports()}
    files = sorted(folder.glob("fixes-*.parquet"))
    stream = fixes_near(
        files, list(places.values()), reach_m=MATCH.fix_radius_m, scratch=folder, settings=AIS
    )
    others = Others(MATCH)
    while True:
        began = time.perf_counter()
        name, table = next(stream, (None, None))
        counts["near_s"] += time.perf_counter() - began
        if name is None or table is None:
            break
        counts["fixes"] += table.num_rows
        place, fixes = places[name], FixesInTime.of(table)
        area = box(place.lon - 0.4, place.lat - 0.4, place.lon + 0.4, place.lat + 0.4)
        for number, at in enumerate(instants()):
            around = fixes.around(at, WINDOW)
            present = [tracks[k] for k in dict.fromkeys(around.column("track_id").to_pylist())]
            ships = predict(around, present, instant=at, near=area, settings=AIS)
            hulls = _hulls(ships, np.random.default_rng([len(name), number]))
            pairs = score(PLAIN, hulls, ships, centre=(place.lon, place.lat), others=others,
                          settings=MATCH)  # fmt: skip
            said = matched(PLAIN, hulls, ships, MATCH)
            counts["detections"] += len(hulls)
            counts["pairs"] += len(pairs)
            counts["matched"] += sum(one.outcome == "matched" for one in said)
    return counts


def _track(number: int) -> Track:
    return Track(
        track_id=f"t{number}", mmsi=219_000_000 + number, start_at=START, end_at=START, n_fixes=9,
        ais_class="A", imo=None, name=None, ship_type=70, length_m=60.0 + number % 150,
        width_m=None,
    )  # fmt: skip


def _hulls(ships: list[Prediction], rng: np.random.Generator) -> list[Detection]:
    """One for each ship in view, some metres off; their making is not what is measured."""
    return [
        Detection(
            detection_id=f"d{k}", scene_id="x", site_id="x", sensor="S2", sensed_at=PLAIN.sensed_at,
            lon=ship.lon + 2e-4 * east, lat=ship.lat + 2e-4 * north, position_sigma_m=10.0,
            row_px=0.0, col_px=0.0, outline_px=[0.0] * 8, score=0.9,
            length_m=(ship.length_m or 100.0) * (1 + 0.1 * longer), length_sigma_m=12.0,
            width_m=18.0, width_sigma_m=4.0, axis_deg=20.0, axis_sigma_deg=8.0, contrast=9.0,
            p_tanker=0.5, p_tanker_basis="none", zone_id=None, shore_distance_m=800.0,
            cloud_score=0.0, empty_share=None, flags=[], screened=None, detector="made",
            model_sha256=None, chip=None,
        )
        for k, (ship, (east, north, longer)) in enumerate(
            zip(ships, rng.normal(size=(len(ships), 3)), strict=True)
        )
    ]  # fmt: skip


def join(folder: Path) -> dict:
    """As many probes as detections, and nothing but the join."""
    with tempfile.TemporaryDirectory(dir=folder) as spill, duckdb.connect() as connection:
        connection.execute(
            f"SET TimeZone = 'UTC'; SET memory_limit = '4GB'; SET temp_directory = '{spill}';"
            "SET enable_progress_bar = false; SET preserve_insertion_order = false"
        )
        instant_us = pa.array([int(at.timestamp() * 1e6) for at in instants()])
        ships = pa.array([f"t{number}" for number in range(PORTS * SHIPS)])
        connection.register("u", pa.table({"us": instant_us}))
        connection.register("s", pa.table({"track_id": ships}))
        connection.execute(
            "CREATE TABLE probes AS SELECT track_id, make_timestamptz(us) AS at FROM s, u"
        )
        began = time.perf_counter()
        rows = connection.execute(JOIN.format(files=folder / "fixes-*.parquet")).fetchall()
        return {"join_s": time.perf_counter() - began, "joined": rows[0][0]}


def by_ships() -> dict[str, float]:
    """Seconds a scene by ships in the same 20 km: sparse matching grows as the ships do."""
    cost = {}
    for ships in (25, 50, 100, 200, 400):
        made = [harbour(np.random.default_rng(k), ships=ships, side_m=20_000.0) for k in range(8)]
        began = time.perf_counter()
        for one in made:
            matched(PLAIN, one.detections, one.predictions, MATCH)
        cost[str(ships)] = round((time.perf_counter() - began) / len(made), 4)
    return cost


def measured(step: str, folder: Path) -> dict:
    """One step in a process of its own, with its time and memory."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return json.loads(ended.stdout.splitlines()[-1])


def main() -> None:
    """Make the fixes, run both, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixes", type=int, default=100_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        began = time.perf_counter()
        result = {"ours": ours, "join": join}[args.step](args.folder)
        result["seconds"] = time.perf_counter() - began
        result["rss_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        sys.stdout.write(json.dumps(result) + "\n")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder, args.fixes)
        plain, own = measured("join", folder), measured("ours", folder)
    figures = {
        "detections": own["detections"], "fixes": own["fixes"], "seconds": round(own["seconds"], 1),
        "rss_gib": round(own["rss_gib"], 2), "near_seconds": round(own["near_s"], 1),
        "join_seconds": round(plain["join_s"], 1), "join_rss_gib": round(plain["rss_gib"], 2),
        "ratio_vs_join": round(own["seconds"] / plain["join_s"], 1),
        "pairs_per_detection": round(own["pairs"] / own["detections"], 2),
        "matched_share": round(own["matched"] / own["detections"], 4),
        "cost_by_ships": by_ships(),
    }  # fmt: skip
    if args.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:<22}{value}\n")


if __name__ == "__main__":
    main()
