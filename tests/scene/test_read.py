"""Delivered files become images: right place, right numbers, and a reason where they cannot."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from rasterio.transform import Affine

from pipeline.errors import BadInput
from pipeline.records import Sensor
from pipeline.scene.read import read_source
from pipeline.scene.settings import Settings

SETTINGS = Settings()
GEOD = pyproj.Geod(ellps="WGS84")
WATER_DN, SHIP_DN = 1200, 3500
DELIVERED = Affine(10.0, 0.0, 748_000.0, 0.0, -10.0, 7_175_600.0)


def water(height=61, width=97, count=4):
    return np.full((count, height, width), WATER_DN, np.uint16)


def lonlat_by_rasterio(path, row, col):
    """Where rasterio and pyproj together put a pixel's centre."""
    with rasterio.open(path) as dataset:
        x, y = dataset.xy(row, col)
        to_lonlat = pyproj.Transformer.from_crs(dataset.crs, "EPSG:4326", always_xy=True)
    return to_lonlat.transform(x, y)


def around(lon, lat, half_deg=0.002):
    return shapely.box(lon - half_deg, lat - half_deg * 0.8, lon + half_deg, lat + half_deg * 0.8)


def centroid_of_excess(image, band="B08"):
    excess = np.maximum(image.band(band) - np.median(image.band(band)[image.valid]), 0.0)
    excess[~image.valid] = 0.0
    rows, cols = np.mgrid[: image.grid.height, : image.grid.width] + 0.5
    weights = excess / excess.sum()
    return float((rows * weights).sum()), float((cols * weights).sum())


def test_a_pixel_of_a_southern_western_utm_raster_keeps_its_place_and_number(
    tmp_path, geotiff, make_site, make_source
):
    pixels = water()
    pixels[:, 23, 71] = SHIP_DN
    path = geotiff(tmp_path / "roads.tif", pixels, crs="EPSG:32722", transform=DELIVERED)
    expected = lonlat_by_rasterio(path, 23, 71)

    site = make_site(around(*expected))
    scene, image = read_source(make_source(path), site=site, settings=SETTINGS)

    row, col = np.unravel_index(image.band("B08").argmax(), image.valid.shape)
    found = image.grid.lonlat_from_px(row + 0.5, col + 0.5)
    assert found == pytest.approx(expected, abs=1e-9)
    # (3500 × 1e-4 - 0.1) = 0.25 and (1200 × 1e-4 - 0.1) = 0.02: each applied once
    assert image.band("B08")[row, col] == pytest.approx(0.25, abs=1e-6)
    assert np.median(image.band("B02")[image.valid]) == pytest.approx(0.02, abs=1e-6)
    assert image.valid.shape[0] != image.valid.shape[1]
    assert scene.scene_id == "S2B_TEST_roads"
    assert scene.reflectance_offset == -0.1


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        # the neighbouring UTM zone, whose north is turned against the site's
        ("EPSG:32723", Affine(10.0, 0.0, 145_000.0, 0.0, -10.0, 7_175_600.0)),
        ("EPSG:4326", Affine(1e-4, 0.0, -48.53, 0.0, -0.9e-4, -25.52)),
        ("EPSG:32722", Affine(10.0, 0.0, 748_003.7, 0.0, -10.0, 7_175_594.1)),
        ("EPSG:32722", Affine(10.0, 0.0, 748_000.0, 0.0, 10.0, 7_175_000.0)),
    ],
    ids=["neighbouring zone", "degrees", "off the ten metres", "south up"],
)
def test_a_resampled_raster_keeps_the_place_of_a_ship(
    tmp_path, geotiff, make_site, make_source, crs, transform
):
    pixels = water()
    pixels[:, 29:32, 51:54] = SHIP_DN
    path = geotiff(tmp_path / "roads.tif", pixels, crs=crs, transform=transform)
    lon, lat = lonlat_by_rasterio(path, 30, 52)

    site = make_site(around(lon, lat, 0.0015))
    _, image = read_source(make_source(path), site=site, settings=SETTINGS)

    found = image.grid.lonlat_from_px(*centroid_of_excess(image))
    assert GEOD.inv(lon, lat, *found)[2] < 1.5
    assert image.band("B08").max() == pytest.approx(0.25, abs=0.005)


def test_no_data_is_not_valid_and_dark_water_is(tmp_path, geotiff, make_site, make_source):
    pixels = water()
    pixels[0, 10:20, 40:60] = 0
    pixels[:, 30:33, 40:60] = 900  # reflectance -0.01 after the offset
    path = geotiff(tmp_path / "roads.tif", pixels, crs="EPSG:32722", transform=DELIVERED)
    lon, lat = lonlat_by_rasterio(path, 30, 48)

    site = make_site(around(lon, lat, 0.01))
    scene, image = read_source(make_source(path), site=site, settings=SETTINGS)

    assert image.valid.shape == (61, 97)
    assert int((~image.valid).sum()) == 200  # in one band alone, and yet no pixel of the image
    assert not image.valid[10:20, 40:60].any()
    assert image.band("B08")[31, 50] == pytest.approx(-0.01, abs=1e-6)
    area = GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(site.aoi))[0]
    assert scene.valid_fraction == pytest.approx((61 * 97 - 200) * 100 / area, rel=0.002)


def test_a_band_without_data_is_left_out(tmp_path, geotiff, make_site, make_source):
    pixels = water()
    pixels[1] = 0
    path = geotiff(tmp_path / "roads.tif", pixels, crs="EPSG:32722", transform=DELIVERED)
    site = make_site(around(*lonlat_by_rasterio(path, 30, 48)))
    scene, image = read_source(make_source(path), site=site, settings=SETTINGS)
    assert scene.bands == image.bands == ("B02", "B04", "B08")


def test_pixels_outside_the_area_of_interest_are_not_valid(
    tmp_path, geotiff, make_site, make_source
):
    path = geotiff(tmp_path / "roads.tif", water(), crs="EPSG:32722", transform=DELIVERED)
    west, south, east, north = around(*lonlat_by_rasterio(path, 30, 48)).bounds
    triangle = shapely.Polygon([(west, south), (east, south), (west, north)])
    _, image = read_source(make_source(path), site=make_site(triangle), settings=SETTINGS)
    rows, cols = np.mgrid[: image.grid.height, : image.grid.width] + 0.5
    inside = shapely.contains_xy(triangle, *image.grid.lonlat_from_px(rows, cols))
    # straight in degrees is straight in metres to a millimetre here
    assert (inside == image.valid).mean() > 0.999


@pytest.mark.parametrize("east", [748_000.0, 748_003.7], ids=["as it lies", "resampled"])
@pytest.mark.parametrize(
    ("kind", "nodata"), [("float32", -9999.0), ("float64", -np.finfo(np.float64).max)]
)
def test_the_files_own_no_data_counts_where_its_description_has_none(
    tmp_path, geotiff, make_site, make_source, kind, nodata, east
):
    pixels = water().astype(kind)
    pixels[:, 10:20, 40:60] = nodata
    pixels[2, 40:50, 40:60] = np.nan
    place = Affine(10.0, 0.0, east, 0.0, -10.0, 7_175_600.0)
    path = geotiff(tmp_path / "roads.tif", pixels, crs="EPSG:32722", transform=place, nodata=nodata)
    site = make_site(around(*lonlat_by_rasterio(path, 30, 48), 0.01))
    _, image = read_source(make_source(path, nodata=None), site=site, settings=SETTINGS)
    assert not image.valid[12:18, 42:58].any()
    assert not image.valid[42:48, 42:58].any()
    assert image.valid[22:38, 42:58].all()
    assert image.data[:, image.valid] == pytest.approx(0.02, abs=1e-6)
    assert np.isfinite(image.data).all()


# ------------------------------------------------------------------ what cannot be read


def refusal(path, make_source, make_site, **facts):
    site = make_site(around(-48.525, -25.523))
    with pytest.raises(BadInput) as caught:
        read_source(make_source(path, **facts), site=site, settings=SETTINGS)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def good(tmp_path, geotiff):
    noise = np.random.default_rng(5).integers(1000, 4000, (4, 61, 97)).astype(np.uint16)
    return geotiff(tmp_path / "roads.tif", noise, crs="EPSG:32722", transform=DELIVERED)


def test_the_raster_that_the_refusals_start_from_is_read(good, make_source, make_site):
    site = make_site(around(-48.525, -25.523))
    assert read_source(make_source(good), site=site, settings=SETTINGS)[1].valid.any()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_a_truncated_raster_is_refused(good, make_source, make_site, share):
    content = good.read_bytes()
    good.write_bytes(content[: int(len(content) * share)])
    assert "truncated or damaged" in refusal(good, make_source, make_site)


def test_a_raster_without_crs_is_refused(tmp_path, geotiff, make_source, make_site):
    path = geotiff(tmp_path / "nowhere.tif", water(), crs=None, transform=DELIVERED)
    assert "no CRS" in refusal(path, make_source, make_site)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_geotransform_is_refused(tmp_path, geotiff, make_source, make_site):
    path = geotiff(tmp_path / "nowhere.tif", water(), crs="EPSG:32722", transform=Affine.identity())
    assert "no geotransform" in refusal(path, make_source, make_site)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"Dear harbour master,\n", "Not a raster"),
        (b"<VRTDataset rasterXSize='9' rasterYSize='5'/>", "Not a raster"),
        (b"II*\0 and no more than that", "truncated or damaged"),
    ],
    ids=["empty", "letter", "vrt", "header only"],
)
def test_a_file_that_is_no_raster_is_refused(tmp_path, make_source, make_site, content, reason):
    path = tmp_path / "roads.tif"
    path.write_bytes(content)
    assert reason in refusal(path, make_source, make_site)


def test_a_missing_file_is_refused(tmp_path, make_source, make_site):
    assert "No such file" in refusal(tmp_path / "gone.tif", make_source, make_site)


def test_thirteen_bands_are_not_the_four_described(tmp_path, geotiff, make_source, make_site):
    pixels = water(count=13)
    path = geotiff(tmp_path / "all.tif", pixels, crs="EPSG:32722", transform=DELIVERED)
    said = refusal(path, make_source, make_site)
    assert "expected 4 (B02 B03 B04 B08)" in said
    assert "found 13" in said


def test_fewer_bands_than_described_are_refused(tmp_path, geotiff, make_source, make_site):
    pixels = water(count=3)
    path = geotiff(tmp_path / "rgb.tif", pixels, crs="EPSG:32722", transform=DELIVERED)
    assert "found 3" in refusal(path, make_source, make_site)


def test_a_raster_of_nothing_but_nan_is_refused(tmp_path, geotiff, make_source, make_site):
    pixels = np.full((4, 61, 97), np.nan, np.float32)
    path = geotiff(tmp_path / "nan.tif", pixels, crs="EPSG:32722", transform=DELIVERED)
    said = refusal(path, make_source, make_site, nodata=None)
    assert "no data in the area of interest" in said


def test_complex_numbers_are_refused(tmp_path, geotiff, make_source, make_site):
    pixels = np.ones((1, 61, 97), np.complex64)
    path = geotiff(tmp_path / "slc.tif", pixels, crs="EPSG:32722", transform=DELIVERED)
    said = refusal(path, make_source, make_site, bands=("VV",), sensor=Sensor.S1)
    assert "complex" in said


def test_no_data_that_the_files_numbers_cannot_hold_is_no_traceback(
    tmp_path, geotiff, make_site, make_source
):
    place = Affine(10.0, 0.0, 748_003.7, 0.0, -10.0, 7_175_600.0)
    path = geotiff(tmp_path / "roads.tif", water(), crs="EPSG:32722", transform=place)
    site = make_site(around(*lonlat_by_rasterio(path, 30, 48)))
    for nodata in (-9999.0, float("nan"), -np.finfo(np.float64).max):
        _, image = read_source(make_source(path, nodata=nodata), site=site, settings=SETTINGS)
        assert image.valid.mean() > 0.9


def test_a_raster_that_claims_to_be_larger_than_any_scene_is_refused_unread(
    tmp_path, geotiff, make_site, make_source
):
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 4, "crs": "EPSG:32722"}
    path = tmp_path / "huge.tif"
    with rasterio.open(
        path, "w", width=40_001, height=600, transform=DELIVERED, sparse_ok=True, **profile
    ):
        pass
    assert path.stat().st_size < 1_000_000
    assert "larger than any scene" in refusal(path, make_source, make_site)


def test_a_raster_of_one_vast_block_is_refused_unread(tmp_path, geotiff, make_site, make_source):
    """Two megabytes that GDAL would unpack to two gigabytes to read one pixel."""
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 4, "crs": "EPSG:32722"}
    path = tmp_path / "strip.tif"
    with rasterio.open(
        path, "w", width=16_000, height=16_000, transform=DELIVERED, sparse_ok=True, tiled=True,
        blockxsize=16_000, blockysize=16_000, compress="DEFLATE", **profile
    ):  # fmt: skip
        pass
    assert path.stat().st_size < 1_000_000
    assert "blocks are larger" in refusal(path, make_source, make_site)


def test_an_overview_is_too_coarse(tmp_path, geotiff, make_source, make_site):
    transform = DELIVERED @ Affine.scale(16.0)
    path = geotiff(tmp_path / "small.tif", water(), crs="EPSG:32722", transform=transform)
    assert "160.0 m" in refusal(path, make_source, make_site)


@pytest.mark.parametrize(
    "aoi",
    [
        shapely.box(-48.40, -25.53, -48.39, -25.52),
        shapely.box(-48.53, 25.52, -48.52, 25.53),
        shapely.box(131.8, 43.1, 131.9, 43.2),
    ],
    ids=["next bay", "mirrored north", "other side of the Earth"],
)
def test_a_raster_elsewhere_does_not_meet_the_site(good, make_source, make_site, aoi):
    with pytest.raises(BadInput, match=r"does not meet the area of interest: roads\.tif"):
        read_source(make_source(good), site=make_site(aoi), settings=SETTINGS)
