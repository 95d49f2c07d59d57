"""The catalogue opens in any STAC client as it is."""

from __future__ import annotations

import json
from datetime import timedelta

import pystac
import pytest

from pipeline.records import Detection
from pipeline.scene.catalogue import write_catalogue
from pipeline.scene.write import write_scene


def detection(scene, number, *, lon=-48.52, lat=-25.52):
    return Detection(
        detection_id=f"d-{number}",
        scene_id=scene.scene_id,
        site_id=scene.site_id,
        sensor=str(scene.sensor),
        sensed_at=scene.sensed_at,
        lon=lon,
        lat=lat,
        position_sigma_m=5.0,
        row_px=20.0,
        col_px=30.0,
        outline_px=[10.0, 28.0, 10.0, 32.0, 30.0, 32.0, 30.0, 28.0],
        score=0.9,
        length_m=200.0,
        length_sigma_m=9.0,
        width_m=32.0,
        width_sigma_m=5.0,
        axis_deg=12.0,
        axis_sigma_deg=2.0,
        contrast=8.0,
        p_tanker=0.6,
        p_tanker_basis="length",
        zone_id=None,
        shore_distance_m=400.0,
        cloud_score=0.0,
        empty_share=None,
        flags=[],
        screened=None,
        detector="cfar 1",
        model_sha256=None,
        chip=None,
    )


@pytest.fixture
def workspace(tmp_path, make_grid, make_image, make_scene, make_source):
    """Two scenes of a workspace and a catalogue beside them."""
    image = make_image(make_grid(20, 30))
    items, scenes = [], []
    for days in (2, 0):
        first = make_scene(image)
        scene = make_scene(
            image,
            scene_id=f"S2B_{days}_roads",
            sensed_at=first.sensed_at + timedelta(days=days),
        )
        folder = tmp_path / "work" / f"scene-{days}"
        folder.mkdir(parents=True)
        write_scene(folder, scene, image, source_sha256="0" * 64)
        items.append(folder / "item.json")
        scenes.append(scene)
    found = [detection(scenes[0], 1), detection(scenes[1], 2, lat=-25.6)]
    out = tmp_path / "out" / "catalogue"
    out.mkdir(parents=True)
    write_catalogue(out, items=items, detections=found, title="Paranaguá")
    return out, items, found


def test_the_catalogue_is_valid_and_lists_everything_once(workspace):
    out, _, _ = workspace
    catalogue = pystac.Catalog.from_file(out / "catalog.json")
    assert catalogue.validate_all() == 4
    for object_ in (catalogue, *catalogue.get_children()):
        object_.validate()
    names = {
        child.id: [item.id for item in child.get_items()] for child in catalogue.get_children()
    }
    assert names == {"scenes": ["S2B_2_roads", "S2B_0_roads"][::-1], "detections": ["d-1", "d-2"]}


def test_every_link_and_asset_leads_to_a_file(workspace):
    out, _, _ = workspace
    documents = sorted(out.rglob("*.json"))
    assert len(documents) == 1 + 2 + 4
    hrefs = 0
    for path in documents:
        document = json.loads(path.read_text())
        assets = document.get("assets", {}).values()
        for link in [*document["links"], *assets]:
            assert not link["href"].startswith(("/", "file:", "http")), link
            assert (path.parent / link["href"]).is_file(), link
            hrefs += 1
    assert hrefs > 20


def test_the_extent_is_that_of_the_items(workspace):
    out, items, found = workspace
    scenes = pystac.Collection.from_file(out / "scenes" / "collection.json")
    boxes = [json.loads(item.read_text())["bbox"] for item in items]
    assert scenes.extent.spatial.bboxes == [boxes[0]]
    assert scenes.extent.temporal.intervals == [[found[1].sensed_at, found[0].sensed_at]]
    detections = pystac.Collection.from_file(out / "detections" / "collection.json")
    ((west, south, east, north),) = detections.extent.spatial.bboxes
    assert south < -25.6 < -25.52 < north
    assert west < -48.52 < east
    assert north - south < 0.1


def test_a_detection_keeps_its_place_time_and_facts(workspace):
    out, _, found = workspace
    items = pystac.Catalog.from_file(out / "catalog.json").get_child("detections").get_items()
    item = next(item for item in items if item.id == "d-1")
    assert item.geometry["coordinates"] == [found[0].lon, found[0].lat]
    assert item.datetime == found[0].sensed_at
    assert item.properties["darkcall:length_m"] == 200.0
    assert item.properties["darkcall:p_tanker_basis"] == "length"


def test_a_catalogue_of_nothing_is_valid(tmp_path):
    write_catalogue(tmp_path, items=[], detections=[], title="Nothing")
    catalogue = pystac.Catalog.from_file(tmp_path / "catalog.json")
    assert catalogue.validate_all() == 0
    assert {child.id for child in catalogue.get_children()} == {"scenes", "detections"}


def test_the_same_content_in_any_order_is_the_same_bytes(workspace, tmp_path):
    out, items, found = workspace
    again = tmp_path / "out" / "again"
    again.mkdir()
    write_catalogue(again, items=items[::-1], detections=found[::-1], title="Paranaguá")
    for path in out.rglob("*.json"):
        assert path.read_bytes() == (again / path.relative_to(out)).read_bytes(), path.name
