"""Scenes in a folder the user already has: STAC items, SAFE products, downloads, bare rasters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shapely import Geometry

from pipeline.clock import compact_utc
from pipeline.errors import BadInput, UsageError
from pipeline.fetch.browser import downloads, is_download, read_download
from pipeline.fetch.described import Described
from pipeline.fetch.netcdf import Layer, read_netcdf
from pipeline.fetch.safe import read_safe
from pipeline.fetch.settings import GeotiffDefaults, Settings
from pipeline.fetch.stac import asset_files, looks_like_item, read_stac_item
from pipeline.fetch.zipped import unpacked
from pipeline.records import Sensor
from pipeline.sources import SourceBand, SourceScene

GEOTIFF = (".tif", ".tiff")
SAFE = ".SAFE"
NETCDF = ".nc"
ZIP = ".zip"
UNREAD = {
    ".jp2": "Keep it inside its SAFE product, or name it in a STAC item",
    ".vrt": "Use the GeoTIFFs it names",
}
"""What may well be a scene and is not read as it is: said, rather than passed over."""


Reader = Callable[[Path], list[Described]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What looks into files for the search, which itself reads no pixels."""

    footprint_of: Callable[[Path], Geometry]
    """Extent of a raster, lon/lat; may raise BadInput, which rejects the file."""
    layers_of: Callable[[Path], Sequence[Layer]]
    """Variables of a netCDF; may raise BadInput."""
    unpack_to: Path
    """Folder for what zip files hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSources:
    """What a folder holds."""

    sources: list[Described]
    """By time, then id; every footprint is known."""
    rejected: list[tuple[str, BadInput]]
    """(file, why) of what claims to be a scene and cannot be read as one."""


def find_sources(folder: Path, *, settings: Settings, tools: Tools) -> FoundSources:
    """Every scene in a folder, at any depth.

    Args:
        folder: searched recursively.
        settings: what bare GeoTIFFs and netCDF files are.
        tools: asked where names and texts do not tell.

    Raises:
        UsageError: the folder does not exist, or holds far too many files.
    """
    if not folder.is_dir():
        raise UsageError("Scene folder not found", where=folder, do="Check `inputs.scenes`")
    sources: list[Described] = []
    names: set[str] = set()
    rejected: list[tuple[str, BadInput]] = []
    for path, read in _candidates(folder, settings, tools):
        try:
            for described in read(path):
                placed = described
                if placed.footprint is None:
                    extent = tools.footprint_of(placed.source.bands[0].path)
                    placed = replace(placed, footprint=extent)
                _refuse_twin(placed, names)
                names.add(placed.source.source_id)
                sources.append(placed)
        except BadInput as error:
            rejected.append((str(path.relative_to(folder)), error))
    sources.sort(key=lambda found: (found.source.sensed_at, found.source.source_id))
    return FoundSources(sources=sources, rejected=rejected)


def _candidates(folder: Path, settings: Settings, tools: Tools) -> list[tuple[Path, Reader]]:
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
    kinds = {*GEOTIFF, NETCDF, ZIP, *UNREAD}
    files = [path for path in loose if path.suffix.lower() in kinds and path.is_file()]
    free = [path for path in files if path.resolve() not in named]
    fetched = downloads([path for path in free if is_download(path)])
    others = [path for path in free if not is_download(path)]
    by_kind = _readers(settings, tools)
    return [
        *((path, lambda path: [read_safe(path)]) for path in sorted(products)),
        *((path, lambda path: [read_stac_item(path)]) for path in items),
        *((path, lambda path: [read_download(path, tools.footprint_of)]) for path in fetched),
        *((path, by_kind[path.suffix.lower()]) for path in others),
    ]


def _readers(settings: Settings, tools: Tools) -> dict[str, Reader]:
    """By the file's suffix, for what no item names."""

    def bare(path: Path) -> list[Described]:
        return [_read_geotiff(path, settings.geotiff_defaults)]

    def netcdf(path: Path) -> list[Described]:
        return read_netcdf(path, tools.layers_of(path), settings.netcdf_defaults)

    def zipped(path: Path) -> list[Described]:
        return [read_safe(unpacked(path, tools.unpack_to))]

    return {
        **dict.fromkeys(GEOTIFF, bare),
        NETCDF: netcdf,
        ZIP: zipped,
        **dict.fromkeys(UNREAD, _refuse),
    }


def _refuse(path: Path) -> list[Described]:
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
