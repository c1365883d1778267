"""AVIF and HEIC: the boxes that describe the primary picture (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.color.cicp import space_of
from mrimage.image.header.boxes import boxes, brands, top_boxes
from mrimage.image.header.model import Header

_SEQUENCES = frozenset([b"avis", b"hevc", b"hevx", b"msf1"])
_LONGEST_META = 8 << 20


@dataclass(slots=True)
class _Picture:
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    tiles: dict[int, int] = field(default_factory=dict)
    alpha: bool = False
    primary: int = 0


def read_isobmff(blocks: Blocks, format: str) -> Header:
    """Size, depth, profile, alpha and EXIF of the primary item. The size has ``irot`` applied, as decoders do.

    ``frames`` is what an image sequence has beside the still picture, or 1.
    """
    picture, frames = _Picture(), 1
    sequence = not _SEQUENCES.isdisjoint(brands(blocks.at(0, 256)))
    for name, start, length in top_boxes(blocks):
        if name not in (b"meta", b"moov"):
            continue
        if length > _LONGEST_META:
            raise ImageError(
                "corrupt",
                f"Expected a description under 8 MiB in the {format}, but it has {length}.",
            )
        if name == b"meta" and not picture.properties:
            _meta(picture, blocks.need(start, length)[4:])
        elif name == b"moov":
            frames = _samples(blocks.need(start, length)) or 1
        if name == b"moov" or not sequence:
            break
    mine = _properties_of(picture)
    sizes = [
        struct.unpack(">II", body[4:12])
        for name, body in mine
        if name == b"ispe" and len(body) >= 12
    ]
    if not sizes:
        raise ImageError(
            "corrupt",
            f"Expected the size of the primary picture in the {format}, but there is none.",
        )
    header = _header(format, sizes[-1], mine, picture.alpha)
    header.exif, header.frames = _exif(picture, blocks), frames
    return header


def _properties_of(picture: _Picture) -> list[tuple[bytes, bytes]]:
    """The properties of the primary item. What a grid leaves out, its first tile has: cameras write the profile and the
    depth there alone."""

    def of(item: int) -> list[tuple[bytes, bytes]]:
        return [
            picture.properties[i]
            for i in picture.owned.get(item, [])
            if 0 <= i < len(picture.properties)
        ]

    mine = of(picture.primary)
    names = {name for name, _ in mine}
    tile = of(picture.tiles[picture.primary]) if picture.primary in picture.tiles else []
    return [
        prop
        for prop in tile
        if prop[0] in (b"colr", b"pixi", b"hvcC", b"av1C") and prop[0] not in names
    ] + mine


def _header(
    format: str, size: tuple[int, int], mine: list[tuple[bytes, bytes]], alpha: bool
) -> Header:
    bands, depth, icc, cicp = 3, None, None, None
    width, height = size
    for name, body in mine:
        if name == b"pixi" and len(body) >= 6:
            bands, depth = body[4], body[5]
        elif name in (b"av1C", b"hvcC") and depth is None:
            bands, depth = _coded(name, body)
        elif name == b"colr" and body[:4] in (b"prof", b"rICC"):
            icc = body[4:]
        elif name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            cicp = struct.unpack(">HH", body[4:8])
        elif name == b"irot" and body and body[0] & 1:
            width, height = height, width
        elif name == b"clap" and len(body) >= 16:
            top, bottom, left, right = struct.unpack(">4I", body[:16])
            width, height = (
                (round(top / bottom), round(left / right)) if bottom and right else (width, height)
            )
    header = Header(
        format, width, height, bands + alpha, depth, "gray" if bands == 1 else "rgb", alpha
    )
    header.icc, header.upright = icc, True
    if cicp is not None and icc is None:
        header.cicp, header.space = cicp, space_of(*cicp)
    return header


def _coded(name: bytes, body: bytes) -> tuple[int, int | None]:
    """Bands and depth of what is coded (AV1-ISOBMFF 2.3.3; ISO/IEC 14496-15, 8.3.3.1.2)."""
    if name == b"av1C" and len(body) >= 3:
        flags = body[2]
        return 1 if flags & 0x10 else 3, 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    if name == b"hvcC" and len(body) >= 18:
        return 3 if body[16] & 3 else 1, 8 + (body[17] & 7)
    return 3, None


def _samples(body: bytes) -> int | None:
    """How many samples the first track of pictures in a ``moov`` box has."""
    for name, track in boxes(body):
        parts = dict(boxes(dict(boxes(track)).get(b"mdia", b""))) if name == b"trak" else {}
        if parts.get(b"hdlr", b"")[8:12] == b"pict":
            table = dict(boxes(dict(boxes(parts.get(b"minf", b""))).get(b"stbl", b""))).get(
                b"stsz", b""
            )
            return int.from_bytes(table[8:12], "big")
    return None


def _meta(picture: _Picture, body: bytes) -> None:
    for name, content in boxes(body):
        if name == b"pitm":
            picture.primary = int.from_bytes(
                content[4:6] if content[:1] == b"\x00" else content[4:8], "big"
            )
        elif name == b"iprp":
            _properties(picture, content)
        elif name == b"iinf":
            skip = 6 if content[:1] == b"\x00" else 8
            for entry, info in boxes(content[skip:]):
                if entry == b"infe" and info[:1] in (b"\x02", b"\x03"):
                    wide = 2 if info[0] == 2 else 4
                    picture.kinds[int.from_bytes(info[4 : 4 + wide], "big")] = info[
                        6 + wide : 10 + wide
                    ]
        elif name == b"iloc":
            _locations(picture, content)
        elif name == b"iref":
            _first_tiles(picture, content)


def _first_tiles(picture: _Picture, content: bytes) -> None:
    """Of each item that is derived from others the first of these."""
    wide = 4 if content[:1] == b"\x01" else 2
    for name, body in boxes(content[4:]):
        if name == b"dimg" and len(body) >= 2 * wide + 2:
            item, first = body[:wide], body[wide + 2 : 2 * wide + 2]
            picture.tiles[int.from_bytes(item, "big")] = int.from_bytes(first, "big")


def _properties(picture: _Picture, body: bytes) -> None:
    for name, content in boxes(body):
        if name == b"ipco":
            picture.properties = list(boxes(content))
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
        raw = [
            int.from_bytes(content[at + i * step : at + (i + 1) * step], "big")
            for i in range(number)
        ]
        picture.owned.setdefault(item, []).extend(
            (i & (0x7FFF if wide_index else 0x7F)) - 1 for i in raw
        )
        at += number * step


def _locations(picture: _Picture, body: bytes) -> None:
    """Where each one-extent item lies in the file (construction method 0)."""
    if len(body) < 8:
        return
    version, sizes = body[0], struct.unpack(">H", body[4:6])[0]
    offset_size, length_size, base_size, index_size = (
        sizes >> 12,
        sizes >> 8 & 15,
        sizes >> 4 & 15,
        sizes & 15,
    )
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
