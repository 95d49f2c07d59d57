"""Scenes from an archive: `darkcall fetch` against plain parallel curl of the same files.

The archive is a server on loopback that gives each connection what a real one gives (2 MB/s by
default); its tiles are a little larger than the site, so that both move nearly the same bytes. Both
have as many connections: workers × 4 bands, where workers are two a core.

  share_of_curl   bytes a second of darkcall, from the command to the last working copy, over curl's
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pyproj import Transformer

sys.path.insert(0, str(Path(__file__).parents[2]))
from pipeline.jobs.executors import OVERLAP
from tests.fetch.provider import Archive, Serving, days

ROOT = Path(__file__).parents[2]
SITE, CRS = "demo-alder", "EPSG:32653"
WEST, NORTH = 134.163278, 42.08627
"""Of the site."""
SHAPE_PX = (900, 690)
BANDS = 4


def configured(folder: Path, archive: Archive, workers: int) -> Path:
    """A configuration that fetches one site of the demo from the archive."""
    sites = json.loads((ROOT / "configs/sites/demo.geojson").read_text())
    sites["features"] = [one for one in sites["features"] if one["properties"]["site_id"] == SITE]
    (folder / "sites.geojson").write_text(json.dumps(sites))
    document = {
        "name": "bench", "title": "A bench", "workspace": "workspace", "sites": "sites.geojson",
        "period": {"start": "2024-03-01", "end": "2024-12-01"}, "executor": "processes",
        "workers": workers, "scene": {"coastline": "site"},
        "fetch": {"providers": [{"kind": "stac", "name": "loopback", "url": f"{archive.url}/",
                                 "collections": ["sentinel-2-l2a"]}]},
    }  # fmt: skip
    (folder / "bench.yaml").write_text(yaml.safe_dump(document))
    return folder / "bench.yaml"


def by_darkcall(config: Path, archive: Archive) -> tuple[float, int]:
    """Seconds, and bytes the archive sent."""
    before, started = archive.sent_bytes, time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "fetch", "--config", str(config), "--log-json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return time.perf_counter() - started, archive.sent_bytes - before


def by_curl(folder: Path, archive: Archive, connections: int) -> tuple[float, int]:
    """Seconds, and bytes the archive sent."""
    lines = [
        f'url = "{asset["href"]}"\noutput = "{folder / Path(asset["href"]).name}"'
        for item in archive.items
        for name, asset in item["assets"].items()
        if name != "thumbnail"
    ]
    config = folder / "curl.txt"
    config.write_text("\n".join(lines))
    command = ["curl", "--silent", "--parallel", "--parallel-max", str(connections),
               "--parallel-immediate", "--config", str(config)]  # fmt: skip
    before, started = archive.sent_bytes, time.perf_counter()
    subprocess.run(command, check=True)  # noqa: S603
    return time.perf_counter() - started, archive.sent_bytes - before


def main() -> None:
    """Print one table, or with --json one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--megabytes-a-second", type=float, default=2.0, help="of a connection")
    args = parser.parse_args()
    if shutil.which("curl") is None:
        print("skipped: curl is not installed")
        return
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name, Serving(Path(name) / "archive") as archive:
        x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(WEST, NORTH)
        left, top = x // 10 * 10 - 200.0, y // 10 * 10 + 200.0
        for at in days(datetime(2024, 3, 1, 1, 55, 9, tzinfo=UTC), args.scenes, step=5):
            archive.add(CRS, left, top, at, shape=SHAPE_PX)
        archive.bytes_a_second = args.megabytes_a_second * 1e6
        connections = workers * OVERLAP * BANDS
        curl_s, curl_bytes = by_curl(Path(name), archive, connections)
        ours_s, ours_bytes = by_darkcall(configured(Path(name), archive, workers), archive)
    figures = {
        "scenes": args.scenes,
        "connections": connections,
        "darkcall_s": ours_s,
        "darkcall_mb_per_s": ours_bytes / ours_s / 1e6,
        "curl_s": curl_s,
        "curl_mb_per_s": curl_bytes / curl_s / 1e6,
        "share_of_curl": (ours_bytes / ours_s) / (curl_bytes / curl_s),
    }
    if args.json:
        print(json.dumps(figures))
        return
    for key, value in figures.items():
        print(f"{key:<20} {value:.2f}" if isinstance(value, float) else f"{key:<20} {value}")


if __name__ == "__main__":
    main()
