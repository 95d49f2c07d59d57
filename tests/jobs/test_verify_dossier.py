"""`darkcall verify`: whatever was done to a dossier, its file is named and nothing is believed."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.decided import Noted
from pipeline.decisions.journal import append, export
from pipeline.decisions.store import Store
from pipeline.errors import ChecksFailed, UsageError
from pipeline.jobs import sealed_files
from pipeline.jobs import verify_dossier as verify_dossier_module
from pipeline.jobs.plain_paths import is_safe
from pipeline.jobs.seal_dossier import publish, seal, unfinished, zipped
from pipeline.jobs.verify_dossier import verify_dossier
from tests.decisions.conftest import BEGIN

FILES = {
    "README.txt": b"read me",
    "originals/scenes/one/VV.tif": bytes(range(256)) * 8,
    "working/calls.csv": b"call_id,review\nc1,NOT REVIEWED\n",
    "working/empty.csv": b"",
}


def write(folder, *, whole=True, subject="call-1", files=FILES):
    """A sealed dossier with a journal of three entries."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    store = Store.open(f"sqlite:///{folder.parent / 'journal.db'}")
    for number in range(3):
        append(
            store, who="ann", case_id=f"case-{number % 2}", evidence_key="key",
            body=Noted(note=f"note {number}"), entry_id=str(number), at=BEGIN,
        )  # fmt: skip
    head = export(store, folder / "working/journal.jsonl", case_id=None if whole else "case-0")
    store.close()
    journal = {"entries": head.n_entries, "head_sha256": head.sha256, "whole": whole}
    about = {"kind": "call", "subject": subject, "review": "NOT REVIEWED", "journal": journal}
    seal(folder, about)
    return folder


@pytest.fixture
def dossier(tmp_path):
    return write(tmp_path / "call-1")


def faults(path):
    return [(one.what, one.file) for one in verify_dossier(path).faults]


def listed(dossier, change):
    """Change the manifest as a forger would: its seal too."""
    path = dossier / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (dossier / "manifest.sha256").write_text(f"{digest}  manifest.json\n")


@pytest.mark.parametrize("whole", [True, False])
def test_a_dossier_as_it_was_sealed_holds(tmp_path, whole):
    folder = write(tmp_path / "good", whole=whole)
    checked = verify_dossier(folder)
    assert checked.faults == ()
    assert checked.n_good == len(FILES) + 1
    on_disk = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert checked.manifest_sha256 == on_disk
    assert os.system(f"cd {folder} && sha256sum --quiet -c manifest.sha256") == 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_one_byte_altered_anywhere_fails_and_its_file_is_named(dossier, data):
    names = sorted(
        path.relative_to(dossier).as_posix()
        for path in dossier.rglob("*") if path.is_file() and path.stat().st_size
    )  # fmt: skip
    name = data.draw(st.sampled_from(names))
    content = (dossier / name).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(1, 255))
    try:
        (dossier / name).write_bytes(
            content[:at] + bytes([content[at] ^ other]) + content[at + 1 :]
        )
        named = {file for _, file in faults(dossier)}
    finally:
        (dossier / name).write_bytes(content)
    # the seal of the manifest is not worth more than the manifest: either may be the changed one
    expected = {"manifest.sha256": {"manifest.json"}}.get(name, {name})
    blanks = name == "manifest.sha256" and at >= 64
    assert expected <= named or blanks


def test_missing_extra_shortened_and_lengthened_files_are_named(dossier):
    (dossier / "README.txt").unlink()
    (dossier / "working/more.txt").write_text("x")
    (dossier / "working/calls.csv").write_bytes(b"call")
    (dossier / "working/empty.csv").write_bytes(b"x" * 5_000_000)
    assert sorted(faults(dossier)) == [
        ("changed", "working/calls.csv"),
        ("changed", "working/empty.csv"),
        ("extra", "working/more.txt"),
        ("missing", "README.txt"),
    ]


def test_links_and_pipes_are_named_and_never_opened(dossier, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(FILES["README.txt"])  # a link to the very same bytes is still a link
    (dossier / "README.txt").unlink()
    (dossier / "README.txt").symlink_to(secret)
    (dossier / "working/up").symlink_to("..")
    os.mkfifo(dossier / "working/pipe")
    (dossier / "originals").rename(tmp_path / "elsewhere")
    (dossier / "originals").symlink_to(tmp_path / "elsewhere")
    assert sorted(faults(dossier)) == [
        ("link", "README.txt"),
        ("link", "originals"),
        ("link", "working/up"),
        ("missing", "originals/scenes/one/VV.tif"),
        ("unreadable", "working/pipe"),
    ]


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "/etc/passwd", "working/../../secret", "..", "", ".", "./README.txt",
     "working//calls.csv", "C:\\x", "working\\calls.csv", "a\nb", "manifest.json", "\u202eexe"],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_named_and_not_followed(dossier, path, monkeypatch):
    listed(dossier, lambda d: d["files"].append({"path": path, "bytes": 0, "sha256": "0" * 64}))
    opened = []
    real = sealed_files.FolderSource.open
    monkeypatch.setattr(
        sealed_files.FolderSource,
        "open",
        lambda self, name: opened.append(name) or real(self, name),
    )
    assert faults(dossier) == [("unsafe path", path)]
    assert path not in opened or path == "manifest.json"


@given(st.text(max_size=40))
def test_a_safe_path_stays_below_its_root(name):
    if is_safe(name):
        joined = os.path.normpath(f"/there/{name}")
        assert joined == f"/there/{name}"


def test_a_file_named_twice_is_a_fault(dossier):
    listed(dossier, lambda d: d["files"].append(d["files"][0]))
    assert [what for what, _ in faults(dossier)] == ["unsafe path"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"format": "another"}', b"[" * 100_000, b"\xff\xfe", b'"x"'],
)
def test_a_manifest_that_is_none_is_said_and_nothing_breaks(dossier, content):
    (dossier / "manifest.json").write_bytes(content)
    found = verify_dossier(dossier)
    assert found.manifest is None or content == b""
    if content:
        assert ("unreadable", "manifest.json") in faults(dossier)


def test_a_huge_manifest_is_not_read(dossier, monkeypatch):
    monkeypatch.setattr(verify_dossier_module, "MAX_MANIFEST_BYTES", 1_000)
    (dossier / "manifest.json").write_bytes(b" " * 1_001)
    assert ("unreadable", "manifest.json") in faults(dossier)


def test_a_huge_manifest_on_disk_takes_no_memory(dossier):
    with (dossier / "manifest.json").open("r+b") as stream:
        stream.truncate(3_000_000_000)  # sparse
    assert ("unreadable", "manifest.json") in faults(dossier)


@pytest.mark.parametrize("whole", [True, False])
def test_a_forged_journal_is_found_though_the_manifest_was_forged_with_it(tmp_path, whole):
    folder = write(tmp_path / "d", whole=whole)
    path = folder / "working/journal.jsonl"
    path.write_text(path.read_text().replace("note 0", "note 9"))
    document = json.loads((folder / "manifest.json").read_text())
    seal(folder, {name: document[name] for name in ("kind", "subject", "review", "journal")})
    assert faults(folder) == [("changed", "working/journal.jsonl")]


def test_a_journal_whose_end_was_cut_off_is_found(dossier):
    path = dossier / "working/journal.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    document = json.loads((dossier / "manifest.json").read_text())
    seal(dossier, {name: document[name] for name in ("kind", "subject", "review", "journal")})
    assert faults(dossier) == [("changed", "working/journal.jsonl")]


def test_the_same_dossier_makes_the_same_zip_and_it_holds(dossier, tmp_path):
    first = zipped(dossier)
    content = first.read_bytes()
    for path in dossier.rglob("*"):
        os.utime(path, (1, 1))
    assert zipped(dossier).read_bytes() == content
    assert faults(first) == []
    with zipfile.ZipFile(first) as archive:
        archive.extractall(tmp_path / "out")
    assert faults(tmp_path / "out" / "call-1") == []


def test_what_was_done_to_a_zip_is_named(dossier, tmp_path):
    good = zipped(dossier)
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(evil, "w") as new:
        for info in old.infolist():
            if info.filename.endswith("README.txt"):
                continue
            content = old.read(info)
            if info.filename.endswith("VV.tif"):
                content = content[:-1] + b"!"
            new.writestr(info, content)
        new.writestr("../../etc/cron.d/x", "x")
        new.writestr("call-1/working/../../../x", "x")
        new.writestr("elsewhere/x", "x")
        link = zipfile.ZipInfo("call-1/working/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        new.writestr(link, "/etc/passwd")
    assert sorted(faults(evil)) == [
        ("changed", "originals/scenes/one/VV.tif"),
        ("extra", "elsewhere/x"),
        ("link", "working/link"),
        ("missing", "README.txt"),
        ("unsafe path", "../../etc/cron.d/x"),
        ("unsafe path", "working/../../../x"),
    ]


def test_a_zip_that_unpacks_to_gigabytes_is_read_no_further_than_listed(dossier, tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in dossier.rglob("*") if p.is_file()):
            name = path.relative_to(dossier).as_posix()
            content = b"\0" * 50_000_000 if name == "README.txt" else path.read_bytes()
            archive.writestr(name, content)
    assert faults(bomb) == [("changed", "README.txt")]


def test_what_is_no_dossier_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    for name in ("empty", "text.zip"):
        with pytest.raises(UsageError, match="No dossier"):
            verify_dossier(tmp_path / name)


def test_the_command_names_each_file_on_a_line_and_ends_with_4(dossier):
    (dossier / "README.txt").write_bytes(b"read mE")
    (dossier / "working/\x1b[2Jx\ny").write_text("x")
    ended = CliRunner().invoke(app, ["verify", str(dossier)])
    assert isinstance(ended.exception, ChecksFailed)
    assert ended.exception.exit_code == 4
    lines = ended.output.splitlines()
    assert [line.split(" (")[0] for line in lines[:2]] == [
        "changed: README.txt", "unsafe path: working/�[2Jx�y",
    ]  # fmt: skip
    told = json.loads(CliRunner().invoke(app, ["verify", str(dossier), "--json"]).output)
    assert told["holds"] is False
    assert [one["what"] for one in told["faults"]] == ["changed", "unsafe path"]


def test_the_command_says_what_it_checked(dossier):
    said = CliRunner().invoke(app, ["verify", str(dossier)])
    assert said.exit_code == 0
    checked = verify_dossier(dossier)
    for words in ("Unchanged", "call-1", "NOT REVIEWED", "5 files", checked.manifest_sha256,
                  "3 entries, all of it: unbroken"):  # fmt: skip
        assert words in said.output


# ---------------------------------------------------------------------------- what is never lost


def again(out, **other):
    with unfinished(out) as part:
        write(part, **other)
        return publish(part, out)


def test_the_very_same_dossier_is_left_alone_and_a_newer_one_takes_its_place(dossier):
    (dossier / "manifest.tsr").write_bytes(bytes.fromhex(verify_dossier(dossier).manifest_sha256))
    assert again(dossier) is False
    assert (dossier / "manifest.tsr").exists()
    (dossier / "manifest.tsr").unlink()
    assert again(dossier, files={**FILES, "README.txt": b"newer"}) is True
    assert (dossier / "README.txt").read_bytes() == b"newer"
    assert faults(dossier) == []
    assert [path.name for path in dossier.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("what", ["file", "stranger", "other", "changed", "stamped", "link"])
def test_a_folder_that_holds_something_else_is_refused(tmp_path, what):
    out = tmp_path / "out"
    if what == "file":
        out.write_text("mine")
    elif what == "stranger":
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
    else:
        write(out, subject="call-2" if what == "other" else "call-1")
    if what == "changed":
        (out / "my-notes.txt").write_text("mine")
    if what == "stamped":
        (out / "manifest.tsr").write_bytes(bytes.fromhex(verify_dossier(out).manifest_sha256))
    if what == "link":
        out.rename(tmp_path / "real")
        out.symlink_to(tmp_path / "real")
    before = sorted(path.name for path in out.rglob("*"))
    with pytest.raises(UsageError):
        again(out, files={**FILES, "README.txt": b"newer"})
    assert sorted(path.name for path in out.rglob("*")) == before
