"""Folders of strangers: every scene is found once, and what is none is named with its reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import shapely
from pydantic import ValidationError

from pipeline.errors import BadInput, UsageError
from pipeline.fetch.folder import Tools, find_sources
from pipeline.fetch.settings import GeotiffDefaults, Settings

EXTENT = shapely.box(-48.6, -25.6, -48.4, -25.4)
DEFAULTS = GeotiffDefaults(sensed_at=datetime(2024, 3, 7, 13, tzinfo=UTC))


def found(folder, settings=None, extent=lambda _: EXTENT):
    tools = Tools(footprint_of=extent, layers_of=lambda _: [], unpack_to=folder / ".unpacked")
    return find_sources(folder, settings=settings or Settings(), tools=tools)


def ids(result):
    return [described.source.source_id for described in result.sources]


def test_all_three_kinds_are_found_at_any_depth_in_the_order_of_time(
    tmp_path, make_item, s2_safe, s1_safe
):
    make_item(tmp_path / "b" / "deep")
    s2_safe(tmp_path / "a")
    s1_safe(tmp_path)
    bare = tmp_path / "c" / "roads.TIF"
    bare.parent.mkdir()
    bare.write_bytes(b"II*\0")
    result = found(tmp_path, Settings(geotiff_defaults=DEFAULTS))
    assert [name[:8] for name in ids(result)] == ["S1A_IW_G", "S2_roads", "S2B_22JG", "S2B_MSIL"]
    times = [described.source.sensed_at for described in result.sources]
    assert times == sorted(times)
    assert all(described.footprint is not None for described in result.sources)
    assert not result.rejected


def test_a_products_own_rasters_are_no_scenes_of_their_own(tmp_path, make_item, s1_safe):
    s1_safe(tmp_path)
    make_item(tmp_path / "item")
    assert len(found(tmp_path, Settings(geotiff_defaults=DEFAULTS)).sources) == 2


def test_the_folder_may_be_the_product_itself(tmp_path, s1_safe):
    assert len(found(s1_safe(tmp_path)).sources) == 1


def test_what_cannot_be_read_is_named_and_the_others_go_on(tmp_path, make_item, s2_safe):
    make_item(tmp_path / "good")
    make_item(tmp_path / "bad", id="X", geometry=None)
    (s2_safe(tmp_path) / "MTD_MSIL2A.xml").unlink()
    (tmp_path / "undescribed.tif").write_bytes(b"II*\0")
    result = found(tmp_path)
    assert ids(result) == ["S2B_22JGS_20240307"]
    reasons = {name.split("/")[-1]: str(error) for name, error in result.rejected}
    assert len(reasons) == 3
    assert "lacks what a scene needs" in reasons["item.json"]
    assert "that nothing describes" in reasons["undescribed.tif"]
    (safe,) = (reason for name, reason in reasons.items() if name.endswith(".SAFE"))
    assert "lacks its product metadata" in safe


def test_a_raster_that_lies_nowhere_is_rejected_by_its_name(tmp_path):
    (tmp_path / "nowhere.tif").write_bytes(b"II*\0")

    def nowhere(path):
        raise BadInput("Raster has no CRS", where=path.name)

    result = found(tmp_path, Settings(geotiff_defaults=DEFAULTS), nowhere)
    assert result.sources == []
    assert [name for name, _ in result.rejected] == ["nowhere.tif"]


def test_a_raster_that_no_item_names_is_a_scene_of_its_own(tmp_path, make_item):
    make_item(tmp_path)
    (tmp_path / "harbour.tif").write_bytes(b"II*\0")
    result = found(tmp_path, Settings(geotiff_defaults=DEFAULTS))
    assert sorted(ids(result)) == ["S2B_22JGS_20240307", "S2_harbour"]
    assert [name for name, _ in found(tmp_path).rejected] == ["harbour.tif"]


def test_assets_in_folders_below_their_item_are_no_scenes_of_their_own(tmp_path, make_item):
    path = make_item(tmp_path)
    (tmp_path / "bands").mkdir()
    (tmp_path / "nir.tif").rename(tmp_path / "bands" / "nir.tif")
    path.write_text(path.read_text().replace("./nir.tif", "bands/nir.tif"))
    result = found(tmp_path, Settings(geotiff_defaults=DEFAULTS))
    assert ids(result) == ["S2B_22JGS_20240307"]
    assert result.sources[0].source.bands[-1].path.parent.name == "bands"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("openEO.nc", "netcdf_defaults"),
        ("B08.jp2", "SAFE product"),
        ("mosaic.vrt", "GeoTIFFs it names"),
        ("S2A_MSIL1C.ZIP", "Fetch it again"),
    ],
)
def test_what_may_be_a_scene_in_another_form_is_named_with_what_to_do(
    tmp_path, make_item, name, advice
):
    make_item(tmp_path / "good")
    (tmp_path / name).write_bytes(b"CDF\1")
    result = found(tmp_path)
    assert len(result.sources) == 1
    ((rejected, error),) = result.rejected
    assert rejected == name
    assert name in str(error)
    assert advice in str(error)


def test_two_scenes_of_one_name_are_not_silently_one(tmp_path, make_item):
    for folder in ("a", "b"):
        make_item(tmp_path / folder)
    result = found(tmp_path)
    assert len(result.sources) == 1
    ((rejected, error),) = result.rejected
    assert rejected == "b/item.json"
    assert "twice: S2B_22JGS_20240307" in str(error)


def test_papers_beside_the_scenes_are_passed_over(tmp_path, make_item):
    make_item(tmp_path / "scene")
    for name, text in (("notes.txt", "hello"), ("other.json", "{}"), ("broken.json", "[" * 90_000)):
        (tmp_path / name).write_text(text)
    result = found(tmp_path)
    assert len(result.sources) == 1
    assert not result.rejected


def test_bare_geotiffs_are_what_the_configuration_says(tmp_path):
    (tmp_path / "roads.tif").write_bytes(b"II*\0")
    defaults = GeotiffDefaults(
        sensed_at=DEFAULTS.sensed_at,
        sensed_at_is_placeholder=True,
        bands=("B04", "B08"),
        offset=-0.1,
    )
    (described,) = found(tmp_path, Settings(geotiff_defaults=defaults)).sources
    source = described.source
    assert [(b.name, b.index, b.scale, b.offset) for b in source.bands] == [
        ("B04", 1, 1e-4, -0.1),
        ("B08", 2, 1e-4, -0.1),
    ]
    # a time that is made up never passes for a time that was measured
    assert source.product_ids == ("roads.tif placeholder-20240307T130000Z",)
    assert described.footprint == EXTENT


def test_excluded_paths_are_not_looked_at(tmp_path, make_item):
    make_item(tmp_path / "scenes" / "one")
    make_item(tmp_path / "native" / "two", id="two")
    assert len(found(tmp_path).sources) == 2
    assert ids(found(tmp_path, Settings(exclude=("native/*/*",)))) == ["S2B_22JGS_20240307"]


def test_a_folder_that_is_not_there_or_is_a_whole_disk_is_refused(tmp_path, make_item):
    with pytest.raises(UsageError, match="Scene folder not found"):
        found(tmp_path / "gone")
    make_item(tmp_path)
    with pytest.raises(UsageError, match="too many files"):
        found(tmp_path, Settings(max_files=3))


@pytest.mark.parametrize("said", ["2024-03-07T13:00:00", datetime(2024, 3, 7, 13)])  # noqa: DTZ001
def test_a_configured_time_without_zone_is_refused(said):
    with pytest.raises(ValidationError, match="timezone"):
        GeotiffDefaults(sensed_at=said)
