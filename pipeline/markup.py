"""XML from strangers: bounded in size, without document types and entities."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from pipeline.errors import BadInput

MAX_XML_BYTES = 64_000_000
"""Sentinel-1 annotation files reach about 10 MB."""


def read_xml(path: Path) -> ET.Element:
    """The root element, without namespaces in its tags.

    Raises:
        BadInput: too large, not XML, or with a document type (entity bombs need one).
    """
    try:
        if path.stat().st_size > MAX_XML_BYTES:
            raise BadInput("XML file is too large", where=path.name)
        content = path.read_bytes()
    except OSError as error:
        raise BadInput("XML file cannot be read", where=path.name, found=error) from None
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise BadInput("XML file has a document type, which no product has", where=path.name)
    try:
        root = ET.fromstring(content)  # noqa: S314  see the check above
    except ET.ParseError as error:
        raise BadInput("Not XML", where=path.name, found=error) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
