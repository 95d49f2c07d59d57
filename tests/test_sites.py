"""A sites file is read, or refused with the feature and the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.sites import load_sites

ROOT = Path(__file__).parents[1]


def square(lon: float, lat: float, side: float) -> dict:
    ring = [[lon, lat], [lon + 2 * side, lat], [lon + 2 * side, lat + side], [lon, lat + side]]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def feature(kind="site", geometry=None, **properties) -> dict:
    known = {"kind": kind, "site_id": "alder", "source": "a chart", "digitised_on": "2026-11-24"}
    return {
        "type": "Feature",
        "properties": {**known, **properties},
        "geometry": geometry or square(132.0, 42.0, 0.05),
    }


def write(tmp_path: Path, *features: dict) -> Path:
    path = tmp_path / "sites.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_a_berth_wins_over_the_anchorage_around_it(tmp_path):
    wide = feature("zone", zone_id="roads", role="anchorage", geometry=square(132.0, 42.0, 0.04))
    narrow = feature(
        "zone", zone_id="oil-1", role="load", cargo="oil products",
        geometry=square(132.01, 42.01, 0.005),
    )  # fmt: skip
    (site,) = load_sites(write(tmp_path, feature(), wide, narrow))
    assert site.zone_at(132.012, 42.012).zone_id == "oil-1"
    assert site.zone_at(132.002, 42.002).zone_id == "roads"
    assert site.zone_at(131.0, 42.0) is None


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (feature(source=""), "has no `source`"),
        (feature(kind="quay"), "unknown kind"),
        (feature(geometry={"type": "Polygon", "coordinates": []}), "is empty"),
        (feature(geometry={"type": "Point", "coordinates": [1, 2]}), "polygon with area"),
        (feature("zone", zone_id="x", role="parking"), "parking"),
        (feature("zone", site_id="birch", zone_id="x", role="load"), "No such site"),
    ],
    ids=["no source", "kind", "empty AOI", "point", "role", "zone without site"],
)
def test_a_wrong_feature_is_one_clear_error(tmp_path, broken, said):
    with pytest.raises(UsageError, match=said):
        load_sites(write(tmp_path, feature(), broken))


def test_an_unknown_site_names_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="alder"):
        load_sites(write(tmp_path, feature()), ("aspen",))


def test_a_missing_file_and_a_file_of_another_kind(tmp_path):
    with pytest.raises(UsageError, match="not found"):
        load_sites(tmp_path / "none.geojson")
    (tmp_path / "text").write_text("[1, 2]")
    with pytest.raises(UsageError, match="not GeoJSON"):
        load_sites(tmp_path / "text")


@pytest.mark.parametrize("path", sorted((ROOT / "configs/sites").glob("*.geojson")), ids=str)
def test_shipped_sites_load_and_zones_lie_inside_their_area(path):
    for site in load_sites(path):
        for zone in site.zones:
            assert zone.polygon.within(site.aoi.buffer(1e-4)), zone.zone_id
