"""No file that an id of evidence leads to is ever in a plan, whatever the workspace holds."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import Config
from pipeline.decided import HullRejected, Noted
from pipeline.decisions.journal import append
from pipeline.decisions.store import Store
from pipeline.errors import BadInput
from pipeline.jobs.evidence import record_evidence
from pipeline.jobs.prune import plan_prune
from pipeline.pruned import EvidenceScene
from pipeline.records import CallVersion, Case, Coverage, Detection, PortCall
from pipeline.tables import read_records, write_records
from pipeline.whole_files import sha256_of
from tests.jobs.ledgers import call, case, coverage, detection, item_document, version

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEGIN = datetime(2024, 3, 1, tzinfo=UTC)
SITES, PASSES = ("alder", "hazel"), 6


class Invented:
    """A workspace with tables that fit one another and pixels of some bytes each."""

    def __init__(self, root: Path, seed: int) -> None:
        self.workspace = root
        self.random = random.Random(seed)
        self.scenes: dict[str, Path] = {}
        self.shown: dict[str, str] = {}
        self.coverage: list[Coverage] = []
        for site in SITES:
            for number in range(PASSES):
                self._scene(site, number)
        self._publish("screen", SITES[0], "detections.parquet", Detection, [])

    @property
    def config(self) -> Config:
        return Config.model_validate({
            "name": "invented", "title": "x", "workspace": self.workspace, "sites": "none.geojson",
            "period": {"start": "2024-01-01", "end": "2025-01-01"},
            "upkeep": {"keep_scenes_days": 60},
        })  # fmt: skip

    def pixels(self, scene_id: str) -> set[Path]:
        return set(self.scenes[scene_id].glob("*.tif"))

    def planned(self) -> set[Path]:
        """Every file that would go."""
        plan = plan_prune(self.config, now=NOW)
        folders = [self.workspace / "fetch" / one.item_id for one in plan.going]
        return {path for folder in folders for path in folder.glob("*.tif")} | set(plan.caches)

    def _scene(self, site: str, number: int) -> None:
        at = BEGIN + timedelta(days=5 * number, hours=self.random.randrange(20))
        name = f"S2A_{number}_{site}"
        folder = self.workspace / "fetch" / f"{site}--S2A_{number}"
        folder.mkdir(parents=True)
        for band in ("B02", "B03"):
            (folder / f"{band}.tif").write_bytes(f"{name} {band}".encode())
        (folder / "item.json").write_text(json.dumps(item_document(name, site, at)))
        row = coverage(site, name, at, state=self.random.choice(["seen", "seen", "cloudy"]))
        self.coverage.append(row)
        write_records(Coverage, [row], folder / "coverage.parquet")
        self.seal(folder)
        found = [detection(f"d-{name}-{k}", name, at) for k in range(self.random.randrange(3))]
        self.shown |= {one.detection_id: name for one in found}
        self._publish("detect", folder.name, "detections.parquet", Detection, found)
        self._publish("match", folder.name, "done.parquet", EvidenceScene, [])
        self.scenes[name] = folder

    def _publish(self, stage: str, item: str, table: str, record: type, rows: list) -> None:
        folder = self.workspace / stage / item
        folder.mkdir(parents=True, exist_ok=True)
        write_records(record, rows, folder / table)
        self.seal(folder)

    @staticmethod
    def seal(folder: Path) -> None:
        outputs = {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
            for path in sorted(folder.iterdir())
            if path.name != "manifest.json"
        }
        (folder / "manifest.json").write_text(json.dumps({"outputs": outputs, "key": "k"}))

    def refer(self) -> set[str]:
        """Let calls, cases, history, journal and dossiers refer to some scenes; which they are."""
        some = self.random.sample(sorted(self.shown), min(4, len(self.shown)))
        named: set[str] = {self.shown[one] for one in some}
        parts = [some[k::5] for k in range(5)]
        by_id = {
            one.detection_id: one
            for path in self.workspace.glob("detect/*/detections.parquet")
            for one in read_records(Detection, path)
        }
        calls = [call(f"call-{k}", [by_id[one]]) for k, one in enumerate(parts[0])]
        self._publish("names", "season", "calls.parquet", PortCall, calls)
        for one, (found,) in zip(calls, ([by_id[n]] for n in parts[0]), strict=True):
            named |= self._around(one, found)
        self._publish("review", "season", "cases.parquet", Case, [
            case(f"case-{k}", [one, "t-1"]) for k, one in enumerate(parts[1])
        ])  # fmt: skip
        (self.workspace / "history").mkdir(exist_ok=True)
        write_records(
            CallVersion, [version(f"event-{k}", [one]) for k, one in enumerate(parts[2])],
            self.workspace / "history/calls.parquet",
        )  # fmt: skip
        self._decide(parts[3])
        for k, one in enumerate(parts[4]):
            folder = self.workspace / f"dossiers/call-{k}"
            folder.mkdir(parents=True)
            told = {"kind": "call", "subject": f"call-{k}",
                    "scenes": [{"scene_id": self.shown[one]}]}  # fmt: skip
            (folder / "manifest.json").write_text(json.dumps(told))
        return named

    def _around(self, one: PortCall, found: Detection) -> set[str]:
        """An oracle of its own: the passes between which she came and went."""
        own = sorted(
            (r for r in self.coverage if r.zone_id == one.zone_id), key=lambda r: r.sensed_at
        )
        index = next(k for k, row in enumerate(own) if row.scene_id == found.scene_id)
        before = next((r for r in reversed(own[:index]) if r.state == "seen"), None)
        after = next((r for r in own[index + 1 :] if r.state == "seen"), None)
        return {row.scene_id for row in (before, after) if row is not None}

    def _decide(self, detections: list[str]) -> None:
        store = Store.open(f"sqlite:///{self.workspace / 'decisions.db'}")
        for number, one in enumerate(detections):
            write_records(
                Case, [*read_records(Case, self.workspace / "review/season/cases.parquet"),
                       case("case-decided", [])],
                self.workspace / "review/season/cases.parquet",
            )  # fmt: skip
            append(
                store, who="ann", case_id="case-decided", evidence_key="k", at=NOW,
                body=HullRejected(detection_id=one), entry_id=str(number),
            )  # fmt: skip
        store.close()


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9))
def test_nothing_that_is_referred_to_is_planned(seed):
    with tempfile.TemporaryDirectory() as folder:
        one = Invented(Path(folder) / "workspace", seed)
        named = one.refer()
        planned = one.planned()
        for scene_id in named:
            assert not planned & one.pixels(scene_id), scene_id
        # and the plan is no empty promise: what nothing refers to goes
        spare = set(one.scenes) - named
        assert planned <= {path for scene_id in spare for path in one.pixels(scene_id)}
        assert planned or len(spare) < len(one.scenes) // 2


@pytest.fixture
def invented(tmp_path):
    return Invented(tmp_path / "workspace", 7)


def test_what_was_evidence_once_stays_when_the_tables_forget_it(invented):
    named = invented.refer()
    record_evidence(invented.config)
    # detected again with other weights: no detection keeps its id, and the calls are gone
    for path in invented.workspace.glob("detect/*/detections.parquet"):
        write_records(Detection, [], path)
        invented.seal(path.parent)
    invented._publish("names", "season", "calls.parquet", PortCall, [])
    planned = invented.planned()
    assert planned
    for scene_id in named:
        assert not planned & invented.pixels(scene_id)


def test_an_id_that_leads_nowhere_keeps_its_whole_site(invented):
    (invented.workspace / "history").mkdir()
    row = replace(version("event-1", ["d-of-another-time"]), site_id="alder")
    write_records(CallVersion, [row], invented.workspace / "history/calls.parquet")
    plan = plan_prune(invented.config, now=NOW)
    assert plan.going
    assert {one.item_id.split("--")[0] for one in plan.going} == {"hazel"}
    assert "d-of-another-time" in plan.notes[0]


def test_a_decision_on_a_case_nobody_knows_keeps_everything(invented):
    store = Store.open(f"sqlite:///{invented.workspace / 'decisions.db'}")
    append(store, who="ann", case_id="case-of-old", evidence_key="k", at=NOW,
           body=Noted(note="look again"), entry_id="1")  # fmt: skip
    store.close()
    assert not plan_prune(invented.config, now=NOW).going


def test_a_table_that_cannot_be_read_stops_the_plan(invented):
    next(invented.workspace.glob("detect/*/detections.parquet")).write_bytes(b"no table")
    with pytest.raises(BadInput, match="cannot be read"):
        plan_prune(invented.config, now=NOW)


def test_a_link_is_never_followed(invented, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"mine")
    folder = next(iter(invented.scenes.values()))
    (folder / "B02.tif").rename(outside / "B02.tif")
    (folder / "B02.tif").symlink_to(outside / "B02.tif")
    cache = invented.workspace / ".cache"
    cache.mkdir()
    (cache / "elsewhere").symlink_to(outside)
    plan = plan_prune(invented.config, now=NOW)
    assert folder.name not in [one.item_id for one in plan.going]
    assert plan.caches == (cache / "elsewhere",)
