"""Where items are worked on: the machines of a Ray cluster that somebody else keeps.

Ray schedules, queues, notices dead machines and tries again; here stands only what is sent to it,
and how much at once. Every machine has the same Darkcall, and reads and writes the workspace under
the same path (docs/scaling.md).
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.config import RaySettings
from pipeline.errors import UsageError
from pipeline.jobs.executors import OVERLAP, Place, ProcessExecutor, WorkerDied

T = TypeVar("T")
U = TypeVar("U")

ROOT = Path(__file__).parents[2]
DECIDE_BYTES = (
    "duckdb", "h3", "numpy", "opencv-python", "openvino", "pyarrow", "pyproj", "rasterio", "scipy",
    "shapely", "torch",
)  # fmt: skip
"""Packages whose other version may give other bytes."""
RETRIES = 1
"""An item whose worker or machine died is tried once more, elsewhere."""
KNOCK_S = 10.0


class RayExecutor:
    """Items on the machines of a cluster; a bounded number of them at once."""

    def __init__(self, settings: RaySettings, workers: int | None) -> None:
        self._settings = settings
        self._workers = workers
        self._here = ProcessExecutor(1)
        self._connection: Any = None

    @property
    def _ray(self) -> Any:
        """Connected to when there is something to do: a report needs no cluster."""
        if self._connection is None:
            self._connection = _connected(self._settings.address)
        return self._connection

    def run(
        self,
        function: Callable[[T], U],
        tasks: Sequence[T],
        *,
        waiting: bool = False,
        place: Place = Place.ANY,
    ) -> Iterator[tuple[int, U | WorkerDied]]:
        """Yield (index, result) in the order of finishing.

        Raises:
            UsageError: no cluster answers, or a machine of it has another Darkcall, or none.
        """
        if not tasks:
            return
        if place is Place.HERE:
            yield from self._here.run(function, tasks, waiting=waiting)
        elif place is Place.GPU:
            size = max(1, min(len(tasks), self._at_once()))
            yield from self._flow(_Actors(self._ray, self._settings, size), function, tasks)
        else:
            crew = _Tasks(self._ray, self._at_once, waiting=waiting)
            yield from self._flow(crew, function, tasks)

    def close(self) -> None:
        """Leave the cluster; it goes on without us."""
        self._here.close()
        if self._connection is not None:
            self._connection.shutdown()
            self._connection = None

    def _at_once(self) -> int:
        """Items that the cluster's cores, as many as there are now, work on at once."""
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        return max(1, cores if self._workers is None else min(cores, self._workers))

    def _flow(
        self, crew: _Crew, function: Callable[[T], U], tasks: Sequence[T]
    ) -> Iterator[tuple[int, U | WorkerDied]]:
        """Send while there is room, take what is finished: Ray's own pattern against floods."""
        left = deque(range(len(tasks)))
        flying: dict[Any, int] = {}
        while left or flying:
            while left and crew.has_room(len(flying)):
                index = left.popleft()
                flying[crew.send(function, tasks[index], software())] = index
            finished, _ = self._ray.wait(list(flying), num_returns=1)
            for reference in finished:
                index, result = flying.pop(reference), self._result(reference)
                again = crew.is_lost(reference, index) if isinstance(result, WorkerDied) else False
                if again:
                    left.appendleft(index)
                crew.is_back(reference, needed=len(left) > 0)
                if not again:
                    yield index, result

    def _result(self, reference: Any) -> Any:
        failures = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except failures.RayTaskError as error:  # stages give failures back: this is the way there
            raise _as_usage_error(error) from None
        except failures.RayError:  # worker, actor, machine or result lost, and once more lost
            return WorkerDied()


class _Crew(Protocol):
    """Those who take tasks."""

    def has_room(self, n_flying: int) -> bool: ...

    def send(self, function: Callable[[T], U], task: T, wanted: str) -> Any: ...

    def is_lost(self, reference: Any, index: int) -> bool: ...

    def is_back(self, reference: Any, *, needed: bool) -> None: ...


class _Tasks:
    """Plain Ray tasks, spread; one under way a core, more where they wait for a network."""

    def __init__(self, ray: Any, at_once: Callable[[], int], *, waiting: bool) -> None:
        self._at_once = at_once
        self._factor = OVERLAP if waiting else 1
        self._remote = ray.remote(
            num_cpus=1.0 / self._factor,
            max_retries=RETRIES,
            retry_exceptions=False,
            scheduling_strategy="SPREAD",
        )(_do)

    def has_room(self, n_flying: int) -> bool:
        """Is anybody free? Asked of the cluster each time: machines come and go."""
        return n_flying < self._factor * self._at_once()

    def send(self, function: Callable[[T], U], task: T, wanted: str) -> Any:
        """A reference to what will be its result."""
        return self._remote.remote(function, task, wanted)

    def is_lost(self, reference: Any, index: int) -> bool:
        """Is it to be sent again? Ray has done that."""
        del reference, index
        return False

    def is_back(self, reference: Any, *, needed: bool) -> None:
        """Nothing is kept of a task."""


class _Actors:
    """Workers that stay, each with its model loaded and its share of a GPU where there are any."""

    def __init__(self, ray: Any, settings: RaySettings, size: int) -> None:
        gpus = float(ray.cluster_resources().get("GPU", 0.0))
        share = settings.gpu_share if gpus else 0.0
        if share:
            size = max(1, min(size, int(gpus / share + 1e-9)))
        # Ray's own restart of an actor whose machine died may spend its one retry on the way
        self._actor = ray.remote(num_cpus=1, num_gpus=share, scheduling_strategy="SPREAD")(_Worker)
        self._free = [self._actor.remote() for _ in range(size)]
        self._busy: dict[Any, Any] = {}
        self._tries: Counter[int] = Counter()

    def has_room(self, n_flying: int) -> bool:
        """Is anybody free?"""
        del n_flying
        return bool(self._free)

    def send(self, function: Callable[[T], U], task: T, wanted: str) -> Any:
        """A reference to what will be its result."""
        worker = self._free.pop()
        reference = worker.do.remote(function, task, wanted)
        self._busy[reference] = worker
        return reference

    def is_lost(self, reference: Any, index: int) -> bool:
        """Is it to be sent again? A new worker stands in for the dead one."""
        self._busy[reference] = self._actor.remote()
        self._tries[index] += 1
        return self._tries[index] <= RETRIES

    def is_back(self, reference: Any, *, needed: bool) -> None:
        """A worker that nothing is left for goes at once: one that died may want its place."""
        worker = self._busy.pop(reference)
        if needed:
            self._free.append(worker)
        else:
            self._free.clear()


class _Worker:
    """What an actor runs: the process, and with it the loaded model, stays between items."""

    def do(self, function: Callable[[T], U], task: T, wanted: str) -> U:
        """The result of one task."""
        return _do(function, task, wanted)


def _do(function: Callable[[T], U], task: T, wanted: str) -> U:
    found = software()
    if found != wanted:
        raise UsageError(
            "A machine of the cluster has another Darkcall",
            where=socket.gethostname(),
            expected=wanted[:12],
            found=found[:12],
            do="Install the same release and the same requirements.lock on every machine",
        )
    return function(task)


@lru_cache(maxsize=1)
def software() -> str:
    """SHA-256 of this Darkcall's own code, its models' descriptions and what computes for it."""
    digest = hashlib.sha256()
    for folder, pattern in (("pipeline", "*.py"), ("models", "*.yaml"), ("models", "*.json")):
        for path in sorted((ROOT / folder).rglob(pattern)):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    for name in DECIDE_BYTES:
        digest.update(f"{name}={_version(name)}\0".encode())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _connected(address: str) -> Any:
    """Ray, connected to a cluster that runs already; none is ever started."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray  # noqa: PLC0415  seconds, and only where a configuration asks for it
    except ImportError:
        raise UsageError(
            "Ray is not installed", found="executor: ray", do="pip install 'darkcall[ray]'"
        ) from None
    _knock(address)
    try:
        ray.init(
            address=address, namespace="darkcall", configure_logging=False, log_to_driver=False
        )
    except (ConnectionError, RuntimeError, ValueError, OSError, ImportError) as error:
        told = " ".join(str(error).split())[:200]
        raise _no_cluster(address, told) from None
    return ray


def _knock(address: str) -> None:
    """Ray itself waits for minutes before it says that nobody answers."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()
    except OSError as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, found: object) -> UsageError:
    return UsageError(
        "No Ray cluster answers",
        where=address,
        found=found,
        do="Start one (`ray start --head`), or set `ray.address`; docs/scaling.md says how",
    )


def _as_usage_error(error: Any) -> UsageError:
    cause = error.cause
    if isinstance(cause, UsageError):
        return cause
    return UsageError(
        "A machine of the cluster cannot run Darkcall",
        found=f"{type(cause).__name__}: {cause}"[:300],
        do="Install the same release on every machine; docs/scaling.md says how",
    )
