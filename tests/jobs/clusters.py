"""A Ray cluster of several machines on this one, over loopback, whose machines can be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[2]
NODE = Path(__file__).with_name("ray_node.py")
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's word for: stay on 127.0.0.1. For the machines, and for whoever connects to them."""
ENVIRONMENT = {
    **LOOPBACK,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # 15 else: starved where others are at work
    "RAY_agent_register_timeout_ms": "180000",
    # a dead machine is noticed in seconds instead of half a minute
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
}
# jsonschema, which Ray imports, imports this where it is there: a grammar that takes seconds to
# build. Ray's agents have fifteen seconds to start, and a busy machine is several times slower.
SITE = "import sys\nsys.modules['rfc3987_syntax'] = None\n"


class Cluster:
    """Machines, by number; 0 is the head."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._nodes: list[subprocess.Popen[bytes]] = []
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(SITE)

    @property
    def address(self) -> str:
        """Of the head, for `ray.address`."""
        return f"127.0.0.1:{self.port}"

    def add(self, *, cpus: int = 1, inside: Sequence[str] = (), **environment: str) -> int:
        """Start one more machine, under another command where told, and wait until it is up."""
        words = [
            *inside, sys.executable, str(NODE), "--port", str(self.port), "--folder",
            str(self.folder / "ray"), "--cpus", str(cpus),
        ]  # fmt: skip
        said = self.folder / f"node-{len(self._nodes)}.txt"
        with said.open("wb") as stream:
            node = subprocess.Popen(
                [*words, *([] if self._nodes else ["--head"])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env={
                    **os.environ,
                    **ENVIRONMENT,
                    "PYTHONPATH": f"{self.folder / 'site'}:{REPOSITORY}",
                    **environment,
                },
            )
        self._nodes.append(node)
        assert node.stdout is not None
        if node.stdout.readline() != b"up\n":
            raise AssertionError(f"Ray did not start: {said.read_text()[-2000:]}")
        return len(self._nodes) - 1

    def kill(self, number: int) -> None:
        """SIGKILL everything of one machine, its raylet first."""
        node = self._nodes[number]
        with contextlib.suppress(psutil.NoSuchProcess):
            parts = psutil.Process(node.pid).children(recursive=True)
            parts.sort(key=lambda part: "raylet" not in part.name())
            for part in [*parts, psutil.Process(node.pid)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    part.send_signal(signal.SIGKILL)
        node.wait()
        for stream in (node.stdin, node.stdout):
            assert stream is not None
            stream.close()

    def close(self) -> None:
        """Kill what is left."""
        for number in reversed(range(len(self._nodes))):
            if self._nodes[number].returncode is None:
                self.kill(number)


@contextlib.contextmanager
def cluster(n: int) -> Iterator[Cluster]:
    """A cluster of n machines with a core each."""
    folder = Path(tempfile.mkdtemp(prefix="dc-"))  # short: the names of Unix sockets are
    one = Cluster(folder)
    try:
        for _ in range(n):
            one.add()
        yield one
    finally:
        one.close()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
