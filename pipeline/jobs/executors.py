"""Where items are worked on: in this process, in several, or (ray_executor) on several machines.

One call for all. A worker that dies (killed for memory, say) costs its own item
alone: what else was in flight is done again, one process an item.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from enum import StrEnum
from multiprocessing.connection import wait
from typing import Protocol, TypeVar

T = TypeVar("T")
U = TypeVar("U")


STAGES = "pipeline.jobs.story"
"""Imports what any item needs; seconds, once a run and not once a worker."""
OVERLAP = 2
"""Workers a core while all wait for a network: one copies while the other computes."""


class Place(StrEnum):
    """Which of several machines may take an item. On one machine all are the same."""

    ANY = "any"
    GPU = "gpu"
    """One with a GPU, where there are any; the model is loaded once a worker."""
    HERE = "here"
    """The one the run was started on: the item takes the whole season, or spends a quota."""


class WorkerDied:
    """Stands in for the result of an item whose worker process died."""


class Executor(Protocol):
    """Runs a function over tasks and yields (index, result) as they finish."""

    def run(
        self,
        function: Callable[[T], U],
        tasks: Sequence[T],
        *,
        waiting: bool = False,
        place: Place = Place.ANY,
    ) -> Iterator[tuple[int, U | WorkerDied]]:
        """Yield (index of the task, its result) in the order of finishing.

        `waiting`: tasks wait for others, a network say, more than they compute. `place`: on which
        machines they may run.
        """
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...


class SerialExecutor:
    """One item after another, in this process: easiest to follow and to debug."""

    def run(
        self,
        function: Callable[[T], U],
        tasks: Sequence[T],
        *,
        waiting: bool = False,
        place: Place = Place.ANY,
    ) -> Iterator[tuple[int, U | WorkerDied]]:
        """Yield (index, result) in the order of the tasks."""
        del waiting, place  # there is nobody to work meanwhile, and nowhere else
        for index, task in enumerate(tasks):
            yield index, function(task)

    def close(self) -> None:
        """Nothing to let go."""


class ProcessExecutor:
    """A pool of worker processes, kept for the whole run.

    Workers are forked from a server that has imported the stages once, and nothing else: forked
    from this process they would inherit the stage's lock and keep it after it was killed.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._size = 0
        self._pool: ProcessPoolExecutor | None = None

    def run(
        self,
        function: Callable[[T], U],
        tasks: Sequence[T],
        *,
        waiting: bool = False,
        place: Place = Place.ANY,
    ) -> Iterator[tuple[int, U | WorkerDied]]:
        """Yield (index, result) in the order of finishing; waiting tasks get more workers."""
        del place  # there is one machine
        pending = set(range(len(tasks)))
        try:
            pool = self._open(self._workers * (OVERLAP if waiting else 1), len(tasks))
            futures = {pool.submit(function, task): index for index, task in enumerate(tasks)}
            for future in as_completed(futures):
                result = future.result()
                pending.discard(futures[future])
                yield futures[future], result
        except BrokenProcessPool:
            self.close()
            for index in sorted(pending):
                yield index, _alone(function, tasks[index])

    def close(self) -> None:
        """Let the workers go, without waiting for items not begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _open(self, size: int, n_tasks: int) -> ProcessPoolExecutor:
        """A pool in which `size` tasks at most are worked on at once."""
        fits = self._size == size or n_tasks <= size <= self._size
        if self._pool is None or not fits:
            self.close()
            self._pool, self._size = _pool(size), size
        return self._pool


def _pool(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([STAGES])
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A worker whose run was killed would wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _alone(function: Callable[[T], U], task: T) -> U | WorkerDied:
    with _pool(1) as pool:
        try:
            return pool.submit(function, task).result()
        except BrokenProcessPool:
            return WorkerDied()
