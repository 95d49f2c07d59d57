"""Scenes in a folder the user already has: STAC items, SAFE products, bare GeoTIFFs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from shapely import Geometry

from pipeline.clock import compact_utc
from pipeline.errors import BadInput, UsageError
from pipeline.fetch.described import Described
from pipeline.fetch.safe import read_safe
from pipeline.fetch.settings import GeotiffDefaults, Settings
from pipeline.fetch.stac import asset_files, looks_like_item, read_stac_item
from pipeline.records import Sensor, SourceBand, SourceScene

GEOTIFF = (".tif", ".tiff")
SAFE = ".SAFE"
UNREAD = {
    ".nc": "Convert it to GeoTIFFs, one a band, with a STAC item beside them",
    ".jp2": "Keep it inside its SAFE product, or name it in a STAC item",
    ".vrt": "Use the GeoTIFFs it names",
    ".zip": "Unpack it",
}
"""What may well be a scene and is not read as it is: said, rather than passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSources:
    """What a folder holds."""

    sources: list[Described]
    """By time, then id; every footprint is known."""
    rejected: list[tuple[str, BadInput]]
    """(file, why) of what claims to be a scene and cannot be read as one."""


def find_sources(
    folder: Path, *, settings: Settings, footprint_of: Callable[[Path], Geometry]
) -> FoundSources:
    """Every scene in a folder, at any depth.

    Args:
        folder: searched recursively.
        settings: what bare GeoTIFFs are.
        footprint_of: extent of a raster, lon/lat; asked where nothing else tells. May raise
            BadInput, which rejects the file.

    Raises:
        UsageError: the folder does not exist, or holds far too many files.
    """
    if not folder.is_dir():
        raise UsageError("Scene folder not found", where=folder, do="Check `inputs.scenes`")
    sources: list[Described] = []
    names: set[str] = set()
    rejected: list[tuple[str, BadInput]] = []
    for path, read in _candidates(folder, settings):
        try:
            described = read(path)
            if described.footprint is None:
                extent = footprint_of(described.source.bands[0].path)
                described = replace(described, footprint=extent)
            _refuse_twin(described, names)
            names.add(described.source.source_id)
            sources.append(described)
        except BadInput as error:
            rejected.append((str(path.relative_to(folder)), error))
    sources.sort(key=lambda found: (found.source.sensed_at, found.source.source_id))
    return FoundSources(sources=sources, rejected=rejected)


def _candidates(folder: Path, settings: Settings) -> list[tuple[Path, Callable[[Path], Described]]]:
    """Files that claim to be a scene, each with the way to read it.

    What lies inside a SAFE product, or is named by a STAC item, is part of that scene and no scene
    of its own.
    """
    paths = _walk(folder, settings)
    products = {path for path in paths if path.suffix == SAFE}
    if folder.suffix == SAFE:
        products.add(folder)
    loose = [path for path in paths if not products & {path, *path.parents}]
    items = [path for path in loose if path.suffix == ".json" and looks_like_item(path)]
    named = {asset for path in items for asset in asset_files(path)}
    rasters = [path for path in loose if path.suffix.lower() in {*GEOTIFF, *UNREAD}]
    free = [path for path in rasters if path.resolve() not in named]
    bare = [path for path in free if path.suffix.lower() in GEOTIFF]
    unread = [path for path in free if path.suffix.lower() in UNREAD and path.is_file()]

    def read_bare(path: Path) -> Described:
        return _read_geotiff(path, settings.geotiff_defaults)

    return [
        *((path, read_safe) for path in sorted(products)),
        *((path, read_stac_item) for path in items),
        *((path, read_bare) for path in bare),
        *((path, _refuse) for path in unread),
    ]


def _refuse(path: Path) -> Described:
    raise BadInput("Not read in this form", where=path.name, do=UNREAD[path.suffix.lower()])


def _refuse_twin(described: Described, names: set[str]) -> None:
    """Two scenes of one name would become one in the workspace, whichever came last."""
    name = described.source.source_id
    if name in names:
        raise BadInput(
            "Scene is in the folder twice",
            where=name,
            do="Remove one, or rename it if they are different scenes",
        )


def _walk(folder: Path, settings: Settings) -> list[Path]:
    paths = []
    for path in folder.rglob("*"):
        if any(path.relative_to(folder).match(pattern) for pattern in settings.exclude):
            continue
        paths.append(path)
        if len(paths) > settings.max_files:
            raise UsageError(
                "Scene folder holds too many files",
                where=folder,
                expected=f"at most {settings.max_files}",
                do="Name the folder of the scenes themselves",
            )
    return sorted(paths)


def _read_geotiff(path: Path, defaults: GeotiffDefaults | None) -> Described:
    if defaults is None:
        raise BadInput(
            "GeoTIFF that nothing describes",
            where=path.name,
            expected="a STAC item that names it, or `fetch.geotiff_defaults` in the configuration",
            do="Write one of them",
        )
    time = compact_utc(defaults.sensed_at)
    said = f"placeholder-{time}" if defaults.sensed_at_is_placeholder else time
    bands = tuple(
        SourceBand(
            name=name,
            path=path,
            index=index,
            scale=defaults.scale,
            offset=defaults.offset,
            nodata=defaults.nodata,
        )
        for index, name in enumerate(defaults.bands, start=1)
    )
    source = SourceScene(
        source_id=f"{defaults.sensor}_{path.stem}",
        sensor=Sensor(defaults.sensor),
        platform=defaults.platform,
        provider=defaults.provider,
        product_ids=(f"{path.name} {said}",),
        sensed_at=defaults.sensed_at,
        bands=bands,
        gsd_m=10.0,
    )
    return Described(source=source, footprint=None)
