"""The review desk over a configuration's results."""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import Config
from pipeline.decided import Verdict
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.decisions.store import Store
from pipeline.desk.desk import Desk
from pipeline.desk.docket import Docket
from pipeline.errors import UsageError
from pipeline.jobs.case_files import CaseFiles
from pipeline.jobs.finished import MANIFEST
from pipeline.jobs.open_decisions import ATTACHMENTS
from pipeline.jobs.queue_review import REPORT, REVIEW
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.jobs.track_season import SEASON
from pipeline.scene.renditions import Rendition, crop, tile

DESK_CHIP_PX = 320
"""Pictures on the desk are shown at 150 to 400 px."""
CROPS_KEPT = 600
"""Pictures in memory, about 100 kB each."""
TILES_KEPT = 600
KNOWN_MAX_BYTES = 1_000_000


def desk_for(
    run: Run, story: Story, store: Store, *, origins: Sequence[str], known: Path | None = None
) -> Desk:
    """Everything that the desk's answers are made from.

    Args:
        run: configuration.
        story: what its stages found.
        store: where decisions are kept.
        origins: where browsers reach the desk.
        known: CSV of cases whose answer is known; None: there are none.

    Raises:
        UsageError: nothing to review, or the list of known cases is none.
    """
    files = CaseFiles(run, story)
    settings = DecisionSettings()
    queued = next(iter(story.queued.done.values()))
    look = run.config.scene.model_copy(update={"chip_px": DESK_CHIP_PX})

    @functools.lru_cache(maxsize=CROPS_KEPT)
    def crop_of(scene_id: str, rendition: str, *, lon: float, lat: float) -> bytes:
        folder = files.scenes[scene_id].folder
        return crop(folder, Rendition(rendition), lon=lon, lat=lat, settings=look)

    @functools.lru_cache(maxsize=TILES_KEPT)
    def tile_of(scene_id: str, rendition: str, *, zoom: int, x: int, y: int) -> bytes:
        at = files.scenes[scene_id]
        chosen = {str(one): one for one in Rendition.of(at.scene.sensor)}[rendition]
        return tile(at.folder, chosen, zoom=zoom, x=x, y=y, settings=look)

    summaries = [files.summary(case) for case in files.cases]
    ids = {case.case_id for case in files.cases}
    return Desk(
        title=files.title,
        is_simulated=files.is_simulated,
        store=store,
        docket=Docket(store, summaries, settings, {} if known is None else read_known(known, ids)),
        file=files.file,
        crop=crop_of,
        tile=tile_of,
        report=queued.folder if (queued.folder / REPORT).is_file() else None,
        workspace=run.workspace,
        attachments=run.workspace / ATTACHMENTS,
        origins=tuple(origins),
        accounts=settings,
    )


def results_stamp(config: Config) -> object:
    """Changes when the review stage has published other results."""
    manifest = config.workspace / REVIEW.name / SEASON / MANIFEST
    try:
        state = manifest.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def read_known(path: Path, case_ids: set[str]) -> dict[str, Verdict]:
    """Cases whose answer is known, from a CSV with the columns `case_id` and `verdict`.

    Raises:
        UsageError: unreadable, or a row names no case of this queue or no verdict.
    """
    try:
        if path.stat().st_size > KNOWN_MAX_BYTES:
            raise UsageError("The list of known cases is too large", where=path)
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            "The list of known cases cannot be read", where=path, found=error
        ) from None
    known = {}
    for number, row in enumerate(rows, start=2):
        try:
            verdict = Verdict(str(row.get("verdict")))
        except ValueError:
            raise UsageError(
                "No verdict", where=f"{path}, line {number}", found=row.get("verdict"),
                expected=", ".join(Verdict),
            ) from None  # fmt: skip
        if row.get("case_id") not in case_ids:
            raise UsageError(
                "No case of this queue", where=f"{path}, line {number}", found=row.get("case_id")
            )
        known[str(row["case_id"])] = verdict
    return known
