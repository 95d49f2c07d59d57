"""Sentinel-2 as openEO back ends write it: a netCDF with one variable a band and a time axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from shapely import Geometry

from pipeline.clock import compact_utc
from pipeline.errors import BadInput
from pipeline.fetch.described import Described
from pipeline.fetch.overpass import TOLERANCE, sentinel2_overpass
from pipeline.fetch.settings import NetcdfDefaults
from pipeline.fetch.stac import BANDS as SENSOR_BANDS
from pipeline.fetch.stac import CLASSES, classes_band
from pipeline.records import Sensor
from pipeline.sources import SourceBand, SourceScene

BANDS = SENSOR_BANDS[Sensor.S2]
UNITS = re.compile(
    r"(?P<unit>day|hour|minute|second)s? since (?P<origin>\d{4}-\d\d-\d\d)"
    r"([T ]00:00(:00(\.0)?)?)?Z?"
)


class Layer(Protocol):
    """One variable of a netCDF."""

    @property
    def name(self) -> str:
        """Of the variable."""

    @property
    def times(self) -> tuple[float, ...]:
        """In `units`, one a step."""

    @property
    def units(self) -> str:
        """As CF writes them: `days since 1990-01-01`."""

    @property
    def nodata(self) -> float | None:
        """Digital number without data."""

    @property
    def footprint(self) -> Geometry:
        """lon/lat."""


def read_netcdf(
    path: Path, layers: Sequence[Layer], defaults: NetcdfDefaults | None
) -> list[Described]:
    """The scenes of a file, one a time step.

    Where all steps fall on midnight the file tells the day alone, and the time of day is the
    orbit's.

    Args:
        path: of the file.
        layers: its variables.
        defaults: what its numbers are.

    Raises:
        BadInput: nothing says what its numbers are, no band we use, bands of other times.
    """
    if defaults is None:
        raise BadInput(
            "NetCDF whose numbers nothing describes",
            where=path.name,
            expected="`fetch.netcdf_defaults` in the configuration: scale and offset",
            do="Write it; 0.0001 and 0 for harmonised reflectance times 10,000",
        )
    used, classes = _used(path, layers)
    first = used[0]
    instants = [_instant(value, first.units, path) for value in first.times]
    day_alone = all(instant.time() == datetime.min.time() for instant in instants)
    return [
        _scene(path, used, classes, step, instant, defaults, day_alone=day_alone)
        for step, instant in enumerate(instants)
    ]


def _scene(
    path: Path,
    used: Sequence[Layer],
    classes: Layer | None,
    step: int,
    instant: datetime,
    defaults: NetcdfDefaults,
    *,
    day_alone: bool,
) -> Described:
    footprint = used[0].footprint
    at, how = instant, ""
    if day_alone:
        centre = footprint.centroid
        at = sentinel2_overpass(instant.date(), float(centre.x), float(centre.y))
        how = f" ({TOLERANCE})"
    bands = tuple(
        SourceBand(
            name=layer.name.upper(), path=path, layer=layer.name, index=step + 1,
            scale=defaults.scale, offset=defaults.offset, nodata=layer.nodata,
        )
        for layer in used
    )  # fmt: skip
    source = SourceScene(
        source_id=f"S2_{re.sub(r'[^A-Za-z0-9]+', '-', path.stem)}_{compact_utc(at)}",
        sensor=Sensor.S2,
        platform=defaults.platform,
        provider=defaults.provider,
        product_ids=(f"{path.name} {instant:%Y-%m-%d}{how}",),
        sensed_at=at,
        bands=bands,
        gsd_m=10.0,
        classes=None if classes is None else classes_band(path, classes.name, step + 1),
    )
    return Described(source=source, footprint=footprint)


def _used(path: Path, layers: Sequence[Layer]) -> tuple[list[Layer], Layer | None]:
    """The bands we use and the scene classification, all with the same times."""
    named = {layer.name.upper(): layer for layer in layers}
    used = [named[name] for name in BANDS if name in named]
    if not used:
        raise BadInput(
            "NetCDF has no band we use", where=path.name, expected=BANDS, found=sorted(named)
        )
    classes = named.get(CLASSES)
    both = used if classes is None else [*used, classes]
    if any((layer.times, layer.units) != (used[0].times, used[0].units) for layer in both):
        raise BadInput("Bands of a netCDF have different times", where=path.name)
    return used, classes


def _instant(value: float, units: str, path: Path) -> datetime:
    match = UNITS.fullmatch(units)
    if match is None:
        raise BadInput(
            "Times of a netCDF are not understood",
            where=path.name,
            expected="days, hours, minutes or seconds since a date",
            found=units or "no units",
        )
    origin = datetime.fromisoformat(match["origin"]).replace(tzinfo=UTC)
    try:
        return origin + timedelta(**{f"{match['unit']}s": value})
    except OverflowError:
        raise BadInput(
            "Time of a netCDF is off the calendar", where=path.name, found=value
        ) from None
