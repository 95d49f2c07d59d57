"""Scenes as archives deliver them, before they are brought to a site's grid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.records import Sensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBand:
    """One band of a delivered scene: which file, and what its numbers mean."""

    name: str
    """`B02` … or `VV`, `VH`."""
    path: Path
    index: int
    """Band number inside the file, from 1."""
    scale: float
    """Physical value = digital number × scale + offset."""
    offset: float
    nodata: float | None
    """Digital number of a pixel without data."""
    calibration: Path | None = None
    """Sentinel-1 SAFE: XML with the sigma-nought look-up table; the file is then uncalibrated."""
    layer: str | None = None  # variable of a netCDF


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceScene:
    """One acquisition as an archive delivered it, before it is brought to a site's grid."""

    source_id: str
    sensor: Sensor
    platform: str
    provider: str
    product_ids: tuple[str, ...]
    sensed_at: datetime
    bands: tuple[SourceBand, ...]
    gsd_m: float
    processing_baseline: str | None = None
    orbit_state: str | None = None
    relative_orbit: int | None = None
    heading_deg: float | None = None
    incidence_deg: float | None = None
    range_over_velocity_s: float | None = None
    classes: SourceBand | None = None
    """Sentinel-2 L2A: the scene classification."""

    def files(self) -> tuple[Path, ...]:
        """The files whose bytes the scene is made of, each once, sorted."""
        paths = [(band.path, band.calibration) for band in self.bands]
        if self.classes is not None:
            paths.append((self.classes.path, None))
        return tuple(sorted({path for pair in paths for path in pair if path is not None}))

    def described(self) -> str:
        """What is said of the scene, as text for a hash: all but where its files lie."""
        bands = [(b.name, b.path.name, b.index, b.scale, b.offset, b.nodata) for b in self.bands]
        layers = tuple(b.layer for b in self.bands if b.layer is not None)
        if self.classes is not None:
            layers += (self.classes.path.name,)
        return repr((
            self.source_id, self.sensor, self.platform, self.provider, self.product_ids,
            self.sensed_at, bands, self.gsd_m, self.processing_baseline, self.orbit_state,
            self.relative_orbit, self.heading_deg, self.incidence_deg, self.range_over_velocity_s,
            *layers,
        ))  # fmt: skip
