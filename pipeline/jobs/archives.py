"""What archives have over the sites: searched, remembered, asked again only for what may be new."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pipeline.scene.settings
from pipeline.clock import parse_utc
from pipeline.errors import BadInput, DarkcallError
from pipeline.fetch.addresses import checked
from pipeline.fetch.passes import Pass, passes_of
from pipeline.fetch.settings import StacProvider
from pipeline.fetch.stac import COMMON_NAMES, band_hrefs, read_head, read_stac_item
from pipeline.fetch.stac_api import search
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.records import Image, Scene, Site, SourceScene
from pipeline.scene.read import read_granules
from pipeline.scene.remote import copy_window

FOLDER = "archives"
ORIGINAL = "original"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTask:
    """One pass over one site, still in an archive."""

    provider: StacProvider
    documents: tuple[dict[str, Any], ...]
    pass_id: str
    site: Site
    settings: pipeline.scene.settings.Settings
    evidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one archive is known to have over one site."""

    provider: StacProvider
    site: Site
    passes: tuple[Pass, ...]
    failures: tuple[tuple[str, DarkcallError], ...]
    """(what, why): a search that failed, items that are none."""


def known_passes(run: Run) -> Iterator[Known]:
    """Each provider's passes over each site in the period, searched anew where this run works."""
    for provider in run.config.fetch.providers:
        for site in run.sites:
            path = run.workspace / FOLDER / provider.name / f"{site.site_id}.json"
            index = _Index.read(path)
            failures: list[tuple[str, DarkcallError]] = []
            if run.mode.active and run.selection.takes(site_id=site.site_id):
                try:
                    index = _searched(run, provider, site, index)
                    index.write(path)
                except DarkcallError as error:
                    failures.append(("search", error))
            found, rejected = passes_of(index.items.values(), site.aoi)
            period = run.config.period
            yield Known(
                provider=provider,
                site=site,
                passes=tuple(p for p in found if period.start <= p.sensed_at < period.end),
                failures=(*failures, *rejected),
            )


def task_inputs(one: Pass) -> dict[str, str]:
    """What a fetched pass depends on: its items, as the archive describes them now."""
    return {"items": sha256_json([_lasting(document) for document in one.documents])}


def bring_in(task: RemoteTask, out: Path) -> tuple[Scene, Image, str]:
    """Copy what meets the site, and read it as any delivered scene.

    Returns:
        The scene, its pixels, and a hash of the originals' descriptions.

    Raises:
        BadInput: an address that is not followed, a damaged raster, no data over the site.
        TryLater: the archive does not answer.
    """
    sources = []
    for document in task.documents:
        folder = out / ORIGINAL / str(document["id"])
        sources.append(_granule(task, document, folder))
    named = [replace(source, source_id=task.pass_id) for source in sources]
    scene, image = read_granules(named, site=task.site, settings=task.settings)
    return (
        replace(scene, provider=task.provider.name),
        image,
        sha256_json([source.described() for source in sources]),
    )


def _granule(task: RemoteTask, document: dict[str, Any], folder: Path) -> SourceScene:
    """The part of one granule that meets the site, as a folder with its STAC item."""
    folder.mkdir(parents=True)
    provider = task.provider
    hrefs = band_hrefs(document, read_head(document).sensor)
    assets: dict[str, Any] = {}
    for band, (key, href) in hrefs.items():
        url = checked(href, provider_url=provider.url, hosts=provider.asset_hosts)
        copy_window(
            url,
            task.site.aoi,
            folder / f"{band}.tif",
            retries=provider.retries,
            timeout_s=provider.timeout_s,
        )
        assets[key] = {**document["assets"][key], "href": f"./{band}.tif", "darkcall:href": href}
    item = folder / "item.json"
    item.write_text(json.dumps({**document, "assets": assets}, indent=1, sort_keys=True))
    return read_stac_item(item).source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """Items by id, and the span that has been searched."""

    items: Mapping[str, dict[str, Any]]
    start: datetime | None = None
    until: datetime | None = None

    @staticmethod
    def read(path: Path) -> _Index:
        """From disk; a missing or damaged index is an empty one: the search is repeated."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return _Index(
                items=dict(document["items"]),
                start=parse_utc(document["start"]),
                until=parse_utc(document["until"]),
            )
        except (OSError, ValueError, KeyError, TypeError, BadInput):
            return _Index(items={})

    def write(self, path: Path) -> None:
        """By one rename."""
        assert self.start is not None
        assert self.until is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "start": self.start.isoformat(),
            "until": self.until.isoformat(),
            "items": self.items,
        }
        part = path.with_suffix(".part")
        part.write_text(json.dumps(document, sort_keys=True), encoding="utf-8")
        part.replace(path)


def _searched(run: Run, provider: StacProvider, site: Site, index: _Index) -> _Index:
    """The index with what a search of the span not yet searched, and the look-back, brought."""
    period = run.config.period
    until = min(datetime.now(UTC), period.end)
    start = period.start
    if index.start is not None and index.until is not None and index.start <= period.start:
        start = max(start, index.until - timedelta(days=provider.lookback_days))
    if start >= until:
        return index
    found = search(provider, site.aoi, start, until)
    slim = {str(item.get("id", number)): _slim(item) for number, item in enumerate(found)}
    begun = period.start if index.start is None else min(index.start, period.start)
    return _Index(items={**index.items, **slim}, start=begun, until=until)


def _slim(item: Mapping[str, Any]) -> dict[str, Any]:
    """What is used of an item: archives add dozens of links and pictures."""
    kept = ("type", "stac_version", "id", "geometry", "properties")
    assets = item.get("assets")
    used = {
        key: asset
        for key, asset in (assets.items() if isinstance(assets, dict) else ())
        if key.lower() in COMMON_NAMES or key.upper() in COMMON_NAMES.values()
    }
    return {key: item[key] for key in kept if key in item} | {"assets": used}


def _lasting(document: Mapping[str, Any]) -> dict[str, Any]:
    """An item without what changes though the pixels do not: signatures in addresses."""
    assets = {
        key: {**asset, "href": str(asset.get("href", "")).split("?", 1)[0]}
        for key, asset in document["assets"].items()
    }
    return {**document, "assets": assets}
