"""What a netCDF of gridded images holds, without its pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from shapely import Geometry

from pipeline.errors import BadInput
from pipeline.scene.raster import NETCDF, VARIABLE, footprint, opened

MAX_TIMES = 4000
"""A satellite that passed daily would need eleven years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable with a place on Earth and a time axis."""

    name: str
    times: tuple[float, ...]
    """In `units`; one a band of the raster."""
    units: str
    """As CF writes them: `days since 1990-01-01`."""
    nodata: float | None
    footprint: Geometry
    """lon/lat."""


def is_netcdf(path: Path) -> bool:
    """Does the file begin as a netCDF does?"""
    try:
        with path.open("rb") as stream:
            return stream.read(4) in NETCDF
    except OSError:
        return False


def variables(path: Path) -> list[Variable]:
    """The variables of a file, those without a time axis left out.

    Raises:
        BadInput: no netCDF, damaged, or a variable without a place.
    """
    with opened(path, "") as container:
        named = [name.rsplit(":", 1)[-1] for name in container.subdatasets]
        alone = container.tags(1).get("NETCDF_VARNAME") if container.count else None
    names = named or ([alone] if alone else [])
    found = [_variable(path, name) for name in names if VARIABLE.fullmatch(name)]
    return [one for one in found if one is not None]


def _variable(path: Path, name: str) -> Variable | None:
    with opened(path, name) as dataset:
        tags, nodata, count = dataset.tags(), dataset.nodata, dataset.count
    axes = [key for key in tags if re.fullmatch(r"NETCDF_DIM_\w+_VALUES", key)]
    if len(axes) != 1:
        return None
    axis = axes[0].removeprefix("NETCDF_DIM_").removesuffix("_VALUES")
    try:
        times = tuple(float(text) for text in tags[axes[0]].strip("{}").split(","))
    except ValueError:
        raise BadInput("Times of a netCDF are no numbers", where=path.name, found=name) from None
    if len(times) != count or count > MAX_TIMES:
        raise BadInput(
            "NetCDF has other images than times",
            where=path.name,
            expected=f"{len(times)}, at most {MAX_TIMES}",
            found=count,
        )
    return Variable(
        name=name,
        times=times,
        units=tags.get(f"{axis}#units", ""),
        nodata=nodata,
        footprint=footprint(path, name),
    )
