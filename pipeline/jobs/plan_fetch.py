"""What a fetch would ask of each archive, before it asks for a pixel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.jobs.archives import known_passes, units_of_pass
from pipeline.jobs.fetch_scenes import is_done, pass_items
from pipeline.jobs.run import Run
from pipeline.records import Site
from pipeline.scene.raster import grid_over

BANDS, BYTES = 4, 2
"""Sentinel-2's 10 m bands as uint16, before compression: an upper bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One provider in one month."""

    provider: str
    month: str
    scenes: int
    """Passes over sites."""
    done: int
    """Of them, fetched already and unchanged."""
    gigabytes: float
    """Of those still to fetch, at most."""
    processing_units: float
    """0 where the archive counts none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All rows, and the searches that failed."""

    rows_by_month: tuple[PlanRow, ...]
    failures: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Totals, and the months."""
        rows = self.rows_by_month
        return {
            "scenes": sum(row.scenes for row in rows),
            "done": sum(row.done for row in rows),
            "gigabytes": sum(row.gigabytes for row in rows),
            "processing_units": sum(row.processing_units for row in rows),
            "months": [asdict(row) for row in rows],
            "failures": list(self.failures),
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a provider and month, then the sum."""
        total = self.as_json()
        return [
            *((f"{row.provider} {row.month}", _told(asdict(row))) for row in self.rows_by_month),
            ("in all", _told(total)),
            *(("failed", message) for message in self.failures),
        ]


def _told(figures: Mapping[str, Any]) -> str:
    fetching = f"{figures['gigabytes']:.2f} GB, {figures['processing_units']:.1f} processing units"
    return f"{figures['scenes']} scenes, {figures['done']} done; to fetch at most {fetching}"


def plan_fetch(run: Run) -> Plan:
    """Search the archives and count, by provider and month; nothing is downloaded."""
    scenes: dict[tuple[str, str], list[tuple[bool, float, float]]] = defaultdict(list)
    failures: dict[str, list[str]] = defaultdict(list)
    for known in known_passes(run):
        name = known.provider.name
        for what, error in known.failures:
            failures[f"{name}, {what}: {error}"].append(known.site.site_id)
        size_gb = _gigabytes(known.site)
        for one, item in zip(known.passes, pass_items(run, known), strict=False):
            if not item.selected:
                continue
            done = is_done(run, item)
            size = 0.0 if done else size_gb * len(one.documents)
            units = 0.0 if done else units_of_pass(known.provider, known.site, one)
            scenes[name, f"{one.sensed_at:%Y-%m}"].append((done, size, units))
    rows = [
        PlanRow(
            provider=provider,
            month=month,
            scenes=len(found),
            done=sum(done for done, _, _ in found),
            gigabytes=sum(size for _, size, _ in found),
            processing_units=sum(units for _, _, units in found),
        )
        for (provider, month), found in sorted(scenes.items())
    ]
    told = tuple(f"{what} ({', '.join(sites)})" for what, sites in failures.items())
    return Plan(rows_by_month=tuple(rows), failures=told)


def _gigabytes(site: Site) -> float:
    """Of one tile's part of a site: its bounding box on the ground, uncompressed."""
    grid = grid_over(site.aoi)
    return grid.height * grid.width * BANDS * BYTES / 1e9
