"""SAFE products as ESA delivers them: Sentinel-2 L1C and L2A, Sentinel-1 GRD."""

from __future__ import annotations

import math
import re
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from shapely import Geometry
from shapely.geometry import Polygon

from pipeline.clock import parse_utc
from pipeline.errors import BadInput
from pipeline.fetch.described import Described
from pipeline.fetch.stac import BANDS, classes_band
from pipeline.markup import read_xml
from pipeline.records import Sensor
from pipeline.sources import SourceBand, SourceScene

SPEED_OF_LIGHT_MPS = 299_792_458.0
BANDS_S2 = BANDS[Sensor.S2]
BAND_IDS = {"B02": "1", "B03": "2", "B04": "3", "B08": "7"}
"""`band_id` of the 10 m bands in Sentinel-2 metadata, counted from B01 = 0."""
FIRST_BASELINE_WITH_OFFSET = 4.0
POLARISATIONS = ("VV", "VH")


def read_safe(folder: Path) -> Described:
    """The scene of an unpacked SAFE folder.

    Raises:
        BadInput: another mission or product type, or a part of the product is missing or damaged.
    """
    name = folder.name.removesuffix(".SAFE")
    try:
        if re.match(r"S2[A-D]_MSIL(1C|2A)_", name):
            return _sentinel2(folder, name)
        if re.match(r"S1[A-D]_(IW|EW|S\d)_GRD", name):
            return _sentinel1(folder, name)
    except ValueError as error:
        raise BadInput(
            "SAFE product's metadata is damaged",
            where=folder.name,
            found=error,
            do="Fetch it again",
        ) from None
    raise BadInput(
        "SAFE product of a kind that is not used",
        where=folder.name,
        expected="Sentinel-2 MSIL1C or MSIL2A, Sentinel-1 GRD",
        do="Remove it, or fetch one of these for the same pass",
    )


def _sentinel2(folder: Path, name: str) -> Described:
    metadata = _one(folder, "MTD_MSIL*.xml", "product metadata")
    root = read_xml(metadata)
    level_2 = "MSIL2A" in name
    quantity = "BOA_QUANTIFICATION_VALUE" if level_2 else "QUANTIFICATION_VALUE"
    per_reflectance = _positive(_text(root, quantity, metadata))
    baseline = root.findtext(".//PROCESSING_BASELINE")
    offsets = _offsets_dn(root, "BOA_ADD_OFFSET" if level_2 else "RADIO_ADD_OFFSET")
    if not offsets and baseline is not None and float(baseline) >= FIRST_BASELINE_WITH_OFFSET:
        raise BadInput(
            "Metadata lacks the radiometric offsets",
            where=metadata.name,
            expected=f"as in every baseline from 04.00 on, this one is {baseline}",
            do="Fetch it again",
        )
    pattern = "GRANULE/*/IMG_DATA/R10m/*_{}_10m.jp2" if level_2 else "GRANULE/*/IMG_DATA/*_{}.jp2"
    bands = tuple(
        SourceBand(
            name=band,
            path=_one(folder, pattern.format(band), f"band {band}"),
            index=1,
            scale=1.0 / per_reflectance,
            offset=(offsets[BAND_IDS[band]] if offsets else 0.0) / per_reflectance,
            nodata=0.0,
        )
        for band in BANDS_S2
    )
    orbit = re.search(r"_R(\d{3})_", name)
    source = SourceScene(
        source_id=name,
        sensor=Sensor.S2,
        platform=f"sentinel-2{name[2].lower()}",
        provider="safe",
        product_ids=(name,),
        sensed_at=_sentinel2_time(folder, root, metadata),
        bands=bands,
        gsd_m=10.0,
        processing_baseline=baseline,
        relative_orbit=None if orbit is None else int(orbit.group(1)),
        classes=_classes(folder) if level_2 else None,
    )
    return Described(source=source, footprint=None)


def _classes(folder: Path) -> SourceBand | None:
    """The scene classification at 20 m; a product cut down to its bands lacks it."""
    found = sorted(folder.glob("GRANULE/*/IMG_DATA/R20m/*_SCL_20m.jp2"))
    return classes_band(found[0]) if len(found) == 1 else None


def _offsets_dn(root: ET.Element, tag: str) -> dict[str, float]:
    """By `band_id`; empty before baseline 04.00."""
    found = {str(e.get("band_id")): float(e.text or "") for e in root.iter(tag)}
    if found and not set(BAND_IDS.values()) <= set(found):
        raise ValueError(f"{tag} of bands {sorted(found)} alone")
    return found


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < math.inf:
        raise ValueError(f"{text} where a positive number stands")
    return value


def _sentinel2_time(folder: Path, root: ET.Element, metadata: Path) -> datetime:
    """Sensing time of the tile, which is nearer to the AOI's than the datatake's start."""
    for tile in sorted(folder.glob("GRANULE/*/MTD_TL.xml")):
        time = read_xml(tile).findtext(".//SENSING_TIME")
        if time:
            return parse_utc(time.strip())
    return parse_utc(_text(root, "PRODUCT_START_TIME", metadata))


def _sentinel1(folder: Path, name: str) -> Described:
    bands = []
    for polarisation in POLARISATIONS:
        pattern = f"measurement/*-{polarisation.lower()}-*.tif*"
        measured = sorted(folder.glob(pattern))
        if measured:
            stem = measured[0].stem
            calibration = folder / "annotation" / "calibration" / f"calibration-{stem}.xml"
            if not calibration.is_file():
                raise BadInput(
                    "Sentinel-1 product lacks its calibration",
                    where=folder.name,
                    expected=f"annotation/calibration/{calibration.name}",
                )
            bands.append(
                SourceBand(
                    name=polarisation, path=measured[0], index=1, scale=1.0, offset=0.0,
                    nodata=0.0, calibration=calibration,
                )
            )  # fmt: skip
    if not bands:
        raise BadInput("Sentinel-1 product without VV or VH", where=folder.name)
    annotation = folder / "annotation" / f"{bands[0].path.stem}.xml"
    root = read_xml(annotation)
    heading = float(_text(root, "platformHeading", annotation)) % 360.0
    slant_time_s = _positive(_text(root, "slantRangeTime", annotation))
    source = SourceScene(
        source_id=name,
        sensor=Sensor.S1,
        platform=f"sentinel-1{name[2].lower()}",
        provider="safe",
        product_ids=(name,),
        sensed_at=parse_utc(_text(root, "startTime", annotation)),
        bands=tuple(bands),
        gsd_m=10.0,
        orbit_state=_text(root, "pass", annotation).lower(),
        heading_deg=heading,
        incidence_deg=float(_text(root, "incidenceAngleMidSwath", annotation)),
        range_over_velocity_s=0.5
        * SPEED_OF_LIGHT_MPS
        * slant_time_s
        / _speed_mps(root, annotation),
    )
    return Described(source=source, footprint=_grid_hull(root, annotation))


def _speed_mps(root: ET.Element, path: Path) -> float:
    """The platform's speed from its first state vector."""
    vector = root.find(".//orbit/velocity")
    if vector is None:
        raise BadInput("Annotation without orbit", where=path.name)
    return math.hypot(*(float(vector.findtext(axis, "")) for axis in "xyz"))


def _grid_hull(root: ET.Element, path: Path) -> Geometry:
    points = [
        (float(p.findtext("longitude", "")), float(p.findtext("latitude", "")))
        for p in root.iter("geolocationGridPoint")
    ]
    if len(points) < 4:
        raise BadInput("Annotation without geolocation grid", where=path.name)
    return Polygon(points).convex_hull


def _one(folder: Path, pattern: str, what: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise BadInput(
            f"SAFE product lacks its {what}",
            where=folder.name,
            expected=pattern,
            do="Fetch the whole product again, unpacked",
        )
    return found[0]


def _text(root: ET.Element, tag: str, path: Path) -> str:
    text = root.findtext(f".//{tag}")
    if text is None or not text.strip():
        raise BadInput(f"Metadata lacks {tag}", where=path.name)
    return text.strip()
