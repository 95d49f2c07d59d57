"""A service that takes alerts, on loopback: Apprise's json:// protocol over real HTTP."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Inbox:
    """What has arrived, and whether the service is well."""

    got: list[dict[str, Any]] = field(default_factory=list)
    beats: int = 0
    well: bool = True
    port: int = 0

    @property
    def address(self) -> str:
        """For DARKCALL_ALERT_URLS."""
        return f"json://127.0.0.1:{self.port}/"

    @property
    def heartbeat(self) -> str:
        """For DARKCALL_HEARTBEAT_URL."""
        return f"http://127.0.0.1:{self.port}/beat"

    def titles(self) -> list[str]:
        """In the order of arrival."""
        return [one["title"] for one in self.got]

    @staticmethod
    def pictures(message: dict[str, Any]) -> list[bytes]:
        """What was attached."""
        return [base64.b64decode(one["base64"]) for one in message.get("attachments", [])]


class Receiver:
    """Serves an inbox while the block runs."""

    def __enter__(self) -> Inbox:
        inbox = Inbox()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                inbox.beats += 1
                self._answer(200)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if inbox.well:
                    inbox.got.append(json.loads(body))
                self._answer(200 if inbox.well else 503)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        inbox.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return inbox

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
