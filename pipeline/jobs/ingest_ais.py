"""Stage 3: provider files to fixes and statics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pipeline.ais.settings
from pipeline.ais.readers import read_parts
from pipeline.ais.rows import merged_statics
from pipeline.errors import UsageError
from pipeline.heard import Fix, OutsideEvent, Static
from pipeline.jobs.contract import ISSUES, Item, Outcome, Stage, StageResult
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.records import Issue
from pipeline.tables import TableWriter, schema_of, to_table, write_records, write_table

FIXES = "fixes.parquet"
STATICS = "statics.parquet"
EVENTS = "events.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTask:
    """One provider file."""

    path: Path
    settings: pipeline.ais.settings.Settings
    same_as: str | None = None
    """Item of a file with the very same bytes: this one says nothing that is not said there."""


def ingest(run: Run, simulated: StageResult | None) -> StageResult:
    """Read every provider file."""
    settings = sha256_json(run.config.ais.model_dump(mode="json"))
    items = []
    first: dict[str, str] = {}
    for name, path in _files(run, simulated).items():
        digest = run.hashes.sha256(path)
        said = first.setdefault(digest, name) if path.stat().st_size else name
        same_as = None if said == name else said
        items.append(
            Item(
                item_id=name,
                task=FileTask(path=path, settings=run.config.ais, same_as=same_as),
                inputs={"file": digest, "settings": settings}
                | ({} if same_as is None else {"same_as": same_as}),
            )
        )
    return run.stage(AIS, items)


def _files(run: Run, simulated: StageResult | None) -> dict[str, Path]:
    """Provider files by item id."""
    paths: list[Path] = []
    for entry in run.config.inputs.ais:
        if not entry.exists():
            raise UsageError("AIS input not found", where=entry, do="Check `inputs.ais`")
        inside = entry.rglob("*") if entry.is_dir() else [entry]
        paths += [path for path in inside if path.is_file() and not path.name.startswith(".")]
    if simulated is not None:
        days = [d.folder for name, d in simulated.done.items() if name.startswith("ais-")]
        paths += [path for folder in days for path in folder.glob("*.csv")]
    return provider_files(paths)


def provider_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by item id: the file's name, and its folder's where two share one name."""
    named: dict[str, Path] = {}
    for path in sorted(paths):
        name = path.name if path.name not in named else f"{path.parent.name}--{path.name}"
        named[name] = path
    return named


def _delivered_twice(task: FileTask, out: Path) -> Outcome:
    """No row is counted twice; that the file came twice is kept as an issue."""
    write_records(Fix, [], out / FIXES)
    write_records(Static, [], out / STATICS)
    write_records(OutsideEvent, [], out / EVENTS)
    told = Issue(where=task.path.name, rule="delivered twice", value=str(task.same_as))
    return Outcome(counts={"fixes": 0, "statics": 0, "events": 0}, issues=[told])


def _read_provider_file(task: FileTask, out: Path) -> Outcome:
    if task.same_as is not None:
        return _delivered_twice(task, out)
    counts: Counter[str] = Counter()
    statics = schema_of(Static).empty_table()
    events: list[OutsideEvent] = []
    with TableWriter(Fix, out / FIXES) as fixes, TableWriter(Issue, out / ISSUES) as issues:
        for part in read_parts(task.path, settings=task.settings):
            fixes.write(part.fixes)
            issues.write(to_table(Issue, part.issues))
            events += part.events
            statics = merged_statics([statics, part.statics])
            counts.update(
                fixes=part.fixes.num_rows,
                rows_in=part.rows_in,
                rows_out=part.rows_out,
                issues=len(part.issues),
            )
    write_table(Static, statics, out / STATICS)
    write_records(OutsideEvent, events, out / EVENTS)
    return Outcome(
        counts={"fixes": counts["fixes"], "statics": statics.num_rows, "events": len(events)},
        rows_in=counts["rows_in"],
        rows_out=counts["rows_out"],
        issues_written=counts["issues"],
    )


AIS = Stage(name="ais", version=5, work=_read_provider_file)
