"""Folders as archives deliver them: STAC items with assets, SAFE trees, loose GeoTIFFs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOOTPRINT = {
    "type": "Polygon",
    "coordinates": [
        [[-48.6, -25.6], [-48.4, -25.6], [-48.4, -25.4], [-48.6, -25.4], [-48.6, -25.6]]
    ],
}


def _item(folder: Path, **changes: Any) -> Path:
    """An item as Earth Search writes them, and its four bands (empty: nobody opens them here)."""
    folder.mkdir(parents=True, exist_ok=True)
    assets = {}
    for name in ("blue", "green", "red", "nir"):
        (folder / f"{name}.tif").write_bytes(b"II*\0")
        inner = {"nodata": 0, "scale": 1e-4, "offset": -0.1}
        assets[name] = {"href": f"./{name}.tif", "raster:bands": [inner]}
    document = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2B_22JGS_20240307",
        "geometry": FOOTPRINT,
        "properties": {
            "datetime": "2024-03-07T13:12:09.024Z",
            "platform": "sentinel-2b",
            "s2:product_uri": "S2B_MSIL2A_20240307T131209.SAFE",
            "s2:processing_baseline": "05.10",
            "sat:relative_orbit": 38,
        },
        "links": [],
        "assets": assets,
    }
    path = folder / "item.json"
    path.write_text(json.dumps({**document, **changes}))
    return path


@pytest.fixture
def make_item() -> Callable[..., Path]:
    return _item


S2_NAME = "S2B_MSIL2A_20240307T131209_N0510_R038_T22JGS_20240307T171208.SAFE"
S2_METADATA = """<n1:Level-2A xmlns:n1="urn:esa">
<PRODUCT_START_TIME>2024-03-07T13:12:09.024Z</PRODUCT_START_TIME>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
{offsets}</n1:Level-2A>"""
OFFSETS = "".join(f'<BOA_ADD_OFFSET band_id="{k}">{-1000 - k}</BOA_ADD_OFFSET>' for k in range(13))


def _s2_safe(parent: Path, *, baseline: str = "05.10", offsets: str = OFFSETS) -> Path:
    """A Level-2A product; each band's offset differs, so that a mix-up shows."""
    folder = parent / S2_NAME
    granule = folder / "GRANULE" / "L2A_T22JGS_A036571"
    pixels = granule / "IMG_DATA" / "R10m"
    pixels.mkdir(parents=True)
    metadata = S2_METADATA.format(baseline=baseline, offsets=offsets)
    (folder / "MTD_MSIL2A.xml").write_text(metadata)
    (granule / "MTD_TL.xml").write_text(
        "<a><SENSING_TIME metadataLevel='Standard'>2024-03-07T13:22:41.5Z</SENSING_TIME></a>"
    )
    for band in ("B02", "B03", "B04", "B08", "TCI"):
        (pixels / f"T22JGS_20240307T131209_{band}_10m.jp2").write_bytes(b"")
    return folder


@pytest.fixture
def s2_safe() -> Callable[..., Path]:
    return _s2_safe


S1_NAME = "S1A_IW_GRDH_1SDV_20240307T085021_20240307T085046_052875_066662_1F2A.SAFE"


def _s1_safe(parent: Path, *, calibrated: bool = True) -> Path:
    folder = parent / S1_NAME
    for inner in ("measurement", "annotation/calibration"):
        (folder / inner).mkdir(parents=True)
    corners = [(-48.9, -25.9), (-48.1, -25.8), (-48.8, -25.2), (-48.0, -25.1)]
    points = "".join(
        f"<geolocationGridPoint><longitude>{lon}</longitude><latitude>{lat}</latitude>"
        "</geolocationGridPoint>"
        for lon, lat in corners
    )
    text = f"""<product><pass>Ascending</pass><platformHeading>-12.5</platformHeading>
<startTime>2024-03-07T08:50:21.437000</startTime>
<slantRangeTime>5.4e-03</slantRangeTime><incidenceAngleMidSwath>38.9</incidenceAngleMidSwath>
<orbit><velocity><x>2000</x><y>-3000</y><z>6000</z></velocity></orbit>{points}</product>"""
    for polarisation in ("vv", "vh"):
        stem = f"s1a-iw-grd-{polarisation}-20240307t085021"
        (folder / "measurement" / f"{stem}.tiff").write_bytes(b"")
        (folder / "annotation" / f"{stem}.xml").write_text(text)
        if calibrated:
            (folder / "annotation/calibration" / f"calibration-{stem}.xml").write_text("<a/>")
    return folder


@pytest.fixture
def s1_safe() -> Callable[..., Path]:
    return _s1_safe
