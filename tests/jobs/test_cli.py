"""What a user does wrong, and what goes wrong on disk: one clear line and the right exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
import rasterio
import yaml

pytestmark = pytest.mark.timeout(240)

COMMANDS = (
    *(("fetch",), ("detect",), ("ais",), ("match",), ("calls",), ("voyages",), ("review",)),
    *(("run",), ("report",), ("config",), ("evaluate", "season"), ("evaluate", "detection")),
    *(("status",), ("doctor",), ("metrics",)),
)
GOOD_AIS = "aisdk-2024-03-04.csv"


def assert_one_line(ended, code, *words):
    """One line on standard error that says all of this, no traceback, this exit code."""
    assert "Traceback" not in ended.err
    lines = [line for line in ended.said() if line.strip()]
    assert len(lines) == 1, ended.err
    for word in words:
        assert word in lines[0]
    assert ended.code == code


@pytest.fixture
def inputs(season, tmp_path):
    """Two good scenes of one port and a good AIS day, as an archive and a provider deliver them."""
    made = season.workspace / "simulate"
    for number, folder in enumerate(sorted(made.glob("scene-S2*_1"))[:2]):
        skip = shutil.ignore_patterns("manifest.json", "*.parquet")
        shutil.copytree(folder, tmp_path / f"inputs/scenes/good-{number}", ignore=skip)
    (tmp_path / "inputs/ais").mkdir()
    shutil.copy(made / "ais-north-2024-03-04" / GOOD_AIS, tmp_path / "inputs/ais")
    return tmp_path / "inputs"


def spoilt_copy(inputs, name, spoil):
    """A copy of the first good scene under another id, its first band spoilt."""
    folder = inputs / "scenes" / name
    shutil.copytree(inputs / "scenes/good-0", folder)
    (item,) = folder.glob("*.json")
    document = json.loads(item.read_text())
    document["id"] = name
    for asset in document["assets"].values():
        del asset["darkcall:bytes"], asset["darkcall:sha256"]  # the archive did not tell
    item.write_text(json.dumps(document))
    spoil(min(folder.glob("*.tif")))


def truncate(band):
    os.truncate(band, band.stat().st_size // 3)


def drop_crs(band):
    with rasterio.open(band) as raster:
        pixels, profile = raster.read(), raster.profile
    profile.pop("crs")
    profile.update(driver="GTiff")
    with rasterio.open(band, "w", **profile) as raster:
        raster.write(pixels)


def test_bad_files_among_good_ones_are_named_and_the_rest_is_done(
    inputs, tmp_path, darkcall, write_config
):
    spoilt_copy(inputs, "S2A_TRUNCATED", truncate)
    spoilt_copy(inputs, "S2A_NOWHERE", drop_crs)
    (inputs / "ais/berths.csv").write_text("berth,remark\nno 1,under repair\n")
    config = write_config(
        tmp_path,
        simulate=None,
        inputs={"scenes": ["../inputs/scenes"], "ais": ["../inputs/ais"]},
    )

    ended = darkcall("run", "--config", config, "--log-json")

    assert ended.code == 3
    assert "Traceback" not in ended.err
    assert "Defect" not in ended.err
    for name, stage in (("TRUNCATED", "fetch"), ("NOWHERE", "fetch"), ("berths.csv", "ais")):
        lines = [line for line in ended.said() if name in line]
        assert len(lines) == 1, ended.err
        assert f"{stage}: " in lines[0]
    assert ended.said()[0].startswith("3 items failed")
    good = [f"demo-alder--{next(p.glob('*.json')).stem}" for p in inputs.glob("scenes/good-*")]
    for stage in ("fetch", "detect", "match"):
        done = {
            path.parent.name for path in (tmp_path / "workspace" / stage).glob("*/manifest.json")
        }
        assert done == set(good)
    assert (tmp_path / "workspace/ais" / GOOD_AIS / "manifest.json").exists()
    assert (tmp_path / "workspace/review/season/report.html").exists()

    retried = darkcall("run", "--config", config, "--log-json", "--retry-failed")

    assert retried.code == 3
    assert retried.worked() == {"fetch": 2, "ais": 1}
    failed = [event["item"] for event in retried.events() if event["event"] == "item failed"]
    assert len(failed) == 3
    assert not [event for event in retried.events() if event["event"] == "item done"]


def test_an_empty_area_of_interest_is_refused(tmp_path, darkcall_here, write_config):
    config = write_config(tmp_path)
    path = config.parent / "sites/demo.geojson"
    document = json.loads(path.read_text())
    for feature in document["features"]:
        if feature["properties"]["kind"] == "site":
            feature["geometry"] = {"type": "Polygon", "coordinates": []}
    path.write_text(json.dumps(document))

    ended = darkcall_here("run", "--config", config)

    assert_one_line(ended, 2, "demo-alder", "is empty", "demo.geojson")


def test_a_missing_configuration_names_those_there_are(tmp_path, darkcall_here, write_config):
    config = write_config(tmp_path)

    ended = darkcall_here("run", "--config", config.with_name("tinny.yaml"))

    assert_one_line(ended, 2, "Configuration not found", "tinny.yaml", "'tiny.yaml'")


def test_an_unknown_key_is_told_its_nearest_name(tmp_path, darkcall_here, write_config):
    config = write_config(tmp_path, detect={"min_lenght_m": 40})
    config.write_text(config.read_text() + "exekutor: serial\n")

    ended = darkcall_here("run", "--config", config)

    assert_one_line(ended, 2, "unknown key `exekutor`, did you mean `executor`?", "min_lenght_m")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--site", "nowhere"), ("No such site: nowhere", "demo-alder", "demo-hazel")),
        (("--since", "yesterday"), ("yesterday", "ISO 8601")),
        (("--nope",), ("No such option", "--nope")),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, darkcall_here, write_config, words, expected):
    ended = darkcall_here("run", "--config", write_config(tmp_path), *words)

    assert_one_line(ended, 2, *expected)


def test_an_unknown_command_is_one_line(darkcall):
    assert_one_line(darkcall("detekt"), 2, "No such command", "detekt")


def test_no_command_at_all_shows_the_commands(darkcall_here):
    ended = darkcall_here()

    assert "Traceback" not in ended.err
    assert "detect" in ended.out + ended.err
    assert ended.code in (0, 2)


def test_a_workspace_that_cannot_be_made_is_one_line(tmp_path, darkcall_here, write_config):
    (tmp_path / "workspace").write_text("a file where the folder should be")

    ended = darkcall_here("run", "--config", write_config(tmp_path))

    assert_one_line(ended, 2, str(tmp_path / "workspace"))


def test_the_second_of_two_runs_names_the_first(tmp_path, darkcall, start, write_config):
    config = write_config(tmp_path)
    lock = tmp_path / "workspace/.locks/simulate.lock"
    first = start("run", "--config", config)
    try:
        deadline = time.monotonic() + 120
        while not (lock.exists() and lock.read_text().endswith("}")):
            assert time.monotonic() < deadline
            assert first.poll() is None
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGSTOP)  # it holds the lock for as long as the test needs
        assert not (tmp_path / "workspace/.locks/fetch.lock").exists()

        second = darkcall("run", "--config", config)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()

    assert_one_line(second, 75, f"pid {first.pid}", socket.gethostname())


def test_a_full_disk_is_said_and_costs_no_finished_item(tmp_path, darkcall, write_config):
    disk = tmp_path / "workspace"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        config = write_config(tmp_path)
        ended = darkcall("run", "--config", config, "--log-json")
        half_made = [path.name for path in disk.glob("*/.part-*")]
    finally:
        subprocess.run(["umount", str(disk)], check=True)

    assert "Traceback" not in ended.err
    assert "No space left on the disk" in ended.err
    assert "Defect" not in ended.err
    assert half_made == []
    assert ended.code == 75


def test_config_prints_yaml_a_hash_and_no_secret(tmp_path, darkcall_here, write_config):
    config = write_config(tmp_path)

    ended = darkcall_here("config", "--config", config, DARKCALL_SH_CLIENT_SECRET="hush-hush-9")

    assert ended.code == 0
    assert "hush-hush-9" not in ended.out + ended.err
    assert "DARKCALL_SH_CLIENT_SECRET: set" in ended.out
    held = yaml.safe_load(ended.out)
    assert held["simulate"]["n_days"] == 5
    assert held["detect"]
    assert len(ended.out.split()[-1]) == 64


def test_the_hash_follows_what_results_depend_on(tmp_path, write_config, darkcall_here):
    def digest(folder, **changes):
        config = write_config(tmp_path / folder, **changes)
        ended = darkcall_here("config", "--config", config, "--json")
        return json.loads(ended.out.splitlines()[-1])["sha256"]

    plain = digest("here")

    assert digest("there", workspace="../else", executor="processes", workers=3) == plain
    assert digest("here", scene={"coastline": "osm"}) != plain


@pytest.mark.parametrize("words", COMMANDS)
def test_help_has_an_example(words, darkcall_here):
    ended = darkcall_here(*words, "--help")

    assert ended.code == 0
    assert f"Example: darkcall {' '.join(words)}" in ended.out
