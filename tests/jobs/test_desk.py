"""`darkcall desk` over a finished season, as analysts reach it: a process, a port, a database."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import uuid
from datetime import UTC, datetime

import cv2
import httpx
import numpy as np
import pytest
import rasterio
import rasterio.vrt
import rasterio.warp

from pipeline.cli_common import Options, work
from pipeline.decided import Role, Verdict
from pipeline.decisions import accounts
from pipeline.decisions.journal import entries, verify
from pipeline.decisions.settings import Settings
from pipeline.decisions.store import Store
from pipeline.desk.case_file import before_at_after
from pipeline.errors import UsageError
from pipeline.jobs.case_files import CaseFiles
from pipeline.jobs.serve_desk import read_known
from pipeline.scene.renditions import Rendition, crop, tile
from pipeline.scene.settings import Settings as SceneSettings

PASSWORD = "correct horse battery"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'decisions.db'}"


@pytest.fixture
def token(url):
    store, now = Store.open(url), datetime.now(UTC)
    accounts.add_user(store, "ann", PASSWORD, Role.LEAD, at=now, settings=Settings())
    made = accounts.add_token(store, "ann", "test", at=now, settings=Settings())
    store.close()
    return made


@pytest.fixture
def desk(season, start, url, token):
    """Start the desk; returns (base address, process). Killed at the end."""
    started = []

    def at_work():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = start(
            "desk", "--config", season.config, "--port", port, DARKCALL_DATABASE_URL=url
        )
        started.append(process)
        base, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 90.0
        while True:
            try:
                httpx.get(f"{base}/login", timeout=2.0)
            except httpx.HTTPError:
                assert process.poll() is None, "the desk ended"
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return base, process

    yield at_work
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def files(season):
    return CaseFiles(*work((), Options(config=season.config)))


def test_a_case_is_looked_at_and_decided_through_the_api(desk, url, token, files):
    base, _ = desk()
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}) as http:
        rows = http.get("/api/cases").json()
        assert rows
        row = rows[0]
        case = http.get(f"/api/cases/{row['case_id']}").json()
        look = next(look for look in case["looks"] if look["shows"])
        rendition = look["renditions"][0]
        png = http.get(
            f"/cases/{row['case_id']}/pictures/{look['scene_id']}/{rendition}.png"
        ).content
        assert cv2.imdecode(np.frombuffer(png, np.uint8), 1).shape == (320, 320, 3)
        page = http.get(f"/cases/{row['case_id']}").text
        assert row["question"] in page
        assert "SIMULATED SEASON" in page
        written = http.post(
            f"/api/cases/{row['case_id']}/entries",
            json={"entry_id": uuid.uuid4().hex, "evidence_key": row["evidence_key"],
                  "body": {"kind": "verdict", "verdict": "confirmed", "reasons": ["hull-clear"]}},
        )  # fmt: skip
        assert written.status_code == 201, written.text
        assert written.json()["entry"]["body"]["said"]["tier"] == row["tier"]
        report = http.get("/report/report.html")
        assert report.status_code == 200
        chip = next(path for case in files.cases for path in case.chips)
        assert chip in report.text
        assert http.get(f"/{chip}").headers["content-type"] == "image/png"
    store = Store.open(url)
    (entry,) = entries(store)
    assert (entry.who, entry.body.verdict) == ("ann", Verdict.CONFIRMED)
    store.close()


def test_killed_while_it_writes_it_loses_nothing_that_it_acknowledged(desk, url, token):
    acknowledged, lock = [], threading.Lock()

    def write(base, row, until):
        headers = {"Authorization": f"Bearer {token}"}
        while not until.is_set():
            name = uuid.uuid4().hex
            sent = {"entry_id": name, "evidence_key": row["evidence_key"],
                    "body": {"kind": "note", "note": name}}  # fmt: skip
            try:
                path = f"{base}/api/cases/{row['case_id']}/entries"
                answer = httpx.post(path, json=sent, headers=headers, timeout=5.0)
            except httpx.HTTPError:
                return
            if answer.status_code == 201:
                with lock:
                    acknowledged.append(name)

    for _ in range(2):
        base, process = desk()
        rows = httpx.get(
            f"{base}/api/cases", headers={"Authorization": f"Bearer {token}"}
        ).json()  # fmt: skip
        until, before = threading.Event(), len(acknowledged)
        writers = [
            threading.Thread(target=write, args=(base, rows[n % len(rows)], until))
            for n in range(4)
        ]
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + 60.0
        while len(acknowledged) < before + 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        until.set()
        for writer in writers:
            writer.join()
        process.wait()
    store = Store.open(url)
    written = [entry.entry_id for entry in entries(store)]
    assert verify(store).n_entries == len(written)
    store.close()
    assert len(acknowledged) >= 40
    assert set(acknowledged) <= set(written)
    assert len(set(written)) == len(written)


def test_every_case_has_pictures_a_map_and_reasons(files):
    assert files.cases
    for case in files.cases:
        file, summary = files.file(case.case_id), files.summary(case)
        assert json.loads(json.dumps(file.ground, allow_nan=False)).keys() == {
            "land", "zones", "tracks", "silences", "ellipses", "detections", "heard",
        }  # fmt: skip
        assert file.explanation
        assert summary.start <= summary.end
        site = files.sites[case.site_id].aoi.buffer(0.05)
        assert site.bounds[0] <= file.lon <= site.bounds[2]
        assert site.bounds[1] <= file.lat <= site.bounds[3]
        assert list(file.looks) == sorted(file.looks, key=lambda look: look.sensed_at)
        drawn = {f["properties"]["mmsi"] for f in file.ground["tracks"]["features"]}
        assert drawn <= {suspect.mmsi for suspect in file.suspects}


def test_before_and_after_are_clear_and_do_not_show_her(files):
    shown = 0
    for case in files.cases:
        file = files.file(case.case_id)
        looks = {look.scene_id: look for look in file.looks}
        for columns in before_at_after(file.looks, file.first_shown).values():
            for name in ("before", "after"):
                if columns[name] is not None:
                    look = looks[columns[name]]
                    assert look.is_clear
                    assert not look.shows
                    shown += 1
    assert shown


def test_the_first_hull_lies_in_the_middle_of_its_picture(files):
    for case in files.cases:
        file = files.file(case.case_id)
        own = [h for look in file.looks if look.shows for h in look.hulls if h.is_own]
        if own:
            x, y = np.mean(own[0].corners, axis=0)
            assert (x, y) == pytest.approx((0.5, 0.5), abs=0.02)


def test_a_tile_is_the_scene_where_gdal_puts_it(files, tmp_path):
    """Each tile's pixels, warped back by rasterio, are the scene's own."""
    at = next(at for at in files.scenes.values() if at.scene.sensor == "S2")
    with rasterio.open(at.folder / "B04.tif") as scene:
        lon, lat = rasterio.warp.transform(
            scene.crs, "EPSG:4326", [scene.bounds.left + 2000.0], [scene.bounds.top - 3000.0]
        )
    zoom = 13
    x = int((lon[0] + 180.0) / 360.0 * 2**zoom)
    angle = np.radians(lat[0])
    y = int((1.0 - np.arcsinh(np.tan(angle)) / np.pi) / 2.0 * 2**zoom)
    png = tile(at.folder, Rendition.COLOUR, zoom=zoom, x=x, y=y, settings=SceneSettings())
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (256, 256, 4)
    side = 2 * np.pi * 6_378_137.0 / 2**zoom
    left, top = -np.pi * 6_378_137.0 + x * side, np.pi * 6_378_137.0 - y * side
    with (
        rasterio.open(at.folder / "B04.tif") as scene,
        rasterio.vrt.WarpedVRT(
            scene, crs="EPSG:3857", width=256, height=256, nodata=0,
            transform=rasterio.Affine(side / 256, 0.0, left, 0.0, -side / 256, top),
            resampling=rasterio.enums.Resampling.bilinear,
        ) as warped,
    ):  # fmt: skip
        expected = warped.read(1)
    shown = pixels[..., 3] > 0
    assert shown.any()
    assert (shown == (expected > 0)).mean() > 0.98
    stretched = np.sqrt(np.clip(expected / 10_000 / 0.30, 0, 1)) * 255
    both = shown & (expected > 0)
    assert np.abs(pixels[..., 2][both] - stretched[both]).max() <= 1.0


def test_a_crop_at_the_rim_is_black_beyond_it(files):
    at = next(at for at in files.scenes.values() if at.scene.sensor == "S1")
    with rasterio.open(at.folder / "VV.tif") as scene:
        lon, lat = rasterio.warp.transform(
            scene.crs, "EPSG:4326", [scene.bounds.left], [scene.bounds.top]
        )
    settings = SceneSettings(chip_px=320)
    png = crop(at.folder, Rendition.VV, lon=lon[0], lat=lat[0], settings=settings)
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), 1)
    assert pixels[:150, :150].max() == 0
    assert pixels[170:, 170:].mean() > 0


def test_the_desk_refuses_to_listen_where_passwords_would_travel_in_the_clear(
    season, darkcall_here
):
    ended = darkcall_here("desk", "--config", season.config, "--host", "0.0.0.0")
    assert ended.code == 2
    assert "--public-url" in ended.err


def test_a_season_that_has_not_been_run_has_nothing_to_review(
    tmp_path, darkcall_here, write_config
):
    ended = darkcall_here("desk", "--config", write_config(tmp_path))
    assert ended.code == 2
    assert "darkcall run" in ended.err
    assert "Traceback" not in ended.err


def test_known_cases_come_from_a_table_and_nonsense_is_refused_with_its_line(files, tmp_path):
    path, ids = tmp_path / "known.csv", {case.case_id for case in files.cases}
    first = sorted(ids)[0]
    path.write_text(f"case_id,verdict\n{first},not a ship\n")
    assert read_known(path, ids) == {first: Verdict.NOT_A_SHIP}
    for row, words in ((f"{first},guilty", "line 2"), ("case-0,confirmed", "line 2")):
        path.write_text(f"case_id,verdict\n{row}\n")
        with pytest.raises(UsageError, match=words):
            read_known(path, ids)
