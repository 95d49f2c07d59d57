"""Raw bands as the Copernicus Browser hands them out."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.warp import reproject

from pipeline.errors import BadInput
from pipeline.fetch.browser import downloads, is_download, read_download
from pipeline.records import Site
from pipeline.scene.raster import footprint
from pipeline.scene.read import read_source
from pipeline.scene.settings import Settings

DAY = "2024-03-07-00_00_2024-03-07-23_59"
EXTENT = shapely.box(-48.6, -25.6, -48.4, -25.4)


def put(folder, *bands, window=DAY, product="Sentinel-2_L2A"):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{window}_{product}_{band}_(Raw).tiff" for band in bands]
    for path in paths:
        path.write_bytes(b"II*\0")
    return paths


def read(path):
    return read_download(path, lambda _: EXTENT)


def test_bands_of_one_day_are_one_scene_in_reflectance(tmp_path):
    paths = put(tmp_path / "paranagua", "B08", "B02", "B11", "B03")

    (first,) = downloads(paths)
    source = read(first).source

    assert [band.name for band in source.bands] == ["B02", "B03", "B08"]
    assert all(band.scale * 65535 == 1.0 and band.offset == 0.0 for band in source.bands)
    assert all(band.nodata == 0.0 for band in source.bands)
    assert source.source_id.endswith("_paranagua")


def test_a_day_becomes_the_orbits_time_and_says_so(tmp_path):
    source = read(put(tmp_path, "B08")[0]).source

    real = datetime(2024, 3, 7, 13, 12, tzinfo=UTC)
    assert abs(source.sensed_at - real) < timedelta(minutes=20)
    assert "from the orbit" in source.product_ids[0]


def test_a_window_of_minutes_is_its_middle(tmp_path):
    window = "2024-03-07-13_00_2024-03-07-13_24"
    source = read(put(tmp_path, "B08", window=window)[0]).source

    assert source.sensed_at == datetime(2024, 3, 7, 13, 12, tzinfo=UTC)
    assert "middle of the window" in source.product_ids[0]


def test_days_and_places_stay_apart(tmp_path):
    paths = put(tmp_path / "a", "B02", "B08") + put(tmp_path / "b", "B08")
    paths += put(tmp_path / "a", "B08", window="2024-03-12-00_00_2024-03-12-23_59")

    assert len(downloads(paths)) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"window": "2024-03-01-00_00_2024-03-31-23_59"}, "several passes"),
        ({"window": "2024-03-08-00_00_2024-03-07-23_59"}, "several passes"),
        ({"product": "Sentinel-1_AWS-IW-VVVH"}, "mission"),
        ({"bands": ("B11",)}, "no band we use"),
    ],
)
def test_what_is_no_single_pass_of_our_bands_is_refused(tmp_path, change, says):
    bands = change.pop("bands", ("B08",))
    with pytest.raises(BadInput, match=says):
        read(put(tmp_path, *bands, **change)[0])


def test_other_names_are_no_downloads(tmp_path):
    assert not is_download(tmp_path / "2024-03-07_B08.tiff")


@pytest.mark.real_data
@pytest.mark.parametrize("port", ["casablanca", "honolulu"])
def test_real_downloads_lie_where_the_same_port_in_utm_lies(reference_data, tmp_path, port):
    """The oracle is the port's UTM image, made from these files by others: GDAL alone reads it."""
    native = tmp_path / port
    shutil.copytree(reference_data / "sentinel2_ports/native" / port, native)
    (first,) = downloads(sorted(native.iterdir()))
    described = read_download(first, footprint)
    aoi = described.footprint.buffer(-0.002)
    site = Site(site_id=port, name=port, country="", aoi=aoi, zones=(), water=(), land=(),
                source="", digitised_on="")  # fmt: skip

    scene, image = read_source(described.source, site=site, settings=Settings())

    west, north = image.grid.x_min_m, image.grid.y_max_m
    truth = np.zeros(image.data.shape[1:], np.float32)
    with rasterio.open(reference_data / f"sentinel2_ports/{port}.tif") as dataset:
        reproject(
            rasterio.band(dataset, 4), truth, dst_crs=image.grid.crs, resampling=1,
            dst_transform=rasterio.Affine(10, 0, west, 0, -10, north),
        )  # fmt: skip
    found = image.band("B08")
    both = (truth > 0) & image.valid
    assert both.mean() > 0.5
    assert np.median(np.abs(found[both] - truth[both] * 1e-4)) < 0.005
    assert _shift_px(found * both, truth * 1e-4 * both) < 0.5
    assert scene.gsd_m == 10.0


def _shift_px(one, other):
    """Displacement of two pictures, px, by the peak of their phase correlation."""
    spectrum = np.fft.fft2(one - one.mean()) * np.conj(np.fft.fft2(other - other.mean()))
    peak = np.fft.ifft2(spectrum / np.maximum(np.abs(spectrum), 1e-12)).real
    row, col = np.unravel_index(np.argmax(peak), peak.shape)
    height, width = peak.shape
    return float(np.hypot(min(row, height - row), min(col, width - col)))
