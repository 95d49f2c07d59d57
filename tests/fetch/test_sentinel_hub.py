"""The real sentinelhub library against a server that speaks its protocol, faults included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import rasterio
import shapely

from pipeline.errors import BadInput, TryLater, UsageError
from pipeline.fetch.sentinel_hub import Acquisition, Credentials, acquire, catalogue, units_of
from pipeline.fetch.settings import SentinelHubProvider
from pipeline.records import Sensor
from tests.fetch.provider import OFFSET_DN, Serving, days

CRS, LEFT, TOP = "EPSG:32722", 740_000.0, 7_174_000.0  # Paranaguá, 25° S
FIRST = datetime(2024, 3, 7, 13, 12, 9, tzinfo=UTC)
AOI = shapely.box(-48.611, -25.545, -48.595, -25.535)
START, END = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)
BOUNDS = (LEFT + 400.0, TOP - 1700.0, LEFT + 2300.0, TOP - 300.0)  # 190 x 140 px


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the loopback server has no TLS
    with Serving(tmp_path / "archive") as served:
        yield served


def provider(archive, **changes):
    return SentinelHubProvider(
        kind="sentinelhub", name="hub", base_url=archive.url, token_url=f"{archive.url}/token",
        collections=("sentinel-2-l2a",),
        **{"retries": 3, "timeout_s": 5.0, "wait_s": 0.05, **changes},
    )  # fmt: skip


def credentials(archive, client_id=None):
    # sessions are cached by client: each test is its own
    return Credentials(client_id=client_id or archive.url, client_secret=archive.secret)


def wanted(**changes):
    return Acquisition(
        **{"collection": "sentinel-2-l2a", "sensor": Sensor.S2, "sensed_at": FIRST,
           "epsg": 32722, "bounds": BOUNDS, **changes}
    )  # fmt: skip


def test_the_catalogue_is_read_to_its_end(archive):
    items = [archive.add(CRS, LEFT, TOP, at) for at in days(FIRST, 5)]

    found = catalogue(provider(archive), credentials(archive), AOI, START, END)

    assert [item["id"] for item in found] == [item["id"] for item in items]
    assert {item["darkcall:collection"] for item in found} == {"sentinel-2-l2a"}
    assert archive.asked["/token"] == 1


def test_pixels_are_the_products_own_numbers_where_they_lie(archive):
    item = archive.add(CRS, LEFT, TOP, FIRST)
    archive.add(CRS, LEFT, TOP, FIRST + timedelta(days=5))

    bands, mask = acquire(provider(archive), credentials(archive), wanted())

    assert bands.shape == (5, 140, 190)
    assert (bands[4] == 6).all()  # the scene classification: water
    assert mask.all()
    for number, name in enumerate(("blue", "green", "red", "nir")):
        with rasterio.open(archive.folder / f"{item['id']}_{name}.tif") as tile:
            truth = tile.read(1, window=tile.window(*BOUNDS))
        assert np.array_equal(bands[number], truth)
        assert np.median(bands[number]) > OFFSET_DN


def test_radar_is_orthorectified_sigma_nought_in_float(archive):
    item = archive.add(CRS, LEFT, TOP, FIRST)
    radar = wanted(collection="sentinel-1-grd", sensor=Sensor.S1)

    bands, mask = acquire(provider(archive), credentials(archive), radar)

    with rasterio.open(archive.folder / f"{item['id']}_blue.tif") as tile:
        truth = tile.read(1, window=tile.window(*BOUNDS)) / np.float32(10_000)
    assert bands.dtype == np.float32
    assert np.allclose(bands[0], truth)
    assert mask.all()


def test_a_place_larger_than_a_request_is_asked_for_in_parts(archive, monkeypatch):
    monkeypatch.setattr("pipeline.fetch.sentinel_hub.MAX_SIDE_PX", 80)
    archive.add(CRS, LEFT, TOP, FIRST)
    whole = provider(archive)

    bands, mask = acquire(whole, credentials(archive), wanted())

    assert archive.asked["/api/v1/process"] == 6
    monkeypatch.undo()
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    again, there = acquire(whole, credentials(archive), wanted())
    assert np.array_equal(bands, again)
    assert np.array_equal(mask, there)


def test_what_no_tile_shows_is_no_data(archive):
    archive.add(CRS, LEFT + 1000, TOP, FIRST)

    _, mask = acquire(provider(archive), credentials(archive), wanted())

    assert not mask[:, :60].any()
    assert mask[:, 61:].all()


def test_a_token_that_ran_out_is_renewed(archive):
    archive.add(CRS, LEFT, TOP, FIRST)
    archive.token_life_s = 60  # the library renews two minutes before

    for _ in range(2):
        catalogue(provider(archive), credentials(archive), AOI, START, END)

    assert archive.asked["/token"] > 1


@pytest.mark.parametrize("fault", ["500", "503", "429"])
def test_a_fault_that_passes_is_waited_out(archive, fault):
    archive.add(CRS, LEFT, TOP, FIRST)
    archive.fault = lambda path, count: fault if "process" in path and count < 3 else None

    _, mask = acquire(provider(archive), credentials(archive), wanted())

    assert mask.all()


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("503", TryLater, "does not answer"),
        ("429", TryLater, "asks to wait"),
        ("403", TryLater, "quota"),
        ("404", BadInput, "not understood"),
        ("html", BadInput, "not understood"),
        ("truncated", BadInput, "not understood"),
    ],
)
def test_a_fault_that_stays_is_one_message(archive, fault, kind, says):
    archive.add(CRS, LEFT, TOP, FIRST)
    archive.fault = lambda path, _: fault if "process" in path else None

    with pytest.raises(kind, match=says) as told:
        acquire(provider(archive, retries=2), credentials(archive), wanted())
    assert archive.secret not in str(told.value)


def test_wrong_credentials_are_named_and_the_secret_is_not(archive):
    wrong = Credentials(client_id="nobody", client_secret="hunter2")

    with pytest.raises(UsageError, match="DARKCALL_SH_CLIENT_ID") as told:
        catalogue(provider(archive), wrong, AOI, START, END)
    assert "hunter2" not in str(told.value) + repr(wrong)


def test_units_are_counted_as_the_price_list_does():
    """By hand: 10 x 10 km, four bands 5.09; VV and VH, 32 bit and orthorectified, 10.2."""
    assert units_of(1000, 1000, Sensor.S2, "sentinel-2-l1c") == pytest.approx(5.09, abs=0.01)
    assert units_of(1000, 1000, Sensor.S1, "sentinel-1-grd") == pytest.approx(10.2, abs=0.05)
    assert units_of(2500, 2500, Sensor.S2, "sentinel-2-l2a") == pytest.approx(39.7, abs=0.05)
    assert units_of(1, 1, Sensor.S2, "sentinel-2-l1c") == 0.005
