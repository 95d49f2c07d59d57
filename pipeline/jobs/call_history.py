"""The history of calls: one table that grows, beside the stages, whose tables are replaced."""

from __future__ import annotations

from pipeline.calls.versions import new_versions
from pipeline.jobs.contract import StageResult
from pipeline.jobs.find_calls import CALLS, STAYS
from pipeline.jobs.locks import stage_lock
from pipeline.jobs.run import Run
from pipeline.jobs.track_season import SEASON
from pipeline.records import CallVersion, PortCall, SeenStay
from pipeline.tables import read_records, write_records

HISTORY = "history"
TABLE = "calls.parquet"


def record_history(run: Run, called: StageResult, named: StageResult) -> int:
    """Add what this run says otherwise than the run before; nothing where a site has failed.

    A site that could not be worked on has no calls in the result: that withdraws none of them.

    Returns:
        rows added.
    """
    if SEASON not in named.done or called.failures or named.failures:
        return 0
    folder = run.workspace / HISTORY
    folder.mkdir(parents=True, exist_ok=True)
    with stage_lock(run.workspace, HISTORY):
        path = folder / TABLE
        history = read_records(CallVersion, path) if path.exists() else []
        calls = read_records(PortCall, named.done[SEASON].folder / CALLS)
        stays = read_records(SeenStay, [done.folder / STAYS for done in called.done.values()])
        rows = new_versions(history, calls, stays, now=run.now)
        if rows:
            write_records(CallVersion, [*history, *rows], path)
    return len(rows)
