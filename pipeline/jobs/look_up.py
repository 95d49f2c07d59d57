"""Identities over time and watch lists: part of stage 3."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pipeline.identity.settings
from pipeline.errors import UsageError
from pipeline.heard import Hit, Identity, Listed, Static
from pipeline.identity.history import identities_of
from pipeline.identity.hits import find_hits
from pipeline.identity.lists import read_list
from pipeline.jobs.contract import Item, Outcome, Stage, StageResult
from pipeline.jobs.executors import Place
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.ingest_ais import STATICS
from pipeline.jobs.run import Run
from pipeline.jobs.track_season import SEASON
from pipeline.records import Issue
from pipeline.tables import read_records, write_records

IDENTITIES = "identities.parquet"
LISTED = "listed.parquet"
HITS = "hits.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpTask:
    """What the season's ships said of themselves, and the lists."""

    folders: tuple[Path, ...]
    lists: tuple[Path, ...]
    settings: pipeline.identity.settings.Settings


def look_up(run: Run, ingested: StageResult) -> StageResult:
    """Identities of all ships heard, and those of them that a watch list names."""
    lists = _files(run.config.inputs.watchlists)
    settings = run.config.identity
    inputs = {
        **{name: done.content_sha256 for name, done in ingested.done.items()},
        **{
            f"list {number} {path.name}": run.hashes.sha256(path)
            for number, path in enumerate(lists)
        },
        "settings": sha256_json(settings.model_dump(mode="json")),
    }
    task = LookUpTask(folders=tuple(ingested.folders()), lists=tuple(lists), settings=settings)
    return run.stage(LOOK_UP, [Item(item_id=SEASON, task=task, inputs=inputs)])


def _files(entries: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for entry in entries:
        if not entry.exists():
            raise UsageError("Watch list not found", where=entry, do="Check `inputs.watchlists`")
        inside = sorted(entry.iterdir()) if entry.is_dir() else [entry]
        found += [path for path in inside if path.is_file() and not path.name.startswith(".")]
    return found


def _look_up(task: LookUpTask, out: Path) -> Outcome:
    statics = read_records(Static, [folder / STATICS for folder in task.folders])
    identities = identities_of(statics)
    lists = [read_list(path, settings=task.settings) for path in task.lists]
    listed = [ship for one in lists for ship in one.ships]
    hits = find_hits(identities, listed, task.settings)
    write_records(Identity, identities, out / IDENTITIES)
    write_records(Listed, listed, out / LISTED)
    write_records(Hit, hits, out / HITS)
    issues: list[Issue] = [issue for one in lists for issue in one.issues]
    return Outcome(
        counts={"identities": len(identities), "listed": len(listed), "hits": len(hits)},
        issues=issues,
        rows_in=sum(one.rows_in for one in lists),
        rows_out=len(listed),
    )


LOOK_UP = Stage(name="identity", version=1, work=_look_up, place=Place.HERE)
