"""AVIF and HEIC: the boxes that describe the primary image (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.color.cicp import space_of
from mrimage.image.header.boxes import boxes, brands, top_boxes
from mrimage.image.header.model import LONGEST_TEXT, Header, Model
from mrimage.image.header.numbers import number_at
from mrimage.image.tags.gain_maps import APPLE_AUXILIARY

_SEQUENCES = frozenset([b"avis", b"hevc", b"hevx", b"msf1"])
"""Brands of files with an image sequence, which a ``moov`` box describes."""

_LONGEST_META = 8 << 20
_LONGEST_EXIF = 16 << 20
_MOST_ITEMS = 65_536
_MOST_EXTENTS = 4096

_WITHOUT_META = {
    b"mini": "a minimized one (mini)",
    b"moov": "an image sequence without one",
}
"""What files without ``meta`` box are, by a box that they have instead."""

_UNKNOWN_CODINGS = {
    b"avc1": "AVC (H.264)",
    b"vvc1": "VVC (H.266)",
    b"evc1": "EVC",
    b"jpeg": "JPEG",
    b"j2k1": "JPEG 2000",
    b"jxs1": "JPEG XS",
    b"unci": "plain samples (ISO/IEC 23001-17)",
}
"""Codings that no decoder here reads, by the type of their items."""

_KNOWN_CODINGS = {b"av01": "avif", b"hvc1": "heic"}
_RDF = b"application/rdf+xml"

Property = tuple[bytes, bytes]
"""Name and body of a property's box."""


@dataclass(slots=True)
class _Meta:
    """What the ``meta`` box says; items are known by their numbers."""

    primary: int = 0
    properties: list[Property] = field(default_factory=list)
    indices: dict[int, list[int]] = field(default_factory=dict)
    """Indices into ``properties``, from 0, of the properties of each item."""

    types: dict[int, bytes] = field(default_factory=dict)
    extents: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Start and length in the file, in bytes, of items that lie there in one piece."""

    tiles: dict[int, int] = field(default_factory=dict)
    """The first of the items from which an item, such as a grid, is derived."""

    premultiplied: set[int] = field(default_factory=set)
    has_alpha: bool = False
    xmp_item: int | None = None


def read_isobmff(blocks: Blocks, format: str) -> Header:
    """Read size, depth, profile, alpha, EXIF and XMP of the primary item.

    The size has the turn of ``irot`` applied, as decoders do. ``frames`` is the length of the
    image sequence, or 1 without one. Raises ImageError: ``truncated``, ``corrupt``, or
    ``unsupported`` for codings that no decoder here reads.
    """
    meta, frames = _read_boxes(blocks, format)
    format = _format_of(meta, format)
    properties = _primary_properties(meta)
    header = _header(format, _size(properties, format), properties, meta.has_alpha)
    header.exif = _exif(meta, blocks)
    header.xmp = _xmp(meta, blocks)
    header.frames = frames
    header.gain_map = _has_gain_map(meta)
    header.associated = header.has_alpha and meta.primary in meta.premultiplied
    return header


def _read_boxes(blocks: Blocks, format: str) -> tuple[_Meta, int]:
    """Return what ``meta`` says, and the number of frames that ``moov`` says, or 1."""
    meta = _Meta()
    frames = 1
    names: set[bytes] = set()
    is_sequence = not _SEQUENCES.isdisjoint(brands(blocks.at(0, 256)))
    for name, start, length in top_boxes(blocks):
        names.add(name)
        if name not in (b"meta", b"moov"):
            continue
        if length > _LONGEST_META:
            raise ImageError(
                "corrupt",
                f"The {format} file describes its image in {length} bytes, but at most "
                f"{_LONGEST_META} are allowed.",
            )
        if name == b"meta" and not meta.properties:
            # Version and flags come first.
            _read_meta(meta, blocks.need(start, length)[4:])
        elif name == b"moov":
            frames = _frame_count(blocks.need(start, length)) or 1
        # A still image needs no further box; a sequence needs ``moov`` as well.
        if name == b"moov" or not is_sequence:
            break
    if b"meta" not in names:
        _check_without_meta(names)
    return meta, frames


def _check_without_meta(names: set[bytes]) -> None:
    """Raise ImageError ``unsupported`` for known files without ``meta`` box."""
    for name, description in _WITHOUT_META.items():
        if name in names:
            raise ImageError(
                "unsupported",
                f"Only HEIF files with a still image can be read, but this is {description}.",
            )


def _format_of(meta: _Meta, format: str) -> str:
    """Return ``avif`` or ``heic`` by the coding of the primary image, or else ``format``.

    Raises ImageError ``unsupported`` with the name of a coding that no decoder here reads.
    """
    item = meta.tiles.get(meta.primary, meta.primary)
    coding = meta.types.get(item, b"")
    if coding in _UNKNOWN_CODINGS:
        raise ImageError(
            "unsupported",
            "Only HEIF files coded in HEVC or AV1 can be read, but this one is coded in "
            f"{_UNKNOWN_CODINGS[coding]}.",
        )
    return _KNOWN_CODINGS.get(coding, format)


def _has_gain_map(meta: _Meta) -> bool:
    """Return whether the image has a tone map (ISO/IEC 23008-12:2024, 6.6.2.4) or Apple's."""
    if b"tmap" in meta.types.values():
        return True
    auxiliary = [body for name, body in meta.properties if name == b"auxC"]
    return any(APPLE_AUXILIARY in body for body in auxiliary)


def _primary_properties(meta: _Meta) -> list[Property]:
    """Return the properties of the primary item, after those that only its first tile has.

    Cameras give the profile and the depth of a grid with its tiles alone.
    """
    own = _properties_of(meta, meta.primary)
    if meta.primary not in meta.tiles:
        return own
    names = {name for name, _ in own}
    tile = _properties_of(meta, meta.tiles[meta.primary])
    wanted = {b"colr", b"pixi", b"hvcC", b"av1C"} - names
    inherited = [(name, body) for name, body in tile if name in wanted]
    return inherited + own


def _properties_of(meta: _Meta, item: int) -> list[Property]:
    indices = meta.indices.get(item, [])
    existing = range(len(meta.properties))
    return [meta.properties[index] for index in indices if index in existing]


def _size(properties: list[Property], format: str) -> tuple[int, int]:
    """Return width and height in pixels from the last ``ispe``. Raises ImageError ``corrupt``."""
    size = None
    for name, body in properties:
        if name == b"ispe" and len(body) >= 12:
            width, height = struct.unpack(">II", body[4:12])
            size = (width, height)
    if size is None:
        raise ImageError("corrupt", f"The {format} file does not give the size of its image.")
    return size


def _header(
    format: str, size: tuple[int, int], properties: list[Property], has_alpha: bool
) -> Header:
    """Return the header; the turn and the crop apply in the order of the properties."""
    width, height = size
    bands = 3
    depth = None
    icc = None
    cicp = None
    for name, body in properties:
        if name == b"pixi" and len(body) >= 6:
            bands, depth = body[4], body[5]
        elif name in (b"av1C", b"hvcC") and depth is None:
            bands, depth = _bands_and_depth(name, body)
        elif name == b"colr" and body[:4] in (b"prof", b"rICC"):
            icc = body[4:]
        elif name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            cicp = struct.unpack(">HH", body[4:8])
        elif name == b"irot" and body and body[0] & 1:
            width, height = height, width
        elif name == b"clap" and len(body) >= 16:
            width, height = _cropped(body) or (width, height)
    model: Model = "gray" if bands == 1 else "rgb"
    header = Header(format, width, height, bands + has_alpha, depth, model, has_alpha)
    header.icc = icc
    header.upright = True
    if cicp is not None and icc is None:
        header.cicp = cicp
        header.space = space_of(*cicp)
    return header


def _cropped(body: bytes) -> tuple[int, int] | None:
    """Return width and height of a ``clap`` box, which has them as fractions; None if damaged."""
    wide, wide_per, high, high_per = struct.unpack(">4I", body[:16])
    if not wide_per or not high_per:
        return None
    width = round(wide / wide_per)
    height = round(high / high_per)
    return width, height


def _bands_and_depth(name: bytes, body: bytes) -> tuple[int, int | None]:
    """Return bands and bits of a sample (AV1-ISOBMFF 2.3.3; ISO/IEC 14496-15, 8.3.3.1.2)."""
    if name == b"av1C" and len(body) >= 3:
        flags = body[2]
        return _av1_bands(flags), _av1_depth(flags)
    if name == b"hvcC" and len(body) >= 18:
        chroma_format = body[16] & 3
        depth = 8 + (body[17] & 7)
        bands = 3 if chroma_format else 1
        return bands, depth
    return 3, None


def _av1_bands(flags: int) -> int:
    is_monochrome = flags & 0x10
    return 1 if is_monochrome else 3


def _av1_depth(flags: int) -> int:
    is_high = flags & 0x40
    if not is_high:
        return 8
    is_twelve = flags & 0x20
    return 12 if is_twelve else 10


def _frame_count(moov: bytes) -> int | None:
    """Return how many samples the first track of images has; None without one."""
    for name, track in boxes(moov):
        if name != b"trak":
            continue
        media = _find(track, b"mdia")
        if _find(media, b"hdlr")[8:12] == b"pict":
            table = _find(_find(media, b"minf"), b"stbl")
            sizes = _find(table, b"stsz")
            return number_at(sizes, 8, 4)
    return None


def _find(body: bytes, name: bytes) -> bytes:
    """Return the body of the last box of that ``name`` inside a box; nothing without one."""
    return dict(boxes(body)).get(name, b"")


def _read_meta(meta: _Meta, body: bytes) -> None:
    for name, content in boxes(body):
        if name == b"pitm":
            id_size = 2 if content[:1] == b"\x00" else 4
            meta.primary = number_at(content, 4, id_size)
        elif name == b"iprp":
            _read_properties(meta, content)
        elif name == b"iinf":
            _read_item_types(meta, content)
        elif name == b"iloc":
            meta.extents.update(_extents(content))
        elif name == b"iref":
            _read_references(meta, content)


def _read_item_types(meta: _Meta, content: bytes) -> None:
    """Read ``iinf``: the type of each item, and which one holds the XMP packet."""
    skip = 6 if content[:1] == b"\x00" else 8
    for name, info in boxes(content[skip:]):
        if name != b"infe" or info[:1] not in (b"\x02", b"\x03"):
            continue
        id_size = 2 if info[0] == 2 else 4
        item = number_at(info, 4, id_size)
        # Between the number and the type are two bytes of protection.
        start = 6 + id_size
        end = start + 4
        meta.types[item] = info[start:end]
        if _RDF in info[end:]:
            meta.xmp_item = item


def _read_references(meta: _Meta, content: bytes) -> None:
    """Read ``iref``: which items are derived from which, and which are multiplied by alpha."""
    id_size = 4 if content[:1] == b"\x01" else 2
    for name, body in boxes(content[4:]):
        item = number_at(body, 0, id_size)
        # The number of references, 2 bytes, comes before the first of them.
        first_start = id_size + 2
        first_end = first_start + id_size
        if name == b"prem" and len(body) >= id_size:
            meta.premultiplied.add(item)
        elif name == b"dimg" and len(body) >= first_end:
            meta.tiles[item] = number_at(body, first_start, id_size)


def _read_properties(meta: _Meta, body: bytes) -> None:
    """Read ``iprp``: the properties, and which items have which of them."""
    for name, content in boxes(body):
        if name == b"ipco":
            meta.properties = list(boxes(content))
            meta.has_alpha = any(_announces_alpha(*prop) for prop in meta.properties)
        elif name == b"ipma" and len(content) >= 8:
            _read_associations(meta, content)


def _announces_alpha(name: bytes, body: bytes) -> bool:
    """Return whether a property marks an auxiliary image as alpha, by MPEG's name or HEVC's."""
    if name != b"auxC":
        return False
    return b":alpha" in body or b"auxid:1" in body


def _read_associations(meta: _Meta, content: bytes) -> None:
    """Read ``ipma``: for each item its number, a count, and as many indices from 1."""
    id_size = 4 if content[0] >= 1 else 2
    index_size = 2 if content[3] & 1 else 1
    # The high bit says that the property is essential.
    mask = 0x7FFF if index_size == 2 else 0x7F
    count = number_at(content, 4, 4)
    at = 8
    for _ in range(min(count, _MOST_ITEMS)):
        item = number_at(content, at, id_size)
        at += id_size
        if at >= len(content):
            return
        number = content[at]
        at += 1
        owned = meta.indices.setdefault(item, [])
        for _ in range(number):
            index = number_at(content, at, index_size)
            owned.append((index & mask) - 1)
            at += index_size


def _extents(body: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield from ``iloc`` each item that lies in the file in one piece, with start and length.

    That is construction method 0 with one extent.
    """
    if len(body) < 8:
        return
    version = body[0]
    sizes = number_at(body, 4, 2)
    offset_size = sizes >> 12
    length_size = sizes >> 8 & 15
    base_size = sizes >> 4 & 15
    has_method = version in (1, 2)
    index_size = sizes & 15 if has_method else 0
    id_size = 4 if version == 2 else 2
    numbers = _Numbers(body, 6)
    count = numbers.take(id_size)
    for _ in range(min(count, _MOST_ITEMS)):
        if numbers.is_at_end:
            return
        item = numbers.take(id_size)
        method = numbers.take(2) & 15 if has_method else 0
        numbers.take(2)  # data reference
        base = numbers.take(base_size)
        extents: list[tuple[int, int]] = []
        for _ in range(min(numbers.take(2), _MOST_EXTENTS)):
            if numbers.is_at_end:
                break
            numbers.take(index_size)
            offset = numbers.take(offset_size)
            extents.append((offset, numbers.take(length_size)))
        if method == 0 and len(extents) == 1:
            offset, length = extents[0]
            yield item, (base + offset, length)


class _Numbers:
    """Big-endian numbers of varying sizes, one after the other."""

    def __init__(self, body: bytes, position: int) -> None:
        self._body = body
        self._position = position

    def take(self, size: int) -> int:
        """Return the next number, of ``size`` bytes; after the end it is 0."""
        start = self._position
        self._position += size
        return number_at(self._body, start, size)

    @property
    def is_at_end(self) -> bool:
        return self._position >= len(self._body)


def _xmp(meta: _Meta, blocks: Blocks) -> bytes | None:
    item = meta.xmp_item
    if item is None or item not in meta.extents:
        return None
    start, length = meta.extents[item]
    if length >= LONGEST_TEXT:
        return None
    return blocks.at(start, length)


def _exif(meta: _Meta, blocks: Blocks) -> bytes | None:
    """Return the EXIF block of the first EXIF item, which begins with the block's offset."""
    for item, kind in meta.types.items():
        if kind == b"Exif" and item in meta.extents:
            start, length = meta.extents[item]
            block = blocks.at(start, min(length, _LONGEST_EXIF))
            offset = number_at(block, 0, 4)
            return block[4 + offset :] or None
    return None
