"""Shared fixtures: where the reference data lies, and a closed door to the network."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@pytest.fixture
def reference_data() -> Path:
    """The folder of real images, AIS and ports; the test is skipped where it is absent."""
    folder = os.environ.get("DARKCALL_REFERENCE_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("DARKCALL_REFERENCE_DATA names no folder: real data are not here")
    return Path(folder)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but this machine fails the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            self.close()
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
