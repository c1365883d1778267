"""Who owns an image: the copyright fields of EXIF, XMP, IPTC and PNG texts, and a packet of them.

For each field, the first of these four that has it counts. Only these fields are ever taken from
XMP or IPTC, so no place, face or keyword reaches an output.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from mrimage.image.tags.directory import Tree, clean_text
from mrimage.image.tags.exif import TagFacts
from mrimage.image.tags.iptc import datasets_of, resource_of, unswapped
from mrimage.image.tags.texts import TEXT_CHUNKS, keyword_of, text_of
from mrimage.image.tags.xmp import NAMESPACES, RDF, properties_of

Rights = Mapping[str, tuple[str, ...]]
"""Texts by the name that XMP gives the field, such as ``dc:creator``."""

LONGEST_TEXT = 4000
"""Characters of one text; the rest is cut off."""

_PREFIXES = ("dc", "photoshop", "xmpRights")
_FIELDS = {
    "dc:creator": "Seq",
    "dc:rights": "Alt",
    "photoshop:Credit": "",
    "photoshop:Source": "",
    "xmpRights:Certificate": "",
    "xmpRights:Marked": "",
    "xmpRights:Owner": "Bag",
    "xmpRights:UsageTerms": "Alt",
    "xmpRights:WebStatement": "",
}
"""The fields, and the kind of list that XMP keeps their texts in, or none.

Sources: XMP specification, part 1, 8.3; part 2, 1.1.
"""

_IPTC = {80: "dc:creator", 116: "dc:rights", 110: "photoshop:Credit", 115: "photoshop:Source"}
"""IIM 4.2, record 2: by-line, copyright notice, credit, source."""

_TEXTS = {b"Author": "dc:creator", b"Copyright": "dc:rights"}
"""Keywords of the PNG specification, 11.3.3.2."""

_IN_EXIF = ("dc:creator", "dc:rights")
"""The fields that EXIF has as artist and copyright."""

_NEAR = 256 << 10
"""Bytes at either end of a file in which metadata are searched."""

_XMP_TAG = 700
_IPTC_TAG = 33723
_PHOTOSHOP_TAG = 34377
"""Tags of a TIFF."""


def rights_of(facts: TagFacts, data: bytes, format: str, body: int) -> Rights:
    """Return the copyright fields of the file ``data``.

    ``format`` and ``body`` are those of its Header.
    """
    found: dict[str, tuple[str, ...]] = {}
    for fields in _sources(facts, data, format, body):
        for name, texts in fields.items():
            kept = tuple(text[:LONGEST_TEXT] for text in texts if text)
            if kept:
                found.setdefault(name, kept)
    return found


def _sources(facts: TagFacts, data: bytes, format: str, body: int) -> Iterator[Rights]:
    """Yield the fields that each source gives, the most trusted source first."""
    yield _of_exif(facts)
    places = list(places_of(data, format, body))
    for place in places:
        yield _of_xmp(place)
    for place in places:
        yield _of_iptc(place)
    if format == "png":
        yield _of_texts(data)


def places_of(data: bytes, format: str, body: int) -> Iterator[bytes]:
    """Yield the parts of a file that may contain XMP and IPTC.

    They are the tags of a TIFF, and what a JPEG has before its pixels. Of other formats they are
    the beginning and the end: every format stores XMP as plain text, so that a search finds it.
    ``body`` is the byte at which a JPEG's entropy-coded data begin, 0 for other formats.
    """
    if format == "tiff":
        yield from _tags_of(data)
    elif body:
        yield data[:body]
    else:
        yield data[:_NEAR]
        # Small files must not be searched twice.
        yield data[max(_NEAR, len(data) - _NEAR) :]


def _tags_of(data: bytes) -> Iterator[bytes]:
    """Yield the values of a TIFF's tags for XMP, IPTC and Photoshop's resources."""
    first = Tree(lambda start, length: data[start : start + length]).first
    yield first.raw(_XMP_TAG) or b""
    iptc = first.raw(_IPTC_TAG) or b""
    yield resource_of(unswapped(iptc))
    yield first.raw(_PHOTOSHOP_TAG) or b""


def _of_exif(facts: TagFacts) -> Rights:
    given = {"dc:creator": facts.artist, "dc:rights": facts.copyright}
    return {name: (text,) for name, text in given.items() if text}


def _of_xmp(place: bytes) -> Rights:
    properties = properties_of(place)
    found: dict[str, tuple[str, ...]] = {}
    for name, list_kind in _FIELDS.items():
        texts = properties.get(name)
        if texts is None:
            continue
        # The items of an Alt are translations; the first one is the default.
        found[name] = texts if list_kind in ("Seq", "Bag") else texts[:1]
    return found


def _of_iptc(place: bytes) -> Rights:
    datasets = datasets_of(place)
    return {name: datasets[number] for number, name in _IPTC.items() if number in datasets}


def _of_texts(data: bytes) -> Rights:
    """Return what the text chunks of a PNG give, both before and after the pixels."""
    found: dict[str, tuple[str, ...]] = {}
    position = 8
    while position + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        start = position + 8
        # A checksum of 4 bytes follows the body.
        position = start + length + 4
        if name not in TEXT_CHUNKS:
            continue
        chunk = data[start : start + min(length, _NEAR)]
        field = _TEXTS.get(keyword_of(chunk))
        if field is None:
            continue
        text = clean_text(text_of(name, chunk, _NEAR))
        if text:
            found.setdefault(field, (text,))
    return found


def packet_of(rights: Rights) -> bytes | None:
    """Return an XMP packet of ``rights``; None if EXIF's artist and copyright say all of it."""
    if all(name in _IN_EXIF and len(texts) == 1 for name, texts in rights.items()):
        return None
    spaces = "".join(f' xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in _PREFIXES)
    fields = "".join(_element(name, texts) for name, texts in sorted(rights.items()))
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about=""{spaces}>{fields}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    )
    return packet.encode()


def _element(name: str, texts: tuple[str, ...]) -> str:
    """Return the element of a field, with a list of the kind that XMP demands for it."""
    list_kind = _FIELDS[name]
    escaped = [escape(text) for text in texts]
    if not list_kind:
        return f"<{name}>{escaped[0]}</{name}>"
    language = ' xml:lang="x-default"' if list_kind == "Alt" else ""
    items = [f"<rdf:li{language}>{text}</rdf:li>" for text in escaped]
    content = f"<rdf:{list_kind}>{''.join(items)}</rdf:{list_kind}>"
    return f"<{name}>{content}</{name}>"
