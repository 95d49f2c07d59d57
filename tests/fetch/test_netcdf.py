"""Sentinel-2 as openEO writes it: one variable a band, a time axis, and the day alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.warp import transform_bounds
from scipy.io import netcdf_file

from pipeline.errors import BadInput
from pipeline.fetch.netcdf import read_netcdf
from pipeline.fetch.settings import NetcdfDefaults
from pipeline.records import Site
from pipeline.scene.netcdf import is_netcdf, variables
from pipeline.scene.read import read_source
from pipeline.scene.settings import Settings

DEFAULTS = NetcdfDefaults(scale=1e-4, offset=-0.1)
EXTENT = shapely.box(8.7, 44.3, 9.0, 44.5)


@dataclass(frozen=True, kw_only=True)
class One:
    name: str
    times: tuple[float, ...] = (11993.0, 11998.0)
    units: str = "days since 1990-01-01"
    nodata: float | None = 0.0
    footprint: shapely.Geometry = field(default_factory=lambda: EXTENT)


def test_each_time_step_is_a_scene_of_its_bands(tmp_path):
    first, second = read_netcdf(tmp_path / "a.nc", [One(name="B08"), One(name="B03")], DEFAULTS)

    assert [(b.name, b.index, b.offset) for b in second.source.bands] == [
        ("B03", 2, -0.1),
        ("B08", 2, -0.1),
    ]
    assert second.source.sensed_at - first.source.sensed_at == timedelta(days=5)
    assert first.source.source_id != second.source.source_id


def test_midnight_is_the_day_alone_and_the_orbit_gives_the_time(tmp_path):
    (first, _) = read_netcdf(tmp_path / "a.nc", [One(name="B08")], DEFAULTS)

    assert abs(first.source.sensed_at - datetime(2022, 11, 2, 10, 28, tzinfo=UTC)) < timedelta(
        minutes=20
    )
    assert "from the orbit" in first.source.product_ids[0]


def test_a_time_of_day_is_believed(tmp_path):
    layer = One(name="B08", times=(36000.0,), units="seconds since 2024-03-07T00:00:00Z")
    (only,) = read_netcdf(tmp_path / "a.nc", [layer], DEFAULTS)

    assert only.source.sensed_at == datetime(2024, 3, 7, 10, tzinfo=UTC)
    assert "orbit" not in only.source.product_ids[0]


def write_netcdf(path, layers, times):
    """As openEO writes it, in the older of the two formats; layers are (times, y, x) arrays."""
    with netcdf_file(path, "w") as file:
        _, height, width = next(iter(layers.values())).shape
        for name, values in (
            ("t", np.array(times, float)),
            ("y", 4_920_000.0 - 5.0 - 10.0 * np.arange(height)),
            ("x", 490_000.0 + 5.0 + 10.0 * np.arange(width)),
        ):
            file.createDimension(name, len(values))
            file.createVariable(name, "d", (name,))[:] = values
        file.variables["t"].units = "days since 1990-01-01"
        for axis in "yx":
            file.variables[axis].units = "m"
            file.variables[axis].standard_name = f"projection_{axis}_coordinate"
        file.createVariable("crs", "c", ()).spatial_ref = CRS.from_epsg(32632).to_wkt()
        for name, values in layers.items():
            variable = file.createVariable(name, "h", ("t", "y", "x"))
            variable[:] = values
            variable.grid_mapping = "crs"


def test_the_classification_of_each_step_is_that_steps_clouds(tmp_path):
    rng = np.random.default_rng(3)
    level = rng.normal(1400, 20, (2, 60, 90)).astype(np.int16)
    classes = np.full((2, 60, 90), 6, np.int16)
    classes[1, 10:40, 20:70] = 9
    path = tmp_path / "a.nc"
    write_netcdf(path, {"B08": level, "B03": level, "SCL": classes}, (11993.0, 11998.0))
    west, south, east, north = transform_bounds(
        "EPSG:32632", "EPSG:4326", 490_100, 4_919_500, 490_800, 4_919_900
    )
    site = Site(site_id="genoa", name="", country="", aoi=shapely.box(west, south, east, north),
                zones=(), water=(), land=(), source="", digitised_on="")  # fmt: skip

    described = read_netcdf(path, variables(path), DEFAULTS)
    clear, cloudy = (
        read_source(one.source, site=site, settings=Settings())[1] for one in described
    )

    assert not clear.said_cloud.any()
    left, _, _, top = bounds_of(cloudy.grid)
    row, col = round((4_920_000 - top) / 10), round((left - 490_000) / 10)
    height, width = cloudy.said_cloud.shape
    assert np.array_equal(cloudy.said_cloud, classes[1, row : row + height, col : col + width] == 9)


@pytest.mark.parametrize(
    ("layers", "defaults", "says"),
    [
        ([One(name="B08")], None, "netcdf_defaults"),
        ([One(name="SCL")], DEFAULTS, "no band we use"),
        ([], DEFAULTS, "no band we use"),
        ([One(name="B08", units="months since then")], DEFAULTS, "not understood"),
        ([One(name="B08", times=(1e12,))], DEFAULTS, "off the calendar"),
        ([One(name="B08"), One(name="B04", times=(1.0,))], DEFAULTS, "different times"),
        ([One(name="B08"), One(name="SCL", times=(1.0,))], DEFAULTS, "different times"),
    ],
)
def test_what_cannot_be_a_scene_is_refused_in_one_message(tmp_path, layers, defaults, says):
    with pytest.raises(BadInput, match=says):
        read_netcdf(tmp_path / "a.nc", layers, defaults)


def test_what_only_claims_to_be_a_netcdf_is_refused(tmp_path):
    path = tmp_path / "broken.nc"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))

    assert is_netcdf(path)
    with pytest.raises(BadInput, match=r"broken\.nc"):
        variables(path)
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(BadInput, match="Not a raster"):
        variables(tmp_path / "text.nc")


@pytest.mark.real_data
def test_the_real_file_is_read_where_it_lies_and_as_it_is(reference_data):
    path = reference_data / "s2_genoa_cloudy/openEO.nc"
    (described,) = read_netcdf(path, variables(path), NetcdfDefaults(scale=1e-4))
    west, south, east, north = described.footprint.bounds
    aoi = shapely.box(west + 0.02, south + 0.01, east - 0.02, north - 0.02)
    site = Site(site_id="genoa", name="", country="", aoi=aoi, zones=(), water=(), land=(),
                source="", digitised_on="")  # fmt: skip

    scene, image = read_source(described.source, site=site, settings=Settings())

    assert scene.sensed_at.date().isoformat() == "2022-11-02"
    assert image.bands == ("B02", "B03", "B04", "B08")
    with rasterio.open(f'netcdf:"{path}":B04') as dataset:
        window = dataset.window(*bounds_of(image.grid))
        truth = dataset.read(1, window=window)
    assert np.array_equal(np.round(image.band("B04") * 1e4)[image.valid], truth[image.valid])


def bounds_of(grid):
    return (
        grid.x_min_m,
        grid.y_max_m - grid.height * 10.0,
        grid.x_min_m + grid.width * 10.0,
        grid.y_max_m,
    )
