"""XMP: properties in an RDF packet (ISO 16684-1), by names such as ``exif:DateTimeOriginal``."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

NAMESPACES = {
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}
"""URIs by the prefixes of the names used here."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

LONGEST_PACKET = 1 << 20
"""Bytes; a longer packet is ignored."""

_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
_DESCRIPTION = f"{{{RDF}}}Description"
_ITEM = f"{{{RDF}}}li"
_END = b"</rdf:RDF>"

Properties = Mapping[str, tuple[str, ...]]
"""The texts of each property, one or the items of its list."""


def properties_of(packet: bytes) -> Properties:
    """Return the properties of the first RDF block in ``packet``.

    Returns none if the block is damaged or too long. Only descriptions right below ``rdf:RDF``
    count, because deeper ones describe the images from which this one was made.
    """
    block = _rdf_block(packet)
    if len(block) > LONGEST_PACKET:
        return {}
    try:
        # The block begins at rdf:RDF, so it has no document type that could define entities.
        tree = ElementTree.fromstring(block)
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for description in tree.findall(_DESCRIPTION):
        # A property may be an attribute or an element.
        for attribute, text in description.attrib.items():
            found.setdefault(_prefixed(attribute), (text.strip(),))
        for element in description:
            found.setdefault(_prefixed(element.tag), _texts_of(element))
    return found


def _rdf_block(packet: bytes) -> bytes:
    """Return the first RDF block; nothing without one."""
    start = packet.find(b"<rdf:RDF")
    end = packet.find(_END, start)
    if start < 0 or end < 0:
        return b""
    return packet[start : end + len(_END)]


def _texts_of(element: ElementTree.Element) -> tuple[str, ...]:
    """Return the items of the list in an element, or its own text without a list."""
    items = [item.text or "" for item in element.iter(_ITEM)]
    if not items:
        items = [element.text or ""]
    return tuple(text.strip() for text in items)


def _prefixed(name: str) -> str:
    """Return ``tiff:Make`` for ``{http://ns.adobe.com/tiff/1.0/}Make``."""
    namespace, _, local = name.lstrip("{").partition("}")
    prefix = _PREFIXES.get(namespace, namespace)
    return f"{prefix}:{local}"
