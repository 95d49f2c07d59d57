"""The queue and the decisions as JSON: for the desk's own pages, and for programs with a token."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from pipeline.decided import Attached, Entry, Line, Note
from pipeline.decisions import accounts, journal
from pipeline.desk import attachments
from pipeline.desk.case_file import CaseFile, Summary
from pipeline.desk.desk import Desk
from pipeline.desk.docket import Filters, Row
from pipeline.desk.seat import Analyst, Anybody, AtDesk, Lead, Seat
from pipeline.desk.sent import EntryId, Sender, Sent, to_body
from pipeline.records import Case

CaseId = Annotated[str, Path(pattern=r"^case-[0-9a-f]{16}$")]
EvidenceKey = Annotated[str, Query(max_length=120)]


class AttachmentSaid:
    """What is said of a file beside it, in the address, as the body is the file."""

    def __init__(
        self,
        entry_id: EntryId,
        evidence_key: EvidenceKey,
        name: Annotated[Line, Query(min_length=1)],
        source: Annotated[Line, Query(min_length=1)],
        taken_on: date | None = None,
        shows_ship: bool = False,
        note: Note = "",
    ) -> None:
        """From the query."""
        self.entry_id, self.evidence_key, self.name = entry_id, evidence_key, name
        self.source, self.taken_on, self.note = source, taken_on, note
        self.shows_ship = shows_ship


class Problem(BaseModel):
    """What went wrong, in a sentence."""

    error: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem} for code in (400, 401, 403, 404, 409, 413, 422)
}
api = APIRouter(prefix="/api", responses=PROBLEMS)


class Me(BaseModel):
    """Who is logged in."""

    name: str
    role: str


class CaseRow(BaseModel):
    """A case of the queue, as the asking person may see it."""

    case_id: str
    kind: str
    site_id: str
    zone_id: str | None
    tier: str | None
    priority: float
    question: str
    place: str
    when: str
    ships: list[tuple[int, str]]
    sensors: list[str]
    status: str
    verdict: str | None
    awaits_me: bool
    assigned_to: str | None
    evidence_key: str


class EntryOut(BaseModel):
    """A line of the journal."""

    seq: int
    entry_id: str
    at: str
    who: str
    case_id: str
    evidence_key: str
    body: dict[str, Any]
    previous_sha256: str
    sha256: str


class Written(BaseModel):
    """What was written, and the case that waits next."""

    entry: EntryOut
    status: str
    next_case_id: str | None


class CaseOut(BaseModel):
    """A case with all that stands behind it."""

    row: CaseRow
    reasons: list[str]
    facts: list[tuple[str, str]]
    suspects: list[dict[str, Any]]
    explanation: list[tuple[str, list[str]]]
    looks: list[dict[str, Any]]
    entries: list[EntryOut]


class ProgressOut(BaseModel):
    """How far everybody is."""

    n_cases: int
    by_status: dict[str, int]
    by_verdict: dict[str, int]
    mine: int
    mine_today: int
    kappa: float | None
    n_judged_twice: int


@api.get("/me")
def me(seat: Anybody) -> Me:
    """Who is logged in."""
    return Me(name=seat.name, role=str(seat.role))


@api.get("/cases")
def cases(seat: Anybody, desk: AtDesk, filters: Annotated[Filters, Query()]) -> list[CaseRow]:
    """The queue through a filter, the most valuable case first."""
    desk.docket.refresh()
    return [row_out(row) for row in desk.docket.rows(filters, seat.name, leads=seat.leads)]


@api.get("/progress")
def progress(seat: Anybody, desk: AtDesk) -> ProgressOut:
    """How far everybody is, and how well reviewers agree."""
    desk.docket.refresh()
    now, alike = desk.docket.progress(seat.name), desk.docket.agreement()
    return ProgressOut(
        n_cases=now.n_cases, by_status=dict(now.by_status), by_verdict=dict(now.by_verdict),
        mine=now.mine, mine_today=now.mine_today, kappa=alike.kappa,
        n_judged_twice=alike.n_cases,
    )  # fmt: skip


@api.get("/journal")
def read_journal(
    _: Lead, desk: AtDesk, after: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> list[EntryOut]:
    """Every line after a number, as it was hashed; for leads, as it lifts the blind."""
    return [entry_out(entry) for entry in journal.entries(desk.store, after=after)]


@api.get("/cases/{case_id}")
def case(case_id: CaseId, seat: Anybody, desk: AtDesk) -> CaseOut:
    """One case."""
    desk.docket.refresh()
    file = file_of(desk, case_id)
    return CaseOut(
        row=row_out(desk.docket.row(case_id, seat.name, leads=seat.leads)),
        reasons=list(file.case.reasons),
        facts=list(file.facts),
        suspects=[
            {
                "rank": one.rank, "mmsi": one.mmsi, "who": one.who, "posterior": one.posterior,
                "terms": dict(one.terms), "reason": one.reason,
            }
            for one in file.suspects
        ],
        explanation=[(part.heading, list(part.sentences)) for part in file.explanation],
        looks=[
            {
                "scene_id": look.scene_id, "sensor": look.sensor, "platform": look.platform,
                "sensed_at": look.sensed_at.isoformat(), "state": look.state, "shows": look.shows,
                "renditions": list(look.renditions),
            }
            for look in file.looks
        ],
        entries=[
            entry_out(entry) for entry in desk.docket.said(case_id, seat.name, leads=seat.leads)
        ],
    )  # fmt: skip


@api.post("/cases/{case_id}/entries", status_code=201)
def write(
    case_id: CaseId, sent: Sent, seat: Analyst, desk: AtDesk,
    filters: Annotated[Filters, Query()],
) -> Written:  # fmt: skip
    """Write one line about a case; durable once this answers."""
    file = file_of(desk, case_id)
    _check_evidence(file, sent.evidence_key)
    desk.docket.refresh()
    body = to_body(
        sent.body,
        Sender(
            name=seat.name, role=seat.role, file=file,
            is_account=functools.partial(_has_account, desk),
            standing=desk.docket.standing(case_id, seat.name),
        ),
    )  # fmt: skip
    entry = journal.append(
        desk.store, who=seat.name, case_id=case_id, evidence_key=sent.evidence_key, body=body,
        entry_id=sent.entry_id, at=datetime.now(UTC),
    )  # fmt: skip
    return _written(desk, entry, seat, filters)


@api.post(
    "/cases/{case_id}/attachments",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def attach(
    request: Request,
    case_id: CaseId,
    seat: Analyst,
    desk: AtDesk,
    said: Annotated[AttachmentSaid, Depends()],
) -> Written:
    """Attach a file, which is the request's body, as evidence of a case."""
    file = await run_in_threadpool(file_of, desk, case_id)
    _check_evidence(file, said.evidence_key)
    kept = await attachments.keep(
        request.stream(), desk.attachments, max_bytes=desk.settings.attachment_max_bytes
    )
    body = Attached(
        sha256=kept.sha256, name=said.name, n_bytes=kept.n_bytes, source=said.source,
        media_type=request.headers.get("content-type", "application/octet-stream")[:200],
        taken_on=said.taken_on, shows_ship=said.shows_ship, note=said.note,
    )  # fmt: skip
    entry = await run_in_threadpool(
        journal.append, desk.store, who=seat.name, case_id=case_id,
        evidence_key=said.evidence_key, body=body, entry_id=said.entry_id, at=datetime.now(UTC),
    )  # fmt: skip
    return await run_in_threadpool(_written, desk, entry, seat, Filters())


@api.get("/attachments/{sha256}", response_class=FileResponse)
def attachment(
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")], _: Anybody, desk: AtDesk
) -> FileResponse:
    """An attached file, to be saved; browsers neither show nor run it."""
    path = attachments.path_of(sha256, desk.attachments)
    if not path.is_file():
        raise HTTPException(404, "No such attachment")
    return FileResponse(
        path, media_type="application/octet-stream", filename=f"{sha256[:16]}.bin",
        headers={"content-security-policy": "default-src 'none'; sandbox"},
    )  # fmt: skip


def file_of(desk: Desk, case_id: str) -> CaseFile:
    """A case of the queue, or 404."""
    if case_id not in desk.docket:
        raise HTTPException(404, "No such case in this queue")
    return desk.file(case_id)


def next_case(rows: Sequence[Row], here: Case) -> str | None:
    """The first case after this one that waits for the person who sees these rows; then any."""
    waiting = [row.summary.case for row in rows if row.awaits_me]
    order = (-here.priority, here.case_id)
    after = (one for one in waiting if (-one.priority, one.case_id) > order)
    before = (one for one in waiting if one.case_id != here.case_id)
    chosen = next(after, None) or next(before, None)
    return None if chosen is None else chosen.case_id


def row_out(row: Row) -> CaseRow:
    """As JSON."""
    about: Summary = row.summary
    case = about.case
    return CaseRow(
        case_id=case.case_id, kind=case.kind, site_id=case.site_id, zone_id=case.zone_id,
        tier=row.tier, priority=case.priority, question=case.question, place=about.place,
        when=about.when, ships=list(about.ships), sensors=list(about.sensors),
        status=str(row.status), verdict=None if row.verdict is None else str(row.verdict),
        awaits_me=row.awaits_me, assigned_to=row.standing.assigned_to,
        evidence_key=case.evidence_key,
    )  # fmt: skip


def entry_out(entry: Entry) -> EntryOut:
    """As JSON."""
    return EntryOut(**entry.as_json())


def _written(desk: Desk, entry: Entry, seat: Seat, filters: Filters) -> Written:
    desk.docket.refresh()
    rows = desk.docket.rows(filters, seat.name, leads=seat.leads)
    return Written(
        entry=entry_out(entry),
        status=str(desk.docket.standing(entry.case_id, seat.name).status),
        next_case_id=next_case(rows, desk.docket.summary(entry.case_id).case),
    )


def _has_account(desk: Desk, name: str) -> bool:
    return any(user.name == name and not user.disabled for user in accounts.users(desk.store))


def _check_evidence(file: CaseFile, sent: str) -> None:
    if sent != file.case.evidence_key:
        raise HTTPException(409, "The evidence of this case has changed; look at it again")
