"""SAFE products as ESA delivers them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from pipeline.errors import BadInput
from pipeline.fetch.safe import read_safe
from pipeline.records import Sensor

FORMATS = "formats/xarray_sentinel/tests/data"
GRD = "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE"


def test_a_level_2a_product_tells_time_bands_and_offsets(tmp_path, s2_safe):
    source = read_safe(s2_safe(tmp_path)).source
    # the tile's own sensing time, ten minutes after the datatake's start
    assert source.sensed_at == datetime(2024, 3, 7, 13, 22, 41, 500_000, tzinfo=UTC)
    assert (source.platform, source.relative_orbit) == ("sentinel-2b", 38)
    assert source.processing_baseline == "05.10"
    # band_id counts from B01 = 0, so that B08 is 7; B8A would be 8
    assert {b.name: b.offset for b in source.bands} == pytest.approx(
        {"B02": -0.1001, "B03": -0.1002, "B04": -0.1003, "B08": -0.1007}
    )
    assert {b.scale for b in source.bands} == {1e-4}
    assert all(f"_{b.name}_10m.jp2" in b.path.name for b in source.bands)


def test_a_level_2a_product_brings_its_scene_classification_where_it_has_one(tmp_path, s2_safe):
    folder = s2_safe(tmp_path)
    assert read_safe(folder).source.classes is None
    (granule,) = (folder / "GRANULE").iterdir()
    path = granule / "IMG_DATA/R20m/T22JGS_20240307T132231_SCL_20m.jp2"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")

    source = read_safe(folder).source

    assert source.classes is not None
    assert source.classes.path == path
    assert path in source.files()


def test_before_baseline_4_there_is_no_offset_and_after_it_there_must_be(tmp_path, s2_safe):
    old = read_safe(s2_safe(tmp_path / "old", baseline="03.01", offsets="")).source
    assert {b.offset for b in old.bands} == {0.0}
    with pytest.raises(BadInput, match="lacks the radiometric offsets"):
        read_safe(s2_safe(tmp_path / "new", baseline="04.00", offsets=""))


def test_a_sentinel_1_product_tells_how_it_looked(tmp_path, s1_safe):
    described = read_safe(s1_safe(tmp_path))
    source = described.source
    assert source.sensor is Sensor.S1
    assert source.sensed_at == datetime(2024, 3, 7, 8, 50, 21, 437_000, tzinfo=UTC)
    assert [b.name for b in source.bands] == ["VV", "VH"]
    assert source.heading_deg == pytest.approx(347.5)
    assert source.orbit_state == "ascending"
    # half the two-way time at the speed of light, over |(2, 3, 6)| = 7 km/s
    expected = 0.5 * 5.4e-3 * 299_792_458.0 / 7000.0
    assert source.range_over_velocity_s == pytest.approx(expected)
    assert described.footprint.bounds == (-48.9, -25.9, -48.0, -25.1)


def test_a_product_without_calibration_is_named(tmp_path, s1_safe):
    with pytest.raises(BadInput, match="lacks its calibration: S1A_IW_GRDH"):
        read_safe(s1_safe(tmp_path, calibrated=False))


@pytest.mark.parametrize(
    ("pattern", "content"),
    [
        ("MTD_MSIL2A.xml", None),
        ("MTD_MSIL2A.xml", "<a"),
        ("MTD_MSIL2A.xml", "<a/>"),
        (
            "MTD_MSIL2A.xml",
            "<a><BOA_QUANTIFICATION_VALUE>0</BOA_QUANTIFICATION_VALUE></a>",
        ),
        (
            "MTD_MSIL2A.xml",
            (
                "<a><BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE>"
                '<BOA_ADD_OFFSET band_id="1">-1000</BOA_ADD_OFFSET></a>'
            ),
        ),
        ("GRANULE/*/MTD_TL.xml", "<a><SENSING_TIME>noon</SENSING_TIME></a>"),
        ("GRANULE/*/IMG_DATA/R10m/*_B08_10m.jp2", None),
    ],
)
def test_a_damaged_product_is_refused(tmp_path, s2_safe, pattern, content):
    folder = s2_safe(tmp_path)
    (part,) = folder.glob(pattern)
    if content is None:
        part.unlink()
    else:
        part.write_text(content)
    with pytest.raises(BadInput):
        read_safe(folder)


@pytest.mark.parametrize("name", ["S1A_IW_SLC__1SDV_X.SAFE", "S3A_OL_1.SAFE", "holiday.SAFE"])
def test_another_kind_of_product_is_named(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    with pytest.raises(BadInput, match=f"of a kind that is not used: {name}"):
        read_safe(folder)


# ------------------------------------------------------------------ as ESA wrote them


def manifest_corners(product):
    """(lon, lat) of the frame, from a part of the product that the program never reads."""
    said = re.search(r"<gml:coordinates>([^<]+)<", (product / "manifest.safe").read_text())
    return [tuple(map(float, pair.split(",")))[::-1] for pair in said.group(1).split()]


@pytest.mark.real_data
def test_a_real_grd_has_the_time_of_its_name_and_the_place_of_its_manifest(
    reference_data, tmp_path
):
    sample = reference_data / FORMATS / GRD
    folder = tmp_path / GRD
    (folder / "annotation" / "calibration").mkdir(parents=True)
    for part in ("measurement/*.tiff", "annotation/*.xml"):
        for path in sample.glob(part):
            target = folder / path.relative_to(sample)
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(path)
    (measurement,) = folder.glob("measurement/*.tiff")
    # the sample was published without it
    (folder / "annotation/calibration" / f"calibration-{measurement.stem}.xml").write_text("<a/>")

    described = read_safe(folder)

    source = described.source
    assert source.sensed_at.strftime("%Y%m%dT%H%M%S") == GRD.split("_")[4]
    assert source.platform == "sentinel-1b"
    assert [b.name for b in source.bands] == ["VV"]
    assert 30.0 < source.incidence_deg < 46.0
    # 700 km up at 7.6 km/s: the published R/V of Sentinel-1 IW is 105 to 130 s
    assert 100.0 < source.range_over_velocity_s < 135.0
    # heights move the grid's corners by up to 4 km against the manifest's ground frame
    west, south, east, north = described.footprint.bounds
    corners = manifest_corners(sample)
    assert (west, east) == pytest.approx(
        (min(c[0] for c in corners), max(c[0] for c in corners)), abs=0.05
    )
    assert (south, north) == pytest.approx(
        (min(c[1] for c in corners), max(c[1] for c in corners)), abs=0.05
    )
    # descending: south and a little west
    assert source.orbit_state == "descending"
    assert 185.0 < source.heading_deg < 200.0


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (GRD, "lacks its calibration"),
        ("S1A_S6_SLC__1SDV_20210402T115512_20210402T115535_037271_046407_39FD.SAFE", "not used"),
        ("S1B_WV_SLC__1SSV_20210403T083025_20210403T084452_026300_032390_D542.SAFE", "not used"),
        (
            "S2A_MSIL1C_20210403T101021_N0300_R022_T33TUM_20210403T110551.SAFE",
            "lacks its product metadata",
        ),
    ],
)
def test_a_real_product_that_is_no_scene_says_why(reference_data, name, reason):
    with pytest.raises(BadInput, match=f"{reason}.*{name[:30]}"):
        read_safe(reference_data / FORMATS / name)
