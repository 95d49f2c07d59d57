"""What people send of a case, and the journal's entry that it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.decided import (
    Adjudicated,
    AnyBody,
    Assigned,
    HullAdded,
    HullMoved,
    HullRejected,
    Id,
    Lat,
    LengthMeasured,
    Line,
    Lon,
    Mmsi,
    Note,
    Noted,
    Role,
    Verdict,
    VerdictGiven,
    Withdrawn,
)
from pipeline.decisions.standing import Standing
from pipeline.desk.case_file import CaseFile
from pipeline.errors import UsageError
from pipeline.geo import distance_m

EntryId = Annotated[str, Field(pattern=r"^[0-9a-f-]{16,64}$")]
Place = tuple[Lon, Lat]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Judged(_Sent):
    verdict: Verdict
    reasons: tuple[str, ...] = Field((), max_length=8)
    note: Note = ""
    mmsi: Mmsi | None = None


class SentVerdict(_Judged):
    """A reviewer's verdict."""

    kind: Literal["verdict"] = "verdict"


class SentWord(_Judged):
    """A lead's word, which settles the case."""

    kind: Literal["adjudicated"] = "adjudicated"


class SentWithdrawal(_Sent):
    """One's own earlier entry holds no longer."""

    kind: Literal["withdrawn"] = "withdrawn"
    of_seq: int = Field(ge=1, le=2**53)


class SentNote(_Sent):
    """A remark."""

    kind: Literal["note"] = "note"
    note: Note = Field(min_length=1)


class SentLength(_Sent):
    """Two clicks on a scene; the length between them is reckoned here."""

    kind: Literal["length"] = "length"
    scene_id: Id
    bow: Place
    stern: Place


class SentHull(_Sent):
    """A ship that the machine missed."""

    kind: Literal["hull added"] = "hull added"
    scene_id: Id
    bow: Place
    stern: Place
    note: Note = ""


class SentMove(_Sent):
    """A detection that lies elsewhere."""

    kind: Literal["hull moved"] = "hull moved"
    detection_id: Id
    lon: Lon
    lat: Lat


class SentRejection(_Sent):
    """A detection that is no ship."""

    kind: Literal["hull rejected"] = "hull rejected"
    detection_id: Id
    note: Note = ""


class SentAssignment(_Sent):
    """Who is to look at it; null: anybody."""

    kind: Literal["assigned"] = "assigned"
    to: Line | None = None


AnySent = Annotated[
    SentVerdict
    | SentWord
    | SentWithdrawal
    | SentNote
    | SentLength
    | SentHull
    | SentMove
    | SentRejection
    | SentAssignment,
    Field(discriminator="kind"),
]


class Sent(_Sent):
    """One entry to be written."""

    entry_id: EntryId = Field(description="random, made by the sender: sent twice, written once")
    evidence_key: Id = Field(description="of the case as the sender saw it")
    body: AnySent


class Forbidden(Exception):
    """The role is not enough for this entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends, and about what."""

    name: str
    role: Role
    file: CaseFile
    standing: Standing
    is_account: Callable[[str], bool]


def to_body(sent: Any, by: Sender) -> AnyBody:
    """The journal's body of what was sent.

    Raises:
        Forbidden: the role is not enough.
        UsageError: it does not fit the case.
    """
    try:
        return _BODIES[type(sent)](sent, by)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(str(told["msg"]).removeprefix("Value error, ")) from None


def _verdict(sent: SentVerdict, by: Sender) -> AnyBody:
    return VerdictGiven(**_judged(sent), said=by.file.said)


def _word(sent: SentWord, by: Sender) -> AnyBody:
    if not by.role.may(Role.LEAD):
        raise Forbidden("Only a lead settles a case")
    return Adjudicated(**_judged(sent), said=by.file.said)


def _judged(sent: _Judged) -> dict[str, Any]:
    return sent.model_dump(exclude={"kind"})


def _withdrawn(sent: SentWithdrawal, by: Sender) -> AnyBody:
    own = {e.seq: e for e in by.standing.entries if e.who == by.name}
    gone = {e.body.of_seq for e in own.values() if isinstance(e.body, Withdrawn)}
    entry = own.get(sent.of_seq)
    if entry is None or isinstance(entry.body, Withdrawn) or sent.of_seq in gone:
        raise UsageError(
            "Nothing to withdraw", found=f"entry {sent.of_seq}",
            expected="an entry of your own on this case, not yet withdrawn",
        )  # fmt: skip
    return Withdrawn(of_seq=sent.of_seq)


def _note(sent: SentNote, _: Sender) -> AnyBody:
    return Noted(note=sent.note)


def _length(sent: SentLength, by: Sender) -> AnyBody:
    _check_scene(sent.scene_id, by)
    length_m = float(distance_m(*sent.bow, *sent.stern))
    return LengthMeasured(
        scene_id=sent.scene_id, bow=sent.bow, stern=sent.stern, length_m=round(length_m, 1)
    )


def _hull(sent: SentHull, by: Sender) -> AnyBody:
    _check_scene(sent.scene_id, by)
    return HullAdded(scene_id=sent.scene_id, bow=sent.bow, stern=sent.stern, note=sent.note)


def _move(sent: SentMove, by: Sender) -> AnyBody:
    _check_detection(sent.detection_id, by)
    return HullMoved(detection_id=sent.detection_id, lon=sent.lon, lat=sent.lat)


def _rejection(sent: SentRejection, by: Sender) -> AnyBody:
    _check_detection(sent.detection_id, by)
    return HullRejected(detection_id=sent.detection_id, note=sent.note)


def _assignment(sent: SentAssignment, by: Sender) -> AnyBody:
    lends = sent.to == by.name or (sent.to is None and by.standing.assigned_to == by.name)
    if not lends and not by.role.may(Role.LEAD):
        raise Forbidden("Only a lead gives a case to somebody else")
    if sent.to is not None and not by.is_account(sent.to):
        raise UsageError("No such account", found=sent.to)
    return Assigned(to=sent.to)


def _check_scene(scene_id: str, by: Sender) -> None:
    if by.file.look(scene_id) is None:
        raise UsageError("The scene is none of this case's", found=scene_id)


def _check_detection(detection_id: str, by: Sender) -> None:
    if detection_id not in by.file.detection_ids:
        raise UsageError("The detection is none of this case's scenes'", found=detection_id)


_BODIES: dict[type, Callable[[Any, Sender], AnyBody]] = {
    SentVerdict: _verdict,
    SentWord: _word,
    SentWithdrawal: _withdrawn,
    SentNote: _note,
    SentLength: _length,
    SentHull: _hull,
    SentMove: _move,
    SentRejection: _rejection,
    SentAssignment: _assignment,
}
