"""How a file says that it has an HDR gain map.

A gain map is a smaller image that says how much brighter each part of the image is in HDR.
Sources: ISO 21496-1; before it Ultra HDR Image Format 1.1
(https://developer.android.com/media/platform/hdr-image-format) and Apple's auxiliary images.
"""

from __future__ import annotations

import re

from mrimage.image.tags.xmp import RDF, properties_of

ISO = b"urn:iso:std:iso:ts:21496:-1\x00"
"""Head of a JPEG segment of ISO 21496-1 (annex C.4.6)."""

HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_ITEM = "http://ns.google.com/photos/1.0/container/item/"

APPLE_AUXILIARY = b"urn:com:apple:photo:2020:aux:hdrgainmap"
"""Apple's type of the auxiliary image in a HEIC, and of the second picture in a JPEG."""

APPLE = b"Apple"
"""What EXIF of Apple's cameras has in its make, and at the start of its maker note."""

_APPLE_PROPERTIES = b"http://ns.apple.com/HDRGainMap/"
"""Namespace of the XMP properties of Apple's gain maps."""

_CLAIMS = re.compile(
    rb"""<Container:Directory>.*?</Container:Directory>|\s+hdrgm:\w+\s*=\s*("[^"]*"|'[^']*')""",
    re.DOTALL,
)
"""The parts of a packet about the gain map, as every writer of Ultra HDR spells them."""


def announces_gain_map(packet: bytes | None) -> bool:
    """Return whether the XMP packet of a JPEG says that a gain map follows.

    Either its own property says so, or its list of items.
    """
    if not packet:
        return False
    return b'Semantic="GainMap"' in packet or b"hdrgm:Version" in packet


def is_apple_map(head: bytes) -> bool:
    """Return whether a picture is a gain map of Apple's, from its first bytes with the XMP."""
    return APPLE_AUXILIARY in head or _APPLE_PROPERTIES in head


def without_claims(packet: bytes) -> bytes:
    """Return ``packet`` without what it says of a gain map; the caller writes that anew."""
    return _CLAIMS.sub(b"", packet)


def with_directory(packet: bytes | None, length: int) -> bytes:
    """Return ``packet`` with the list of the two items added, for the main image.

    ``length`` is the bytes of the second item, the gain map.
    """
    description = _directory(length).encode()
    head, end, tail = (packet or b"").rpartition(b"</rdf:RDF>")
    if not end:
        return packet_around(description)
    return head + description + end + tail


def _directory(length: int) -> str:
    spaces = f'xmlns:hdrgm="{HDRGM}" xmlns:Container="{_CONTAINER}" xmlns:Item="{_ITEM}"'
    main = 'Item:Semantic="Primary" Item:Mime="image/jpeg"'
    gain_map = f'Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{length}"'
    return (
        f'<rdf:Description rdf:about="" {spaces} hdrgm:Version="1.0">'
        "<Container:Directory><rdf:Seq>"
        f'<rdf:li rdf:parseType="Resource"><Container:Item {main}/></rdf:li>'
        f'<rdf:li rdf:parseType="Resource"><Container:Item {gain_map}/></rdf:li>'
        "</rdf:Seq></Container:Directory>"
        "</rdf:Description>"
    )


def packet_around(description: bytes) -> bytes:
    """Return a packet that contains ``description`` alone."""
    head = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
    return head.encode() + description + b"</rdf:RDF></x:xmpmeta>"


def parameters_of(packet: bytes) -> bytes | None:
    """Return a packet with the ``hdrgm`` properties of a gain map's own packet and nothing else.

    Returns None if it has no version.
    """
    prefix = f"{HDRGM}:"
    found = {
        name.removeprefix(prefix): texts
        for name, texts in properties_of(packet).items()
        if name.startswith(prefix)
    }
    if "Version" not in found:
        return None
    attributes = ""
    elements = ""
    for name, texts in sorted(found.items()):
        values = [_plain(text) for text in texts]
        if len(values) == 1:
            attributes += f' hdrgm:{name}="{values[0]}"'
        elif values:
            elements += _sequence(name, values)
    head = f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}"{attributes}>'
    return packet_around(f"{head}{elements}</rdf:Description>".encode())


def _sequence(name: str, values: list[str]) -> str:
    """Return a property with a value for each color."""
    items = [f"<rdf:li>{value}</rdf:li>" for value in values]
    sequence = f"<rdf:Seq>{''.join(items)}</rdf:Seq>"
    return f"<hdrgm:{name}>{sequence}</hdrgm:{name}>"


def _plain(text: str) -> str:
    """Return a number, ``True`` or ``False``; these properties have no other values."""
    return re.sub(r"[^0-9A-Za-z.+-]", "", text)
