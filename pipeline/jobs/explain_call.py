"""Find one call of a run and all that stands behind it."""

from __future__ import annotations

from pipeline.errors import UsageError
from pipeline.jobs.find_calls import STAYS
from pipeline.jobs.findings import Findings
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.records import PortCall, SeenStay
from pipeline.review import words
from pipeline.review.explain import Evidence, Section, explain
from pipeline.tables import read_records

SHOWN = 5


def explain_call(run: Run, story: Story, said: str) -> list[Section]:
    """The reasoning for one call.

    Args:
        run: configuration.
        story: what its stages found.
        said: the call's id, or its beginning.

    Raises:
        UsageError: no such call, or several.
    """
    found = story.findings.read()
    return explain(evidence_of(run, story, found, one_call(found.calls, said)))


def evidence_of(run: Run, story: Story, found: Findings, call: PortCall) -> Evidence:
    """What stands behind a call, in order."""
    stays = read_records(SeenStay, [done.folder / STAYS for done in story.called.done.values()])
    own = set(call.detection_ids)
    detections = [one for one in found.detections if one.detection_id in own]
    return Evidence(
        call=call,
        stay=next((stay for stay in stays if stay.call_id == call.call_id), None),
        place=words.place(run.site(call.site_id), call.zone_id),
        detections=sorted(detections, key=lambda one: (one.sensed_at, one.detection_id)),
        matches={one.detection_id: one for one in found.matches if one.detection_id in own},
        coverage=sorted(
            (row for row in found.coverage if row.zone_id == call.zone_id),
            key=lambda row: row.sensed_at,
        ),
        candidates=sorted(
            (row for row in found.candidates if row.call_id == call.call_id),
            key=lambda row: row.rank,
        ),
    )


def one_call(calls: list[PortCall], said: str) -> PortCall:
    """The call whose id is this, or begins so.

    Raises:
        UsageError: no such call, or several.
    """
    fits = [call for call in calls if call.call_id.startswith(said)]
    if len(fits) == 1:
        return fits[0]
    known = [call.call_id for call in fits or calls if call.is_dark][:SHOWN]
    raise UsageError(
        "No such call" if not fits else "Several calls begin so",
        expected=", ".join(known) or "a call of this configuration; run it first",
        found=said,
        do="The report and calls.parquet name them; the beginning of an id is enough",
    )
