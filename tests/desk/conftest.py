"""A desk with invented cases over a real database, and a server that browsers reach."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import argon2
import cv2
import httpx
import numpy as np
import pytest
import uvicorn

from pipeline.decided import Role, Said
from pipeline.decisions import accounts
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.decisions.store import Store
from pipeline.desk.app import create_app
from pipeline.desk.case_file import CaseFile, Hull, Look, Part, Summary, Suspect
from pipeline.desk.desk import Desk
from pipeline.desk.docket import Docket
from pipeline.desk.settings import Settings
from pipeline.records import Case

BEGIN = datetime(2024, 5, 1, 2, 10, tzinfo=UTC)
PASSWORD = "correct horse battery"
NASTY = "<script>alert(1)</script>\"'&"
"""What a ship may call itself."""
TIERS = ("B", "C", "D")


def case_id(number: int) -> str:
    return f"case-{number:016x}"


def make_case(number: int, *, tier: str | None = None, key: str | None = None) -> Case:
    return Case(
        case_id=case_id(number), priority=1000.0 - number, kind="dark call",
        subject_id=f"call-{number}", site_id=f"site-{number % 3}", zone_id=f"berth-{number % 5}",
        tier=tier or TIERS[number % 3], question=f"Did a tanker lie at berth {number}?",
        reasons=["An image shows a hull."], chips=[], evidence_ids=[f"d-{number}"],
        evidence_key=key or f"evidence-{number}",
    )  # fmt: skip


def make_look(number: int, k: int) -> Look:
    sensor = "S2" if k % 2 else "S1"
    corners = ((0.45, 0.45), (0.45, 0.55), (0.6, 0.55), (0.6, 0.45))
    own = Hull(detection_id=f"d-{number}-{k}", corners=corners, is_own=True, said="92 ± 15 m")
    return Look(
        scene_id=f"{sensor}_{number}_{k}", sensor=sensor, platform="sentinel-1a",
        sensed_at=BEGIN + timedelta(days=number, hours=30 * k),
        state=("seen", "cloudy", "partly", "seen")[k % 4], shows=k in (4, 5),
        renditions=("colour", "nir") if sensor == "S2" else ("vv", "vh"),
        hulls=(own,) if k in (4, 5) else (),
    )  # fmt: skip


def make_file(number: int, *, key: str | None = None) -> CaseFile:
    looks = tuple(make_look(number, k) for k in range(10))
    nothing = {"type": "FeatureCollection", "features": []}
    ground = dict.fromkeys(
        ("land", "zones", "tracks", "silences", "ellipses", "detections", "heard"), nothing
    )
    ground["detections"] = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [133.05, 42.74]},
                "properties": {
                    "id": hull.detection_id, "scene": look.scene_id, "own": True,
                    "screened": None, "outcome": "dark", "length_m": 92, "score": 0.9,
                },
            }
            for look in looks
            for hull in look.hulls
        ],
    }  # fmt: skip
    ships = [(1, 273_000_001, NASTY, 0.7), (2, 273_000_002, "FLINT DAWN", 0.2), (3, None, "?", 0.1)]
    return CaseFile(
        case=make_case(number, key=key), place=f"Port {number % 3}, berth {number % 5}",
        lon=133.05, lat=42.74, side_m=640.0, north_deg=-1.2, when="1 May 2024 02:10",
        said=Said(tier=TIERS[number % 3], p_dark=0.9, mmsi=273_000_001, ship_name=NASTY),
        facts=(("Hull length", "92 ± 15 m"),),
        suspects=tuple(
            Suspect(
                rank=rank, mmsi=mmsi, who=who, posterior=p, terms=(("length", 0.4),),
                reason="silent from 30 Apr to 3 May",
            )
            for rank, mmsi, who, p in ships
        ),
        explanation=(Part(heading="Claim", sentences=("A hull lay there.",)),),
        looks=looks, ground=ground,
    )  # fmt: skip


def make_summary(number: int, *, key: str | None = None) -> Summary:
    file = make_file(number, key=key)
    return Summary(
        case=file.case, place=file.place, when=file.when, start=file.looks[4].sensed_at,
        end=file.looks[5].sensed_at, sensors=("S1", "S2"),
        ships=tuple((s.mmsi, s.who) for s in file.suspects if s.mmsi is not None),
    )  # fmt: skip


@cache
def a_picture() -> bytes:
    """320 x 320 noise, as heavy as a real crop."""
    noise = np.random.default_rng(3).integers(0, 255, (320, 320, 1), np.uint8)
    return cv2.imencode(".png", np.repeat(noise, 3, axis=2))[1].tobytes()


def crop(scene_id: str, rendition: str, *, lon: float, lat: float) -> bytes:
    assert (lon, lat) == (133.05, 42.74), (scene_id, rendition)
    return a_picture()


def tile(scene_id: str, rendition: str, *, zoom: int, x: int, y: int) -> bytes:
    assert zoom >= 0
    assert x >= 0
    assert y >= 0
    return {"S1": a_picture(), "S2": a_picture()}[scene_id[:2]]


@pytest.fixture
def make_desk(tmp_path) -> Callable[..., Desk]:
    """A desk of so many cases over a database."""

    def made(store: Store, n_cases: int = 12, *, port: int = 80, **changes: object) -> Desk:
        add_people(store)
        known = changes.pop("known", None)
        keys = changes.pop("keys", {})
        numbers = {case_id(n): n for n in range(n_cases)}
        summaries = [make_summary(n, key=keys.get(n)) for n in range(n_cases)]
        report = tmp_path / "review" / "season"
        report.mkdir(parents=True, exist_ok=True)
        (report / "report.html").write_text("<h1>report</h1>")
        desk = Desk(
            title="Invented cases", is_simulated=True, store=store,
            docket=Docket(store, summaries, DecisionSettings(), known),
            file=lambda name: make_file(numbers[name], key=keys.get(numbers[name])),
            crop=crop, tile=tile, report=report, workspace=tmp_path,
            attachments=tmp_path / "attachments", origins=(f"http://127.0.0.1:{port}",),
            settings=Settings(attachment_max_bytes=1_000_000),
        )  # fmt: skip
        return replace(desk, **changes)

    return made


def add_people(store: Store) -> None:
    known = {user.name for user in accounts.users(store)}
    for name, role in (("ann", Role.LEAD), ("bob", Role.ANALYST), ("cyd", Role.ANALYST),
                       ("vic", Role.VIEWER)):  # fmt: skip
        if name not in known:
            accounts.add_user(
                store, name, PASSWORD, role, at=datetime.now(UTC), settings=DecisionSettings()
            )


@contextmanager
def served(desk: Desk, port: int):
    """The desk on loopback, in a thread."""
    config = uvicorn.Config(
        create_app(lambda: desk), host="127.0.0.1", port=port, log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20.0
    while not server.started:
        assert time.monotonic() < deadline, "the desk does not answer"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10.0)


@pytest.fixture
def serve():
    """Serve a desk on a port."""
    return served


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sqlite_store(tmp_path) -> Store:
    opened = Store.open(f"sqlite:///{tmp_path / 'decisions.db'}")
    yield opened
    opened.close()


class Caller:
    """A logged-in person who sends requests as the pages' script does."""

    def __init__(self, base: str, name: str, **how: object) -> None:
        self.http = httpx.Client(base_url=base, follow_redirects=False, timeout=30.0, **how)
        self.name, self.n = name, 0
        self.csrf = ""

    def log_in(self, password: str = PASSWORD) -> httpx.Response:
        answer = self.http.post("/login", data={"name": self.name, "password": password, "to": "/"})
        if answer.status_code == 303:
            page = self.http.get("/").text
            self.csrf = page.split('data-csrf="')[1].split('"')[0]
        return answer

    def get(self, path: str, **more: object) -> httpx.Response:
        return self.http.get(path, **more)

    def post(self, path: str, **more: object) -> httpx.Response:
        headers = {"x-csrf-token": self.csrf, **more.pop("headers", {})}
        return self.http.post(path, headers=headers, **more)

    def write(
        self, number: int, body: dict, *, key: str | None = None, entry_id: str | None = None
    ):
        self.n += 1
        sent = {
            "entry_id": entry_id or f"{abs(hash(self.name)) % 10**9:010d}{self.n:022d}",
            "evidence_key": key or f"evidence-{number}",
            "body": body,
        }
        return self.post(f"/api/cases/{case_id(number)}/entries", json=sent)

    def verdict(self, number: int, verdict: str = "confirmed", **more: object):
        return self.write(number, {"kind": "verdict", "verdict": verdict, **more})


class People(dict):
    """Callers by name, logged in when first asked for."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def __missing__(self, name: str) -> Caller:
        self[name] = Caller(self.base, name)
        assert self[name].log_in().status_code == 303
        return self[name]


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch):
    """Hashes of the same kind that cost nothing; tests/decisions meets the real ones."""
    monkeypatch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=64))


@pytest.fixture
def desk_at(make_desk, sqlite_store, port):
    """(address, desk) of a served desk of 12 cases."""
    desk = make_desk(sqlite_store, port=port)
    with served(desk, port) as base:
        yield base, desk


@pytest.fixture
def people(desk_at):
    """By name: ann (lead), bob and cyd (analysts), vic (viewer), logged in."""
    callers = People(desk_at[0])
    yield callers
    for caller in callers.values():
        caller.http.close()
