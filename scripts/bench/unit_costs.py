"""What one scene, fix and site cost here, and what 1,000 ports or the whole world would.

Each stage runs as a command of its own, serially; its processor seconds count, less those of the
same command with nothing to do, since wall-clock seconds on a busy machine say little. Bytes are
those of the workspace. The plan is reckoned from these and from the assumptions below: their
sources stand beside them, prices are of the order of public lists and are NOT offers. Put your
own in: `--assume core_hour_usd=0.03`. Keys of `--json`: `units`, `assumptions`, `ports_5_years`,
`global_daily`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import duckdb
import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.jobs.conftest import write_tiny

ROOT = Path(__file__).parents[2]
SITE_KM2 = 48.0
"""Of the demo's sites, by their AOI."""
STAGES = ("fetch", "detect", "ais", "match", "calls", "voyages", "review")
MADE = """
    COPY (
        SELECT 366000000 + i % {ships} AS "MMSI",
            strftime(make_timestamp(1709251200000000 + (i * 432000 // {n}) * 1000000),
                '%Y-%m-%dT%H:%M:%S') AS "BaseDateTime",
            round(42.0 + (i % {ships}) * 0.002 + 0.05 * cos(i / 9000.0), 5) AS "LAT",
            round(134.0 + (i % {ships}) * 0.002 + 0.05 * sin(i / 9000.0), 5) AS "LON",
            round(4.0 + (i % {ships}) % 9, 1) AS "SOG", i % 360 AS "COG", 511 AS "Heading",
            'SHIP ' || (i % {ships}) AS "VesselName", '' AS "IMO", '' AS "CallSign",
            80 AS "VesselType", 0 AS "Status", 120 AS "Length", 20 AS "Width", 8.0 AS "Draft",
            80 AS "Cargo", 'A' AS "TransceiverClass"
        FROM range({n}) AS made(i)
    ) TO '{path}' (FORMAT csv, HEADER)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What cannot be measured here. Dates are when a figure was taken down."""

    # how often and how much; ESA's user guides (Sentinel-1 and -2, "revisit and coverage")
    s2_revisit_days: float = 5.0  # two satellites, at the equator; a third shortens it
    s2_overlap: float = 1.5  # neighbouring swaths see most ports more often; grows with latitude
    s1_repeat_days: float = 12.0  # one satellite, one track
    s1_tracks: float = 2.0  # ascending and descending
    port_km2: float = 120.0  # mean of configs/sites/vostochny.geojson
    port_fixes_a_day: float = 20_000.0  # assumed: a busy port in a terrestrial feed, thinned
    ports: float = 1_000.0
    years: float = 5.0
    coast_km: float = 356_000.0  # CIA World Factbook, the world's coastline
    coast_reach_km: float = 20.0  # ESA: Sentinel-2 takes coastal waters up to 20 km from shore
    world_fixes_a_day: float = 300e6  # assumed: order of what global feeds advertise
    world_kept_days: float = 90.0  # assumed
    # money: assumed, of the order of public lists of large clouds in 2025; not looked up again
    core_hour_usd: float = 0.05
    gb_month_usd: float = 0.023
    put_1000_usd: float = 0.005
    # a machine
    cores: float = 32.0
    used: float = 0.7  # share of its cores that is at work
    days_to_finish: float = 7.0  # for the five years' backlog
    hours_a_night: float = 8.0  # for one day of the world


def child(*words: object) -> float:
    """Processor seconds of a command."""
    command = [sys.executable, "-m", "pipeline", *map(str, words), "--log-json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said, env=environment)  # noqa: S603
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(said.read().decode()[-2000:])
    return used.ru_utime + used.ru_stime


def net(*words: object) -> float:
    """Processor seconds of a command, less those of the same with nothing to do."""
    return max(0.0, child(*words) - child(*words))


def counted(folder: Path) -> tuple[int, int, int]:
    """Items, bytes and files below a stage's folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    items = sum(path.name == "manifest.json" for path in files)
    return items, sum(path.stat().st_size for path in files), len(files)


def season_units(folder: Path, days: int) -> dict[str, float]:
    """Of scenes, sites and cases, on a simulated season of two ports."""
    season = {"n_days": days, "n_dark_tankers": 3, "n_honest_tankers": 3, "n_cargo": 4,
              "n_small_craft": 2}  # fmt: skip
    period = {"start": "2024-03-01", "end": f"2024-03-{days + 1:02d}"}
    config = write_tiny(folder, simulate=season, period=period)
    workspace = folder / "workspace"
    child("fetch", "--config", config)  # simulates the archive too
    shutil.rmtree(workspace / "fetch")
    spent = {stage: net(stage, "--config", config) for stage in STAGES}
    scenes, fetched_bytes, fetched_files = counted(workspace / "fetch")
    radar = sum(1 for _ in (workspace / "fetch").glob("*--S1*"))
    cfar_s = spent["detect"] / scenes
    document = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(document | {"detect": {"models": {"S1": "cfar"}}}))
    network = net("detect", "--config", config)
    _, found_bytes, found_files = counted(workspace / "detect")
    return {
        "scenes": scenes,
        "fetch_cpu_s_per_scene": spent["fetch"] / scenes,
        "fetch_bytes_per_km2": fetched_bytes / scenes / SITE_KM2,
        "files_per_scene": (fetched_files + found_files) / scenes,
        "cfar_cpu_s_per_km2": cfar_s / SITE_KM2,
        "network_cpu_s_per_km2": (network - radar * cfar_s) / (scenes - radar) / SITE_KM2,
        "detect_bytes_per_scene": found_bytes / scenes,
        "match_cpu_s_per_scene": spent["match"] / scenes,
        "calls_cpu_s_per_site_scene": spent["calls"] / scenes,
        "voyages_cpu_s": spent["voyages"],
        "review_cpu_s_per_scene": spent["review"] / scenes,
    }


def ais_units(folder: Path, n: int) -> dict[str, float]:
    """Of fixes, on a made-up provider file."""
    (folder / "inputs").mkdir(parents=True)
    path = folder / "inputs" / "AIS_2024.csv"
    duckdb.sql(MADE.format(ships=800, n=n, path=path))
    config = write_tiny(
        folder, simulate=None, inputs={"ais": ["../inputs"], "scenes": []},
        period={"start": "2024-03-01", "end": "2024-03-06"},
    )  # fmt: skip
    spent = net("ais", "--config", config)
    size = sum(counted(folder / "workspace" / stage)[1] for stage in ("ais", "tracks"))
    return {
        "fixes": n,
        "ais_fixes_per_cpu_s": n / spent,
        "ais_bytes_per_fix": size / n,
    }


def scene_cpu_s(unit: dict[str, float], km2: float, *, radar: bool) -> float:
    """Processor seconds of one scene, from archive to call; fetching scales with the area."""
    detect = unit["cfar_cpu_s_per_km2"] if radar else unit["network_cpu_s_per_km2"]
    rest = ("match_cpu_s_per_scene", "calls_cpu_s_per_site_scene", "review_cpu_s_per_scene")
    share = km2 / SITE_KM2
    return unit["fetch_cpu_s_per_scene"] * share + detect * km2 + sum(unit[name] for name in rest)


def ports_plan(unit: dict[str, float], told: Assumptions) -> dict[str, float]:
    """Many ports, some years, done once."""
    days = 365.0 * told.years
    optical = told.ports * days / told.s2_revisit_days * told.s2_overlap
    radar = told.ports * days / told.s1_repeat_days * told.s1_tracks
    fixes = told.ports * told.port_fixes_a_day * days
    cpu_h = (
        optical * scene_cpu_s(unit, told.port_km2, radar=False)
        + radar * scene_cpu_s(unit, told.port_km2, radar=True)
    ) / 3600.0
    ais_h = fixes / unit["ais_fixes_per_cpu_s"] / 3600.0
    scenes = optical + radar
    kept = scenes * (
        unit["fetch_bytes_per_km2"] * told.port_km2 + unit["detect_bytes_per_scene"]
    ) + fixes * unit["ais_bytes_per_fix"]  # fmt: skip
    return {
        "scenes": scenes,
        "fixes": fixes,
        "scene_core_hours": cpu_h,
        "ais_core_hours": ais_h,
        "machines": (cpu_h + ais_h) / (told.cores * told.used * 24.0 * told.days_to_finish),
        "days_of_one_core_for_tracks": ais_h / 24.0,
        "stored_tb": kept / 1e12,
        "objects": scenes * unit["files_per_scene"],
        "compute_usd": (cpu_h + ais_h) / told.used * told.core_hour_usd,
        "storage_usd_a_month": kept / 1e9 * told.gb_month_usd,
        "puts_usd": scenes * unit["files_per_scene"] / 1000.0 * told.put_1000_usd,
    }


def world_plan(unit: dict[str, float], told: Assumptions) -> dict[str, float]:
    """Every coast that Sentinel-2 takes, and all AIS, each night."""
    km2 = told.coast_km * told.coast_reach_km / told.s2_revisit_days
    scenes = km2 / told.port_km2
    cpu_h = scenes * scene_cpu_s(unit, told.port_km2, radar=False) / 3600.0
    ais_h = told.world_fixes_a_day / unit["ais_fixes_per_cpu_s"] / 3600.0
    daily = (
        km2 * unit["fetch_bytes_per_km2"]
        + scenes * unit["detect_bytes_per_scene"]
        + told.world_fixes_a_day * unit["ais_bytes_per_fix"]
    )
    return {
        "km2_a_day": km2,
        "scenes_a_day": scenes,
        "scene_core_hours_a_day": cpu_h,
        "ais_core_hours_a_day": ais_h,
        "machines": (cpu_h + ais_h) / (told.cores * told.used * told.hours_a_night),
        "stored_tb": daily * told.world_kept_days / 1e12,
        "fetched_mbit_per_s": km2 * unit["fetch_bytes_per_km2"] * 8.0 / 1e6
        / (told.hours_a_night * 3600.0),
        "compute_usd_a_day": (cpu_h + ais_h) / told.used * told.core_hour_usd,
        "storage_usd_a_month": daily * told.world_kept_days / 1e9 * told.gb_month_usd,
    }  # fmt: skip


def assumed(changes: list[str]) -> Assumptions:
    """The assumptions, with those changed that the command line names."""
    told, known = Assumptions(), {field.name for field in fields(Assumptions)}
    for change in changes:
        name, _, value = change.partition("=")
        if name not in known:
            sys.exit(f"No such assumption: {name} (there are {', '.join(sorted(known))})")
        told = replace(told, **{name: float(value)})
    return told


def main() -> None:
    """Print tables, or with --json one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--days", type=int, default=12, help="days of the season, up to 29")
    parser.add_argument("--fixes", type=int, default=400_000)
    parser.add_argument("--units", type=Path, help="units measured before: the JSON of this script")
    parser.add_argument("--assume", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    told = assumed(args.assume)
    if args.units:
        unit: dict[str, float] = json.loads(args.units.read_text())["units"]
    else:
        with tempfile.TemporaryDirectory() as name:
            unit = season_units(Path(name) / "season", args.days)
            unit |= ais_units(Path(name) / "ais", args.fixes)
    found: dict[str, Any] = {
        "units": unit,
        "assumptions": {field.name: getattr(told, field.name) for field in fields(told)},
        "ports_5_years": ports_plan(unit, told),
        "global_daily": world_plan(unit, told),
    }
    if args.json:
        print(json.dumps(found))
        return
    for title, rows in found.items():
        print(f"\n{title}")
        for key, value in rows.items():
            print(f"  {key:<28} {value:,.4g}")


if __name__ == "__main__":
    main()
