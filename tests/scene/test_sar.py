"""Sentinel-1 GRD in radar geometry: calibrated by its table, placed by its grid, at sea level."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import pyproj
import pytest
import shapely
from rasterio.transform import Affine

from pipeline.errors import BadInput
from pipeline.records import Sensor
from pipeline.scene.geolocation import TAGS, read_geolocation
from pipeline.scene.read import read_source
from pipeline.scene.settings import Settings

GEOD = pyproj.Geod(ellps="WGS84")
LINES, PIXELS = 240, 360
LON0, LAT0 = -48.56, -25.60
GRID_LINES, GRID_PIXELS = (0, 80, 160, 239), (0, 90, 180, 270, 359)
FIRST_AT = datetime(2024, 3, 7, 8, 50, 21, tzinfo=UTC)
STEM = "s1a-iw-grd-vv-20240307t085021"
SHIP = (120, 200)
"""Line and pixel."""


def sea_place(line, pixel):
    """An ascending pass looking right: pixels run east, lines north, both turned a little."""
    return LON0 + 1e-4 * pixel - 1.5e-5 * line, LAT0 + 0.9e-4 * line + 1.2e-5 * pixel


def incidence(pixel):
    return 35.0 + pixel / 100.0


def annotation(height_by_pixel=None):
    points = []
    for line in GRID_LINES:
        for pixel in GRID_PIXELS:
            lon, lat = sea_place(line, pixel)
            away = GEOD.inv(*sea_place(line, pixel), *sea_place(line, pixel + 1))[0]
            height = (height_by_pixel or {}).get(pixel, 0.0)
            # equal slant range: what stands higher lies farther away
            lon, lat, _ = GEOD.fwd(lon, lat, away, height / np.tan(np.radians(incidence(pixel))))
            time = (FIRST_AT + timedelta(milliseconds=line * 1.5)).isoformat()[:26]
            points.append(
                f"<geolocationGridPoint><azimuthTime>{time}</azimuthTime>"
                f"<slantRangeTime>{5.4e-3 + pixel * 1e-7:.9e}</slantRangeTime>"
                f"<line>{line}</line><pixel>{pixel}</pixel><latitude>{lat:.12e}</latitude>"
                f"<longitude>{lon:.12e}</longitude><height>{height}</height>"
                f"<incidenceAngle>{incidence(pixel)}</incidenceAngle></geolocationGridPoint>"
            )
    return f"<product><geolocationGrid>{''.join(points)}</geolocationGrid></product>"


def calibration():
    """A runs from 200 at the first pixel to 400 at the last, the same in every line."""
    vectors = [
        f"<calibrationVector><line>{line}</line><pixel>0 180 359</pixel>"
        f"<sigmaNought>200 {200 + 200 * 180 / 359} 400</sigmaNought></calibrationVector>"
        for line in (-50, 150, 300)
    ]
    return f"<calibration>{''.join(vectors)}</calibration>"


@pytest.fixture
def product(tmp_path, geotiff):
    (tmp_path / "annotation" / "calibration").mkdir(parents=True)
    (tmp_path / "annotation" / f"{STEM}.xml").write_text(annotation())
    table = tmp_path / "annotation" / "calibration" / f"calibration-{STEM}.xml"
    table.write_text(calibration())
    pixels = np.full((1, LINES, PIXELS), 40, np.uint16)
    pixels[:, :60] = 0  # a border without data
    pixels[0, SHIP[0] - 1 : SHIP[0] + 2, SHIP[1] - 1 : SHIP[1] + 2] = 400
    geotiff(tmp_path / f"{STEM}.tiff", pixels, crs=None, transform=Affine.identity())
    return tmp_path


pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture
def read(product, make_source, make_site):
    def of(aoi=None):
        corners = [sea_place(*at) for at in ((70, 120), (70, 300), (170, 300), (170, 120))]
        source = make_source(
            product / f"{STEM}.tiff",
            bands=("VV",),
            sensor=Sensor.S1,
            scale=1.0,
            offset=0.0,
            calibration=product / "annotation/calibration" / f"calibration-{STEM}.xml",
        )
        site = make_site(shapely.Polygon(corners) if aoi is None else aoi)
        return read_source(source, site=site, settings=Settings())

    return of


def test_a_ship_lies_where_the_geolocation_grid_puts_its_pixel(read):
    _, image = read()
    power = image.band("VV")
    excess = np.where(image.valid, np.maximum(power - 0.1, 0.0), 0.0)
    rows, cols = np.mgrid[: image.grid.height, : image.grid.width] + 0.5
    centre = (rows * excess).sum() / excess.sum(), (cols * excess).sum() / excess.sum()
    assert GEOD.inv(*sea_place(*SHIP), *image.grid.lonlat_from_px(*centre))[2] < 2.0


def test_each_pixel_is_divided_by_its_own_gain(read):
    _, image = read()
    for pixel in (140, 250, 280):
        row, col = image.grid.px_from_lonlat(*sea_place(90, pixel))
        gain = 200.0 + 200.0 * pixel / 359.0
        found = image.band("VV")[int(row), int(col)]
        assert found == pytest.approx((40.0 / gain) ** 2, rel=0.01)


def test_thermal_noise_is_taken_off_and_what_it_leaves_is_never_below_zero(product, read):
    loud = 45.0**2  # more power than the sea's 40² in the far half
    table = product / "annotation/calibration" / f"noise-{STEM}.xml"
    table.write_text(
        "<noise>"
        + "".join(
            f"<noiseRangeVector><line>{line}</line><pixel>0 200 201 359</pixel>"
            f"<noiseRangeLut>900 900 {loud} {loud}</noiseRangeLut></noiseRangeVector>"
            for line in (0, 239)
        )
        + "</noise>"
    )
    _, image = read()
    for pixel, left in ((140, 40.0**2 - 900.0), (280, 0.0)):
        row, col = image.grid.px_from_lonlat(*sea_place(90, pixel))
        gain = 200.0 + 200.0 * pixel / 359.0
        assert image.band("VV")[int(row), int(col)] == pytest.approx(left / gain**2, rel=0.01)
        assert image.valid[int(row), int(col)]


def test_the_sites_own_time_angle_and_range_are_told(read):
    scene, _ = read()
    # the area's centre: line 120, pixel 210
    assert scene.sensed_at - FIRST_AT == pytest.approx(
        timedelta(milliseconds=180), abs=timedelta(milliseconds=2)
    )
    assert scene.incidence_deg == pytest.approx(incidence(210), abs=0.02)


def test_the_border_without_data_is_not_valid(read):
    corners = [sea_place(*at) for at in ((30, 120), (30, 300), (120, 300), (120, 120))]
    _, image = read(shapely.Polygon(corners))
    inside = [image.grid.px_from_lonlat(*sea_place(line, 200)) for line in (55, 65)]
    assert [bool(image.valid[int(row), int(col)]) for row, col in inside] == [False, True]


def test_a_site_outside_the_pass_is_refused(read):
    with pytest.raises(BadInput, match=f"does not meet the area of interest: {STEM}.tiff"):
        read(shapely.box(-48.3, -25.6, -48.2, -25.5))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<sigmaNought>200", "<sigmaNought>-200"),
        ("<sigmaNought>200", "<sigmaNought>nan"),
        ("<sigmaNought>200 ", "<sigmaNought>"),
        ("<line>-50</line>", ""),
        ("calibrationVector", "other"),
    ],
)
def test_a_damaged_calibration_is_named(product, read, old, new):
    (table,) = product.glob("annotation/calibration/calibration-*.xml")
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(BadInput, match=f"Calibration table is damaged: calibration-{STEM}.xml"):
        read()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<longitude>", "<longitude>x"),
        ("<line>80</line>", "<line>81</line>"),
        ("<pixel>90</pixel>", ""),
        ("<height>0.0</height>", "<height>nan</height>"),
        ("geolocationGridPoint", "other"),
    ],
)
def test_a_damaged_geolocation_grid_is_named(product, read, old, new):
    path = product / "annotation" / f"{STEM}.xml"
    path.write_text(path.read_text().replace(old, new, 2))
    with pytest.raises(BadInput):
        read()


def test_a_mountain_does_not_displace_the_harbour_beside_it(tmp_path):
    path = tmp_path / "annotation.xml"
    path.write_text(annotation({180: 300.0, 270: 2.0}))
    grid = read_geolocation(path)
    for line, pixel in ((40, 135), (120, 200), (80, 180), (200, 300)):
        found = grid.line_pixel(*map(np.array, sea_place(line, pixel)))
        assert [float(value) for value in found] == pytest.approx([line, pixel], abs=0.2)


def test_places_outside_the_pass_have_no_pixel_and_the_nearest_time(tmp_path):
    path = tmp_path / "annotation.xml"
    path.write_text(annotation())
    grid = read_geolocation(path)
    assert np.isnan(grid.line_pixel(np.array(-48.0), np.array(-25.6))).all()
    assert grid.at(*sea_place(-30, 0)).sensed_at == FIRST_AT
    assert grid.extent().covers(shapely.Point(sea_place(100, 100)))


@pytest.mark.real_data
def test_a_real_grid_places_and_times_its_own_points_at_sea_level(reference_data):
    """Points of the Po plain, whose few metres of height are reckoned with by hand."""
    samples = reference_data / "formats/xarray_sentinel/tests/data"
    (path,) = samples.glob("S1B_IW_GRDH*/annotation/*-vv-*.xml")
    points = [
        {child.tag: child.text for child in point}
        for point in ElementTree.parse(path).iter("geolocationGridPoint")
    ]
    assert len(points) == 210
    grid = read_geolocation(path)
    low = [p for p in points if float(p["height"]) < 100.0 and 0 < int(p["pixel"]) < 25_000]
    assert len(low) >= 4
    facts = {tag: np.array([float(point[tag]) for point in low]) for tag in TAGS}
    # what stands at sea level below a point is imaged farther from the sensor; pixels of 10 m
    later = facts["height"] / np.tan(np.radians(facts["incidenceAngle"])) / 10.0
    line, pixel = grid.line_pixel(facts["longitude"], facts["latitude"])
    assert line == pytest.approx(facts["line"], abs=0.5)
    assert pixel == pytest.approx(facts["pixel"] + later, abs=0.5)
    seen = grid.at(facts["longitude"][0], facts["latitude"][0])
    assert seen.incidence_deg == pytest.approx(facts["incidenceAngle"][0], abs=0.01)
    said = datetime.fromisoformat(low[0]["azimuthTime"]).replace(tzinfo=UTC)
    assert abs(seen.sensed_at - said) < timedelta(milliseconds=20)
