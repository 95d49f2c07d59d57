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


class SentLength(_Sent):
    """Two clicks on a scene; the length between them is reckoned here."""

    kind: Literal["length"] = "length"
    scene_id: Id
    bow: Place
    stern: Place


AnySent = Annotated[
    SentVerdict
    | SentWord
    | SentLength
    | Withdrawn
    | Noted
    | HullAdded
    | HullMoved
    | HullRejected
    | Assigned,
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


def _withdrawn(sent: Withdrawn, by: Sender) -> AnyBody:
    own = {e.seq: e for e in by.standing.entries if e.who == by.name}
    gone = {e.body.of_seq for e in own.values() if isinstance(e.body, Withdrawn)}
    entry = own.get(sent.of_seq)
    if entry is None or isinstance(entry.body, Withdrawn) or sent.of_seq in gone:
        raise UsageError(
            "Nothing to withdraw", found=f"entry {sent.of_seq}",
            expected="an entry of your own on this case, not yet withdrawn",
        )  # fmt: skip
    return sent


def _note(sent: Noted, _: Sender) -> AnyBody:
    return sent


def _length(sent: SentLength, by: Sender) -> AnyBody:
    _check_scene(sent.scene_id, by)
    length_m = float(distance_m(*sent.bow, *sent.stern))
    return LengthMeasured(
        scene_id=sent.scene_id, bow=sent.bow, stern=sent.stern, length_m=round(length_m, 1)
    )


def _hull(sent: HullAdded, by: Sender) -> AnyBody:
    _check_scene(sent.scene_id, by)
    return sent


def _mended(sent: HullMoved | HullRejected, by: Sender) -> AnyBody:
    if sent.detection_id not in by.file.detection_ids:
        raise UsageError("The detection is none of this case's scenes'", found=sent.detection_id)
    return sent


def _assignment(sent: Assigned, by: Sender) -> AnyBody:
    lends = sent.to == by.name or (sent.to is None and by.standing.assigned_to == by.name)
    if not lends and not by.role.may(Role.LEAD):
        raise Forbidden("Only a lead gives a case to somebody else")
    if sent.to is not None and not by.is_account(sent.to):
        raise UsageError("No such account", found=sent.to)
    return sent


def _check_scene(scene_id: str, by: Sender) -> None:
    if by.file.look(scene_id) is None:
        raise UsageError("The scene is none of this case's", found=scene_id)


_BODIES: dict[type, Callable[[Any, Sender], AnyBody]] = {
    SentVerdict: _verdict,
    SentWord: _word,
    Withdrawn: _withdrawn,
    Noted: _note,
    SentLength: _length,
    HullAdded: _hull,
    HullMoved: _mended,
    HullRejected: _mended,
    Assigned: _assignment,
}
