"""STAC items of strangers: what they say is taken as said, and no further than their folder."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
import shapely

from pipeline.errors import BadInput
from pipeline.fetch.stac import looks_like_item, read_stac_item
from pipeline.records import Sensor

EASTINGS = [[[7e5, 7e6], [8e5, 7e6], [8e5, 8e6], [7e5, 7e6]]]


def edited(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def test_an_item_of_an_open_archive(tmp_path, make_item):
    described = read_stac_item(make_item(tmp_path))
    source = described.source
    assert described.footprint.bounds == (-48.6, -25.6, -48.4, -25.4)
    assert source.sensed_at == datetime(2024, 3, 7, 13, 12, 9, 24_000, tzinfo=UTC)
    assert source.sensor is Sensor.S2
    assert source.product_ids == ("S2B_MSIL2A_20240307T131209.SAFE",)
    assert (source.processing_baseline, source.relative_orbit) == ("05.10", 38)
    assert [(b.name, b.path.name) for b in source.bands] == [
        ("B02", "blue.tif"), ("B03", "green.tif"), ("B04", "red.tif"), ("B08", "nir.tif"),
    ]  # fmt: skip
    assert {(b.scale, b.offset, b.nodata) for b in source.bands} == {(1e-4, -0.1, 0.0)}


@pytest.mark.parametrize(
    "facts",
    [
        {"raster:bands": [{"scale": 2e-4, "offset": -0.2, "nodata": 7}]},
        {"bands": [{"raster:scale": 2e-4, "raster:offset": -0.2, "nodata": 7}]},
        {"raster:scale": 2e-4, "raster:offset": -0.2, "nodata": 7},
        {"darkcall:scale": 2e-4, "darkcall:offset": -0.2, "darkcall:nodata": 7},
    ],
    ids=["raster extension 1", "STAC 1.1", "on the asset", "our own"],
)
def test_scale_and_offset_are_found_where_archives_put_them(tmp_path, make_item, facts):
    path = make_item(tmp_path)
    edited(path, lambda d: d["assets"].update(nir={"href": "nir.tif", **facts}))
    band = read_stac_item(path).source.bands[-1]
    assert (band.scale, band.offset, band.nodata) == (2e-4, -0.2, 7.0)


def test_sentinel_1_geometry_is_taken_along(tmp_path, make_item):
    path = make_item(tmp_path)
    (tmp_path / "vv.tif").write_bytes(b"")
    edited(path, lambda d: d.update(assets={"vv": {"href": "vv.tif"}}))
    edited(
        path,
        lambda d: d["properties"].update(
            {"platform": "sentinel-1a", "sat:orbit_state": "descending", "view:incidence_angle": 39}
        ),
    )
    source = read_stac_item(path).source
    assert source.sensor is Sensor.S1
    assert [b.name for b in source.bands] == ["VV"]
    assert (source.orbit_state, source.incidence_deg) == ("descending", 39.0)
    assert source.heading_deg is None


def test_a_time_without_zone_is_utc_and_another_zone_is_brought_to_it(tmp_path, make_item):
    path = make_item(tmp_path)
    for said in ("2024-03-07T13:12:09", "2024-03-07T10:12:09-03:00"):
        edited(path, lambda d, said=said: d["properties"].update(datetime=said))
        assert read_stac_item(path).source.sensed_at == datetime(2024, 3, 7, 13, 12, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "href",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "/vsicurl/http://example.org/nir.tif",
        "/vsizip/nir.zip/nir.tif",
        "../../nir.tif",
        "../nir.tif",
        "inner/../../nir.tif",
        "https://example.org/../nir.tif/",
        "s3://bucket/",
        "https://example.org/link.tif",
        "n" * 300,
        "loop.tif",
        "GTIFF_DIR:1:nir.tif",
        "nir.tif\0.png",
        ".",
        "",
        "link.tif",
    ],
)
def test_an_asset_outside_the_items_folder_is_refused(tmp_path, make_item, href):
    folder = tmp_path / "delivered" / "scene"
    path = make_item(folder)
    for place in (tmp_path, tmp_path / "delivered"):
        (place / "nir.tif").write_bytes(b"II*\0")  # it is there, and still not the item's
    (folder / "nir.tif").unlink()
    (folder / "link.tif").symlink_to(tmp_path / "nir.tif")
    (folder / "loop.tif").symlink_to(folder / "loop.tif")
    edited(path, lambda d: d["assets"]["nir"].update(href=href))
    with pytest.raises(BadInput, match=r"item\.json"):
        read_stac_item(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("id"),
        lambda d: d.update(id="../../../etc/cron.d/scene"),
        lambda d: d.update(id="a/b"),
        lambda d: d.update(id=".."),
        lambda d: d.update(id="x" * 300),
        lambda d: d.update(geometry={"type": "Point", "coordinates": [-48.5, -25.5]}),
        lambda d: d.update(geometry={"type": "Polygon", "coordinates": []}),
        lambda d: d.update(geometry={**d["geometry"], "coordinates": EASTINGS}),
        lambda d: d["properties"].update(platform="landsat-9"),
        lambda d: d["properties"].update({"view:incidence_angle": math.inf}),
        lambda d: d["assets"]["nir"].update({"raster:bands": []}),
        lambda d: d["assets"]["nir"].pop("raster:bands"),
        lambda d: d.pop("geometry"),
        lambda d: d.update(geometry=None),
        lambda d: d.update(geometry={"type": "Polygon", "coordinates": "everywhere"}),
        lambda d: d.update(properties=None),
        lambda d: d.update(properties=[1]),
        lambda d: d["properties"].pop("platform"),
        lambda d: d["properties"].update(gsd="fine"),
        lambda d: d.update(assets={}),
        lambda d: d.update(assets={"thumbnail": {"href": "nir.tif"}}),
        lambda d: d.update(assets=[]),
        lambda d: d["assets"].update(nir="nir.tif"),
        lambda d: d["assets"]["nir"].pop("href"),
        lambda d: d["assets"]["nir"].update({"raster:bands": {"scale": 1}}),
        lambda d: d["assets"]["nir"].update({"scale": "one in ten thousand"}),
        lambda d: d["assets"]["nir"].update({"scale": 0}),
        lambda d: d["assets"]["nir"].update({"scale": math.nan}),
        lambda d: d["assets"]["nir"].update({"scale": -1e-4}),
        lambda d: d["assets"]["nir"].update({"offset": math.inf}),
        lambda d: d["assets"]["nir"].update({"href": "gone.tif"}),
    ],
)
def test_an_item_that_lacks_something_is_named(tmp_path, make_item, change):
    with pytest.raises(BadInput, match=r"item\.json"):
        read_stac_item(edited(make_item(tmp_path), change))


def test_a_web_address_stands_for_the_file_of_its_name_beside_the_item(tmp_path, make_item):
    """Archives hand out items whose assets point to their own shelves."""
    path = make_item(tmp_path)
    for href in ("https://example.org/22/JGS/nir.tif?key=1", "s3://shelf/22/JGS/nir.tif"):
        edited(path, lambda d, href=href: d["assets"]["nir"].update(href=href))
        assert read_stac_item(path).source.bands[-1].path == (tmp_path / "nir.tif").resolve()
    (tmp_path / "nir.tif").unlink()
    with pytest.raises(BadInput, match=r"Asset is missing: item\.json .*nir\.tif.*Fetch it"):
        read_stac_item(path)


@pytest.mark.parametrize(
    ("applied", "offset"), [(True, 0.0), (False, -0.1), (None, -0.1)], ids=["yes", "no", "unsaid"]
)
def test_an_offset_that_the_archive_applied_is_not_applied_again(
    tmp_path, make_item, applied, offset
):
    """Earth Search's `sentinel-2-l2a` lists -0.1 with the bands even where its files have it."""
    path = make_item(tmp_path)
    if applied is not None:
        edited(path, lambda d: d["properties"].update({"earthsearch:boa_offset_applied": applied}))
    bands = read_stac_item(path).source.bands
    assert [(band.scale, band.offset) for band in bands] == [(1e-4, offset)] * 4


def test_a_footprint_that_crosses_itself_still_meets_its_site(tmp_path, make_item):
    ring = [[-48.6, -25.6], [-48.4, -25.4], [-48.4, -25.6], [-48.6, -25.4], [-48.6, -25.6]]
    path = make_item(tmp_path, geometry={"type": "Polygon", "coordinates": [ring]})
    footprint = read_stac_item(path).footprint
    assert footprint.is_valid
    assert footprint.intersects(shapely.Point(-48.59, -25.5))


@pytest.mark.real_data
def test_a_real_earth_search_item_finds_its_files_beside_it(reference_data):
    (path,) = reference_data.glob("formats/**/S2A_29RKH_20200219_0_L2A.json")
    described = read_stac_item(path)
    source = described.source
    assert source.sensed_at == datetime(2020, 2, 19, 11, 34, 25, 405_000, tzinfo=UTC)
    assert [(b.name, b.path) for b in source.bands] == [
        (name, path.resolve().parent / f"{name}.tif") for name in ("B02", "B03", "B04", "B08")
    ]
    assert {(b.scale, b.offset, b.nodata) for b in source.bands} == {(1e-4, 0.0, 0.0)}
    assert source.processing_baseline == "02.14"
    assert described.footprint.contains(shapely.Point(-11.5, 24.9))


def test_an_item_without_a_time_is_refused(tmp_path, make_item):
    path = edited(make_item(tmp_path), lambda d: d["properties"].update(datetime=None))
    with pytest.raises(BadInput, match="Not a time"):
        read_stac_item(path)


def test_only_items_look_like_items(tmp_path, make_item):
    assert looks_like_item(make_item(tmp_path))
    other = tmp_path / "other.json"
    for text in ("", "{}", "[]", "null", '{"type": "FeatureCollection"}', "[" * 100_000, "\xff"):
        other.write_text(text, encoding="latin-1")
        assert not looks_like_item(other)
    assert not looks_like_item(tmp_path / "gone.json")
