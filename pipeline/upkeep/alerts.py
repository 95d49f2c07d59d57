"""Alerts: what is worth waking somebody for, said once, and by whom it was heard.

A trouble stands from the night it is told until a night without it; while it stands it is told
again only when it grows, or after a week. A dark call is told when it is new, when its tier
changes, and when it is withdrawn. What could not be delivered is tried again in the next night.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.clock import format_utc, parse_utc
from pipeline.errors import BadInput, UsageError
from pipeline.upkeep.settings import Settings

MAX_PICTURE_BYTES = 2_000_000
"""A crop has some 10 kB; mail servers refuse large letters."""
MAX_BODY_CHARACTERS = 3_000
"""The shortest limit of the usual services is Telegram's 4,096."""


class Kind(StrEnum):
    """What an alert is about."""

    DARK_CALL = "dark call"
    FAILURE = "failure"
    UNFINISHED = "night not ended"
    OVERLAP = "overlap"
    DISK = "disk full"
    NETWORK = "network"
    QUOTA = "quota"
    CREDENTIALS = "credentials"
    CLOCK = "clock"
    GPU = "gpu"
    DATABASE = "database"
    SILENCE = "silence"
    OVER = "over"
    DIGEST = "and more"
    TEST = "test"


EVENTS = frozenset({Kind.DARK_CALL, Kind.UNFINISHED, Kind.OVER, Kind.DIGEST, Kind.TEST})
"""Told as they come; all others are troubles that stand until they end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to say."""

    kind: Kind
    key: str
    """What it is about: the same trouble, or the same call, has the same key."""
    title: str
    body: str
    about: tuple[str, ...] = ()
    """What it holds for: a trouble that reaches more than it was told for is told again."""
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A line of the log: an alert, when, and which addresses it has reached."""

    at: datetime
    alert: Alert
    reached: tuple[str, ...] = ()
    """Marks of addresses, which are secrets."""
    missed: tuple[str, ...] = ()
    digest: bool = False
    """It was one of many, told in one alert."""

    def line(self) -> str:
        """As it stands in the log."""
        alert = asdict(self.alert) | {"pictures": [str(path) for path in self.alert.pictures]}
        return json.dumps(
            {
                "at": format_utc(self.at), "alert": alert, "reached": self.reached,
                "missed": self.missed, "digest": self.digest,
            },
            sort_keys=True,
        )  # fmt: skip

    @staticmethod
    def of(document: Mapping[str, Any]) -> Told:
        """From a line of the log.

        Raises:
            KeyError, TypeError, ValueError, BadInput: it is none.
        """
        alert = dict(document["alert"])
        return Told(
            at=parse_utc(document["at"]),
            alert=Alert(
                kind=Kind(alert["kind"]),
                key=str(alert["key"]),
                title=str(alert["title"]),
                body=str(alert["body"]),
                about=tuple(map(str, alert["about"])),
                pictures=tuple(map(Path, alert["pictures"])),
            ),
            reached=tuple(map(str, document["reached"])),
            missed=tuple(map(str, document["missed"])),
            digest=bool(document["digest"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Everything told so far, oldest first; one file that only grows."""

    path: Path
    told: list[Told] = field(default_factory=list)

    @staticmethod
    def read(path: Path) -> Log:
        """From disk; a line that a kill has cut short is passed over."""
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return Log(path=path)
        told = []
        for line in lines:
            try:
                told.append(Told.of(json.loads(line)))
            except (ValueError, KeyError, TypeError, BadInput):
                continue
        return Log(path=path, told=told)

    def add(self, told: Told) -> None:
        """On the disk before it returns.

        Raises:
            OSError: the disk is full.
        """
        self.told.append(told)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as stream:
            stream.seek(0, os.SEEK_END)
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")  # a line cut short stays one line
            stream.write(told.line().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def standing(self) -> dict[str, Told]:
        """Troubles told and not over, by key, as they were told last."""
        standing: dict[str, Told] = {}
        for one in self.told:
            if one.alert.kind is Kind.OVER:
                standing.pop(one.alert.key, None)
            elif one.alert.kind not in EVENTS:
                standing[one.alert.key] = one
        return standing

    def last_of(self, key: str) -> Told | None:
        """What was said last under a key."""
        return next((one for one in reversed(self.told) if one.alert.key == key), None)

    def undelivered(self) -> list[Told]:
        """Alerts whose last delivery missed an address."""
        last: dict[tuple[str, str, str], Told] = {}
        for one in self.told:
            last[(one.alert.kind, one.alert.key, one.alert.title)] = one
        return [one for one in last.values() if one.missed]


def due(
    alerts: Iterable[Alert], log: Log, *, now: datetime, settings: Settings
) -> tuple[list[Alert], list[Alert]]:
    """Which of these are said now: one by one, and those left to a digest.

    Args:
        alerts: everything that could be said, the most pressing first.
        log: what has been said.
        now: aware UTC.
        settings: how many a night, and how soon a standing trouble is told again.
    """
    fresh: dict[str, Alert] = {}
    for alert in alerts:
        if alert.key not in fresh and _is_due(alert, log, now, settings):
            fresh[alert.key] = alert
    chosen = list(fresh.values())
    if len(chosen) <= settings.alerts_a_night:
        return chosen, []
    first = settings.alerts_a_night - 1
    return chosen[:first], chosen[first:]


def _is_due(alert: Alert, log: Log, now: datetime, settings: Settings) -> bool:
    if alert.kind is Kind.OVER:
        return True
    if alert.kind in EVENTS:
        last = log.last_of(alert.key)
        return last is None or last.alert.about != alert.about
    standing = log.standing().get(alert.key)
    if standing is None or not set(alert.about) <= set(standing.alert.about):
        return True
    # by its distance: a clock that ran ahead must not silence a trouble for years
    return abs(now - standing.at) >= timedelta(days=settings.told_again_days)


def ended(judged: Iterable[Alert], log: Log) -> list[Alert]:
    """An alert for each standing trouble that a whole night has not met again."""
    there = {alert.key for alert in judged}
    return [
        Alert(
            kind=Kind.OVER,
            key=key,
            title=f"Over: {told.alert.title}",
            body=f"Told first or last on {format_utc(told.at)}; this night did not meet it.",
        )
        for key, told in sorted(log.standing().items())
        if key not in there
    ]


def digest(rest: Sequence[Alert]) -> Alert:
    """Many alerts as one."""
    lines = [f"- {alert.title}" for alert in rest]
    marks = hashlib.sha256("\n".join(alert.key for alert in rest).encode()).hexdigest()[:12]
    return Alert(
        kind=Kind.DIGEST,
        key=f"digest:{marks}",
        title=f"Darkcall: {len(rest)} more alerts in one",
        body="\n".join(lines),
    )


class Post:
    """Where alerts go: addresses as Apprise writes them (mailto://…, slack://…, json://…)."""

    def __init__(self, addresses: str, *, name: str = "Darkcall") -> None:
        """Read addresses, separated by blanks or commas.

        Raises:
            UsageError: one is not understood; it is named by its number, as it may hold a password.
        """
        import apprise  # noqa: PLC0415  a hundred services take half a second

        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it would log addresses
        asset = apprise.AppriseAsset(app_id=name, app_desc=name, app_url="", async_mode=False)
        self._format = apprise.NotifyFormat.TEXT
        self._boxes: dict[str, apprise.Apprise] = {}
        for number, address in enumerate(addresses.replace(",", " ").split(), start=1):
            box = apprise.Apprise(asset=asset)
            if not box.add(address):
                raise UsageError(
                    "An address of DARKCALL_ALERT_URLS is not understood",
                    found=f"number {number}",
                    expected="as Apprise writes them: mailto://…, slack://…, json://…",
                )
            self._boxes[hashlib.sha256(address.encode()).hexdigest()[:10]] = box

    @property
    def marks(self) -> tuple[str, ...]:
        """A mark an address, that does not give it away."""
        return tuple(self._boxes)

    def deliver(self, alert: Alert, marks: Iterable[str]) -> tuple[list[str], list[str]]:
        """Send an alert to some of the addresses; those it has reached, and those it has missed."""
        reached: list[str] = []
        missed: list[str] = []
        for mark in marks:
            box = self._boxes.get(mark)
            if box is None:
                continue  # no longer an address
            went = box.notify(
                title=_plain(alert.title),
                # Apprise sends nothing without a body
                body=_plain_lines(alert.body or alert.title)[:MAX_BODY_CHARACTERS],
                body_format=self._format,
                attach=[str(path) for path in alert.pictures if _fits(path)] or None,
            )
            (reached if went else missed).append(mark)
        return reached, missed


def _plain(line: str) -> str:
    """Without what a terminal or a header would obey: ships name themselves."""
    return "".join(sign if sign.isprintable() else " " for sign in line)


def _plain_lines(text: str) -> str:
    return "\n".join(_plain(line) for line in text.splitlines())


def _fits(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= MAX_PICTURE_BYTES
    except OSError:
        return False


def tell(
    alerts: Sequence[Alert], log: Log, post: Post | None, *, now: datetime, settings: Settings
) -> list[Told]:
    """Say what is due, and once more what did not arrive; everything said is in the log.

    Without an address the log is all there is.

    Returns:
        what was said in this call.
    """
    again = log.undelivered() if post is not None else []
    said = [_send(old.alert, log, post, now, old.missed, before=old.reached) for old in again]
    single, rest = due(alerts, log, now=now, settings=settings)
    marks = post.marks if post is not None else ()
    said += [_send(alert, log, post, now, marks) for alert in single]
    if rest:
        for alert in rest:
            _note(log, Told(at=now, alert=alert, digest=True))
        said.append(_send(digest(rest), log, post, now, marks))
    return said


def _send(
    alert: Alert,
    log: Log,
    post: Post | None,
    now: datetime,
    marks: Iterable[str],
    before: tuple[str, ...] = (),
) -> Told:
    reached, missed = ([], []) if post is None else post.deliver(alert, marks)
    told = Told(at=now, alert=alert, reached=(*before, *reached), missed=tuple(missed))
    _note(log, told)
    return told


def _note(log: Log, told: Told) -> None:
    try:
        log.add(told)
    except OSError:
        # On a full disk the alert of the full disk has gone out all the same; the next night,
        # which does not find it in the log, says it again.
        return
