"""Scenes from an archive: `darkcall fetch` against plain parallel curl of the same files.

The archive is a server on loopback behind a line of a given rate (100 and 200 Mbit/s, and as fast
as loopback is), its connections 2 MB/s each, as real ones are. Its tiles are a little larger than
the site, so that both move nearly the same bytes. curl has as many connections as darkcall has
copies in flight: workers × 4 bands, where workers are two a core.

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
from typing import Any

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
LINES_MBIT = (100.0, 200.0, None)
"""None: no limit but loopback's and the machine's."""


def configured(folder: Path, archive: Archive, workers: int) -> Path:
    """A configuration that fetches one site of the demo from the archive."""
    folder.mkdir()
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
    folder.mkdir()
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
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # noqa: S603
    return time.perf_counter() - started, archive.sent_bytes - before


def measured(
    folder: Path, archive: Archive, line_mbit: float | None, workers: int
) -> dict[str, Any]:
    """Both at one rate of the line."""
    archive.line_bytes_a_second = None if line_mbit is None else line_mbit / 8.0 * 1e6
    folder.mkdir()
    connections = workers * OVERLAP * BANDS
    curl_s, curl_bytes = by_curl(folder / "curl", archive, connections)
    ours_s, ours_bytes = by_darkcall(configured(folder / "darkcall", archive, workers), archive)
    return {
        "line_mbit_per_s": line_mbit,
        "darkcall_s": ours_s,
        "darkcall_mb_per_s": ours_bytes / ours_s / 1e6,
        "curl_s": curl_s,
        "curl_mb_per_s": curl_bytes / curl_s / 1e6,
        "share_of_curl": (ours_bytes / ours_s) / (curl_bytes / curl_s),
    }


def main() -> None:
    """Print one table, or with --json one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scenes", type=int, default=120)
    args = parser.parse_args()
    if shutil.which("curl") is None:
        print("skipped: curl is not installed")
        return
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name, Serving(Path(name) / "archive") as archive:
        x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(WEST, NORTH)
        left, top = x // 10 * 10 - 200.0, y // 10 * 10 + 200.0
        for at in days(datetime(2024, 3, 1, 1, 55, 9, tzinfo=UTC), args.scenes, step=2):
            archive.add(CRS, left, top, at, shape=SHAPE_PX)
        archive.bytes_a_second = 2e6
        rows = [measured(Path(name) / str(n), archive, line, workers)
                for n, line in enumerate(LINES_MBIT)]  # fmt: skip
    if args.json:
        print(json.dumps({"scenes": args.scenes, "workers": workers * OVERLAP, "lines": rows}))
        return
    print(f"{args.scenes} scenes, {workers * OVERLAP} workers")
    for row in rows:
        for key, value in row.items():
            print(f"{key:<20} {value:.2f}" if isinstance(value, float) else f"{key:<20} no limit")
        print()


if __name__ == "__main__":
    main()
