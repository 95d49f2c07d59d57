"""What people decide about cases: verdicts, roles, and the entries of the journal."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

NOTE_MAX = 4_000
"""Characters of a note; longer texts are documents, to be attached."""


class Verdict(StrEnum):
    """What a person says of a case, in the order of the keys 1 to 5."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    NOT_A_SHIP = "not a ship"
    WRONG_SHIP = "wrong ship"
    CANNOT_TELL = "cannot tell"


REASONS: dict[Verdict, dict[str, str]] = {
    Verdict.CONFIRMED: {
        "hull-clear": "the hull is plain on the images",
        "empty-before": "the berth is empty before",
        "empty-after": "the berth is empty after",
        "finer-image": "a finer image shows her",
        "silence-fits": "the silence fits the call",
    },
    Verdict.REJECTED: {
        "on-air": "a ship on the air explains the hull",
        "bad-reception": "the silence is the receivers' doing",
        "not-a-tanker": "no tanker: too large, too small, or another type",
        "not-at-berth": "she lies elsewhere than at the berth",
        "same-as-other": "part of another call",
    },
    Verdict.NOT_A_SHIP: {
        "cloud": "cloud or its shadow",
        "fixed": "quay, crane, pontoon or other fixed object",
        "ambiguity": "ambiguity or sidelobe of the radar",
        "wake": "wake, wave or ice",
        "noise": "noise",
    },
    Verdict.WRONG_SHIP: {
        "length": "the ship named has another length",
        "elsewhere": "she was elsewhere",
        "other-ship": "another ship fits better",
    },
    Verdict.CANNOT_TELL: {
        "poor-image": "the images are too poor",
        "no-before-after": "no image before or after",
        "two-fit": "two ships fit alike",
        "later": "wait for more evidence",
    },
}
"""Reason codes and what they say, by verdict."""


class Role(StrEnum):
    """What an account may do; each may do what those before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    LEAD = "lead"

    def may(self, needed: Role) -> bool:
        """Is this role enough?"""
        order = list(Role)
        return order.index(self) >= order.index(needed)


def _plain(text: str) -> str:
    """Without characters that hide or reverse text; line breaks and tabs stay."""
    hidden = [c for c in text if unicodedata.category(c) in {"Cc", "Cf"} and c not in "\n\t"]
    if hidden:
        raise ValueError(f"holds a hidden character, U+{ord(hidden[0]):04X}")
    return text.strip()


Note = Annotated[str, Field(max_length=NOTE_MAX), AfterValidator(_plain)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
Id = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[\w .:@+/()-]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Lon = Annotated[float, Field(ge=-180.0, le=180.0, allow_inf_nan=False)]
Lat = Annotated[float, Field(ge=-90.0, le=90.0, allow_inf_nan=False)]
Mmsi = Annotated[int, Field(ge=1_000_000, le=999_999_999)]


def is_sha256(text: str) -> bool:
    """Is it the name of a kept file: 64 hexadecimal digits, so that no path is smuggled in?"""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


class Body(BaseModel):
    """What an entry says; frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Said(Body):
    """What the machine said of the case when the person decided."""

    tier: str | None = None
    p_dark: float | None = None
    p_tanker: float | None = None
    mmsi: int | None = None
    ship_name: str | None = None
    p_ship: float | None = None
    n_seen: int | None = None
    software: str = ""
    models: tuple[str, ...] = ()
    """sha256 of the models behind the detections."""


class _Judgement(Body):
    verdict: Verdict
    reasons: tuple[str, ...] = Field((), max_length=8)
    note: Note = ""
    mmsi: Mmsi | None = None
    """The ship that the person names; None: none."""
    said: Said

    @model_validator(mode="after")
    def _reasons_known(self) -> _Judgement:
        unknown = [code for code in self.reasons if code not in REASONS[self.verdict]]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no reason for the verdict {self.verdict!s}")
        return self


class VerdictGiven(_Judgement):
    """A reviewer's verdict."""

    kind: Literal["verdict"] = "verdict"


class Adjudicated(_Judgement):
    """A lead's word where reviewers differ, or to settle a case at once."""

    kind: Literal["adjudicated"] = "adjudicated"


class Withdrawn(Body):
    """An earlier entry of the same person no longer holds; it stays in the journal."""

    kind: Literal["withdrawn"] = "withdrawn"
    of_seq: int = Field(ge=1)


class Noted(Body):
    """A remark without a verdict."""

    kind: Literal["note"] = "note"
    note: Note = Field(min_length=1)


class LengthMeasured(Body):
    """A hull measured by hand, between two clicks."""

    kind: Literal["length"] = "length"
    scene_id: Id
    bow: tuple[Lon, Lat]
    stern: tuple[Lon, Lat]
    length_m: float = Field(gt=0, le=1_000, allow_inf_nan=False)


class HullAdded(Body):
    """A ship that the machine missed."""

    kind: Literal["hull added"] = "hull added"
    scene_id: Id
    bow: tuple[Lon, Lat]
    stern: tuple[Lon, Lat]
    note: Note = ""


class HullMoved(Body):
    """A detection that lies elsewhere than the machine says."""

    kind: Literal["hull moved"] = "hull moved"
    detection_id: Id
    lon: Lon
    lat: Lat


class HullRejected(Body):
    """A detection that is none, whatever becomes of the case."""

    kind: Literal["hull rejected"] = "hull rejected"
    detection_id: Id
    note: Note = ""


class Attached(Body):
    """A finer image or a document; the file is kept under its hash."""

    kind: Literal["attached"] = "attached"
    sha256: Sha256
    name: Line = Field(min_length=1)
    n_bytes: int = Field(ge=1)
    media_type: Line
    source: Line = Field(min_length=1)
    taken_on: date | None = None
    shows_ship: bool = False
    """It shows the ship at the berth, fine enough to know her: evidence for tier A."""
    note: Note = ""


class Assigned(Body):
    """Who is to look at it; None: anybody."""

    kind: Literal["assigned"] = "assigned"
    to: Line | None = None


AnyBody = (
    VerdictGiven
    | Adjudicated
    | Withdrawn
    | Noted
    | LengthMeasured
    | HullAdded
    | HullMoved
    | HullRejected
    | Attached
    | Assigned
)
BODY: TypeAdapter[AnyBody] = TypeAdapter(Annotated[AnyBody, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal; nothing is ever changed or taken out."""

    seq: int
    """From 1, without holes."""
    entry_id: str
    """Made by whoever sent it: the same sent twice is written once."""
    at: datetime
    """Aware UTC, by the clock of the machine that wrote it."""
    who: str
    case_id: str
    evidence_key: str
    """The evidence that the case rested on."""
    body: AnyBody
    previous_sha256: str
    sha256: str
    """Over all of the above, `previous_sha256` too: a chain."""

    def as_json(self) -> dict[str, Any]:
        """As exported: one flat object, the body as it was hashed."""
        return {
            "seq": self.seq,
            "entry_id": self.entry_id,
            "at": self.at.isoformat(),
            "who": self.who,
            "case_id": self.case_id,
            "evidence_key": self.evidence_key,
            "body": self.body.model_dump(mode="json"),
            "previous_sha256": self.previous_sha256,
            "sha256": self.sha256,
        }


_OTHERS = {
    "withdrawn": "withdrew entry {body.of_seq}",
    "note": "a note",
    "length": "measured {body.length_m:.0f} m in {body.scene_id}",
    "hull added": "added a hull in {body.scene_id}",
    "hull moved": "moved {body.detection_id} to {body.lat:.5f}, {body.lon:.5f}",
    "hull rejected": "rejected {body.detection_id}",
    "attached": "attached {body.name}, SHA-256 {body.sha256}",
    "assigned": "assigned to {body.to}",
}
"""What is no verdict, by kind of entry."""


def what_said(entry: Entry) -> str:
    """What an entry says, in words."""
    body = entry.body
    if isinstance(body, VerdictGiven | Adjudicated):
        settles = "settled as " if isinstance(body, Adjudicated) else ""
        ship = "" if body.mmsi is None else f", MMSI {body.mmsi}"
        return f"{settles}{body.verdict}{ship}"
    if isinstance(body, Assigned) and body.to is None:
        return "given back"
    return _OTHERS[body.kind].format(body=body)


def why_said(entry: Entry) -> str:
    """Its reasons, source and note; empty where there are none."""
    body = entry.body
    parts = []
    if isinstance(body, VerdictGiven | Adjudicated):
        parts += [REASONS[body.verdict][code] for code in body.reasons]
    if isinstance(body, Attached):
        parts.append(f"source: {body.source}")
        parts += ["it shows the ship"] if body.shows_ship else []
    note = getattr(body, "note", "")
    return "; ".join([*parts, *([note] if note else [])])
