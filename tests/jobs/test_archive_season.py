"""Ninety days of ten ports, archives that fail, a command that is killed: nothing is lost."""

from __future__ import annotations

import json
import os
import random
import signal
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from pyproj import Transformer

from tests.fetch.provider import Serving, five_percent
from tests.jobs.waiting import n_done, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PORTS = {
    "kozmino": (133.05, 42.73),
    "nampo": (125.30, 38.70),
    "murmansk": (33.05, 69.03),
    "ushuaia": (-68.30, -54.81),
    "suva": (178.42, -18.13),
    "dutch-harbor": (-166.54, 53.89),
    "santos": (-46.30, -23.97),
    "nuuk": (-51.72, 64.17),
    "singapore": (103.75, 1.26),
    "taveuni": (179.93, -16.70),
}
FIRST = datetime(2024, 3, 1, tzinfo=UTC)
N_DAYS, N_KILLS = 90, 10
TILE_PX, MARGIN_PX = (150, 190), 25


def utm_of(lon: float, lat: float) -> str:
    return f"EPSG:{32600 if lat >= 0 else 32700}".replace(
        "00", f"{int((lon + 180) // 6) + 1:02}", 1
    )


def area_of(crs: str, left: float, top: float) -> shapely.Polygon:
    """The inside of a tile, lon/lat."""
    height, width = TILE_PX
    inner = shapely.box(
        left + 10 * MARGIN_PX,
        top - 10 * (height - MARGIN_PX),
        left + 10 * (width - MARGIN_PX),
        top - 10 * MARGIN_PX,
    )
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    return shapely.Polygon([to_degrees.transform(*xy) for xy in inner.exterior.coords])


def flights(number: int, lon: float):
    """Satellite and instant of each pass: two satellites, half past ten by the sun."""
    noon_h = (10.5 - lon / 15.0) % 24.0
    for day in range(N_DAYS):
        for satellite, phase in (("a", 0), ("b", 2)):
            if (day - number - phase) % 5 == 0:
                yield satellite, FIRST + timedelta(days=day, hours=noon_h, seconds=number)


@pytest.fixture
def served(tmp_path):
    """The archive, filled, and the sites it shows."""
    with Serving(tmp_path / "archive") as archive:
        archive.page = 25
        features = []
        for number, (name, (lon, lat)) in enumerate(PORTS.items()):
            crs = utm_of(lon, lat)
            x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
            left, top = x // 10 * 10, y // 10 * 10
            properties = {"kind": "site", "site_id": name, "name": name, "country": "ZZ",
                          "source": "a test", "digitised_on": "2026-11-25"}  # fmt: skip
            area = json.loads(shapely.to_geojson(area_of(crs, left, top)))
            features.append({"type": "Feature", "properties": properties, "geometry": area})
            for satellite, at in flights(number, lon):
                product = f"S2{satellite.upper()}_MSIL2A_{at:%Y%m%dT%H%M%S}_N0510_R{number + 10:03}"
                archive.add(crs, left, top, at, shape=TILE_PX,
                            id=f"{product}_T{crs[-2:]}UXY_{at:%Y%m%dT%H%M%S}.SAFE",
                            platform=f"sentinel-2{satellite}",
                            **{"sat:relative_orbit": number + 10})  # fmt: skip
        yield archive, {"type": "FeatureCollection", "features": features}


PROVIDERS = {
    "stac": {"collections": ["sentinel-2-l2a"], "retries": 6, "timeout_s": 10},
    "sentinelhub": {
        "collections": ["sentinel-2-l2a"], "wait_s": 0.05, "retries": 6,
        "units_a_run": 1e6, "units_a_month": 1e6,
    },
}  # fmt: skip
ACCOUNT = {"DARKCALL_SH_CLIENT_ID": "client", "OAUTHLIB_INSECURE_TRANSPORT": "1"}


@pytest.fixture
def configure(served, write_config):
    """A configuration of all ports and ninety days in a folder of its own."""
    archive, sites = served

    def configured(folder, kind):
        place = {
            "stac": {"url": f"{archive.url}/"},
            "sentinelhub": {"base_url": archive.url, "token_url": f"{archive.url}/token"},
        }
        provider = {"kind": kind, "name": "loopback", **PROVIDERS[kind], **place[kind]}
        config = write_config(
            folder, simulate=None, executor="processes", workers=2,
            period={"start": "2024-03-01", "end": "2024-06-01"}, fetch={"providers": [provider]},
        )  # fmt: skip
        (folder / "configs/sites/demo.geojson").write_text(json.dumps(sites))
        return config

    return configured


def delivered(archive, kind):
    """How often each delivery was asked for, by its path."""
    start = "/cog/" if kind == "stac" else "/api/v1/process"
    return {path: count for path, count in archive.asked.items() if path.startswith(start)}


@pytest.mark.parametrize("kind", sorted(PROVIDERS))
def test_a_season_of_faults_and_kills_ends_with_every_scene_once(
    served, configure, darkcall, start, contents, tmp_path, kind
):
    archive, _ = served
    account = {**ACCOUNT, "DARKCALL_SH_CLIENT_SECRET": archive.secret}
    calm, rough = (configure(tmp_path / name, kind) for name in ("calm", "rough"))

    planned = darkcall("fetch", "--plan", "--config", calm, **account)
    assert planned.code == 0, planned.err
    plan = json.loads(darkcall("fetch", "--plan", "--log-json", "--config", calm, **account)
                      .out.splitlines()[-1])  # fmt: skip
    assert plan["scenes"] == len(archive.items) == 10 * 2 * N_DAYS // 5
    assert not delivered(archive, kind)

    first = darkcall("fetch", "--config", calm, **account)
    assert first.code == 0, first.err
    asked = delivered(archive, kind)
    if kind == "stac":
        assert len(asked) == 4 * plan["scenes"]
    else:
        assert asked == {"/api/v1/process": plan["scenes"]}
    quiet = darkcall("fetch", "--config", calm, **account)
    assert quiet.code == 0
    assert delivered(archive, kind) == asked

    archive.fault = five_percent(seed=5)
    for done in sorted(random.Random(11).sample(range(plan["scenes"] * 9 // 10), N_KILLS)):
        process = start("fetch", "--config", rough, **account)
        until(lambda done=done: n_done(tmp_path / "rough/workspace") > done)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert n_done(tmp_path / "rough/workspace") < plan["scenes"]
    for _ in range(6):  # a fault that outlasts its retries is the next run's
        if darkcall("fetch", "--config", rough, **account).code == 0:
            break
    archive.fault = lambda *_: None
    ended = darkcall("fetch", "--config", rough, "--log-json", **account)
    assert ended.code == 0, ended.err
    assert ended.worked() == {}

    trees = []
    for folder in (tmp_path / "calm", tmp_path / "rough"):
        tree = contents(folder / "workspace")
        trees.append({k: v for k, v in tree.items() if k.startswith(("fetch/", "calendar/"))})
    assert trees[0] == trees[1]
    scenes = {path.split("/")[1] for path in trees[1] if path.startswith("fetch/")}
    assert len(scenes) == plan["scenes"]
    if kind == "sentinelhub":
        ledger = (tmp_path / "rough/workspace/archives/loopback/units.jsonl").read_text()
        asked_for = [json.loads(line)["item"] for line in ledger.splitlines() if line.endswith("}")]
        assert plan["scenes"] <= len(asked_for) <= plan["scenes"] + 4 * 2 * N_KILLS
