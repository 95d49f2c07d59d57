"""`darkcall report CALL` and `--season`: what is handed on, read with others' tools."""

from __future__ import annotations

import csv
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pyogrio
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.decided import Attached, Said, Verdict, VerdictGiven
from pipeline.decisions.journal import append
from pipeline.decisions.store import Store
from pipeline.errors import UsageError
from pipeline.jobs.contract import Done, StageResult
from pipeline.jobs.dossier_evidence import copy_scene, fetched_scenes
from pipeline.jobs.verify_dossier import verify_dossier
from pipeline.records import Candidate, PortCall, content_id
from pipeline.tables import read_records, write_records

NOW = datetime(2024, 12, 1, 9, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> =1+1"
NAME = "=cmd|' /C calc'!A0 <img src=x onerror=alert(2)> СВЕТА 광명"


@dataclass(frozen=True)
class Told:
    """A season to write dossiers of."""

    call: PortCall
    workspace: Path
    config: Path


needs_poppler = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="no poppler here: pages are not looked at"
)


@pytest.fixture(scope="module")
def told(season, tmp_path_factory):
    """The tiny season, its one dark call told as if a ship with a hostile name stood out."""
    folder = tmp_path_factory.mktemp("told")
    shutil.copytree(season.config.parent, folder / "configs")
    shutil.copytree(season.workspace, folder / "workspace")
    names = folder / "workspace/names/season"
    calls = read_records(PortCall, names / "calls.parquet")
    (silent,) = (one for one in calls if one.gap_ids)
    (dark,) = (one for one in calls if one.is_dark)
    call = replace(
        dark, tier="B", evidence_class="GAP_AND_IMAGE", mmsi=silent.mmsi, ship_name=NAME,
        gap_ids=silent.gap_ids,
    )  # fmt: skip
    write_records(
        PortCall, [call if one is dark else one for one in calls], names / "calls.parquet"
    )
    (unknown,) = read_records(Candidate, names / "candidates.parquet")
    named = replace(
        unknown, mmsi=silent.mmsi, ship_name=NAME, gap_id=silent.gap_ids[0], posterior=0.7
    )
    both = [named, replace(unknown, rank=2, posterior=0.3)]
    write_records(Candidate, both, names / "candidates.parquet")
    manifest = json.loads((names / "manifest.json").read_text())
    for name, one in manifest["outputs"].items():
        one["bytes"] = (names / name).stat().st_size
    (names / "manifest.json").write_text(json.dumps(manifest))
    return Told(call=call, workspace=folder / "workspace", config=folder / "configs/tiny.yaml")


@pytest.fixture(scope="module")
def call(told):
    """That call: two people decide it."""
    return told.call


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """The journal of decisions, away from the season's workspace."""
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    monkeypatch.setenv("DARKCALL_DATABASE_URL", url)
    monkeypatch.delenv("DARKCALL_TSA_URL", raising=False)

    def say(who, verdict, call, *, key=None, note=HOSTILE):
        store = Store.open(url)
        append(
            store, who=who, case_id=content_id("case", call.call_id), at=NOW,
            evidence_key=key or call.evidence_key, entry_id=uuid.uuid4().hex,
            body=VerdictGiven(verdict=verdict, said=Said(), note=note),
        )  # fmt: skip
        store.close()

    return say


@pytest.fixture
def report(told, tmp_path, journal):
    """Run `darkcall report …` into a folder; returns the folder."""

    def run(*words, out="dossier", code=0):
        return write(told, tmp_path / out, *words, code=code)

    return run


def write(told, folder, *words, code=0):
    words = ["report", *words, "--out", str(folder), "--config", str(told.config)]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return folder


@pytest.fixture(scope="module")
def unreviewed(told, tmp_path_factory):
    """The call's dossier before anybody has decided; only to be read."""
    return write(told, tmp_path_factory.mktemp("unreviewed") / "dossier", told.call.call_id[:12])


def text_of(pdf):
    """By page, without blanks: what stands across a page comes letter by letter."""
    told = subprocess.run(
        ["pdftotext", "-raw", pdf, "-"], check=True, capture_output=True, timeout=60
    ).stdout.decode()
    return ["".join(page.split()) for page in told.split("\f") if page.strip()]


def test_a_call_s_dossier_holds_its_evidence_untouched_and_says_where_it_is_from(
    unreviewed, told, call
):
    folder = unreviewed
    manifest = json.loads((folder / "manifest.json").read_text())
    on_disk = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip
    listed = {one["path"]: one["sha256"] for one in manifest["files"]}
    assert listed == {n: h for n, h in on_disk.items() if not n.startswith("manifest.")}
    assert manifest["subject"] == call.call_id
    assert manifest["evidence_key"] == call.evidence_key
    assert manifest["review"] == "NOT REVIEWED"
    assert manifest["simulated"] is True
    assert manifest["caveats"][0].startswith("One image shows presence at an instant, not loading.")
    assert manifest["software"]["version"]
    assert {one["detector"].split("-")[0] for one in manifest["models"]} == {"cfar"}
    for scene in manifest["scenes"]:
        assert scene["product_ids"]
        assert scene["provider"] == "simulated"
        for name, one in scene["files"].items():
            fetched = told.workspace / "fetch" / scene["item"] / name
            copied = f"originals/scenes/{scene['item']}/{name}"
            assert on_disk[copied] == one["sha256"]
            assert on_disk[copied] == hashlib.sha256(fetched.read_bytes()).hexdigest()
    configuration = (folder / "working/configuration.json").read_bytes()
    assert hashlib.sha256(configuration).hexdigest() == manifest["configuration"]["sha256"]


def test_the_ais_rows_of_the_ships_named_are_in_it_with_the_files_they_are_from(
    unreviewed, told, call
):
    folder = unreviewed
    with (folder / "originals/ais/fixes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (folder / "originals/ais/files.csv").open(encoding="utf-8", newline="") as stream:
        files = {row["file"]: row for row in csv.DictReader(stream)}
    named = json.loads((folder / "manifest.json").read_text())["ais"]["mmsis"]
    assert named == [call.mmsi]
    assert rows
    assert {int(row["mmsi"]) for row in rows} <= set(named)
    assert {row["source"] for row in rows} == set(files)
    delivered = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in told.workspace.glob("simulate/ais-*/*.csv")
    }
    for name, row in files.items():
        assert row["sha256"] == delivered[name]
        assert int(row["rows_here"]) == sum(one["source"] == name for one in rows)


@pytest.mark.parametrize("suffix", ["gpkg", "kml", "geojson"])
def test_exports_open_in_their_usual_reader_and_say_that_nobody_has_reviewed(
    unreviewed, call, suffix
):
    folder = unreviewed
    read = pyogrio.raw.read(folder / f"working/calls.{suffix}")
    fields = dict(zip(read[0]["fields"], (values[0] for values in read[3]), strict=True))
    assert fields["call_id"] == call.call_id
    assert fields["review"] == "NOT REVIEWED"
    assert "not loading" in fields["caveat"]


def test_every_table_says_that_nobody_has_reviewed(unreviewed, call):
    folder = unreviewed
    for name in ("calls", "candidates", "detections", "coverage", "matches", "silences"):
        with (folder / f"working/{name}.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert rows, name
        assert {row["review"] for row in rows} == {"NOT REVIEWED"}, name
    for name in ("README.txt", "working/explanation.txt", "working/report.html"):
        assert "NOT REVIEWED" in (folder / name).read_text(encoding="utf-8"), name
        assert "not loading" in (folder / name).read_text(encoding="utf-8"), name


def test_a_hostile_name_is_text_everywhere(unreviewed, call):
    folder = unreviewed
    page = (folder / "working/report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(2)&gt; СВЕТА 광명" in page
    for name in ("calls", "candidates"):
        with (folder / f"working/{name}.csv").open(encoding="utf-8", newline="") as stream:
            told = [row["ship_name"] for row in csv.DictReader(stream)]
        assert f"'{NAME}" in told
    read = pyogrio.raw.read(folder / "working/calls.kml")
    fields = dict(zip(read[0]["fields"], (values[0] for values in read[3]), strict=True))
    assert fields["ship_name"] == NAME


@needs_poppler
def test_letters_the_paper_lacks_are_told_by_their_code_and_the_others_drawn(unreviewed, call):
    told = text_of(unreviewed / "working/dossier.pdf")[0]
    assert "<imgsrc=xonerror=alert(2)>СВЕТА[U+AD11][U+BA85]" in told


@needs_poppler
def test_every_page_says_so_and_that_the_season_is_simulated(unreviewed, call):
    pages = text_of(unreviewed / "working/dossier.pdf")
    assert len(pages) >= 3
    for page in pages:
        assert "NOTREVIEWED" in page
        assert "SIMULATED" in page


def test_a_confirmed_call_says_by_whom_and_notes_are_text(report, call, journal):
    journal("ann", Verdict.CONFIRMED, call)
    journal("ben", Verdict.CONFIRMED, call, note="=HYPERLINK(1)")
    folder = report(call.call_id)
    page = (folder / "working/report.html").read_text(encoding="utf-8")
    assert "confirmed by review" in page
    assert '<div class="mark"' not in page
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for words in ("ann on 1 Dec 2024 09:00 UTC", "ben on 1 Dec 2024 09:00 UTC"):
        assert words in page
    lines = (folder / "working/journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["who"] for line in lines] == ["ann", "ben"]
    journal = json.loads((folder / "manifest.json").read_text())["journal"]
    assert (journal["entries"], journal["head_sha256"]) == (2, json.loads(lines[-1])["sha256"])
    assert verify_dossier(folder).faults == ()


def test_what_people_attached_goes_with_it_and_a_changed_file_does_not(
    report, call, told, journal, monkeypatch
):
    content = b"finer image"
    sha256 = hashlib.sha256(content).hexdigest()
    attachments = told.workspace / "attachments"
    attachments.mkdir(exist_ok=True)
    (attachments / sha256).write_bytes(content)
    store = Store.open(os.environ["DARKCALL_DATABASE_URL"])
    for name, digest in (("planet.png", sha256), ("lost.pdf", "0" * 64)):
        append(
            store, who="ann", case_id=content_id("case", call.call_id), at=NOW,
            evidence_key=call.evidence_key, entry_id=uuid.uuid4().hex,
            body=Attached(sha256=digest, name=name, n_bytes=11, media_type="image/png",
                          source="Planet, 3 m", shows_ship=True),
        )  # fmt: skip
    store.close()
    folder = report(call.call_id)
    assert (folder / "originals/attachments" / sha256).read_bytes() == content
    attached = json.loads((folder / "manifest.json").read_text())["attachments"]
    assert [(one["name"], one["missing"]) for one in attached] == [
        ("planet.png", False), ("lost.pdf", True),
    ]  # fmt: skip
    assert verify_dossier(folder).faults == ()
    (attachments / sha256).write_bytes(b"another one")
    report(call.call_id, out="again", code=1)
    (attachments / sha256).unlink()


def test_what_the_first_of_two_reviewers_said_leaves_the_house_nowhere(report, call, journal):
    journal("ann", Verdict.NOT_A_SHIP, call, note="secret opinion")
    folder = report(call.call_id)
    assert verify_dossier(folder).manifest.review == "SECOND OPINION PENDING"
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in {".html", ".txt", ".json", ".jsonl", ".csv"}:
            content = path.read_text(encoding="utf-8")
            assert "secret opinion" not in content, path
            assert "not a ship" not in content.lower(), path


@pytest.mark.parametrize(
    ("verdicts", "mark"),
    [
        ((Verdict.CONFIRMED, Verdict.REJECTED), "DISPUTED"),
        ((Verdict.REJECTED, Verdict.REJECTED), "REJECTED BY REVIEW"),
    ],
)
def test_disputed_and_rejected_calls_carry_it_across_the_page(
    report, call, journal, verdicts, mark
):
    for who, verdict in zip(("ann", "ben"), verdicts, strict=True):
        journal(who, verdict, call)
    folder = report(call.call_id)
    page = (folder / "working/report.html").read_text(encoding="utf-8")
    assert f'<div class="mark" aria-hidden="true">{mark}</div>' in page
    with (folder / "working/calls.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["review"] for row in csv.DictReader(stream)] == [mark]
    if shutil.which("pdftotext"):
        assert all(
            mark.replace(" ", "") in page for page in text_of(folder / "working/dossier.pdf")
        )


def test_a_decision_on_other_evidence_does_not_count(report, call, journal):
    journal("ann", Verdict.CONFIRMED, call, key="evidence-of-yesterday")
    journal("ben", Verdict.CONFIRMED, call, key="evidence-of-yesterday")
    review = verify_dossier(report(call.call_id)).manifest.review
    assert review == "NOT REVIEWED: decided before, on other evidence"


def test_the_same_dossier_twice_is_the_same_bytes(report, call):
    first, second = report(call.call_id, "--zip"), report(call.call_id, "--zip", out="again")
    assert (first / "manifest.json").read_bytes() == (second / "manifest.json").read_bytes()
    manifest = verify_dossier(first.with_name("dossier.zip"))
    assert manifest.faults == ()
    assert manifest == verify_dossier(first)


def test_evidence_that_was_changed_is_not_handed_on(told, call, tmp_path, monkeypatch):
    monkeypatch.setenv("DARKCALL_DATABASE_URL", f"sqlite:///{tmp_path / 'desk.db'}")
    workspace = shutil.copytree(told.workspace, tmp_path / "workspace")
    config = shutil.copytree(told.config.parent, tmp_path / "configs") / told.config.name
    detections = pq.read_table(workspace / "screen" / call.site_id / "detections.parquet")
    scenes = dict(zip(detections["detection_id"].to_pylist(), detections["scene_id"].to_pylist(),
                      strict=True))  # fmt: skip
    for item in workspace.glob("fetch/*/item.json"):
        if json.loads(item.read_text())["id"] == scenes[call.detection_ids[0]]:
            band = min(item.parent.glob("*.tif"))
            content = band.read_bytes()
            band.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    words = ["report", call.call_id, "--config", str(config)]
    ended = CliRunner().invoke(app, words)
    assert ended.exception.exit_code == 4
    assert "Evidence was changed since it was fetched" in str(ended.exception)
    assert not (workspace / "dossiers" / call.call_id).exists()


def test_the_season_s_dossier_holds_everything_but_scenes_and_tells_their_hashes(
    report, told, call, journal
):
    journal("ann", Verdict.CONFIRMED, call)
    folder = report("--season")
    checked = verify_dossier(folder)
    assert checked.faults == ()
    assert checked.manifest.kind == "season"
    assert checked.manifest.review in ("NOT ALL REVIEWED", "SECOND OPINION PENDING")
    assert checked.manifest.journal.whole
    assert not list(folder.rglob("*.tif"))
    with (folder / "originals/scenes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 20
    for row in rows[::5]:
        content = (told.workspace / "fetch" / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    dark = pyogrio.raw.read(folder / "working/exports/dark-calls.gpkg")
    assert "review" in dark[0]["fields"]
    calls = pq.read_table(folder / "working/tables/calls.parquet")
    reviews = dict(zip(calls["call_id"].to_pylist(), calls["review"].to_pylist(), strict=True))
    assert reviews[call.call_id] == "SECOND OPINION PENDING"
    page = (folder / "working/report.html").read_text(encoding="utf-8")
    assert "SECOND OPINION PENDING" in page
    for chip in {part.split('"')[0] for part in page.split('<img src="')[1:]}:
        assert chip.startswith("data:") or (folder / "working" / chip).is_file()


def test_an_authority_that_fails_loses_nothing_and_ends_with_3(report, call, tmp_path):
    folder = report(call.call_id, "--timestamp", "http://127.0.0.1:9/tsr", code=3)
    assert verify_dossier(folder).faults == ()
    assert not (folder / "manifest.tsr").exists()


def test_an_authority_s_answer_is_kept_beside_the_manifest(report, call, tmp_path, monkeypatch):
    def granted(query, digest, nonce):
        return NOW

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(query)))
            self.end_headers()
            self.wfile.write(query)

        def log_message(self, *_):
            pass

    monkeypatch.setattr("pipeline.fetch.time_stamp._read", granted)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        folder = report(call.call_id, "--timestamp", url, "--zip")
    finally:
        server.shutdown()
        server.server_close()
    for path in (folder, folder.with_name("dossier.zip")):
        checked = verify_dossier(path)
        assert (checked.faults, checked.stamped) == ((), True)
    (folder / "manifest.tsr").write_bytes(b"of something else")
    assert [str(one).split(" (")[0] for one in verify_dossier(folder).faults] == [
        "changed: manifest.tsr"
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "No such call"),
        (("call-",), "Several calls begin so"),
        (("call-1", "--season"), "of a call or of the season"),
        (("--zip",), "as a dossier"),
        (("--out", "somewhere"), "as a dossier"),
    ],
)
def test_what_cannot_be_written_is_said(told, journal, words, said):
    ended = CliRunner().invoke(app, ["report", *words, "--config", str(told.config)])
    assert isinstance(ended.exception, UsageError)
    assert said in str(ended.exception)


def test_what_was_asked_of_an_archive_is_told_without_its_signatures(told, tmp_path):
    source = next(told.workspace.glob("fetch/*--S2*"))
    folder = tmp_path / source.name
    (folder / "original/granule").mkdir(parents=True)
    shutil.copy(source / "item.json", folder)
    request = {"collection": "sentinel-2-l1c", "epsg": 32652}
    (folder / "original/granule/item.json").write_text(
        json.dumps(
            {
                "id": "granule",
                "properties": {"darkcall:request": request},
                "assets": {
                    "blue": {"darkcall:href": "https://archive.example/B02.tif?sig=secret"},
                    "thumbnail": {"href": "./t.png"},
                },
            }
        )
    )
    names = ("item.json", "original/granule/item.json")
    outputs = {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name in names
    }
    (folder / "manifest.json").write_text(
        json.dumps({"outputs": outputs, "inputs": {"items": "ab" * 32}})
    )
    done = {folder.name: Done(folder=folder, content_sha256="", counts={})}
    fetched = StageResult(
        stage="fetch", done=done, n_worked=0, failures=(), left_out=(), active=False
    )
    (one,) = fetched_scenes(fetched).values()
    assert one.as_json(copied=True)["requests"] == [
        {
            "item": "granule",
            "request": request,
            "addresses": {"blue": "https://archive.example/B02.tif"},
        }
    ]
    copy_scene(one, tmp_path / "copies")
    for name in names:
        copy = tmp_path / "copies" / folder.name / name
        assert copy.read_bytes() == (folder / name).read_bytes()


def test_a_silence_and_a_visit_on_ais_have_dossiers_too(report, told):
    calls = read_records(PortCall, told.workspace / "names/season/calls.parquet")
    for kind in ("GAP_SPANS_PORT", "AIS_VISIT"):
        call = next(one for one in calls if one.evidence_class == kind)
        folder = report(call.call_id, out=kind)
        checked = verify_dossier(folder)
        assert (checked.faults, checked.manifest.review) == ((), "NOT REVIEWED")
        page = (folder / "working/report.html").read_text(encoding="utf-8")
        assert ("No image of this call is on file." in page) is (not call.detection_ids)
