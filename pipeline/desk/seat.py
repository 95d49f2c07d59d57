"""Who sits at the desk: sessions by cookie, programs by token, and what each may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import compare_digest
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from pipeline.decided import Role
from pipeline.decisions import accounts
from pipeline.desk.desk import Desk
from pipeline.desk.guard import SAFE

COOKIE = "darkcall"
SECURE_COOKIE = "__Host-darkcall"
CSRF_HEADER = "x-csrf-token"


class NotLoggedIn(Exception):
    """Nobody is known to sit there; pages lead to the login, programs are told."""


class NotAllowed(Exception):
    """The person is known, and may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The person, or the program acting for one."""

    name: str
    role: Role
    csrf: str | None
    """Of a session; None for programs, whose token no foreign page can send."""

    @property
    def leads(self) -> bool:
        """May this person settle cases?"""
        return self.role.may(Role.LEAD)


def desk_of(request: Request) -> Desk:
    """The desk that the application stands on."""
    desk = request.app.state.current()
    assert isinstance(desk, Desk)
    return desk


AtDesk = Annotated[Desk, Depends(desk_of)]


def seat_of(request: Request, desk: AtDesk) -> Seat:
    """Who sends this request.

    Raises:
        NotLoggedIn: no valid session or token.
        NotAllowed: a session's request changes something and lacks its secret.
    """
    now = datetime.now(UTC)
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        user = accounts.token_user(desk.store, token.strip(), at=now)
        if user is None:
            raise NotLoggedIn
        return Seat(name=user.name, role=user.role, csrf=None)
    secret = request.cookies.get(cookie_name(desk), "")
    session = accounts.session(desk.store, secret, at=now, settings=desk.accounts)
    if session is None:
        raise NotLoggedIn
    if request.method not in SAFE:
        sent = request.headers.get(CSRF_HEADER, "")
        if not compare_digest(sent.encode(), session.csrf.encode()):
            raise NotAllowed("The page is too old, or another site sent this; load it again")
    return Seat(name=session.user.name, role=session.user.role, csrf=session.csrf)


Anybody = Annotated[Seat, Depends(seat_of)]


def _at_least(role: Role) -> Callable[[Seat], Seat]:
    def check(seat: Anybody) -> Seat:
        if not seat.role.may(role):
            raise NotAllowed(f"Only an account with the role {role} may do this")
        return seat

    return check


Analyst = Annotated[Seat, Depends(_at_least(Role.ANALYST))]
Lead = Annotated[Seat, Depends(_at_least(Role.LEAD))]


def cookie_name(desk: Desk) -> str:
    """With the prefix that browsers bind to this very host, where there is TLS."""
    return SECURE_COOKIE if desk.is_secure else COOKIE


def set_cookie(response: Response, desk: Desk, secret: str) -> None:
    """Kept until the session ends; out of reach of scripts and of other sites."""
    response.set_cookie(
        cookie_name(desk), secret, max_age=round(desk.accounts.session_s), path="/",
        secure=desk.is_secure, httponly=True, samesite="strict",
    )  # fmt: skip
