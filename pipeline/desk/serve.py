"""The desk on a port of this machine, until it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from socket import socket
from urllib.parse import urlsplit

import uvicorn

from pipeline.desk.app import create_app
from pipeline.desk.desk import Desk
from pipeline.errors import UsageError

HTTP_PORT = 80
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def origins_of(port: int, public_url: str | None) -> tuple[str, ...]:
    """Where browsers reach the desk: a proxy's address, else this machine's own names.

    Raises:
        UsageError: the address is none of a proxy with TLS.
    """
    if public_url is None:
        said = "" if port == HTTP_PORT else f":{port}"  # browsers leave it out
        return tuple(f"http://{name}{said}" for name in LOOPBACK)
    parts = urlsplit(public_url)
    if parts.scheme != "https" or not parts.netloc or parts.path not in ("", "/"):
        raise UsageError(
            "The public address is not one of a proxy with TLS", found=public_url,
            expected="https://name, without a path",
        )  # fmt: skip
    return (f"https://{parts.netloc.removesuffix(':443')}",)


def serve(
    current: Callable[[], Desk], *, host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Answer until interrupted.

    Args:
        current: what answers are made from, asked for with each request.
        host: address of this machine to listen on.
        port: port to listen on.
        ready: told where, once the desk answers.
    """
    desk = current()
    config = uvicorn.Config(
        create_app(current), host=host, port=port, log_level="warning", access_log=False,
        server_header=False, proxy_headers=desk.is_secure, timeout_graceful_shutdown=5,
    )  # fmt: skip

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(desk.origins[0])

    Server(config).run()
