"""XMP: the properties of a picture in an RDF packet (ISO 16684-1), by names such as ``exif:DateTimeOriginal``."""

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
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

LONGEST_PACKET = 1 << 20
"""Bytes; a longer packet is left out."""

_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
_DESCRIPTION, _ITEM = f"{{{RDF}}}Description", f"{{{RDF}}}li"

Properties = Mapping[str, tuple[str, ...]]


def properties_of(packet: bytes) -> Properties:
    """The texts of each property of the first RDF block in ``packet``; none where it is damaged or too long.

    What belongs to the pictures of which this one was made is left out: only descriptions right below ``rdf:RDF``
    count.
    """
    start = packet.find(b"<rdf:RDF")
    end = packet.find(b"</rdf:RDF>", start) + 10
    block = packet[start:end] if 0 <= start < end else b""
    if len(block) > LONGEST_PACKET:
        return {}
    try:
        # Begun at rdf:RDF the text has no document type, so that no entity can be defined.
        tree = ElementTree.fromstring(block)
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for description in tree.findall(_DESCRIPTION):
        for attribute, text in description.attrib.items():
            found.setdefault(_short(attribute), (text.strip(),))
        for element in description:
            items = [item.text or "" for item in element.iter(_ITEM)] or [element.text or ""]
            found.setdefault(_short(element.tag), tuple(text.strip() for text in items))
    return found


def _short(name: str) -> str:
    """``{http://ns.adobe.com/tiff/1.0/}Make`` as ``tiff:Make``."""
    namespace, _, local = name.lstrip("{").partition("}")
    return f"{_PREFIXES.get(namespace, namespace)}:{local}"
