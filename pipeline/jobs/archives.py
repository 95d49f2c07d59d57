"""What archives have over the sites: searched, remembered, asked again only for what may be new."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import pipeline.scene.settings
from pipeline.clock import parse_utc
from pipeline.config import Secrets
from pipeline.errors import BadInput, DarkcallError, TryLater, Unreachable, UsageError
from pipeline.fetch.passes import Pass, passes_of
from pipeline.fetch.safe import FIRST_BASELINE_WITH_OFFSET
from pipeline.fetch.sentinel_hub import (
    Acquisition,
    Credentials,
    acquire,
    catalogue,
    units_of,
)
from pipeline.fetch.settings import Provider, SentinelHubProvider, StacProvider
from pipeline.fetch.stac import (
    CLASSES,
    COMMON_NAMES,
    ItemHead,
    band_hrefs,
    read_head,
    read_stac_item,
)
from pipeline.fetch.stac_api import search, signed
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.records import (
    Image,
    Scene,
    Sensor,
    Site,
)
from pipeline.scene.raster import grid_over, write_cog
from pipeline.scene.read import read_granules
from pipeline.scene.remote import copy_window
from pipeline.sources import SourceScene
from pipeline.whole_files import replace_text

FOLDER = "archives"
ORIGINAL = "original"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTask:
    """One pass over one site, still in an archive."""

    provider: Provider
    one: Pass
    pass_id: str
    """With the provider's name."""
    site: Site
    settings: pipeline.scene.settings.Settings
    evidence: bool
    ledger: Path
    """Where processing units are written down before they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one archive is known to have over one site."""

    provider: Provider
    site: Site
    passes: tuple[Pass, ...]
    failures: tuple[tuple[str, DarkcallError], ...]
    """(what, why): a search that failed, items that are none."""


def known_passes(run: Run) -> Iterator[Known]:
    """Each provider's passes over each site in the period, searched anew where this run works."""
    for provider in run.config.fetch.providers:
        closed: DarkcallError | None = None
        for site in run.sites:
            path = run.workspace / FOLDER / provider.name / f"{site.site_id}.json"
            index = _Index.read(path)
            failures: list[tuple[str, DarkcallError]] = []
            if run.mode.active and run.selection.takes(site_id=site.site_id):
                try:
                    if closed is not None:
                        raise closed
                    index = _searched(run, provider, site, index)
                    index.write(path)
                except DarkcallError as error:
                    failures.append(("search", error))
                    # what refuses the credentials, or is out of reach, is so for every site
                    closed = error if isinstance(error, Unreachable | UsageError) else None
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
    sources = _sources(task, out / ORIGINAL)
    named = [replace(source, source_id=task.pass_id) for source in sources]
    scene, image = read_granules(named, site=task.site, settings=task.settings)
    return (
        replace(scene, provider=task.provider.name),
        image,
        sha256_json([source.described() for source in sources]),
    )


def _sources(task: RemoteTask, folder: Path) -> list[SourceScene]:
    if isinstance(task.provider, SentinelHubProvider):
        return [_acquisition(task, task.provider, folder / task.pass_id)]
    return [
        _granule(task, task.provider, document, folder / str(document["id"]))
        for document in task.one.documents
    ]


def units_of_pass(provider: Provider, site: Site, one: Pass) -> float:
    """Processing units that a pass over a site costs; 0 where an archive counts none."""
    if not isinstance(provider, SentinelHubProvider):
        return 0.0
    grid = grid_over(site.aoi)
    return units_of(grid.height, grid.width, one.sensor, _collection(one))


def _collection(one: Pass) -> str:
    return str(one.documents[0]["darkcall:collection"])


def ledger_of(workspace: Path, provider: Provider) -> Path:
    """File of the units a provider was asked for, one line a request."""
    return workspace / FOLDER / provider.name / "units.jsonl"


def units_this_month(ledger: Path, now: datetime) -> float:
    """Units written down in the calendar month, UTC."""
    try:
        lines = ledger.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0.0
    total = 0.0
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a line cut by a kill
            entry = json.loads(line)
            total += float(entry["units"]) if entry["at"][:7] == f"{now:%Y-%m}" else 0.0
    return total


def credentials() -> Credentials:
    """Of Sentinel Hub, from the environment.

    Raises:
        UsageError: not set.
    """
    secrets = Secrets()
    if secrets.sh_client_id is None or secrets.sh_client_secret is None:
        raise UsageError(
            "Sentinel Hub needs credentials",
            expected="DARKCALL_SH_CLIENT_ID and DARKCALL_SH_CLIENT_SECRET in the environment",
            do="Make an OAuth client in the account's dashboard, or leave the provider out",
        )
    return Credentials(
        client_id=secrets.sh_client_id.get_secret_value(),
        client_secret=secrets.sh_client_secret.get_secret_value(),
    )


def _acquisition(task: RemoteTask, provider: SentinelHubProvider, folder: Path) -> SourceScene:
    """One pass by the Process API, as a folder of delivered numbers with a STAC item."""
    one = task.one
    heads = [read_head(document) for document in one.documents]
    grid = grid_over(task.site.aoi)
    west, north = grid.x_min_m, grid.y_max_m
    wanted = Acquisition(
        collection=_collection(one),
        sensor=one.sensor,
        sensed_at=one.sensed_at,
        epsg=int(grid.crs.removeprefix("EPSG:")),
        bounds=(west, north - grid.height * 10.0, west + grid.width * 10.0, north),
    )
    _charge(task.ledger, task.pass_id, units_of_pass(provider, task.site, one))
    try:
        bands, mask = acquire(provider, credentials(), wanted)
    except UsageError as error:  # they were right when this run searched
        raise TryLater(error.what, where=error.where, do=error.do) from None
    folder.mkdir(parents=True)
    radar = one.sensor is Sensor.S1
    facts = {"nodata": "nan"} if radar else {"nodata": 0, "scale": 1e-4, "offset": _offset(heads)}
    assets: dict[str, Any] = {}
    for name, band in zip(wanted.bands, bands, strict=True):
        if name == CLASSES:
            write_cog(folder / f"{name}.tif", (band * mask).astype(np.uint8), grid, nodata=0.0)
            assets[name] = {"href": f"./{name}.tif"}
            continue
        empty = np.float32(np.nan) if radar else np.uint16(0)
        pixels = np.where(mask, band if radar else np.maximum(band, 1), empty)
        nodata = float("nan") if radar else 0.0
        write_cog(folder / f"{name}.tif", pixels, grid, nodata=nodata)
        assets[name] = {"href": f"./{name}.tif", "raster:bands": [facts]}
    document = {
        **one.documents[0],
        "id": task.pass_id,
        "assets": assets,
        "properties": {
            **one.documents[0]["properties"],
            "darkcall:product_ids": [head.item_id for head in heads],
            "darkcall:processing_baseline": heads[0].baseline,
            "darkcall:relative_orbit": heads[0].relative_orbit,
            "darkcall:request": asdict(wanted) | {"sensed_at": wanted.sensed_at.isoformat()},
        },
    }
    return _delivered(folder, document)


def _delivered(folder: Path, document: Mapping[str, Any]) -> SourceScene:
    """A folder of delivered files with its STAC item written, read as any."""
    item = folder / "item.json"
    item.write_text(json.dumps(document, indent=1, sort_keys=True))
    return read_stac_item(item).source


def _offset(heads: Sequence[ItemHead]) -> float:
    """Reflectance of digital number 0: products are asked for as they are, not harmonised."""
    baselines = {head.baseline for head in heads}
    if None in baselines:
        raise BadInput(
            "Catalogue does not say the processing baseline",
            where=heads[0].item_id,
            do="Without it the offset of digital numbers is not known",
        )
    with_offset = {float(str(baseline)) >= FIRST_BASELINE_WITH_OFFSET for baseline in baselines}
    if len(with_offset) > 1:
        raise BadInput("Tiles of one pass carry different offsets", where=heads[0].item_id)
    return -0.1 if with_offset == {True} else 0.0


def _charge(ledger: Path, item: str, units: float) -> None:
    """Write a request's units down before it is sent: a kill may cost units, never hide them."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    entry = {"at": datetime.now(UTC).isoformat(), "item": item, "units": round(units, 4)}
    with ledger.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")


def _granule(
    task: RemoteTask, provider: StacProvider, document: dict[str, Any], folder: Path
) -> SourceScene:
    """The part of one granule that meets the site, as a folder with its STAC item."""
    folder.mkdir(parents=True)
    hrefs = band_hrefs(document, read_head(document).sensor)

    def copy(band: str) -> None:
        href = signed(provider, hrefs[band][1])
        try:
            copy_window(
                href,
                task.site.aoi,
                folder / f"{band}.tif",
                retries=provider.retries,
                timeout_s=provider.timeout_s,
                lasts=task.evidence,
            )
        except BadInput:
            if band != CLASSES:  # a scene is not lost for want of somebody's opinion of it
                raise

    # side by side: an archive gives one connection a small part of what the line bears
    with ThreadPoolExecutor(len(hrefs)) as pool:
        list(pool.map(copy, hrefs))
    assets = {
        key: {**document["assets"][key], "href": f"./{band}.tif", "darkcall:href": href}
        for band, (key, href) in hrefs.items()
        if (folder / f"{band}.tif").exists()
    }
    return _delivered(folder, {**document, "assets": assets})


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
        replace_text(path, json.dumps(document, sort_keys=True))


def _searched(run: Run, provider: Provider, site: Site, index: _Index) -> _Index:
    """The index with what a search of the span not yet searched, and the look-back, brought."""
    period = run.config.period
    until = min(run.now, period.end)
    start = period.start
    if index.start is not None and index.until is not None and index.start <= period.start:
        # a clock that ran ahead and came back has searched no day to come
        searched = min(index.until, until)
        start = max(start, searched - timedelta(days=provider.lookback_days))
    if start >= until:
        return index
    if isinstance(provider, SentinelHubProvider):
        found = catalogue(provider, credentials(), site.aoi, start, until)
    else:
        found = search(provider, site.aoi, start, until)
    slim = {str(item.get("id", number)): _slim(item) for number, item in enumerate(found)}
    begun = period.start if index.start is None else min(index.start, period.start)
    return _Index(items={**index.items, **slim}, start=begun, until=until)


def _slim(item: Mapping[str, Any]) -> dict[str, Any]:
    """What is used of an item: archives add dozens of links and pictures."""
    kept = ("type", "stac_version", "id", "geometry", "properties", "darkcall:collection")
    assets = item.get("assets")
    used = {
        key: asset
        for key, asset in (assets.items() if isinstance(assets, dict) else ())
        if key.lower() in COMMON_NAMES or key.upper() in {CLASSES, *COMMON_NAMES.values()}
    }
    return {key: item[key] for key in kept if key in item} | {"assets": used}


def _lasting(document: Mapping[str, Any]) -> dict[str, Any]:
    """An item without what changes though the pixels do not: signatures in addresses."""
    assets = {
        key: {**asset, "href": str(asset.get("href", "")).split("?", 1)[0]}
        for key, asset in document["assets"].items()
    }
    return {**document, "assets": assets}
