"""The application: what answers where, and how refusals look."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException

from pipeline.desk import attachments
from pipeline.desk.api import api
from pipeline.desk.desk import Desk
from pipeline.desk.guard import Guard
from pipeline.desk.pages import pages
from pipeline.desk.seat import NotAllowed, NotLoggedIn
from pipeline.desk.sent import Forbidden
from pipeline.desk.told import STATIC, page
from pipeline.errors import DarkcallError, TryLater, UsageError

STREAMS = "/attachments"


def create_app(current: Callable[[], Desk]) -> FastAPI:
    """The web application of a desk, which is asked for anew with each request."""
    desk = current()
    app = FastAPI(
        title="Darkcall review desk", version="1", docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json",
    )  # fmt: skip
    app.state.current = current
    app.include_router(api)
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(
        Guard, origins=desk.origins, body_max=desk.settings.body_max_bytes,
        stream_max=desk.settings.attachment_max_bytes, streams=STREAMS,
    )  # fmt: skip
    for kind, handler in (
        (NotLoggedIn, _not_logged_in),
        (NotAllowed, _not_allowed),
        (Forbidden, _not_allowed),
        (AnyHTTPException, _http_error),
        (RequestValidationError, _not_valid),
        (attachments.TooLarge, _too_large),
        (DarkcallError, _refused),
    ):
        app.add_exception_handler(kind, handler)
    return app


def _answer(request: Request, status: int, what: str) -> Response:
    """A program gets JSON, a person a page."""
    if request.url.path.startswith("/api/") or request.method != "GET":
        return JSONResponse({"error": what}, status)
    answer = page("wrong.html", request.app.state.current(), None, status=status, what=what)
    answer.status_code = status
    return answer


def _not_logged_in(request: Request, _: Exception) -> Response:
    path = request.url.path
    if path.startswith("/api/") or request.method != "GET":
        response = JSONResponse({"error": "Not logged in"}, 401)
        response.headers["www-authenticate"] = "Bearer"
        return response
    to = path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?to={quote(to, safe='')}", status_code=303)


def _not_allowed(request: Request, error: Exception) -> Response:
    return _answer(request, 403, str(error))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException | AnyHTTPException)
    answer = _answer(request, error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = error.errors()[0]
    where = ".".join(str(step) for step in told["loc"])
    what = str(told["msg"]).removeprefix("Value error, ")
    return _answer(request, 422, f"{where}: {what}")


def _too_large(request: Request, error: Exception) -> Response:
    answer = _answer(request, 413, str(error))
    answer.headers["connection"] = "close"  # or the sender would go on sending for ever
    return answer


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, TryLater):
        return _answer(request, 503, str(error))
    return _answer(request, 422 if isinstance(error, UsageError) else 500, str(error))
