"""Ships in any image of the user's own: no workspace, no AIS, no account."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline.detect.settings
import pipeline.scene.settings
from pipeline.detect.detector import Detector
from pipeline.detect.hull import Hull
from pipeline.detect.locate import axis_sigma_deg, length_sigma_m
from pipeline.detect.run import Searched, search
from pipeline.detect.tanker import Tanker, tanker_probability
from pipeline.errors import EXIT_DONE, EXIT_SOME_FAILED, BadInput
from pipeline.geo import Grid
from pipeline.jobs.detect_ships import tiles_of
from pipeline.jobs.progress import Progress
from pipeline.records import Sensor
from pipeline.scene.lazy import open_lazily
from pipeline.whole_files import replace_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What was found, and what could not be read."""

    ships: int
    failed: tuple[str, ...]
    """One message an image."""
    looked_at: int
    """Windows the detector was given."""
    skipped: int
    """Windows without water, clear sky or data."""
    on_land: int
    """Hull-like shapes on land, left out."""

    @property
    def exit_code(self) -> int:
        """3 where an image failed."""
        return EXIT_SOME_FAILED if self.failed else EXIT_DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How images are looked at."""

    sensor: Sensor
    detector: Detector
    bands: tuple[str, ...]
    """Names of the images' bands, or none: the files tell."""
    score_min: float
    scene: pipeline.scene.settings.Settings
    detect: pipeline.detect.settings.Settings


def predict(images: Sequence[Path], out: Path, looking: Looking, progress: Progress) -> Predicted:
    """Write one GeoJSON feature a ship, EPSG:4326, of all images; a bad image stops no other.

    Args:
        images: GeoTIFF or JPEG 2000.
        out: GeoJSON to write, by one rename.
        looking: detector and thresholds.
        progress: told of each image.
    """
    features: list[dict[str, Any]] = []
    failed: list[str] = []
    searched: list[Searched] = []
    on_land = 0
    with progress.stage("predict", len(images)) as report:
        for path in images:
            try:
                source = open_lazily(path, looking.sensor, looking.scene, names=looking.bands)
                result = search(
                    source,
                    detector=looking.detector,
                    windows=tiles_of(source.grid, looking.detect),
                    settings=looking.detect,
                )
                if not result.looked_at and result.skipped.get("no data"):
                    raise BadInput("Image has no data", where=path.name)
            except BadInput as error:
                failed.append(str(error))
                report.failed(path.name, str(error))
                continue
            hulls = [hull for hull in result.hulls if hull.score >= looking.score_min]
            ships = [hull for hull in hulls if _is_afloat(hull, looking.detect)]
            on_land += len(hulls) - len(ships)
            features += [_feature(hull, path, source.grid, looking) for hull in ships]
            searched.append(result)
            report.done(path.name, {"ships": len(ships), "windows": result.looked_at})
    _write(out, features)
    return Predicted(
        ships=len(features),
        failed=tuple(failed),
        looked_at=sum(result.looked_at for result in searched),
        skipped=sum(sum(result.skipped.values()) for result in searched),
        on_land=on_land,
    )


def _is_afloat(hull: Hull, settings: pipeline.detect.settings.Settings) -> bool:
    """CFAR looks on the sea only and does not say."""
    return hull.afloat is None or hull.afloat >= settings.sea_share_min


def _feature(hull: Hull, path: Path, grid: Grid, looking: Looking) -> dict[str, Any]:
    reading, detector = looking.detector.reading, looking.detector
    length_m, width_m = hull.length_px * grid.pixel_m, hull.width_px * grid.pixel_m
    sigma_m = length_sigma_m(length_m, reading)
    lon, lat = (float(value) for value in grid.lonlat_from_px(hull.row_px, hull.col_px))
    size = Tanker(length_m=length_m, length_sigma_m=sigma_m, width_m=width_m)
    tanker = tanker_probability(size, zone=None, settings=looking.detect)
    axis = (hull.axis_grid_deg + grid.convergence_deg(lon, lat)) % 180.0
    ring = [
        [round(float(value), 7) for value in grid.lonlat_from_px(row, col)]
        for row, col in (*hull.corners_px, hull.corners_px[0])
    ]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [_anticlockwise(ring)]},
        "properties": {
            "image": path.name,
            "lon": round(lon, 6),
            "lat": round(lat, 6),
            "position_sigma_m": reading.position_sigma_m,
            "score": round(hull.score, 4),
            "length_m": round(length_m, 1),
            "length_sigma_m": round(sigma_m, 1),
            "width_m": round(width_m, 1),
            "width_sigma_m": reading.width_sigma_m,
            "axis_deg": round(axis, 1),
            "axis_sigma_deg": round(axis_sigma_deg(length_m, reading, looking.detect), 1),
            "p_tanker": round(tanker.probability, 4),
            "p_tanker_basis": tanker.basis,
            "model": detector.name,
            "model_sha256": detector.model_sha256,
        },
    }


def _anticlockwise(ring: list[list[float]]) -> list[list[float]]:
    """As RFC 7946 wants an outer ring."""
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring))
    return ring if area > 0 else ring[::-1]


def _write(out: Path, features: list[dict[str, Any]]) -> None:
    document = {"type": "FeatureCollection", "features": features}
    replace_text(out, json.dumps(document, indent=1, allow_nan=False))
