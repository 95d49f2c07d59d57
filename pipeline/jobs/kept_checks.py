"""Is what is kept as it should be: decisions, their journal, locks, records of runs?"""

from __future__ import annotations

import re
import socket

from pipeline.config import Config
from pipeline.decisions.journal import verify
from pipeline.decisions.store import Store
from pipeline.errors import ChecksFailed, DarkcallError
from pipeline.jobs.locks import held_locks
from pipeline.jobs.open_decisions import decisions_url
from pipeline.jobs.queue_age import has_decisions
from pipeline.jobs.run_record import at_work, runs_of
from pipeline.upkeep.checkup import Check, fail, not_applicable, ok, warn
from pipeline.upkeep.machine import runs_now

NO_DATABASE = "no decisions yet"
HOLDER = re.compile(r"^pid (\d+) on (.*)$")


def database(config: Config) -> Check:
    """Does it open, and are its tables those of this version?"""
    if not has_decisions(config):
        return not_applicable(NO_DATABASE)
    try:
        store, revisions = Store.look(decisions_url(config))
    except DarkcallError as error:
        return fail(str(error))
    where = store.engine.url.render_as_string(hide_password=True)
    store.close()
    if revisions.found == revisions.newest:
        return ok(f"{where}, revision {revisions.found}")
    if revisions.found is not None and revisions.found not in revisions.known:
        return fail(f"{where}: revision {revisions.found} is a newer Darkcall's", "Update Darkcall")
    return warn(
        f"{where}: revision {revisions.found or 'none'}, newest {revisions.newest}",
        "The next command that opens it brings it up; back it up before",
    )


def journal(config: Config) -> Check:
    """Does the chain of decisions hold?"""
    if not has_decisions(config):
        return not_applicable(NO_DATABASE)
    try:
        store, revisions = Store.look(decisions_url(config))
    except DarkcallError:
        return not_applicable("the database cannot be opened")
    try:
        if revisions.found != revisions.newest:
            return not_applicable("its tables are of another version")
        head = verify(store)
    except ChecksFailed as error:
        return fail(str(error))
    finally:
        store.close()
    return ok(f"the chain holds: {head.n_entries} entries, the last {head.sha256[:12]}…")


def locks(config: Config) -> Check:
    """Held by somebody who lives? The kernel frees a killed holder's, unless a child keeps it."""
    held = held_locks(config.workspace)
    if not held:
        return ok("none is held")
    told = ", ".join(f"{stage} by {holder}" for stage, holder in held.items())
    here = socket.gethostname()
    for holder in held.values():
        known = HOLDER.match(holder)
        if known and known[2] == here and not runs_now(int(known[1])):
            return warn(f"{told}, which is gone", "End what it left behind (fuser .locks/*)")
    return ok(f"a run is at work: {told}")


def records(config: Config) -> Check:
    """Can all be read, and did every run come to its end?"""
    runs = runs_of(config)
    if runs.unreadable:
        return warn(f"cannot be read: {', '.join(runs.unreadable[:5])}", "Remove them from runs/")
    if not runs.records:
        return not_applicable("nothing has run yet")
    killed = [
        name
        for name, record in runs.records.items()
        if record.ended is None and name not in at_work(runs)
    ]
    if killed and killed[-1] == next(reversed(runs.records)):
        return warn(f"the last run was killed: {killed[-1]}", "Look at dmesg (memory), run again")
    return ok(f"{len(runs.records)}, of which {len(killed)} of runs that were killed")
