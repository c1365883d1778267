"""AVIF and HEIC: the boxes that describe the primary picture (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header

_AVIF = frozenset([b"avif", b"avis"])
_HEIC = frozenset([b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"])
_LONGEST_META = 8 << 20
_CICP_SPACES = {(1, 13): "srgb", (12, 13): "display-p3", (2, 2): "srgb", (1, 1): "srgb", (1, 2): "srgb"}


def brand(head: bytes) -> str | None:
    """``avif``, ``heic``, ``cr3`` or ``jxl`` from the first kilobytes; None when the file is of no such kind."""
    if head[4:8] != b"ftyp" or len(head) < 16:
        return None
    length = struct.unpack(">I", head[:4])[0]
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head), 256), 4))]
    if brands[0] == b"crx ":
        return "cr3"
    if any(name in _AVIF for name in brands):
        return "avif"
    return "heic" if any(name in _HEIC for name in brands) else None


@dataclass(slots=True)
class _Picture:
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    alpha: bool = False
    primary: int = 0


def read_isobmff(blocks: Blocks, format: str) -> Header:
    """Size, depth, profile, alpha and EXIF of the primary item. The size has ``irot`` applied, as decoders do."""
    picture = _Picture()
    for name, start, length in _top(blocks):
        if name == b"meta":
            if length > _LONGEST_META:
                raise ImageError("corrupt", f"Expected a description under 8 MiB in the {format}, but it has {length}.")
            _meta(picture, blocks.need(start, length)[4:])
            break
    mine = [picture.properties[i] for i in picture.owned.get(picture.primary, []) if i < len(picture.properties)]
    sizes = [struct.unpack(">II", body[4:12]) for name, body in mine if name == b"ispe" and len(body) >= 12]
    if not sizes:
        raise ImageError("corrupt", f"Expected the size of the primary picture in the {format}, but there is none.")
    width, height = sizes[-1]
    bands, depth, icc, space = 3, 8, None, None
    for name, body in mine:
        if name == b"pixi" and len(body) >= 6:
            bands, depth = body[4], body[5]
        elif name == b"colr" and body[:4] in (b"prof", b"rICC"):
            icc = body[4:]
        elif name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            space = _CICP_SPACES.get(struct.unpack(">HH", body[4:8]), "rgb-other")
        elif name == b"irot" and body and body[0] & 1:
            width, height = height, width
        elif name == b"clap" and len(body) >= 16:
            top, bottom, left, right = struct.unpack(">4I", body[:16])
            width, height = (top // bottom, left // right) if bottom and right else (width, height)
    header = Header(format, width, height, bands + picture.alpha, depth, "gray" if bands == 1 else "rgb", picture.alpha)
    header.icc, header.space, header.upright = icc, None if icc else space, True
    header.exif = _exif(picture, blocks)
    return header


def _top(blocks: Blocks) -> Iterator[tuple[bytes, int, int]]:
    position = 0
    for _ in range(64):
        head = blocks.at(position, 16)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head[:8])
        skip = 8
        if length == 1 and len(head) == 16:
            length, skip = struct.unpack(">Q", head[8:])[0], 16
        if length == 0:
            length = blocks.size - position
        if length < skip:
            raise ImageError("corrupt", f"Expected a box length of {skip} or more, but received {length}.")
        yield name, position + skip, length - skip
        position += length
    return


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(body):
        length, name = struct.unpack(">I4s", body[position : position + 8])
        length = length or len(body) - position
        if length < 8:
            return
        yield name, body[position + 8 : position + length]
        position += length


def _meta(picture: _Picture, body: bytes) -> None:
    for name, content in _boxes(body):
        if name == b"pitm":
            picture.primary = int.from_bytes(content[4:6] if content[:1] == b"\x00" else content[4:8], "big")
        elif name == b"iprp":
            _properties(picture, content)
        elif name == b"iinf":
            skip = 6 if content[:1] == b"\x00" else 8
            for entry, info in _boxes(content[skip:]):
                if entry == b"infe" and info[:1] in (b"\x02", b"\x03"):
                    wide = 2 if info[0] == 2 else 4
                    picture.kinds[int.from_bytes(info[4 : 4 + wide], "big")] = info[6 + wide : 10 + wide]
        elif name == b"iloc":
            _locations(picture, content)


def _properties(picture: _Picture, body: bytes) -> None:
    for name, content in _boxes(body):
        if name == b"ipco":
            picture.properties = list(_boxes(content))
            picture.alpha = any(
                (kind == b"auxC" and b":alpha" in data) or (kind == b"auxC" and b"auxid:1" in data)
                for kind, data in picture.properties
            )
        elif name == b"ipma" and len(content) >= 8:
            _associations(picture, content)


def _associations(picture: _Picture, content: bytes) -> None:
    wide_id, wide_index = content[0] >= 1, bool(content[3] & 1)
    count, at = struct.unpack(">I", content[4:8])[0], 8
    for _ in range(min(count, 65_536)):
        item = int.from_bytes(content[at : at + (4 if wide_id else 2)], "big")
        at += 4 if wide_id else 2
        if at >= len(content):
            return
        number, at = content[at], at + 1
        step = 2 if wide_index else 1
        raw = [int.from_bytes(content[at + i * step : at + (i + 1) * step], "big") for i in range(number)]
        picture.owned.setdefault(item, []).extend((i & (0x7FFF if wide_index else 0x7F)) - 1 for i in raw)
        at += number * step


def _locations(picture: _Picture, body: bytes) -> None:
    """Where each one-extent item lies in the file (construction method 0)."""
    if len(body) < 8:
        return
    version, sizes = body[0], struct.unpack(">H", body[4:6])[0]
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    wide = 4 if version == 2 else 2
    count, at = int.from_bytes(body[6 : 6 + wide], "big"), 6 + wide

    def take(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(body[at - size : at], "big")

    for _ in range(min(count, 65_536)):
        if at >= len(body):
            return
        item = take(wide)
        method = take(2) & 15 if version in (1, 2) else 0
        take(2)
        base = take(base_size)
        extents = [
            (take(index_size if version in (1, 2) else 0), take(offset_size), take(length_size))
            for _ in range(min(take(2), 4096))
            if at < len(body)
        ]
        if method == 0 and len(extents) == 1:
            picture.places[item] = base + extents[0][1], extents[0][2]


def _exif(picture: _Picture, blocks: Blocks) -> bytes | None:
    for item, kind in picture.kinds.items():
        if kind == b"Exif" and item in picture.places:
            start, length = picture.places[item]
            block = blocks.at(start, min(length, 16 << 20))
            skip = int.from_bytes(block[:4], "big")
            return block[4 + skip :] or None
    return None
