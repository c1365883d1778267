"""How a file says that it has an HDR gain map: a smaller picture that says how much brighter each place is in HDR.

ISO 21496-1, and before it Ultra HDR Image Format 1.1 (https://developer.android.com/media/platform/hdr-image-format)
and Apple's auxiliary images.
"""

from __future__ import annotations

import re

from mrimage.image.tags.xmp import RDF, properties_of

ISO = b"urn:iso:std:iso:ts:21496:-1\x00"
"""The head of a segment of ISO 21496-1 (annex C.4.6)."""

HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_ITEM = "http://ns.google.com/photos/1.0/container/item/"

APPLE_AUXILIARY = b"urn:com:apple:photo:2020:aux:hdrgainmap"
"""What Apple calls the auxiliary image of a HEIC."""

_CLAIMS = re.compile(
    rb"""<Container:Directory>.*?</Container:Directory>|\s+hdrgm:\w+\s*=\s*("[^"]*"|'[^']*')""",
    re.DOTALL,
)
"""What of a packet speaks of the gain map, as every writer of Ultra HDR spells it."""


def speaks_of_gain_map(packet: bytes | None) -> bool:
    """Does the XMP packet of a JPEG say that a gain map follows? Its own property says so, or its list of items."""
    if not packet:
        return False
    return b'Semantic="GainMap"' in packet or b"hdrgm:Version" in packet


def without_claims(packet: bytes) -> bytes:
    """``packet`` without what it says of a gain map, which is written anew, or gone."""
    return _CLAIMS.sub(b"", packet)


def with_directory(packet: bytes | None, length: int) -> bytes:
    """An XMP packet for the main picture: ``packet``, and the list of the two items, of which the second has ``length``
    bytes."""
    spaces = f'xmlns:hdrgm="{HDRGM}" xmlns:Container="{_CONTAINER}" xmlns:Item="{_ITEM}"'
    description = (
        f'<rdf:Description rdf:about="" {spaces} hdrgm:Version="1.0"><Container:Directory><rdf:Seq>'
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
        f'Item:Length="{length}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
    ).encode()
    head, end, tail = (packet or b"").rpartition(b"</rdf:RDF>")
    return head + description + end + tail if end else packet_around(description)


def packet_around(description: bytes) -> bytes:
    """A packet that holds ``description`` alone."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="'
        + RDF.encode()
        + b'">'
        + description
        + b"</rdf:RDF></x:xmpmeta>"
    )


def parameters_of(packet: bytes) -> bytes | None:
    """A packet with the ``hdrgm`` properties of a gain map's own packet and nothing else; None where it has none."""
    prefix = f"{HDRGM}:"
    found = {
        name.removeprefix(prefix): texts
        for name, texts in properties_of(packet).items()
        if name.startswith(prefix)
    }
    if "Version" not in found:
        return None
    single = "".join(
        f' hdrgm:{name}="{_plain(texts[0])}"'
        for name, texts in sorted(found.items())
        if len(texts) == 1
    )
    several = "".join(
        f"<hdrgm:{name}><rdf:Seq>{''.join(f'<rdf:li>{_plain(text)}</rdf:li>' for text in texts)}</rdf:Seq></hdrgm:{name}>"
        for name, texts in sorted(found.items())
        if len(texts) > 1
    )
    text = (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}"{single}>{several}</rdf:Description>'
    )
    return packet_around(text.encode())


def _plain(text: str) -> str:
    """A number, ``True`` or ``False``; nothing else is a value of these properties."""
    return re.sub(r"[^0-9A-Za-z.+-]", "", text)
