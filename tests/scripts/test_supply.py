"""Locks with hashes, licences by a list, advisories that say when they were not asked, the bill."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import venv
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-image.lock")
CHECK = ROOT / "scripts" / "supply" / "check_deps.py"
PART = ROOT / "scripts" / "supply" / "lock_part.py"


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, check=False
    )


# ----------------------------------------------------------------------------------- the lock


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_of_a_lock_has_hashes_and_no_address_stands_in_it(name, script):
    text = (ROOT / name).read_text(encoding="utf-8")
    pinned = script("supply/lock_part").blocks(text)
    assert len(pinned) > 100
    for package, lines in pinned:
        assert "--hash=sha256:" in lines, package
    assert not re.search(r"https?:|--index|--find-links|@ file", text)


def test_the_images_lock_says_what_the_whole_lock_says(script):
    # tzdata is wanted by the tests everywhere, by the program on Windows alone
    whole, image = (
        {lines for name, lines in script("supply/lock_part").blocks((ROOT / one).read_text())
         if name != "tzdata"}
        for one in LOCKS
    )  # fmt: skip
    assert image < whole


def test_what_make_install_runs_takes_nothing_without_a_hash():
    dry = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    (line,) = [line for line in dry.splitlines() if "-r requirements.lock" in line]
    assert "--require-hashes" in line


def wheel(folder: Path, says: str) -> Path:
    path = folder / "tinydarkcall-1.0-py3-none-any.whl"
    info = "tinydarkcall-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tinydarkcall.py", f"SAYS = {says!r}\n")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinydarkcall\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_wheel_that_was_exchanged_is_refused_by_name(tmp_path):
    honest = wheel(tmp_path, "honest")
    lock = tmp_path / "lock"
    sha256 = hashlib.sha256(honest.read_bytes()).hexdigest()
    lock.write_text(f"tinydarkcall==1.0 \\\n    --hash=sha256:{sha256}\n")

    def install(name):
        return run(
            "-m", "pip", "install", "--isolated", "--no-index", "--find-links", tmp_path,
            "--require-hashes", "--target", tmp_path / name, "-r", lock,
        )  # fmt: skip

    assert install("first").returncode == 0
    wheel(tmp_path, "exchanged")
    refused = install("second")
    assert refused.returncode != 0
    assert "tinydarkcall" in refused.stderr
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_a_part_of_a_lock_keeps_the_hashes_and_a_name_that_is_not_there_is_refused(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(
        "torch==2.0 ; os_name == 'posix' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "torchvision==0.1 \\\n    --hash=sha256:cc\nnumpy==2.4 \\\n    --hash=sha256:dd\n"
    )
    assert run(PART, lock, "--without", "torch*").stdout == "numpy==2.4 \\\n    --hash=sha256:dd\n"
    only = run(PART, lock, "--only", "torch").stdout
    assert only.startswith("torch==2.0 ; os_name")
    assert only.count("--hash") == 2
    wrong = run(PART, lock, "--without", "tensorflow")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "tensorflow" in wrong.stderr
    lock.write_text("--index-url x\n")
    assert run(PART, lock, "--only", "torch").returncode == 2


# ----------------------------------------------------------------------------------- licences


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("MIT", True),
        ("MIT License", True),
        ("Apache-2.0 AND GPL-2.0-only", False),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("GPL-2.0-only", False),
        ("SSPL-1.0", False),
        ("UNKNOWN", False),
        ("Other/Proprietary License", False),
        ("MIT License; BSD License", True),
        ("MIT License; Other/Proprietary License", False),
        ("", False),
    ],
)
def test_a_licence_fits_or_is_refused(script, said, fits):
    deps = script("supply/check_deps")
    rules = deps.Rules.read()
    package = deps.Package(name="somebody", version="1", said=said)
    faults = deps.licence_faults([package], rules)
    assert (not faults) == fits
    assert all("somebody 1" in fault for fault in faults)


def test_an_exception_holds_for_the_packages_it_names_alone(script):
    deps = script("supply/check_deps")
    rules = deps.Rules.read()
    for name, fits in (("nvidia-cublas", True), ("nvidia-something-new", False)):
        package = deps.Package(name=name, version="1", said="LicenseRef-NVIDIA-Proprietary")
        assert rules.fits(package, rules.licence(package)) == fits


def test_what_is_installed_here_fits_and_every_rule_has_its_reason(script):
    deps = script("supply/check_deps")
    packages = deps.installed()
    rules = deps.Rules.read()
    assert len(packages) > 100
    assert deps.licence_faults(packages, rules) == []
    assert all(rules.allowed.values())
    assert all(one["read"] and one["licence"] for one in rules.packages.values())
    assert all(len(one["why"]) > 40 for one in rules.exceptions.values())
    # a list without that licence refuses the package, by name
    allowed = {one: why for one, why in rules.allowed.items() if one != "GPL-3.0-or-later"}
    (fault,) = deps.licence_faults(packages, replace(rules, allowed=allowed))
    assert fault.startswith("aiscat ")


# --------------------------------------------------------------------------------- advisories

HOLE = {
    "id": "PYSEC-2099-1",
    "summary": "a hole",
    "affected": [
        {
            "package": {"name": "rotten", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
        }
    ],
}


@contextlib.contextmanager
def osv(status: int = 200):
    """An advisory service on loopback that knows one hole."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            vulns = [HOLE] if asked["package"]["name"] == "rotten" else []
            body = json.dumps({"vulns": vulns} if vulns else {}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check(lock: Path, url: str) -> subprocess.CompletedProcess[str]:
    return run(
        CHECK, "--skip-licences", "--lock", lock, "--service", "osv", "--osv-url", url,
        "--timeout-s", 5,
    )  # fmt: skip


@pytest.fixture
def lock(tmp_path):
    def write(*pins: str) -> Path:
        path = tmp_path / "lock"
        path.write_text("".join(f"{pin} \\\n    --hash=sha256:{'0' * 64}\n" for pin in pins))
        return path

    return write


def test_a_known_hole_ends_with_4_and_says_which_version_mends_it(lock):
    with osv() as url:
        told = check(lock("sound==1.0", "rotten==1.0"), url)
    assert told.returncode == 4
    assert "2 of 2 pins were checked" in told.stdout
    assert "HOLE rotten 1.0: PYSEC-2099-1, mended in 2.0" in told.stdout


def test_pins_without_a_known_hole_pass(lock):
    with osv() as url:
        told = check(lock("sound==1.0"), url)
    assert told.returncode == 0, told.stdout
    assert "1 of 1 pins were checked, 0 known holes" in told.stdout


def test_a_service_that_does_not_answer_is_said_and_never_a_pass(lock):
    with socket.socket() as held:  # bound and not listening: the port refuses
        held.bind(("127.0.0.1", 0))
        told = check(lock("sound==1.0"), f"http://127.0.0.1:{held.getsockname()[1]}/")
    assert told.returncode == 75
    assert "NOT CHECKED: all pins" in told.stdout
    with osv(status=500) as url:
        told = check(lock("sound==1.0"), url)
    assert told.returncode == 75
    assert "NOT CHECKED: all pins" in told.stdout


def test_a_package_that_the_service_could_not_be_asked_about_is_not_a_pass(script):
    """pip-audit itself ends with 0 and "No known vulnerabilities found" then."""
    heard = script("supply/check_deps").heard
    some = heard([
        {"name": "sound", "version": "1", "vulns": []},
        {"name": "hidden", "skip_reason": "Dependency not found"},
    ])  # fmt: skip
    assert (some.code, some.n_asked, some.n_unknown) == (75, 2, 1)
    worst = heard([
        {"name": "rotten", "version": "1", "vulns": [{"id": "X", "fix_versions": []}]},
        {"name": "hidden", "skip_reason": "Dependency not found"},
    ])  # fmt: skip
    assert (worst.code, worst.holes) == (4, ("rotten 1: X, not mended yet",))
    assert heard([]).code == 75


# -------------------------------------------------------------------------- bill of materials


@pytest.fixture(scope="module")
def small_bill(script, tmp_path_factory):
    """The bill of an environment with pip alone, models and Leaflet added."""
    sbom = script("supply/write_sbom")
    folder = tmp_path_factory.mktemp("bill")
    venv.create(folder / "venv", with_pip=False)
    told = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible",
         "--no-validate", "--sv", "1.6", "--pyproject", ROOT / "pyproject.toml",
         folder / "venv" / "bin" / "python"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    own = [
        sbom.leaflet_component(sbom.LEAFLET),
        *map(sbom.model_component, sbom.models_in(sbom.MODELS)),
    ]

    def write() -> str:
        return sbom.completed(json.loads(told), own, b"the lock")

    return write


def test_the_bill_is_valid_and_holds_the_models_by_the_hash_of_their_weights(script, small_bill):
    text = small_bill()
    script("supply/write_sbom").check_valid(text)
    models = {
        one["name"]: one
        for one in json.loads(text)["components"]
        if one["type"] == "machine-learning-model"
    }
    described = {f"darkcall-{one.parent.name}" for one in (ROOT / "models").glob("*/model.yaml")}
    assert set(models) == described >= {"darkcall-s1", "darkcall-s2"}
    files = {
        one["name"]: one["hashes"][0]["content"] for one in models["darkcall-s2"]["components"]
    }
    assert {"weights.safetensors", "openvino.bin", "openvino.xml"} < set(files)
    for name, sha256 in files.items():
        content = (ROOT / "models" / "s2" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256, name


def test_the_bill_says_nothing_of_when_or_where_it_was_written(small_bill):
    assert small_bill() == small_bill()
    bill = json.loads(small_bill())
    assert "serialNumber" not in bill
    assert "timestamp" not in bill["metadata"]
    assert str(ROOT) not in small_bill()


def test_a_bill_that_breaks_the_schema_is_refused(script, small_bill):
    sbom = script("supply/write_sbom")
    broken = json.loads(small_bill())
    broken["components"][0]["type"] = "rumour"
    with pytest.raises(sbom.Untrue, match="no valid CycloneDX"):
        sbom.check_valid(json.dumps(broken))


def test_weights_that_are_not_the_described_ones_are_refused(script, tmp_path):
    sbom = script("supply/write_sbom")
    shutil.copytree(ROOT / "models" / "s2", tmp_path / "s2")
    with (tmp_path / "s2" / "openvino.xml").open("ab") as file:
        file.write(b" ")
    (model,) = sbom.models_in(tmp_path)
    with pytest.raises(sbom.DarkcallError, match=r"not those described.*openvino\.xml"):
        sbom.model_component(model)


def test_installed_packages_that_the_lock_does_not_pin_are_named(script):
    sbom = script("supply/write_sbom")
    pinned = sbom.pins(
        "numpy==1.0 ; python_full_version < '3.0' \\\n    --hash=sha256:aa\n"
        "numpy==2.0 ; python_full_version >= '3.0' \\\n    --hash=sha256:bb\n"
        "click==8.0 \\\n    --hash=sha256:cc\n"
    )
    assert pinned == {"numpy": "2.0", "click": "8.0"}
    bill = {
        "components": [
            {"name": "numpy", "version": "2.0"},
            {"name": "click", "version": "8.1"},
            {"name": "stranger", "version": "1.0"},
            {"name": "pip", "version": "99"},
        ]
    }
    assert sbom.differences(bill, pinned) == [
        "click 8.1 is installed, the lock pins 8.0",
        "stranger 1.0 is installed, the lock pins none",
    ]
