"""Which scenes anything refers to: calls, cases, their history, the journal, dossiers.

What was evidence once stays evidence: each run adds to `history/evidence.parquet`, as calls get
other ids when more is known, and cases leave the queue on which people have decided.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path

from pipeline.config import Config, Secrets
from pipeline.decided import Entry, HullAdded, HullMoved, HullRejected, LengthMeasured
from pipeline.decisions.journal import entries
from pipeline.errors import BadInput
from pipeline.jobs.call_history import HISTORY
from pipeline.jobs.call_history import TABLE as CALLS_TABLE
from pipeline.jobs.contract import MANIFEST
from pipeline.jobs.detect_ships import DETECT, DETECTIONS, SCREEN
from pipeline.jobs.fetch_scenes import COVERAGE, FETCH
from pipeline.jobs.find_calls import CALLS, FIND, NAME
from pipeline.jobs.locks import stage_lock
from pipeline.jobs.open_decisions import DATABASE, open_decisions
from pipeline.jobs.queue_review import CASES, REVIEW
from pipeline.pruned import EvidenceScene
from pipeline.records import (
    CallVersion,
    Case,
    Coverage,
    CoverageState,
    Detection,
    EvidenceClass,
    PortCall,
)
from pipeline.review.cases import case_of
from pipeline.scene.item import ITEM, read_item
from pipeline.tables import read_records, write_records

TABLE = "evidence.parquet"
DOSSIERS = "dossiers"
MAX_DOSSIER_BYTES = 64_000_000
A_DETECTION = "d-"
"""What a detection's id begins with."""
EVERYWHERE = ""
"""Site of an id that could be anybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is referred to, and what could not be followed to a scene."""

    rows: frozenset[EvidenceScene]
    lost: Mapping[str, tuple[str, ...]]
    """Ids that lead to no scene known here, by site: all scenes of those sites stay."""

    def keeps(self, site_id: str, scene_id: str) -> bool:
        """Does a scene stay?"""
        if site_id in self.lost or EVERYWHERE in self.lost:
            return True
        return scene_id in self.scene_ids

    @property
    def scene_ids(self) -> frozenset[str]:
        """Of all scenes that anything refers to."""
        return frozenset(row.scene_id for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the workspace has of scenes, and what was seen in them."""

    site_of: Mapping[str, str]
    """Site by scene."""
    scene_of: Mapping[str, str]
    """Scene by detection, those set aside too."""
    at: Mapping[str, datetime]
    """When each detection was sensed."""
    passes: Mapping[str, Sequence[Coverage]]
    """Of each zone, in time."""


def evidence_of(config: Config) -> Evidence:
    """Everything that is referred to in a workspace, now or in an earlier run.

    It is read from the tables as they lie, whatever the configuration says by now.

    Raises:
        BadInput: a table cannot be read: what it refers to cannot be told.
    """
    workspace = config.workspace
    rows: set[EvidenceScene] = set(_recorded(workspace))
    seen = _seen(workspace, rows)
    lost: dict[str, set[str]] = defaultdict(set)
    calls = _calls(workspace)
    cases = read_records(Case, _tables(workspace, REVIEW.name, CASES))
    versions = read_records(CallVersion, _there(workspace / HISTORY / CALLS_TABLE))
    references = [
        *((call.call_id, "call", call.site_id, _of_call(call, seen)) for call in calls),
        *((case.case_id, "case", case.site_id, case.evidence_ids) for case in cases),
        *((row.event_id, "history", row.site_id, row.evidence_ids) for row in versions),
        *_of_dossiers(workspace),
    ]
    for subject, kind, site_id, ids in references:
        found, missing = _followed(subject, kind, ids, seen)
        rows |= found
        if missing:
            lost[site_id] |= missing
    named = {call.call_id for call in calls} | {row.call_id for row in versions}
    cases_known = {case.case_id for case in cases} | {case_of(name) for name in named}
    cases_known |= {row.subject_id for row in rows}
    for entry in _journal(config):
        found, missing = _followed(f"line {entry.seq}", "journal", _of_entry(entry), seen)
        rows |= found
        if entry.case_id not in cases_known:
            missing |= {entry.case_id}
        if missing:
            lost[EVERYWHERE] |= missing
    return Evidence(
        rows=frozenset(rows), lost={site: tuple(sorted(ids)) for site, ids in sorted(lost.items())}
    )


def record_evidence(config: Config) -> Evidence:
    """Write down for ever what is referred to now; returns it with all that ever was.

    Raises:
        BadInput: a table cannot be read. Locked: another run writes the history.
    """
    folder = config.workspace / HISTORY
    with stage_lock(config.workspace, HISTORY):
        evidence = evidence_of(config)
        before = frozenset(_recorded(config.workspace))
        if evidence.rows != before:
            folder.mkdir(parents=True, exist_ok=True)
            write_records(EvidenceScene, _ordered(evidence.rows), folder / TABLE)
    return evidence


def _ordered(rows: Iterable[EvidenceScene]) -> list[EvidenceScene]:
    return sorted(rows, key=astuple)


def _recorded(workspace: Path) -> list[EvidenceScene]:
    return read_records(EvidenceScene, _there(workspace / HISTORY / TABLE))


def _there(path: Path) -> list[Path]:
    return [path] if path.exists() else []


def _tables(workspace: Path, stage: str, name: str) -> list[Path]:
    """A table of all items of a stage that are in their place."""
    return sorted(
        path for path in (workspace / stage).glob(f"*/{name}") if path.parent.name[:1] != "."
    )


def _calls(workspace: Path) -> list[PortCall]:
    """As found at each site, and as named over the season: ids may differ between them."""
    paths = [path for stage in (FIND, NAME) for path in _tables(workspace, stage.name, CALLS)]
    return read_records(PortCall, paths)


def _seen(workspace: Path, recorded: Iterable[EvidenceScene]) -> _Seen:
    site_of = {row.scene_id: row.site_id for row in recorded}
    for path in _tables(workspace, FETCH.name, ITEM):
        scene = read_item(path)
        site_of[scene.scene_id] = scene.site_id
    scene_of = {row.evidence_id: row.scene_id for row in recorded}
    at = {}
    for stage in (DETECT, SCREEN):
        for item in read_records(Detection, _tables(workspace, stage.name, DETECTIONS)):
            scene_of[item.detection_id] = item.scene_id
            at[item.detection_id] = item.sensed_at
    passes: dict[str, list[Coverage]] = defaultdict(list)
    for row in read_records(Coverage, _tables(workspace, FETCH.name, COVERAGE)):
        passes[row.zone_id].append(row)
    for rows in passes.values():
        rows.sort(key=lambda row: (row.sensed_at, row.scene_id))
    return _Seen(site_of=site_of, scene_of=scene_of, at=at, passes=passes)


def _followed(
    subject: str, kind: str, ids: Iterable[str], seen: _Seen
) -> tuple[set[EvidenceScene], set[str]]:
    """The scenes that ids lead to, and the detections among them that lead to none."""
    found, missing = set(), set()
    for one in ids:
        scene_id = one if one in seen.site_of else seen.scene_of.get(one)
        if scene_id is not None and scene_id in seen.site_of:
            found.add(
                EvidenceScene(
                    evidence_id=one, subject_id=subject, kind=kind, scene_id=scene_id,
                    site_id=seen.site_of[scene_id],
                )
            )  # fmt: skip
        elif scene_id is None and one.startswith(A_DETECTION):
            missing.add(one)
    return found, missing


def _of_call(call: PortCall, seen: _Seen) -> list[str]:
    """Its detections; and of one that images tell of, all passes that bracket it."""
    times = [seen.at[name] for name in call.detection_ids if name in seen.at]
    if call.evidence_class == EvidenceClass.AIS_VISIT or not times:
        return list(call.detection_ids)
    start = min([*times, call.arrival_earliest or call.arrival_latest])
    end = max([*times, call.departure_latest or call.departure_earliest])
    passes = seen.passes.get(call.zone_id, ())
    within = [row.scene_id for row in passes if start <= row.sensed_at <= end]
    clear = [row for row in passes if row.state == CoverageState.SEEN]
    before = [row.scene_id for row in clear if row.sensed_at < min(times)]
    after = [row.scene_id for row in clear if row.sensed_at > max(times)]
    return [*call.detection_ids, *within, *before[-1:], *after[:1]]


def _of_dossiers(workspace: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """Scenes that dossiers below the workspace hold or list."""
    for path in sorted((workspace / DOSSIERS).glob(f"*/{MANIFEST}")):
        try:
            if path.stat().st_size > MAX_DOSSIER_BYTES:
                raise ValueError("too large")
            told = json.loads(path.read_text(encoding="utf-8"))
            ids = [str(scene["scene_id"]) for scene in told["scenes"]]
            subject = str(told["subject"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadInput(
                "A dossier cannot be read, so what it refers to cannot be told", where=path,
                found=repr(error), do="Move it out of the workspace if it is none",
            ) from None  # fmt: skip
        yield f"{told['kind']} {subject}", "dossier", EVERYWHERE, ids


def _of_entry(entry: Entry) -> list[str]:
    body = entry.body
    if isinstance(body, LengthMeasured | HullAdded):
        return [body.scene_id]
    return [body.detection_id] if isinstance(body, HullMoved | HullRejected) else []


def _journal(config: Config) -> list[Entry]:
    """What people decided; nothing where nobody was ever asked."""
    if Secrets().database_url is None and not (config.workspace / DATABASE).exists():
        return []
    store = open_decisions(config)
    try:
        return entries(store)
    finally:
        store.close()
