"""XML from strangers: read where it is plain, refused with a reason where it is not."""

from __future__ import annotations

import os

import pytest

from pipeline import markup
from pipeline.errors import BadInput
from pipeline.markup import read_xml

LAUGHS = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
BOMB = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>'
THIEF = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


def written(tmp_path, content):
    path = tmp_path / "annotation.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_tags_come_without_their_namespaces(tmp_path):
    text = '<p:a xmlns:p="urn:p" xmlns="urn:q"><b n="1">Öresund</b><p:b>2</p:b></p:a>'
    root = read_xml(written(tmp_path, text))
    assert root.tag == "a"
    assert [(b.tag, b.text) for b in root] == [("b", "Öresund"), ("b", "2")]
    assert root[0].get("n") == "1"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", [BOMB, THIEF], ids=["bomb", "thief"])
def test_a_document_type_is_refused_before_its_entities_are_read(tmp_path, text, encoding):
    declared = text.replace('<?xml version="1.0"?>', "")
    path = written(
        tmp_path, f'<?xml version="1.0" encoding="{encoding}"?>{declared}'.encode(encoding)
    )
    with pytest.raises(BadInput, match=r"document type, which no product has: annotation\.xml"):
        read_xml(path)


def test_a_file_larger_than_any_annotation_is_refused_unread(tmp_path, monkeypatch):
    path = written(tmp_path, "<a/>")
    os.truncate(path, markup.MAX_XML_BYTES + 1)  # a hole: no disk is filled
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: pytest.fail("it was read"))
    with pytest.raises(BadInput, match=r"too large: annotation\.xml"):
        read_xml(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"<a><b></a>",
        b"<a>cut off",
        b"\x89PNG\r\n",
        b"<a>\0</a>",
        b"<a>&undeclared;</a>",
        b'<?xml version="1.0" encoding="ebcdic-nonsense"?><a/>',
        b"<a>\xff</a>",
    ],
)
def test_what_is_not_xml_is_named(tmp_path, content):
    with pytest.raises(BadInput, match=r"Not XML: annotation\.xml"):
        read_xml(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"cannot be read: gone\.xml"):
        read_xml(tmp_path / "gone.xml")
