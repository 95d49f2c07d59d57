"""Figures for Prometheus, written to a file at the end of each run or answered at an endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from pipeline.config import Config
from pipeline.errors import UsageError
from pipeline.jobs.take_stock import take_stock
from pipeline.whole_files import whole_file

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65_535


def metrics_text(config: Config, now: datetime) -> str:
    """The exposition format."""
    from pipeline.upkeep.metrics import text_of  # noqa: PLC0415 - the stages do not wait for it

    return text_of(take_stock(config, now))


def publish(config: Config) -> list[str]:
    """Write the configured file, readable to all; returns what hindered it, in words.

    A run has ended by then: its exit code is not changed for want of figures.
    """
    path = config.upkeep.metrics_file
    if path is None:
        return []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:  # until then no *.prom: never read half-written
            stream.write(metrics_text(config, datetime.now(UTC)).encode())
            os.fchmod(stream.fileno(), 0o644)
    except Exception as error:  # noqa: BLE001  figures must not end a run that has gone well
        return [f"Metrics cannot be written: {path} ({error})"]
    return []


def listen_at(address: str) -> tuple[str, int]:
    """(host, port) of `9108`, `:9108`, `host:9108` or `[::1]:9108`; loopback unless one is named.

    Raises:
        UsageError: no such address.
    """
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
        raise UsageError("Not an address to listen on", found=address, expected="127.0.0.1:9108")
    return host.strip("[]") or LOOPBACK, int(port)


def answer(config: Config, address: str, ready: Callable[[str], None]) -> None:
    """Serve `/metrics` until interrupted.

    Args:
        config: whose workspace; read once, its workspace anew.
        address: as `listen_at`.
        ready: told where, once it answers.

    Raises:
        UsageError: no such address, or it cannot be listened on.
    """
    from pipeline.upkeep.metrics import serve  # noqa: PLC0415 - the stages do not wait for it

    host, port = listen_at(address)
    try:
        serving = serve(
            lambda: take_stock(config, datetime.now(UTC)),
            host=host,
            port=port,
            age_s=config.upkeep.metrics_age_s,
        )
    except OSError as error:
        raise UsageError("Cannot listen there", where=address, found=error.strerror) from None
    shown = f"[{host}]" if ":" in host else host
    ready(f"http://{shown}:{serving.port}/metrics")
    try:
        serving.wait()
    finally:
        serving.close()
