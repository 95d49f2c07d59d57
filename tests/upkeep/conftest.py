"""A record and a health with everything known, changed by keywords."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.records import CoverageState
from pipeline.upkeep.health import Forecast, Health, Looks, Newest, Queue
from pipeline.upkeep.machine import Disk, Gpu
from pipeline.upkeep.ran import FailedItem, RunRecord, Runs, StageRan, Totals

BEGAN = datetime(2024, 3, 7, 3, 0, 1, tzinfo=UTC)


def _ran(stage="fetch", **changes) -> StageRan:
    return StageRan(
        **{
            "stage": stage, "active": True, "items": 12, "worked": 5, "done": 9, "failed": 2,
            "left_out": 1, "seconds": 7.5, "bytes_written": 4096,
            "failures": (FailedItem(item="vostochny--x", message="Raster is truncated"),),
            **changes,
        }
    )  # fmt: skip


def _record(**changes) -> RunRecord:
    began = changes.get("began", BEGAN)
    return RunRecord(
        **{
            "began": began, "ended": began + timedelta(minutes=41), "pid": 77, "host": "box",
            "config": "vostochny", "version": "0.1.0", "command": "run", "stages": ("fetch",),
            "exit_code": 3, "results": (_ran(),), "workspace_bytes": {"fetch": 8192},
            **changes,
        }
    )  # fmt: skip


def _health(**changes) -> Health:
    runs = Runs(records={"20240307T030001Z-77.json": _record()}, unreadable=(), pruned=Totals())
    at = BEGAN + timedelta(hours=1)
    shares = dict.fromkeys(CoverageState, 0.0)
    shares |= {CoverageState.SEEN: 0.75, CoverageState.NOT_IMAGED: 0.25}
    return Health(
        **{
            "at": at, "config": "vostochny", "period_end": at + timedelta(days=200),
            "version": "0.1.0", "runs": runs, "running": (),
            "scenes": [Newest(site_id="vostochny", provider="earth-search", at=BEGAN)],
            "ais_files": [Newest(site_id=None, provider="dma", at=BEGAN)],
            "heard": [Newest(site_id="vostochny", provider=None, at=BEGAN)],
            "looks": [Looks(site_id="vostochny", shares=shares, n=8)],
            "queue": Queue(cases=3, by_status={"open": 2, "decided": 1}, oldest_at=BEGAN),
            "queue_problem": None,
            "disk": Disk(size_bytes=1000, free_bytes=400, inodes_free=9),
            "gpus": [Gpu(index="0", name="NVIDIA H100 80GB HBM3", driver="550.54", busy=0.5,
                         memory_used_bytes=1 << 30, memory_bytes=80 << 30)],
            "forecast": Forecast(growth_bytes_a_day=10.0, full_at=at + timedelta(days=40),
                                 reason=None),
            **changes,
        }
    )  # fmt: skip


@pytest.fixture
def stage_ran():
    return _ran


@pytest.fixture
def record():
    return _record


@pytest.fixture
def health():
    return _health
