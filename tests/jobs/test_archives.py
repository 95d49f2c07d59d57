"""`darkcall fetch` from a STAC API: everything once, nothing twice, nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
import rasterio
from pyproj import Transformer

from pipeline.records import Coverage
from pipeline.tables import read_records
from tests.fetch.provider import Serving, days, five_percent

pytestmark = pytest.mark.timeout(240)
FIRST = datetime(2024, 3, 1, 1, 55, 9, tzinfo=UTC)
ALDER = (134.163278, 42.013719, 134.23668, 42.08627)
CRS = "EPSG:32653"
OFFSET, SCALE = -0.1, 1e-4


def origin():
    """Left and top of a tile that covers the site, on whole tens of metres."""
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(ALDER[0], ALDER[3])
    return x // 10 * 10 - 200.0, y // 10 * 10 + 200.0


@pytest.fixture
def archive(tmp_path):
    with Serving(tmp_path / "archive") as served:
        left, top = origin()
        for number, at in enumerate(days(FIRST, 3, step=1)):
            if number == 1:  # two tiles side by side, 30 px in common
                served.add(CRS, left, top, at, shape=(900, 350), seed=7)
                served.add(CRS, left + 3200, top, at, shape=(900, 380), seed=8)
            else:
                served.add(CRS, left, top, at, shape=(900, 690))
        yield served


def leave_one_site(folder):
    """Take the other sites out of a configuration's."""
    sites = folder / "configs/sites/demo.geojson"
    document = json.loads(sites.read_text())
    document["features"] = [
        one for one in document["features"] if one["properties"]["site_id"] == "demo-alder"
    ]
    sites.write_text(json.dumps(document))


@pytest.fixture
def configure(archive, write_config):
    """A configuration that fetches one site from the archive; keywords go into `fetch`."""

    def configured(folder, **fetch):
        provider = {
            "kind": "stac",
            "name": "loopback",
            "url": f"{archive.url}/",
            "collections": ["sentinel-2-l2a"],
            "retries": 6,
            "timeout_s": 10,
        }
        config = write_config(folder, simulate=None, fetch={"providers": [provider], **fetch})
        leave_one_site(folder)
        return config

    return configured


@pytest.fixture
def hub(archive, write_config, darkcall):
    """The same archive by Sentinel Hub's protocol: configured, and the command with an account."""
    for item in archive.items:
        item["id"] = f"S2A_MSIL2A_{item['properties']['datetime'][:4]}0301T015509_N0510_R046_T53TX"
        item["id"] += f"{len(item['id']) % 10}_{archive.items.index(item)}.SAFE"
        for key in ("s2:processing_baseline", "sat:relative_orbit", "grid:code"):
            del item["properties"][key]

    def configured(folder, **changes):
        provider = {
            "kind": "sentinelhub",
            "name": "hub",
            "base_url": archive.url,
            "token_url": f"{archive.url}/token",
            "collections": ["sentinel-2-l2a"],
            "wait_s": 0.1,
            **changes,
        }
        config = write_config(folder, simulate=None, fetch={"providers": [provider]})
        leave_one_site(folder)

        def command(*words, secret=archive.secret):
            return darkcall(
                *words, "--config", config, "--log-json",
                DARKCALL_SH_CLIENT_ID="client", DARKCALL_SH_CLIENT_SECRET=secret,
                OAUTHLIB_INSECURE_TRANSPORT="1",
            )  # fmt: skip

        return command

    return configured


def fetched(folder):
    return sorted(path.name for path in (folder / "workspace/fetch").glob("demo-alder--*"))


def cogs(archive):
    return sum(count for path, count in archive.asked.items() if path.startswith("/cog/"))


def test_every_pass_is_fetched_once_and_then_only_what_is_new(
    archive, configure, darkcall, tmp_path
):
    config = configure(tmp_path)
    command = ("fetch", "--config", config, "--log-json")

    first = darkcall(*command)
    asked = cogs(archive)
    second = darkcall(*command)
    left, top = origin()
    archive.add(CRS, left, top, FIRST + timedelta(days=3), shape=(900, 690))
    third = darkcall(*command)

    assert (first.code, second.code, third.code) == (0, 0, 0), first.err + second.err + third.err
    assert [run.worked().get("fetch", 0) for run in (first, second, third)] == [3, 0, 1]
    assert cogs(archive) > asked
    assert fetched(tmp_path) == [
        f"demo-alder--S2A_2024030{day}_R046_N0510_loopback" for day in (1, 2, 3, 4)
    ]


def test_reflectance_and_place_are_the_archives_and_two_tiles_are_one_scene(
    archive, configure, darkcall, tmp_path
):
    ended = darkcall("fetch", "--config", configure(tmp_path))
    assert ended.code == 0, ended.err
    folders = [tmp_path / "workspace/fetch" / name for name in fetched(tmp_path)]

    for folder, tiles in zip(folders, (1, 2, 1), strict=True):
        item = json.loads((folder / "item.json").read_text())
        assert len(item["properties"]["darkcall:product_ids"]) == tiles
        assert item["properties"]["darkcall:provider"] == "loopback"
        assert item["properties"]["darkcall:valid_fraction"] > 0.99
        (day,) = {at for at in days(FIRST, 3, 1) if f"{at:%Y%m%d}" in folder.name}
        names = [
            one["id"] for one in archive.items if one["id"].split("_")[2][:8] == f"{day:%Y%m%d}"
        ]
        for row, col in ((150, 60), (300, 300), (650, 590)):
            with rasterio.open(folder / "B08.tif") as working:
                x, y = working.xy(row, col)
                found = working.read(1)[row, col] * SCALE
            delivered = []
            for name in names:
                with rasterio.open(archive.folder / f"{name}_nir.tif") as tile:
                    if tile.bounds.left < x < tile.bounds.right:
                        delivered.append(tile.read(1)[tile.index(x, y)] * SCALE + OFFSET)
            assert any(found == pytest.approx(value, abs=6e-5) for value in delivered)
    rows = pq.read_table(folders[1] / "coverage.parquet").to_pylist()
    assert {row["state"] for row in rows} == {"seen"}


def test_the_archives_classification_makes_a_berth_cloudy_and_its_loss_loses_no_scene(
    archive, configure, darkcall, tmp_path
):
    left, top = origin()
    for day in (4, 5):
        archive.add(
            CRS, left, top, FIRST + timedelta(days=day - 1), shape=(900, 690),
            cloud=(0, 900, 0, 690),
        )  # fmt: skip
    gone = archive.items[-1]["assets"]["scl"]["href"].rsplit("/", 1)[-1]
    (archive.folder / gone).unlink()

    ended = darkcall("fetch", "--config", configure(tmp_path))

    assert ended.code == 0, ended.err
    states = {
        day: {
            row.state
            for row in read_records(
                Coverage,
                tmp_path / f"workspace/fetch/demo-alder--S2A_2024030{day}_R046_N0510_loopback"
                "/coverage.parquet",
            )
        }
        for day in (1, 4, 5)
    }
    assert states == {1: {"seen"}, 4: {"cloudy"}, 5: {"seen"}}


def test_evidence_keeps_the_original_numbers_beside_the_working_copy(
    archive, configure, darkcall, tmp_path
):
    assert darkcall("fetch", "--config", configure(tmp_path, evidence=True)).code == 0

    originals = sorted((tmp_path / "workspace/fetch").glob("*/original/*/B08.tif"))

    assert len(originals) == 4
    for path in originals:
        item = json.loads(path.with_name("item.json").read_text())
        href = item["assets"]["nir"]["darkcall:href"]
        with (
            rasterio.open(path) as part,
            rasterio.open(archive.folder / href[-40:].split("/")[-1]) as whole,
        ):
            window = whole.window(*part.bounds)
            assert (part.read(1) == whole.read(1, window=window)).all()


@pytest.mark.slow
def test_a_plan_counts_what_a_fetch_would_take_and_takes_nothing(
    archive, configure, darkcall, tmp_path
):
    config = configure(tmp_path)
    command = ("fetch", "--config", config, "--plan", "--log-json")

    before = darkcall(*command)
    assert before.code == 0, before.err
    assert cogs(archive) == 0
    darkcall("fetch", "--config", config)
    after = darkcall(*command)

    first, second = (json.loads(ended.out.splitlines()[-1]) for ended in (before, after))
    assert (first["scenes"], first["done"], second["done"]) == (3, 0, 3)
    # 607 x 809 px of the site, four bands of two bytes, four tiles in three passes
    assert first["gigabytes"] == pytest.approx(4 * 607 * 809 * 8 / 1e9, rel=0.05)
    assert second["gigabytes"] == 0.0
    assert [month["month"] for month in first["months"]] == ["2024-03"]


def test_an_archive_that_is_down_costs_only_what_is_new(archive, configure, darkcall, tmp_path):
    config = configure(tmp_path)
    assert darkcall("fetch", "--config", config).code == 0
    archive.fault = lambda *_: "404"

    ended = darkcall("fetch", "--config", config, "--log-json")

    assert ended.code == 3
    assert "refuses the search" in ended.err
    assert len(fetched(tmp_path)) == 3
    archive.fault = lambda *_: None
    assert darkcall("fetch", "--config", config).code == 0


def test_an_archive_that_cannot_be_reached_is_asked_once_and_said_once(
    write_config, darkcall, tmp_path
):
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        provider = {"kind": "stac", "name": "gone", "retries": 0, "collections": ["sentinel-2-l2a"],
                    "url": f"http://127.0.0.1:{taken.getsockname()[1]}/"}  # fmt: skip
        config = write_config(tmp_path, simulate=None, fetch={"providers": [provider]})
        planned = darkcall("fetch", "--plan", "--config", config, "--log-json")
        ended = darkcall("fetch", "--config", config, "--log-json")

    (failure,) = json.loads(planned.out.splitlines()[-1])["failures"]
    assert "Connection refused" in failure
    assert failure.endswith("(demo-alder, demo-hazel)")
    assert "HTTPConnection" not in failure
    assert ended.code == 75
    assert "Traceback" not in ended.err


def test_signed_assets_are_fetched_and_the_signature_is_nowhere_kept(
    archive, configure, darkcall, tmp_path
):
    archive.signature = "s1gn4ture"
    config = configure(tmp_path, evidence=True)
    unsigned = darkcall("fetch", "--config", config, "--log-json")
    text = config.read_text()
    config.write_text(text.replace("retries:", f"signing_url: {archive.url}/sign\n    retries:"))

    ended = darkcall("fetch", "--config", config, "--log-json")

    assert unsigned.code == 3
    assert ended.code == 0, ended.err
    assert len(fetched(tmp_path)) == 3
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s1gn4ture" not in kept
    assert "s1gn4ture" not in unsigned.err + ended.err + ended.out


def test_an_asset_that_leads_elsewhere_is_refused_and_the_others_go_on(
    archive, configure, darkcall, tmp_path
):
    archive.items[0]["assets"]["nir"]["href"] = "/vsicurl/file:///etc/passwd"
    archive.items[-1]["assets"]["nir"]["href"] = "http://169.254.169.254/latest.tif"

    ended = darkcall("fetch", "--config", configure(tmp_path), "--log-json")

    assert ended.code == 3
    assert ended.err.count("Address that is not followed") >= 2
    assert len(fetched(tmp_path)) == 1
    missed = read_records(Coverage, tmp_path / "workspace/calendar/demo-alder/missed.parquet")
    assert {(row.scene_id, row.state, row.clear_fraction) for row in missed} == {
        (f"demo-alder--S2A_2024030{day}_R046_N0510_loopback", "not fetched", 0.0) for day in (1, 3)
    }


@pytest.mark.slow
def test_sentinel_hub_within_its_budget_and_without_a_trace_of_the_secret(archive, hub, tmp_path):
    # four bands and the classification: 607 * 809 px / 512**2 * 5 / 3 = 3.12 units a pass
    command = hub(tmp_path, units_a_run=7.5)

    planned = command("fetch", "--plan")
    first = command("fetch")
    second = command("fetch")
    third = command("fetch")

    plan = json.loads(planned.out.splitlines()[-1])
    assert plan["processing_units"] == pytest.approx(3 * 3.12, rel=0.03)
    assert (first.code, second.code, third.code) == (75, 0, 0), first.err + second.err + third.err
    assert "Processing units are spent" in first.err
    assert len(fetched(tmp_path)) == 3
    assert archive.asked["/api/v1/process"] == 3
    ledger = tmp_path / "workspace/archives/hub/units.jsonl"
    spent = [json.loads(line)["units"] for line in ledger.read_text().splitlines()]
    assert sum(spent) == pytest.approx(plan["processing_units"], rel=1e-3)
    for folder in fetched(tmp_path):
        item = json.loads((tmp_path / "workspace/fetch" / folder / "item.json").read_text())
        assert item["properties"]["darkcall:reflectance_offset"] == pytest.approx(OFFSET)
        with rasterio.open(tmp_path / "workspace/fetch" / folder / "B08.tif") as working:
            assert 850 < working.read(1)[400, 300] < 950
    said = "".join(run.out + run.err for run in (planned, first, second, third))
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert archive.secret not in said
    assert archive.secret.encode() not in kept
    assert b"token-0" not in kept


def test_wrong_credentials_stop_the_run_with_what_to_do(hub, tmp_path):
    ended = hub(tmp_path)("fetch", secret="wrong")

    assert ended.code == 2
    assert "DARKCALL_SH_CLIENT_ID" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.slow
def test_faults_and_kills_end_with_every_scene_once_and_the_same_bytes(
    archive, configure, darkcall, start, contents, tmp_path
):
    calm = configure(tmp_path / "calm")
    first = darkcall("fetch", "--config", calm)
    assert first.code == 0, first.err
    rough = configure(tmp_path / "rough")
    archive.fault = five_percent(seed=5)
    chance = random.Random(11)
    for _ in range(4):
        process = start("fetch", "--config", rough)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=first.seconds * chance.uniform(0.4, 0.95))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for _ in range(4):  # a fault that outlasts its retries is the next run's
        if darkcall("fetch", "--config", rough).code == 0:
            break

    archive.fault = lambda *_: None
    ended = darkcall("fetch", "--config", rough, "--log-json")

    assert ended.code == 0, ended.err
    assert ended.worked() == {}
    same = [contents(tmp_path / name / "workspace") for name in ("calm", "rough")]
    trees = [{k: v for k, v in tree.items() if k.startswith("fetch/")} for tree in same]
    assert trees[0] == trees[1]
