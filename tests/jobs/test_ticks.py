"""A day of ticks by a clock that is stepped: nothing at once, nothing missed, nothing twice."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from pyproj import Transformer

from pipeline.clock import format_utc
from tests.fetch.provider import Serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

START = datetime(2024, 3, 1, tzinfo=UTC)
CRS, ALDER = "EPSG:32653", (134.163278, 42.08627)
MINUTE = timedelta(minutes=1)
PASSES = [5, 62, 187, 245, 419, 503, 540, 611, 700, 803, 950, 1090, 1215, 1330, 1401]
"""Minutes of the day at which a pass is taken; an hour later the archive has it."""
STEPS = {7: -40 * MINUTE, 13: 95 * MINUTE, 19: -95 * MINUTE}
"""What the clock is stepped by before the tick of that hour: NTP, a battery that was empty."""


def ticks():
    """(true time, what the clock says) of each tick, a quarter past each hour by the clock."""
    off, fired = timedelta(0), set()
    for minute in range(24 * 60):
        true = START + minute * MINUTE
        off += STEPS.get(minute // 60, timedelta(0)) if minute % 60 == 0 else timedelta(0)
        said = true + off
        if said.minute == 15 and said not in fired:
            fired.add(said)
            yield true, said


def test_a_day_of_ticks_takes_every_pass_once_and_never_works_twice_at_a_time(
    write_config, start, darkcall, tmp_path
):
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*ALDER)
    with Serving(tmp_path / "archive") as archive:
        provider = {"kind": "stac", "name": "loopback", "url": f"{archive.url}/",
                    "collections": ["sentinel-2-l2a"], "retries": 1, "timeout_s": 10}  # fmt: skip
        config = write_config(
            tmp_path, simulate=None, fetch={"providers": [provider]},
            upkeep={"min_free_gb": 0.0, "clock_tolerance_s": 60.0},
        )  # fmt: skip
        sites = json.loads((tmp_path / "configs/sites/demo.geojson").read_text())
        sites["features"] = [
            one for one in sites["features"] if one["properties"]["site_id"] == "demo-alder"
        ]
        (tmp_path / "configs/sites/demo.geojson").write_text(json.dumps(sites))
        waiting = [START + minute * MINUTE for minute in PASSES]
        late: dict[str, int] = {}
        codes = []
        for number, (true, said) in enumerate(ticks()):
            while waiting and waiting[0] + 60 * MINUTE <= true:
                at = waiting.pop(0)
                archive.add(CRS, x // 10 * 10 - 200, y // 10 * 10 + 200, at, shape=(900, 690),
                            **{"sat:relative_orbit": len(archive.items) + 1})  # fmt: skip
            words = ("night", "--config", config, "--now", format_utc(said))
            if number % 8 == 3:  # cron starts the next one though this one is still at work
                pair = [start(*words) for _ in range(2)]
                codes.append(sorted(process.wait() for process in pair))
                assert codes[-1] in ([0, 75], [0, 0])
            else:
                codes.append(darkcall(*words).code)
            there = {p.name for p in (tmp_path / "workspace/fetch").glob("demo-alder--*")}
            for item in archive.items:
                stamp = item["properties"]["datetime"][:10].replace("-", "")
                orbit = f"{stamp}_R{item['properties']['sat:relative_orbit']:03}"
                if not any(orbit in name for name in there):
                    late[orbit] = late.get(orbit, 0) + 1

        assert len(codes) == 23  # a step back repeats no tick, the step ahead leaps over one
        assert max(late.values(), default=0) <= 2  # only while the clock lay behind its own images
        fetched = [p for p in (tmp_path / "workspace/fetch").iterdir() if p.name.startswith("demo")]
        have = len(archive.items)
        assert len(fetched) == have >= len(PASSES) - 2
        whole = [count for path, count in archive.asked.items() if path.endswith("_nir.tif")]
        assert len(whole) == have
        assert max(whole) - min(whole) <= 1  # each asked for as often: in one tick, never again
    locks = subprocess.run(
        ["ls", tmp_path / "workspace/.locks"], capture_output=True, text=True, check=True
    )
    assert "night.lock" in locks.stdout
