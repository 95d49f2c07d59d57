"""What the application stands on: the docket, the case files, pictures, and where files go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pipeline.decisions.settings
from pipeline.decisions.store import Store
from pipeline.desk.case_file import CaseFile
from pipeline.desk.docket import Docket
from pipeline.desk.settings import Settings
from pipeline.errors import DarkcallError


class Crop(Protocol):
    """PNG of a place in a scene."""

    def __call__(self, scene_id: str, rendition: str, *, lon: float, lat: float) -> bytes:
        """Raises KeyError: no such scene or rendition; BadInput: it is damaged."""
        ...


class Tile(Protocol):
    """PNG of one tile of a web map."""

    def __call__(self, scene_id: str, rendition: str, *, zoom: int, x: int, y: int) -> bytes:
        """Raises KeyError: no such scene or rendition; BadInput: it is damaged."""
        ...


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything that answers are made from."""

    title: str
    is_simulated: bool
    store: Store
    docket: Docket
    file: Callable[[str], CaseFile]
    """Of a case; KeyError: no such case."""
    crop: Crop
    tile: Tile
    report: Path | None
    """Folder of the static report; None: not written."""
    workspace: Path
    """Holds the folders of stages whose crops the report links to."""
    attachments: Path
    origins: tuple[str, ...]
    """Where browsers reach the desk."""
    settings: Settings = field(default_factory=Settings)
    accounts: pipeline.decisions.settings.Settings = field(
        default_factory=pipeline.decisions.settings.Settings
    )

    @property
    def is_secure(self) -> bool:
        """Is it reached through TLS alone?"""
        return all(origin.startswith("https://") for origin in self.origins)


class CurrentDesk:
    """The desk of the newest finished run: a newer one is made ready while this one answers."""

    def __init__(self, make: Callable[[], Desk], stamp: Callable[[], object]) -> None:
        """Make the first.

        Args:
            make: reads the results; may take seconds.
            stamp: changes when there are other results.
        """
        self._make, self._stamp = make, stamp
        self._seen, self._checked = stamp(), time.monotonic()
        self._lock = threading.Lock()
        self._desk = make()

    def __call__(self) -> Desk:
        """The desk to answer with."""
        with self._lock:
            due = time.monotonic() - self._checked >= self._desk.settings.results_check_s
            if due:
                self._checked = time.monotonic()
                seen = self._stamp()
                if seen != self._seen:
                    self._seen = seen
                    threading.Thread(target=self._renew, daemon=True).start()
            return self._desk

    def _renew(self) -> None:
        try:
            desk = self._make()
        except DarkcallError:  # results in the midst of a change: those of before are shown
            return
        with self._lock:
            self._desk = desk
