"""Whose a picture is: the copyright fields of EXIF, XMP, IPTC and PNG texts, and the XMP packet that carries them on.

For each field the first of these four that has it is believed. Nothing but these fields is ever taken out of XMP or
IPTC, so that no place, face or keyword comes along.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from mrimage.image.header.model import Header
from mrimage.image.tags.directory import Tree, clean_text
from mrimage.image.tags.exif import Shot

Rights = Mapping[str, tuple[str, ...]]
"""Texts by the name that XMP gives the field, such as ``dc:creator``."""

LONGEST_TEXT = 4000
"""Characters of one text."""

_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}
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

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_NEAR, _LONGEST_PACKET = 256 << 10, 1 << 20
_XMP, _IIM, _RESOURCES = 700, 33723, 34377
_IIM_RESOURCE = b"8BIM\x04\x04"


def rights_of(shot: Shot, data: bytes, header: Header) -> Rights:
    """The copyright fields of the file ``data``."""
    found: dict[str, tuple[str, ...]] = {}
    for fields in _sources(shot, data, header):
        for name, texts in fields.items():
            kept = tuple(text[:LONGEST_TEXT] for text in texts if text)
            if kept:
                found.setdefault(name, kept)
    return found


def _sources(shot: Shot, data: bytes, header: Header) -> Iterator[Rights]:
    given = {"dc:creator": shot.artist, "dc:rights": shot.copyright}
    yield {name: (text,) for name, text in given.items() if text}
    places = list(places_of(data, header))
    yield from (_of_xmp(place) for place in places)
    yield from (_of_iptc(place) for place in places)
    if header.format == "png":
        yield _of_texts(data)


def places_of(data: bytes, header: Header) -> Iterator[bytes]:
    """Where XMP and IPTC may be: the tags of a TIFF, what a JPEG has before its pixels, of others the beginning and the
    end, for every format writes XMP as plain text so that it can be found without knowing the format."""
    if header.format == "tiff":
        first = Tree(lambda start, length: data[start : start + length]).first
        for tag in (_XMP, _IIM, _RESOURCES):
            value = first.raw(tag) or b""
            if (
                tag == _IIM and value[:1] != b"\x1c"
            ):  # Declared as numbers of four bytes, it may be stored as such.
                value = b"".join(value[at : at + 4][::-1] for at in range(0, len(value), 4))
            yield resource_of(value) if tag == _IIM else value
    elif header.body:
        yield data[: header.body]
    else:
        yield data[:_NEAR]
        yield data[max(_NEAR, len(data) - _NEAR) :]


def _of_xmp(place: bytes) -> Rights:
    start = place.find(b"<rdf:RDF")
    end = place.find(b"</rdf:RDF>", start) + 10
    packet = place[start:end] if 0 <= start < end else b""
    if len(packet) > _LONGEST_PACKET:
        return {}
    try:
        tree = ElementTree.fromstring(
            packet
        )  # Begun here it has no document type, so that no entity can be defined.
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    names = {f"{{{_NAMESPACES[name.split(':')[0]]}}}{name.split(':')[1]}": name for name in _FIELDS}
    found: dict[str, tuple[str, ...]] = {}
    for description in tree.iter(f"{_RDF}Description"):
        for attribute, text in description.attrib.items():
            if attribute in names:
                found.setdefault(names[attribute], (text.strip(),))
        for element in description:
            if element.tag in names:
                items = [item.text or "" for item in element.iter(f"{_RDF}li")] or [
                    element.text or ""
                ]
                found.setdefault(names[element.tag], tuple(text.strip() for text in items))
    return {
        name: texts if _FIELDS[name] in ("Seq", "Bag") else texts[:1]
        for name, texts in found.items()
    }


def _of_iptc(place: bytes) -> Rights:
    found: dict[str, tuple[str, ...]] = {}
    block, position = iim_of(place) or b"", 0
    while position + 5 <= len(block) and block[position] == 0x1C:
        record, number, length = struct.unpack(">BBH", block[position + 1 : position + 5])
        text = clean_text(block[position + 5 : position + 5 + length])
        if record == 2 and number in _IPTC and text:
            found[_IPTC[number]] = (*found.get(_IPTC[number], ()), text)
        position += 5 + length
    return found


def iim_of(place: bytes) -> bytes | None:
    """The IPTC block (IIM 4.2) of the Photoshop resource 0x0404 somewhere in ``place``."""
    start = place.find(_IIM_RESOURCE)
    if start < 0 or start + 12 > len(place):
        return None
    name = place[start + 6]
    position = start + 7 + name + (name + 1) % 2
    length = int.from_bytes(place[position : position + 4], "big")
    return place[position + 4 : position + 4 + length] or None


def resource_of(block: bytes) -> bytes:
    """An IPTC block as a Photoshop resource."""
    return (
        _IIM_RESOURCE
        + b"\x00\x00"
        + struct.pack(">I", len(block))
        + block
        + b"\x00" * (len(block) & 1)
    )


def _of_texts(data: bytes) -> Rights:
    """``tEXt``, ``zTXt`` and ``iTXt`` chunks, which may stand behind the pixels too."""
    found: dict[str, tuple[str, ...]] = {}
    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        body, position = (
            data[position + 8 : position + 8 + min(length, _NEAR)],
            position + length + 12,
        )
        keyword, _, rest = (
            body.partition(b"\x00") if kind in (b"tEXt", b"zTXt", b"iTXt") else (b"", b"", b"")
        )
        if keyword in _TEXTS and (text := clean_text(_text(kind, rest))):
            found.setdefault(_TEXTS[keyword], (text,))
    return found


def _text(kind: bytes, rest: bytes) -> bytes:
    packed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\x01")
    if kind == b"iTXt":  # compression flag and method, language, translated keyword
        rest = rest[2:].split(b"\x00", 2)[-1]
    elif kind == b"zTXt":
        rest = rest[1:]
    try:
        return zlib.decompressobj().decompress(rest, _NEAR) if packed else rest
    except zlib.error:
        return b""


def packet_of(rights: Rights) -> bytes | None:
    """An XMP packet of ``rights``; None where EXIF's artist and copyright say all of it."""
    if all(
        name in ("dc:creator", "dc:rights") and len(texts) == 1 for name, texts in rights.items()
    ):
        return None
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    fields = "".join(
        f"<{name}>{_listed(_FIELDS[name], texts)}</{name}>"
        for name, texts in sorted(rights.items())
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF[1:-1]}"><rdf:Description rdf:about=""{spaces}>{fields}</rdf:Description></rdf:RDF>'
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
