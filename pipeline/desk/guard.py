"""What every request passes before anything reads it, and what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = {"GET", "HEAD", "OPTIONS"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing is loaded from elsewhere, and no text of a ship or a note can become a script."""
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox allow-popups"
)
"""Of the static report, whose styles stand in the page; it runs no script at all."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class Guard:
    """Refuses foreign hosts, foreign origins and bodies too large; sets the headers above.

    An answer's own header wins over the general one.
    """

    def __init__(
        self, app: ASGIApp, *, origins: Iterable[str], body_max: int, stream_max: int, streams: str
    ) -> None:
        """Around an application.

        Args:
            app: what is guarded.
            origins: `http://127.0.0.1:8080` and so on: where the desk is reached.
            body_max: bytes of a body, all of which is read before the application sees it.
            stream_max: bytes of a body that the application reads piece by piece.
            streams: how the path of the latter ends.
        """
        self._app = app
        self._origins = {origin.rstrip("/") for origin in origins}
        self._hosts = {urlsplit(origin).netloc for origin in self._origins}
        self._body_max, self._stream_max, self._streams = body_max, stream_max, streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope["method"], headers)
        streamed = scope["path"].endswith(self._streams)
        limit = self._stream_max if streamed else self._body_max
        if refused is None and _length(headers) > limit:
            refused = (413, f"The request is too large: at most {limit:,} bytes")
        if refused is None and not streamed and scope["method"] not in SAFE:
            body = await _body(receive, limit)
            if body is None:
                refused = (413, f"The request is too large: at most {limit:,} bytes")
            else:
                receive = _again(body, receive)
        if refused is not None:
            await _answer(send, *refused)
            return
        await self._app(scope, receive, _with_headers(send))

    def _refused(self, method: str, headers: Headers) -> tuple[int, str] | None:
        if headers.get("host", "") not in self._hosts:
            return 400, "The desk is not reached under this name"
        if method in SAFE:
            return None
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return 403, "The request comes from another site"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "The request comes from another site"
        return None


def _length(headers: Headers) -> int:
    said = headers.get("content-length", "0")
    return int(said) if said.isascii() and said.isdigit() else 0


async def _body(receive: Receive, limit: int) -> bytes | None:
    """All of a body; None once it is longer than the limit."""
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, in one piece."""
    left = [body]

    async def read() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return read


def _with_headers(send: Send) -> Send:
    async def write(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return write


async def _answer(send: Send, status: int, what: str) -> None:
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", b"application/json"), (b"connection", b"close")],
    }
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": json.dumps({"error": what}).encode()})
