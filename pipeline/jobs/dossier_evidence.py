"""The untouched evidence behind a call: scenes as fetched, AIS rows as read, and their hashes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import ChecksFailed
from pipeline.heard import Fix, Static
from pipeline.jobs.archives import ORIGINAL
from pipeline.jobs.contract import ISSUES, StageResult
from pipeline.jobs.finished import read_manifest
from pipeline.jobs.ingest_ais import FIXES, STATICS
from pipeline.pruned import Pruned, read_pruned
from pipeline.records import Scene
from pipeline.review import words
from pipeline.review.exports import plain, write_csv
from pipeline.scene.item import ITEM, PREFIX, read_document, read_item
from pipeline.tables import read_table, schema_of, to_records
from pipeline.whole_files import sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedScene:
    """One pass over one site as it lies in the workspace."""

    item_id: str
    folder: Path
    scene: Scene
    files: Mapping[str, Mapping[str, Any]]
    """Bytes and SHA-256 by name, as when it was fetched."""
    made_from: Mapping[str, str]
    """SHA-256 of what it was made from, by name."""
    requests: Sequence[Mapping[str, Any]]
    """What was asked of an archive; empty where its answers were not kept."""
    pruned: Pruned | None
    """Its pixels that are gone by policy; None: all are there."""

    def as_json(self, *, copied: bool) -> dict[str, Any]:
        """For a manifest."""
        return {
            "scene_id": self.scene.scene_id,
            "item": self.item_id,
            "provider": self.scene.provider,
            "platform": self.scene.platform,
            "sensed_at": self.scene.sensed_at.isoformat(),
            "product_ids": list(self.scene.product_ids),
            "requests": list(self.requests),
            "made_from": dict(self.made_from),
            "files": dict(self.files),
            "copied": copied,
            **({} if self.pruned is None else {"pruned": json.loads(self.pruned.as_text())}),
        }

    def asked(self) -> str:
        """What was asked for, in words."""
        if "items" not in self.made_from:
            return "delivered as files"
        if not self.requests:
            return "the archive's answers were not kept"
        return words.count(len(self.requests), "request, see manifest.json",
                           "requests, see manifest.json")  # fmt: skip


def fetched_scenes(
    fetched: StageResult, scene_ids: Container[str] | None = None
) -> dict[str, FetchedScene]:
    """Fetched scenes by id; those named, or all."""
    found = {}
    for item_id, done in fetched.done.items():
        scene = read_item(done.folder / ITEM)
        if scene_ids is not None and scene.scene_id not in scene_ids:
            continue
        manifest = read_manifest(done.folder) or {"outputs": {}, "inputs": {}}
        found[scene.scene_id] = FetchedScene(
            item_id=item_id,
            folder=done.folder,
            scene=scene,
            files={name: one for name, one in manifest["outputs"].items() if name != ISSUES},
            made_from=manifest["inputs"],
            requests=_requests(done.folder / ORIGINAL),
            pruned=read_pruned(done.folder),
        )
    return dict(sorted(found.items()))


def _requests(originals: Path) -> list[dict[str, Any]]:
    """As an archive's answers tell them, where they were kept (`fetch.evidence`)."""
    told = []
    for path in sorted(originals.rglob(ITEM)):
        document = read_document(path)
        hrefs = {
            name: str(asset[f"{PREFIX}href"]).split("?", 1)[0]  # what follows may be a signature
            for name, asset in document.get("assets", {}).items()
            if f"{PREFIX}href" in asset
        }
        asked = document.get("properties", {}).get(f"{PREFIX}request")
        told.append({"item": document.get("id"), "request": asked, "addresses": hrefs})
    return told


def copy_scene(one: FetchedScene, into: Path) -> None:
    """Copy a scene's files as they were fetched; those that were pruned are listed alone.

    Raises:
        ChecksFailed: a file is no longer what was fetched.
    """
    gone = {} if one.pruned is None else one.pruned.files
    for name, told in one.files.items():
        if name in gone:
            continue
        target = into / one.item_id / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one.folder / name, target)
        if sha256_of(target) != told["sha256"]:
            raise ChecksFailed(
                "Evidence was changed since it was fetched",
                where=one.folder / name,
                do="Fetch it again with --force, and find out who changed it",
            )


def ais_files(ingested: StageResult) -> list[dict[str, Any]]:
    """Provider files with their hashes."""
    manifests = {name: read_manifest(done.folder) for name, done in ingested.done.items()}
    return [
        {"file": name, "sha256": manifest["inputs"]["file"], "rows": manifest["rows_in"]}
        for name, manifest in sorted(manifests.items())
        if manifest is not None
    ]


def write_ais(
    ingested: StageResult, into: Path, *, mmsis: Sequence[int], period: tuple[datetime, datetime]
) -> list[dict[str, Any]]:
    """Every report of some ships in a period, distrusted ones too; returns the files it is from."""
    into.mkdir(parents=True)
    start, end = period
    fixes, statics, used = [], [], []
    for told in ais_files(ingested):
        folder = ingested.done[told["file"]].folder
        rows = _fixes(folder / FIXES, mmsis, start, end)
        if not rows:
            continue
        fixes += rows
        own = read_table(Static, folder / STATICS)
        statics += to_records(
            Static, own.filter(pc.is_in(own["mmsi"], pa.array(mmsis, pa.int64())))
        )
        used.append({**told, "rows_here": len(rows)})
    fixes.sort(key=lambda row: (row["mmsi"], row["sent_at"], row["source"], row["lon"], row["lat"]))
    write_csv(into / "fixes.csv", [plain(row) for row in fixes])
    said = sorted((plain(asdict(one)) for one in statics), key=lambda row: str(row.values()))
    write_csv(into / "statics.csv", said)
    write_csv(into / "files.csv", used)
    return used


def _fixes(
    path: Path, mmsis: Sequence[int], start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Only what is asked for is read: a day of AIS may be gigabytes."""
    if not mmsis:
        return []
    wanted = [("mmsi", "in", set(mmsis)), ("sent_at", ">=", start), ("sent_at", "<=", end)]
    table = pq.read_table(path, columns=schema_of(Fix).names, filters=wanted)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
