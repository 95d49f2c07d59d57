"""Zipped products: what is used is unpacked once, and no zip file can do harm."""

from __future__ import annotations

import shutil
import zipfile

import pytest

import pipeline.fetch.zipped
from pipeline.errors import BadInput
from pipeline.fetch.safe import read_safe
from pipeline.fetch.zipped import unpacked


def zip_of(folder, path, extra=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{folder.name}/{file.relative_to(folder)}")
        for name, content in extra:
            archive.writestr(name, content)
    return path


def test_a_zipped_product_is_the_same_scene(tmp_path, s2_safe, s1_safe):
    for make in (s2_safe, s1_safe):
        plain = make(tmp_path / "plain")
        archive = zip_of(plain, tmp_path / f"{plain.name}.zip")

        found = read_safe(unpacked(archive, tmp_path / "cache")).source

        assert found.described() == read_safe(plain).source.described()


def test_only_what_is_used_is_unpacked_and_only_once(tmp_path, s2_safe):
    archive = zip_of(s2_safe(tmp_path / "plain"), tmp_path / "p.zip")

    folder = unpacked(archive, tmp_path / "cache")
    names = {path.name for path in folder.rglob("*.jp2")}
    marker = folder / "kept"
    marker.touch()

    assert not any("TCI" in name for name in names)
    assert len(names) == 4
    assert unpacked(archive, tmp_path / "cache") == folder
    assert marker.exists()


def test_a_changed_file_is_unpacked_anew(tmp_path, s2_safe):
    plain = s2_safe(tmp_path / "plain")
    before = unpacked(zip_of(plain, tmp_path / "p.zip"), tmp_path / "cache")
    (plain / "MTD_MSIL2A.xml").write_text((plain / "MTD_MSIL2A.xml").read_text() + "<!-- -->")

    assert unpacked(zip_of(plain, tmp_path / "p.zip"), tmp_path / "cache") != before


@pytest.mark.parametrize("name", ["../evil.xml", "/etc/evil", "{top}/../../annotation/evil.xml"])
def test_paths_that_leave_the_folder_are_never_written(tmp_path, s1_safe, name):
    plain = s1_safe(tmp_path / "plain")
    extra = [(name.format(top=plain.name), "evil")]
    archive = zip_of(plain, tmp_path / "p.zip", extra)

    unpacked(archive, tmp_path / "cache")

    written = {path for path in tmp_path.rglob("*") if path.name.startswith("evil")}
    assert written == set()


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path, s1_safe, monkeypatch):
    monkeypatch.setattr(pipeline.fetch.zipped, "MAX_BYTES", 3_000_000)
    plain = s1_safe(tmp_path / "plain")
    extra = [(f"{plain.name}/measurement/bomb.tiff", bytes(5_000_000))]
    archive = zip_of(plain, tmp_path / "p.zip", extra)

    with pytest.raises(BadInput, match="more than any product"):
        unpacked(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b"PK\3\4 and no more"), "damaged"),
        (lambda path: zipfile.ZipFile(path, "w").writestr("notes.txt", "x"), "no SAFE product"),
    ],
)
def test_what_is_no_zipped_product_is_refused(tmp_path, make, says):
    make(tmp_path / "p.zip")

    with pytest.raises(BadInput, match=says):
        unpacked(tmp_path / "p.zip", tmp_path / "cache")


@pytest.mark.real_data
def test_the_real_zipped_slc_is_refused_as_a_kind_that_is_not_used(reference_data, tmp_path):
    (archive,) = (reference_data / "formats/xarray_sentinel/tests/data").glob("*.zip")
    copy = shutil.copy(archive, tmp_path)

    with pytest.raises(BadInput, match="kind that is not used"):
        read_safe(unpacked(tmp_path / archive.name, tmp_path / "cache"))
    assert copy
