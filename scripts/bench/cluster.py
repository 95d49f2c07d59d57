"""The same scenes on one worker and on two: `executor: ray` on a cluster of two machines here.

Two Ray nodes with a core each run on this machine, over loopback. Detection (CPU alone, the
detector without weights) of a simulated port's scenes is run again with one worker and with two,
in turns, and the best of each counts. What else the machine does is told with it: on a busy
machine both are slower, and the figures say less. Needs `darkcall[ray]`. Keys of `--json`:

  workers_1_s, workers_2_s   seconds of the stage, its workers' start included
  speedup, efficiency        of two over one; efficiency is speedup / 2
  scenes, cores              how many there were
  load_before, load_after    one-minute load average
  same_bytes                 do all runs, and one that was serial, give the same files?
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.jobs.clusters import LOOPBACK, Cluster, cluster
from tests.jobs.conftest import write_tiny

ROOT = Path(__file__).parents[2]


def darkcall(*words: object) -> list[dict[str, Any]]:
    """Run a command; what its log says."""
    command = [sys.executable, "-m", "pipeline", *map(str, words), "--log-json"]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, **LOOPBACK},
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


def detected(config: Path, **changes: Any) -> tuple[float, str]:
    """Seconds of the stage `detect` done anew, and a hash of all it wrote."""
    document = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(document | changes, sort_keys=False))
    events = darkcall("detect", "--config", config, "--force")
    seconds = next(e["seconds"] for e in events if e.get("stage") == "detect" and "seconds" in e)
    digest = hashlib.sha256()
    for path in sorted((config.parents[1] / "workspace" / "detect").rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return seconds, digest.hexdigest()


def measured(folder: Path, machines: Cluster, *, days: int, rounds: int) -> dict[str, Any]:
    """All figures."""
    season = {"n_days": days, "n_dark_tankers": 2, "n_honest_tankers": 2, "n_cargo": 3,
              "n_small_craft": 2}  # fmt: skip
    end = f"2024-03-{days + 1:02d}"
    config = write_tiny(folder, simulate=season, period={"start": "2024-03-01", "end": end})
    darkcall("fetch", "--config", config)
    load_before = os.getloadavg()[0]
    _, serial = detected(config, executor="serial")
    taken: dict[int, list[float]] = {1: [], 2: []}
    hashes = {serial}
    for _ in range(rounds):
        for workers, seconds in taken.items():
            ray = {"executor": "ray", "ray": {"address": machines.address}, "workers": workers}
            took, digest = detected(config, **ray)
            seconds.append(took)
            hashes.add(digest)
    one, two = min(taken[1]), min(taken[2])
    return {
        "scenes": sum(1 for _ in (folder / "workspace" / "detect").glob("*/manifest.json")),
        "cores": os.cpu_count(),
        "workers_1_s": one,
        "workers_2_s": two,
        "speedup": one / two,
        "efficiency": one / two / 2.0,
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
        "same_bytes": len(hashes) == 1,
    }


def main() -> None:
    """Print one table, or with --json one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--days", type=int, default=25, help="days of the season, up to 29")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    try:
        import ray  # noqa: F401, PLC0415  an extra
    except ImportError:
        print("skipped: ray is not installed")
        return
    with tempfile.TemporaryDirectory() as name, cluster(2) as machines:
        found = measured(Path(name), machines, days=args.days, rounds=args.rounds)
    if args.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:<14} {value:.2f}" if isinstance(value, float) else f"{key:<14} {value}")


if __name__ == "__main__":
    main()
