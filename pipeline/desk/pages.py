"""The pages that people see: login, the queue, a case, the season."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from pipeline.decisions import accounts
from pipeline.desk.api import CaseId, file_of, next_case
from pipeline.desk.case_file import CaseFile, Look, before_at_after
from pipeline.desk.desk import Desk
from pipeline.desk.docket import Docket, Filters
from pipeline.desk.guard import REPORT_POLICY
from pipeline.desk.seat import Anybody, AtDesk, Seat, cookie_name, desk_of, set_cookie
from pipeline.desk.told import page

REPORT_FILES = re.compile(r"report\.html|season\.pdf")
CHIP = re.compile(r"[\w.-]+(/[\w.-]+)*\.png")
pages = APIRouter(include_in_schema=False)
Query_ = Annotated[Filters, Query()]


# ---------------------------------------------------------------------------------------- login


@pages.get("/login")
def login_page(desk: AtDesk, to: str = "/") -> HTMLResponse:
    """Name and password."""
    return page("login.html", desk, None, wrong="", to=local(to), n_accounts=_n_accounts(desk))


def _n_accounts(desk: Desk) -> int:
    return len(accounts.users(desk.store))


@pages.post("/login")
async def log_in(request: Request) -> Response:
    """A session, or the page again."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=8)
    name, password, to = (form.get(key, [""])[0] for key in ("name", "password", "to"))
    return await run_in_threadpool(_log_in, request, name, password, to)


def _log_in(request: Request, name: str, password: str, to: str) -> Response:
    desk = desk_of(request)
    address = request.client.host if request.client is not None else "unknown"
    try:
        secret, _ = accounts.log_in(
            desk.store, name, password, address, at=datetime.now(UTC), settings=desk.accounts
        )
    except (accounts.Refused, accounts.TooManyTries) as error:
        answer = page(
            "login.html", desk, None, wrong=str(error), to=local(to), n_accounts=_n_accounts(desk)
        )
        answer.status_code = 429 if isinstance(error, accounts.TooManyTries) else 401
        return answer
    response = RedirectResponse(local(to), status_code=303)
    set_cookie(response, desk, secret)
    return response


@pages.post("/logout")
def log_out(request: Request, desk: AtDesk, _: Anybody) -> Response:
    """The session ends."""
    accounts.log_out(desk.store, request.cookies.get(cookie_name(desk), ""))
    response = Response(status_code=204)
    response.delete_cookie(cookie_name(desk), path="/", secure=desk.is_secure, httponly=True)
    return response


def local(to: str) -> str:
    """A path of this desk and nothing else."""
    plain = re.fullmatch(r"/(?![/\\])[\w./?&=%:+-]*", to)
    return to if plain else "/"


# ---------------------------------------------------------------------------------------- pages


@pages.get("/")
def queue(seat: Anybody, desk: AtDesk, filters: Query_) -> HTMLResponse:
    """What to look at, the most valuable first."""
    desk.docket.refresh()
    return page(
        "queue.html", desk, seat,
        rows=desk.docket.rows(filters, seat.name, leads=seat.leads),
        filters=filters, query=urlencode(filters.as_query()),
        progress=desk.docket.progress(seat.name), choices=_choices(desk.docket),
        people=[user.name for user in accounts.users(desk.store)],
    )  # fmt: skip


def _choices(docket: Docket) -> dict[str, list[str]]:
    every = docket.summaries
    return {
        "site": sorted({one.case.site_id for one in every}),
        "tier": sorted({one.case.tier or "-" for one in every} | {"A"}),
        "sensor": sorted({sensor for one in every for sensor in one.sensors}),
    }


@pages.get("/cases/{case_id}")
def case_page(case_id: CaseId, seat: Anybody, desk: AtDesk, filters: Query_) -> HTMLResponse:
    """One screen a case."""
    return page("desk.html", desk, seat, **_sheet(case_id, seat, desk, filters))


@pages.get("/cases/{case_id}/sheet")
def case_sheet(case_id: CaseId, seat: Anybody, desk: AtDesk, filters: Query_) -> HTMLResponse:
    """The same without what stays the same from case to case."""
    return page("sheet.html", desk, seat, **_sheet(case_id, seat, desk, filters))


def _sheet(case_id: str, seat: Seat, desk: Desk, filters: Filters) -> dict[str, Any]:
    file = file_of(desk, case_id)
    desk.docket.refresh()
    rows = desk.docket.rows(filters, seat.name, leads=seat.leads)
    order = [row.summary.case.case_id for row in rows]
    here = order.index(case_id) if case_id in order else None
    entries = desk.docket.said(case_id, seat.name, leads=seat.leads)
    return {
        "file": file,
        "row": desk.docket.row(case_id, seat.name, leads=seat.leads),
        "entries": entries,
        "query": urlencode(filters.as_query()),
        "at": None if here is None else here + 1,
        "n_rows": len(order),
        "above": order[here - 1] if here else None,
        "below": order[here + 1] if here is not None and here + 1 < len(order) else None,
        "next": next_case(rows, file.case),
        "shown": before_at_after(file.looks, file.first_shown) if file.looks else {},
        "looks": {look.scene_id: look for look in file.looks},
        "data": page_data(file),
        "attach_max": desk.settings.attachment_max_bytes,
    }


def page_data(file: CaseFile) -> dict[str, Any]:
    """What the page's script needs to know."""
    return {
        "case_id": file.case.case_id,
        "evidence_key": file.case.evidence_key,
        "centre": [file.lon, file.lat],
        "side_m": file.side_m,
        "at": file.first_shown,
        "looks": [_look(look) for look in file.looks],
        "columns": [before_at_after(file.looks, at) for at in range(len(file.looks))],
        "ground": file.ground,
    }


def _look(look: Look) -> dict[str, Any]:
    return {
        "scene": look.scene_id,
        "sensor": look.sensor,
        "platform": look.platform,
        "at": f"{look.sensed_at.day} {look.sensed_at:%b %Y %H:%M}",
        "state": look.state,
        "shows": look.shows,
        "renditions": look.renditions,
        "hulls": [
            {"id": h.detection_id, "corners": h.corners, "own": h.is_own, "said": h.said}
            for h in look.hulls
        ],
    }


@pages.get("/season")
def season(seat: Anybody, desk: AtDesk) -> HTMLResponse:
    """How far the review is, how reviewers agree, and the report."""
    desk.docket.refresh()
    rows = desk.docket.rows(Filters(), seat.name, leads=seat.leads)
    return page(
        "season.html", desk, seat,
        progress=desk.docket.progress(seat.name), agreement=desk.docket.agreement(),
        known=desk.docket.on_known() if seat.leads else [],
        decided=[row for row in rows if row.verdict is not None],
        logins=accounts.logins(desk.store, 50) if seat.leads else [],
    )  # fmt: skip


@pages.get("/report/{name}")
def report(name: str, _: Anybody, desk: AtDesk) -> FileResponse:
    """The season's report as it lies in the workspace."""
    if desk.report is None or REPORT_FILES.fullmatch(name) is None:
        raise HTTPException(404, "No such report")
    return _file(desk.report, name)


@pages.get("/detect/{name:path}")
@pages.get("/screen/{name:path}")
def chip(request: Request, name: str, _: Anybody, desk: AtDesk) -> FileResponse:
    """A crop that the report links to, relative to itself."""
    if CHIP.fullmatch(name) is None:
        raise HTTPException(404, "No such crop")
    return _file(desk.workspace / request.url.path.split("/")[1], name)


def _file(folder: Path, name: str) -> FileResponse:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise HTTPException(404, "No such file")
    return FileResponse(path, headers={"content-security-policy": REPORT_POLICY})


# ------------------------------------------------------------------------------------- pictures


@pages.get("/cases/{case_id}/pictures/{scene_id}/{rendition}.png")
def crop(case_id: CaseId, scene_id: str, rendition: str, _: Anybody, desk: AtDesk) -> Response:
    """The place of a case in one of its scenes."""
    file = file_of(desk, case_id)
    look = file.look(scene_id)
    if look is None or rendition not in look.renditions:
        raise HTTPException(404, "No such picture")
    return _png(desk, desk.crop(scene_id, rendition, lon=file.lon, lat=file.lat))


@pages.get("/tiles/{scene_id}/{rendition}/{zoom}/{x}/{y}.png")
def tile(
    scene_id: str, rendition: str, zoom: int, x: int, y: int, _: Anybody, desk: AtDesk
) -> Response:  # fmt: skip
    """One tile of a scene as a web map."""
    if not 0 <= zoom <= desk.settings.tile_zoom_max or not (0 <= x < 2**zoom and 0 <= y < 2**zoom):
        raise HTTPException(404, "No such tile")
    try:
        return _png(desk, desk.tile(scene_id, rendition, zoom=zoom, x=x, y=y))
    except KeyError:
        raise HTTPException(404, "No such scene") from None


def _png(desk: Desk, png: bytes) -> Response:
    age = desk.settings.picture_age_s
    return Response(
        png, media_type="image/png", headers={"cache-control": f"private, max-age={age}, immutable"}
    )
