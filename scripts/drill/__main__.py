"""Thirty nights with faults drawn by seed, held against thirty quiet ones.

    make drill                       # a table
    make drill ARGS="--seed 3 --json"

The same month is delivered twice, night by night, to `darkcall night`: once undisturbed, once with
kills, a full disk, a network cut, storms of refusals, corrupt, doubled and late files, a clock
that jumps and a database that is gone. At the end the tables must be equal, every alert that was
owed must have arrived, and no other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.progress import track

from pipeline.records import CallVersion
from pipeline.tables import read_records
from scripts.drill.faults import Fault, Struck, draw, due
from scripts.drill.nights import Nights, mounted
from scripts.drill.world import COLLECTION, Deliveries, simulate, write_config
from tests.fetch.provider import Archive, Serving
from tests.receiver import Inbox, Receiver

INSIDE = "DRILL_HAS_MOUNTS"
WORKSPACE_BYTES = 4 << 30
TITLES = {
    "The disk is full": "disk full",
    "An archive does not answer": "network",
    "An item of stage": "failure",
    "The clock is wrong": "clock",
    "The database of decisions": "database",
    "Another run is at work": "overlap",
    "The night of": "night not ended",
    "Over: ": "over",
    "Dark call": "dark call",
    "Lead": "dark call",
    "Withdrawn": "dark call",
    "No GPU": "gpu",
    "No AIS": "silence",
    "No scene": "silence",
    "Few": "silence",
}
LASTING = ("screen", "tracks", "match", "calls", "names", "voyages", "calendar", "identity")
"""Folders of the stages whose tables must come out equal."""


def main() -> int:
    """Run the drill and print how it went."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="everything is drawn by it")
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--keep", type=Path, help="keep everything in this folder")
    asked = parser.parse_args()
    if INSIDE not in os.environ:
        _enter_namespace()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="darkcall-drill-"))
    try:
        found = drill(folder, asked.seed, asked.nights)
    finally:
        if asked.keep is None:
            subprocess.run(["umount", str(folder / "rough/workspace")], check=False,
                           capture_output=True)  # fmt: skip
            shutil.rmtree(folder, ignore_errors=True)
    _print(found, as_json=asked.json)
    well = found["tables_equal"] and not (
        found["alerts_missing"] or found["alerts_extra"] or found["wrong_exits"]
    )
    return 0 if well else 4


def _enter_namespace() -> None:
    """Mounts of its own, so that a disk can be full: as root, or as a user who may pretend."""
    if shutil.which("unshare") is None:
        return
    words = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    if subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", [*words, sys.executable, "-m", "scripts.drill", *sys.argv[1:]])  # noqa: S606


def drill(folder: Path, seed: int, nights: int) -> dict[str, Any]:
    """Both months, and what differs."""
    started = time.monotonic()
    season = simulate(folder / "season", nights)
    with Serving(folder / "archive") as archive, Receiver() as inbox:
        quiet = _month(folder / "quiet", season, archive, inbox, nights, [])
        silent = _counted(inbox.got)
        inbox.got.clear()
        can_fill = mounted(folder / "rough/workspace", WORKSPACE_BYTES)
        possible = [fault for fault in Fault if fault is not Fault.DISK or can_fill]
        with_scenes = {night for night in range(nights + 1) if quiet.deliveries.new_scenes(night)}
        plan = draw(seed, nights, with_scenes, possible)
        rough = _month(folder / "rough", season, archive, inbox, nights, plan)
        told = _counted(inbox.got)
    plan = [replace(one, faults=()) if one.night in rough.spared else one for one in plan]
    owed = due(plan)
    told.pop("dark call", None)
    differ = _different(quiet.workspace, rough.workspace)
    calls_missing, calls_extra = _calls(rough.workspace)
    return {
        "seed": seed,
        "nights": nights,
        "faults": sum(len(one.faults) for one in plan),
        "kinds_of_faults": len({fault for one in plan for fault in one.faults}),
        "left_out": [] if can_fill else [str(Fault.DISK)],
        "tables_equal": not differ,
        "tables_different": differ,
        "alerts_due": sum(owed.values()),
        "alerts_missing": sum((owed - told).values()) + calls_missing,
        "alerts_extra": sum((told - owed).values()) + calls_extra,
        "alerts_in_quiet_nights": {k: n for k, n in silent.items() if k != "dark call"},
        "wrong_alerts": dict(owed - told) | {f"extra {k}": n for k, n in (told - owed).items()},
        "wrong_exits": [*quiet.wrong, *rough.wrong],
        "plan": {one.night: str(one.faults[0]) for one in plan if one.faults},
        "night_s": round(sorted(quiet.seconds)[len(quiet.seconds) // 2], 1),
        "seconds": round(time.monotonic() - started),
    }


def _month(
    folder: Path, season: Path, archive: Archive, inbox: Inbox, nights: int, plan: Sequence[Struck]
) -> Nights:
    provider = {
        "kind": "stac", "name": "loopback", "url": f"{archive.url}/", "collections": [COLLECTION],
        "retries": 4, "timeout_s": 10,
    }  # fmt: skip
    config = write_config(
        folder, nights, workspace="workspace",
        inputs={"ais": ["inbox"]}, fetch={"providers": [provider]},
        upkeep={"min_free_gb": 0.0, "silence_ais_h": 100.0, "habit_windows": 1000},
    )  # fmt: skip
    (folder / "workspace").mkdir(exist_ok=True)
    archive.page = 50
    month = Nights(
        config=config,
        workspace=folder / "workspace",
        deliveries=Deliveries.of(season, archive, folder / "inbox"),
        alert_url=inbox.address,
        chance=random.Random(len(plan)),  # noqa: S311  instants of kills
    )
    struck = {one.night: one.faults[0] for one in plan if one.faults}
    for night in track(range(1, nights + 1), description=f"{folder.name} nights"):
        month.keep(night, struck.get(night))
    return month


def _counted(messages: Sequence[dict[str, Any]]) -> Counter[str]:
    """Alerts that arrived, by kind, told by the beginning of their titles."""
    counted: Counter[str] = Counter()
    for message in messages:
        found = [kind for start, kind in TITLES.items() if message["title"].startswith(start)]
        more = " items of stage" in message["title"]
        counted[found[0] if found else "failure" if more else f"? {message['title']}"] += 1
    return counted


def _different(quiet: Path, rough: Path) -> list[str]:
    """Tables that are not in both, row by row and column by column the same."""
    tables = [
        {
            path.relative_to(workspace).as_posix(): _content(path)
            for stage in LASTING
            for path in (workspace / stage).rglob("*.parquet")
            if path.name != "issues.parquet"
        }
        for workspace in (quiet, rough)
    ]
    names = sorted(set(tables[0]) | set(tables[1]))
    assert len(names) > len(LASTING), "there is nothing to compare"
    return [name for name in names if tables[0].get(name) != tables[1].get(name)]


def _content(path: Path) -> str:
    return hashlib.sha256(str(pq.read_table(path).to_pylist()).encode()).hexdigest()


def _calls(workspace: Path) -> tuple[int, int]:
    """Dark calls that stand at the end and were not told as they stand; told ones that never were.

    The log says what was told; that it also arrived is counted with the other alerts.
    """
    rows = read_records(CallVersion, workspace / "history/calls.parquet")
    latest = {row.event_id: row for row in sorted(rows, key=lambda row: row.version)}
    said: dict[str, str] = {}
    for line in (workspace / "alerts/told.jsonl").read_text().splitlines():
        alert = json.loads(line)["alert"]
        if alert["kind"] == "dark call":
            said[alert["key"].removeprefix("call:")] = alert["about"][0]
    stands = {
        event: row.tier
        for event, row in latest.items()
        if row.state != "withdrawn" and row.tier != "D"
    }
    missing = sum(said.get(event) != tier for event, tier in stands.items())
    return missing, len(set(said) - set(latest))


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, sort_keys=True))
        return
    for key, value in found.items():
        print(f"{key:<24}{value}")


if __name__ == "__main__":
    sys.exit(main())
