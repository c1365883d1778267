"""Whose a picture is: the copyright fields of EXIF, XMP, IPTC and PNG texts, and the XMP packet that carries them on.

For each field the first of these four that has it is believed. Nothing but these fields is ever taken out of XMP or
IPTC, so that no place, face or keyword comes along.
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
"""Characters of one text."""

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
"""The fields, and the kind of list in which XMP has their texts (XMP specification, part 1, 8.3; part 2, 1.1)."""

_IPTC = {80: "dc:creator", 116: "dc:rights", 110: "photoshop:Credit", 115: "photoshop:Source"}
"""IIM 4.2, record 2: by-line, copyright notice, credit, source."""

_TEXTS = {b"Author": "dc:creator", b"Copyright": "dc:rights"}
"""Keywords of the PNG specification, 11.3.3.2."""

_NEAR = 256 << 10
_XMP, _IIM, _RESOURCES = 700, 33723, 34377


def rights_of(facts: TagFacts, data: bytes, format: str, body: int) -> Rights:
    """The copyright fields of the file ``data``; ``format`` and ``body`` are those of its Header."""
    found: dict[str, tuple[str, ...]] = {}
    for fields in _sources(facts, data, format, body):
        for name, texts in fields.items():
            kept = tuple(text[:LONGEST_TEXT] for text in texts if text)
            if kept:
                found.setdefault(name, kept)
    return found


def _sources(facts: TagFacts, data: bytes, format: str, body: int) -> Iterator[Rights]:
    given = {"dc:creator": facts.artist, "dc:rights": facts.copyright}
    yield {name: (text,) for name, text in given.items() if text}
    places = list(places_of(data, format, body))
    yield from (_of_xmp(place) for place in places)
    yield from (_of_iptc(place) for place in places)
    if format == "png":
        yield _of_texts(data)


def places_of(data: bytes, format: str, body: int) -> Iterator[bytes]:
    """Where XMP and IPTC may be: the tags of a TIFF, what a JPEG has before its pixels, of others the beginning and the
    end, for every format writes XMP as plain text so that it can be found without knowing the format.

    ``body`` is where a JPEG's entropy-coded data begin, 0 for other formats.
    """
    if format == "tiff":
        first = Tree(lambda start, length: data[start : start + length]).first
        for tag in (_XMP, _IIM, _RESOURCES):
            value = first.raw(tag) or b""
            yield resource_of(unswapped(value)) if tag == _IIM else value
    elif body:
        yield data[:body]
    else:
        yield data[:_NEAR]
        yield data[max(_NEAR, len(data) - _NEAR) :]


def _of_xmp(place: bytes) -> Rights:
    found = properties_of(place)
    fields = {name: found[name] for name in _FIELDS if name in found}
    return {
        name: texts if _FIELDS[name] in ("Seq", "Bag") else texts[:1]
        for name, texts in fields.items()
    }


def _of_iptc(place: bytes) -> Rights:
    found = datasets_of(place)
    return {name: found[number] for number, name in _IPTC.items() if number in found}


def _of_texts(data: bytes) -> Rights:
    """Text chunks, which may stand behind the pixels too."""
    found: dict[str, tuple[str, ...]] = {}
    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        chunk = (
            data[position + 8 : position + 8 + min(length, _NEAR)] if kind in TEXT_CHUNKS else b""
        )
        position += length + 12
        name = _TEXTS.get(keyword_of(chunk))
        text = clean_text(text_of(kind, chunk, _NEAR)) if name else None
        if name and text:
            found.setdefault(name, (text,))
    return found


def packet_of(rights: Rights) -> bytes | None:
    """An XMP packet of ``rights``; None where EXIF's artist and copyright say all of it."""
    if all(
        name in ("dc:creator", "dc:rights") and len(texts) == 1 for name, texts in rights.items()
    ):
        return None
    spaces = "".join(f' xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in _PREFIXES)
    fields = "".join(
        f"<{name}>{_listed(_FIELDS[name], texts)}</{name}>"
        for name, texts in sorted(rights.items())
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""{spaces}>{fields}</rdf:Description></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _listed(kind: str, texts: tuple[str, ...]) -> str:
    language = ' xml:lang="x-default"' if kind == "Alt" else ""
    items = [escape(text) for text in texts]
    if not kind:
        return items[0]
    return (
        f"<rdf:{kind}>"
        + "".join(f"<rdf:li{language}>{item}</rdf:li>" for item in items)
        + f"</rdf:{kind}>"
    )
