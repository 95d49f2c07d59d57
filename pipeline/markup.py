"""XML from strangers: bounded in size, without document types and entities."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from pipeline.errors import BadInput

MAX_XML_BYTES = 64_000_000
"""Sentinel-1 annotation files reach about 10 MB."""


class _DocumentTypeError(Exception):
    """Raised out of the parser before a single entity is read."""


class _Builder(ET.TreeBuilder):
    """The parser itself says that a document type begins, whatever the file's encoding."""

    def doctype(self, name: str, _pubid: str | None, _system: str | None) -> None:
        raise _DocumentTypeError(name)


def read_xml(path: Path) -> ET.Element:
    """The root element, without namespaces in its tags.

    Raises:
        BadInput: too large, not XML, or with a document type (entity bombs need one).
    """
    try:
        if path.stat().st_size > MAX_XML_BYTES:
            raise BadInput(
                "XML file is too large", where=path.name, expected=f"at most {MAX_XML_BYTES} bytes"
            )
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            "XML file cannot be read", where=path.name, found=error.strerror, do="Fetch it again"
        ) from None
    try:
        root = ET.fromstring(content, ET.XMLParser(target=_Builder()))  # noqa: S314  see _Builder
    except _DocumentTypeError:
        raise BadInput(
            "XML file has a document type, which no product has", where=path.name
        ) from None
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BadInput("Not XML", where=path.name, found=error, do="Fetch it again") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
