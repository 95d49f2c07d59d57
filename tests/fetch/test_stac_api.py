"""The real clients against a STAC API that pages, fails, and sometimes lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp
import shapely
from rasterio.transform import Affine

from pipeline.errors import BadInput, TryLater
from pipeline.fetch.addresses import checked
from pipeline.fetch.passes import passes_of
from pipeline.fetch.said import reason
from pipeline.fetch.settings import StacProvider
from pipeline.fetch.stac import band_hrefs
from pipeline.fetch.stac_api import search
from pipeline.records import Sensor
from pipeline.scene.remote import copy_window
from tests.fetch.provider import Serving, days

CRS, LEFT, TOP = "EPSG:32722", 740_000.0, 7_174_000.0  # Paranaguá, 25° S
FIRST = datetime(2024, 3, 7, 13, 12, 9, tzinfo=UTC)
AOI = shapely.box(-48.611, -25.545, -48.595, -25.535)
START, END = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path):
    with Serving(tmp_path / "archive") as served:
        yield served


def provider(archive, **changes):
    return StacProvider(
        kind="stac", name="loopback", url=f"{archive.url}/", collections=("sentinel-2-l2a",),
        **{"retries": 3, "timeout_s": 5.0, **changes},
    )  # fmt: skip


def ids(items):
    return [item["id"] for item in items]


def test_all_pages_are_read_and_only_the_period_and_the_place_count(archive):
    wanted = [archive.add(CRS, LEFT, TOP, at) for at in days(FIRST, 5)]
    archive.add(CRS, LEFT + 90_000, TOP, FIRST)
    archive.add(CRS, LEFT, TOP, FIRST - timedelta(days=30))
    archive.add(CRS, LEFT, TOP, END)

    found = search(provider(archive), AOI, START, END)

    assert ids(found) == ids(wanted)
    assert archive.asked["/search"] == 3


@pytest.mark.parametrize("fault", ["500", "503", "429"])
def test_a_fault_that_passes_is_waited_out(archive, fault):
    archive.add(CRS, LEFT, TOP, FIRST)
    archive.fault = lambda path, count: fault if path == "/search" and count < 3 else None

    assert len(search(provider(archive), AOI, START, END)) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("503", TryLater, "API fails"),
        ("403", BadInput, "refuses"),
        ("html", BadInput, "not understood"),
        ("truncated", BadInput, "not understood"),
        ("302 http://169.254.169.254/latest/", BadInput, "refuses"),
    ],
)
def test_a_fault_that_stays_is_one_message(archive, fault, kind, says):
    archive.add(CRS, LEFT, TOP, FIRST)
    archive.fault = lambda path, _: fault if path == "/search" else None

    with pytest.raises(kind, match=says):
        search(provider(archive, retries=1), AOI, START, END)


def test_nobody_there_is_try_later():
    nobody = StacProvider(
        kind="stac", name="x", url="http://127.0.0.1:9/", collections=("c",), retries=0
    )

    with pytest.raises(TryLater, match="cannot be reached"):
        search(nobody, AOI, START, END)


@pytest.mark.parametrize(
    "href",
    ["/etc/passwd", "file:///etc/passwd", "http://10.0.0.1/search", "https://elsewhere.org/search"],
)
def test_a_next_page_elsewhere_is_not_followed(archive, href):
    for at in days(FIRST, 3):
        archive.add(CRS, LEFT, TOP, at)

    def lying(answer):
        for link in answer.get("links", []):
            if link["rel"] == "next":
                link["href"] = href
        return answer

    archive.change = lying
    with pytest.raises(BadInput, match="not followed"):
        search(provider(archive), AOI, START, END)


def test_pages_without_end_are_given_up(archive, monkeypatch):
    monkeypatch.setattr("pipeline.fetch.stac_api.MAX_ITEMS", 7)
    archive.add(CRS, LEFT, TOP, FIRST)

    def endless(answer):
        if "features" in answer:
            body = {"collections": ["sentinel-2-l2a"], "intersects": shapely.geometry.mapping(AOI),
                    "datetime": f"{START.isoformat()}/{END.isoformat()}"}  # fmt: skip
            answer["links"] = [{"rel": "next", "method": "POST", "body": body,
                                "href": f"{archive.url}/search"}]  # fmt: skip
        return answer

    archive.change = endless
    with pytest.raises(BadInput, match="more scenes than there can be"):
        search(provider(archive), AOI, START, END)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "/vsicurl/http://10.0.0.1/a.tif", "s3://bucket/a.tif", "a.tif",
        "http://cogs.example.org/a.tif", "https://cogs.example.org.evil.net/a.tif",
        "https://user:pass@cogs.example.org/a.tif", "https://127.0.0.1/a.tif",
        "https://cogs.example.org:8443/a.tif", "https://evil.net\\@cogs.example.org/a.tif",
        "https://[::1/a.tif", "https://api.example.org:99999/a.tif",
    ],
)  # fmt: skip
def test_assets_are_taken_from_named_hosts_alone(url):
    with pytest.raises(BadInput, match="not followed"):
        checked(url, provider_url="https://api.example.org/v1", hosts=("cogs.example.org",))


NO_NAME = (
    "HTTPSConnectionPool(host='a.example', port=443): Max retries exceeded with url: / (Caused by "
    "NameResolutionError(\"HTTPSConnection(host='a.example', port=443): Failed to resolve "
    "'a.example' ([Errno -3] Temporary failure)\"))"
)
NO_ANSWER = (
    "HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url: / (Caused by "
    "NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish "
    "a new connection: [Errno 111] Connection refused'))"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NO_NAME, "Failed to resolve 'a.example' ([Errno -3] Temporary failure)"),
        (NO_ANSWER, "Failed to establish a new connection: [Errno 111] Connection refused"),
        ("read timed out", "read timed out"),
    ],
)
def test_why_there_was_no_connection_is_said_without_the_libraries_objects(text, said):
    assert reason(OSError(text)) == said


def test_named_hosts_are_followed():
    for url in ("https://api.example.org/a.tif", "https://a.blob.example.net/x.tif?sig=1"):
        assert url == checked(
            url, provider_url="https://api.example.org/v1", hosts=("*.blob.example.net",)
        )


def test_a_window_is_the_same_numbers_on_the_same_lattice(archive, tmp_path):
    item = archive.add(CRS, LEFT, TOP, FIRST)
    href = item["assets"]["nir"]["href"]

    shape = copy_window(href, AOI, tmp_path / "part.tif", retries=2, timeout_s=5)

    with (
        rasterio.open(archive.folder / href.rsplit("/", 1)[1]) as whole,
        rasterio.open(tmp_path / "part.tif") as part,
    ):
        assert part.shape == shape
        assert part.shape[0] < whole.shape[0]
        window = whole.window(*part.bounds)
        assert np.array_equal(part.read(1), whole.read(1, window=window))
        west, south, east, north = rasterio.warp.transform_bounds("EPSG:4326", CRS, *AOI.bounds)
        assert part.bounds.left <= west < east <= part.bounds.right
        assert part.bounds.bottom <= south < north <= part.bounds.top


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("404", BadInput), ("html", BadInput), ("503", TryLater), ("hang up", TryLater)],
)
def test_a_cog_that_is_not_there_leaves_nothing(archive, tmp_path, fault, kind):
    href = archive.add(CRS, LEFT, TOP, FIRST)["assets"]["nir"]["href"]
    archive.fault = lambda *_: fault

    with pytest.raises(kind):
        copy_window(href, AOI, tmp_path / "part.tif", retries=1, timeout_s=5)
    assert not (tmp_path / "part.tif").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_is_full_is_no_fault_of_the_archive(archive):
    href = archive.add(CRS, LEFT, TOP, FIRST)["assets"]["nir"]["href"]
    with pytest.raises(OSError, match="No space left"):
        copy_window(href, AOI, Path("/dev/full"), retries=1, timeout_s=5)


@pytest.mark.parametrize(
    ("shape", "block", "says"),
    [
        ((600, 230_000), 512, "larger than any scene"),
        ((230_000, 600), 512, "larger than any scene"),
        ((17_000, 16_800), 16_640, "blocks are larger"),
    ],
)
def test_a_raster_that_would_fill_the_memory_is_refused_unread(
    archive, tmp_path, shape, block, says
):
    profile = {
        "driver": "GTiff", "dtype": "uint16", "count": 1, "height": shape[0], "width": shape[1],
        "crs": CRS, "transform": Affine(10, 0, LEFT, 0, -10, TOP), "sparse_ok": True,
        "tiled": True, "blockxsize": block, "blockysize": block, "compress": "DEFLATE",
    }  # fmt: skip
    with rasterio.open(archive.folder / "vast.tif", "w", **profile):
        pass  # no block is written: a few kilobytes that claim up to half a gigabyte a block

    with pytest.raises(BadInput, match=says):
        copy_window(
            f"{archive.url}/cog/vast.tif", AOI, tmp_path / "part.tif", retries=1, timeout_s=5
        )
    assert archive.sent_bytes < 4_000_000


def test_an_asset_of_a_hundred_gigabytes_is_not_asked_for(archive):
    item = archive.add(CRS, LEFT, TOP, FIRST)
    item["assets"]["red"]["file:size"] = 100_000_000_000

    with pytest.raises(BadInput, match="larger than any scene's band"):
        band_hrefs(item, Sensor.S2)
    assert not archive.asked


def test_passes_are_kept_apart_and_neighbouring_tiles_together(archive):
    left = archive.add(CRS, LEFT - 2300, TOP, FIRST)
    right = archive.add(CRS, LEFT, TOP, FIRST + timedelta(seconds=4))
    later = archive.add(CRS, LEFT, TOP, FIRST + timedelta(days=5))
    wide = shapely.box(-48.640, -25.545, -48.595, -25.535)

    (first, second), rejected = passes_of([later, right, left], wide)

    assert {d["id"] for d in first.documents} == {left["id"], right["id"]}
    assert [d["id"] for d in second.documents] == [later["id"]]
    assert first.sensed_at == FIRST
    assert not rejected


def test_one_tile_is_enough_where_it_shows_the_whole_site(archive):
    for shift in (-1500, 0, 500):
        archive.add(CRS, LEFT + shift, TOP, FIRST)

    ((only,), _) = passes_of(archive.items, AOI)

    assert len(only.documents) == 1


def test_a_reprocessed_product_is_another_pass_id_and_the_later_counts(archive):
    old = archive.add(
        CRS, LEFT, TOP, FIRST, **{"grid:code": "A", "s2:processing_baseline": "04.00"}
    )
    before = passes_of([old], AOI)[0][0].pass_id
    new = archive.add(
        CRS, LEFT, TOP, FIRST, **{"grid:code": "A", "s2:processing_baseline": "05.10"}
    )

    ((only,), _) = passes_of([new, old], AOI)

    assert only.documents[0]["id"] == new["id"]
    assert only.pass_id != before


@pytest.mark.parametrize(
    "change",
    [{"platform": "landsat-9"}, {"datetime": None}, {"sat:relative_orbit": "x"}],
)
def test_an_item_that_is_none_is_named_and_the_others_go_on(archive, change):
    good = archive.add(CRS, LEFT, TOP, FIRST)
    bad = archive.add(CRS, LEFT, TOP, FIRST + timedelta(days=5))
    bad["properties"] |= change

    found, rejected = passes_of([bad, good], AOI)

    assert len(found) == 1
    assert [name for name, _ in rejected] == [bad["id"]]
