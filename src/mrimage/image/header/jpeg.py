"""JPEG: the segments up to the first scan (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_TEXT, Header, Model
from mrimage.image.header.numbers import number_at
from mrimage.image.tags.gain_maps import APPLE, ISO, announces_gain_map, is_apple_map
from mrimage.image.tags.multi_picture import MPF, other_pictures, picture_count

_END = 0xD9
_SCAN = 0xDA
_APP0 = 0xE0
_APP1 = 0xE1
_APP2 = 0xE2
_APP13 = 0xED
_JPEG_LS = 0xF7
"""Second bytes of markers."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_BODY = frozenset([0x01, *range(0xD0, 0xD9)])
_DECODABLE = frozenset([0xC0, 0xC1, 0xC2, 0xC9, 0xCA])
_PROGRESSIVE = frozenset([0xC2, 0xC6, 0xCA, 0xCE])
_LOSSLESS = frozenset([0xC3, 0xC7, 0xCB, 0xCF])
_MODELS: dict[int, Model] = {1: "gray", 3: "rgb", 4: "cmyk"}

_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MOST_SEGMENTS = 65_536
_PICTURE_HEAD = 16 << 10
"""Bytes at the start of another picture in the file that are searched for its XMP."""

_EXIF = b"Exif\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_PHOTOSHOP = b"Photoshop 3.0\x00"
_ICC = b"ICC_PROFILE\x00"
"""Heads of segments."""


@dataclass(slots=True)
class _Segments:
    """What the segments before the first scan say."""

    frame: tuple[int, bytes] | None = None
    dpi: float | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes = b""
    gain_map: bool = False
    index: bytes = b""
    index_start: int = 0
    icc_chunks: dict[int, bytes] = field(default_factory=dict)


def read_jpeg(blocks: Blocks) -> Header:
    """Read size, sampling, profile, EXIF, XMP, IPTC, resolution and the number of images.

    Raises ImageError: ``truncated``, ``corrupt``, or ``unsupported`` for JPEG-LS and layouts that
    no decoder here reads.
    """
    found, scan = _read_segments(blocks)
    if found.frame is None:
        raise ImageError("corrupt", "The JPEG has no frame header before its first scan.")
    header = _header(*found.frame)
    # ICC.1, annex B.4: a long profile is split into numbered chunks.
    chunks = [found.icc_chunks[number] for number in sorted(found.icc_chunks)]
    header.icc = b"".join(chunks) or None
    header.exif = found.exif
    header.xmp = found.xmp
    header.iptc = found.iptc or None
    header.gain_map = (
        found.gain_map or announces_gain_map(found.xmp) or _has_apple_map(found, blocks)
    )
    header.dpi = found.dpi
    header.frames = picture_count(found.index)
    header.body = scan
    return header


def _read_segments(blocks: Blocks) -> tuple[_Segments, int]:
    """Return what the segments say, and the byte at which the first scan's data begin."""
    found = _Segments()
    position = 2
    for _ in range(_MOST_SEGMENTS):
        marker, position = _next_marker(blocks, position)
        if marker in _NO_BODY:
            continue
        if marker == _END:
            raise ImageError("truncated", "The JPEG ends after its header, without image data.")
        length = number_at(blocks.need(position, 2), 0, 2)
        # The length counts its own two bytes.
        start = position + 2
        size = length - 2
        if size < 0:
            raise ImageError(
                "corrupt",
                f"A segment of the JPEG says it has {length} bytes, but it needs 2 or more.",
            )
        if marker == _SCAN:
            return found, start + size
        if marker == _JPEG_LS:
            raise ImageError(
                "unsupported", "The file is JPEG-LS, not JPEG, and no decoder here reads it."
            )
        _read_segment(found, marker, blocks, start, size)
        position = start + size
    raise ImageError("corrupt", f"The JPEG has no scan in its first {_MOST_SEGMENTS} segments.")


def _read_segment(found: _Segments, marker: int, blocks: Blocks, start: int, size: int) -> None:
    if marker in _FRAMES and found.frame is None:
        found.frame = (marker, blocks.need(start, size))
    elif marker == _APP0 and found.dpi is None and size >= 12:
        found.dpi = _jfif_dpi(blocks.need(start, 12))
    elif marker == _APP1:
        _read_app1(found, blocks, start, size)
    elif marker == _APP2:
        _read_app2(found, blocks, start, size)
    elif marker == _APP13:
        _read_app13(found, blocks, start, size)


def _read_app1(found: _Segments, blocks: Blocks, start: int, size: int) -> None:
    # Some writers end the head of EXIF with 0xFF rather than a second NUL. The sixth byte is
    # skipped whatever it is.
    if found.exif is None and blocks.at(start, 6)[:5] == _EXIF:
        found.exif = blocks.at(start + 6, size - 6)
    elif found.xmp is None:
        found.xmp = _after_head(blocks, start, size, _XMP)


def _read_app2(found: _Segments, blocks: Blocks, start: int, size: int) -> None:
    head = blocks.at(start, 14)
    if head[:12] == _ICC and size > 14:
        # Then come the number of the chunk and how many there are.
        found.icc_chunks[head[12]] = blocks.at(start + 14, size - 14)
    elif head == ISO[:14]:
        found.gain_map = True
    elif head[:4] == MPF:
        found.index_start = start + 4
        found.index = blocks.at(start + 4, size - 4)


def _read_app13(found: _Segments, blocks: Blocks, start: int, size: int) -> None:
    # Photoshop's resources, with IPTC among them, may continue in further segments.
    if len(found.iptc) < LONGEST_TEXT:
        found.iptc += _after_head(blocks, start, size, _PHOTOSHOP) or b""


def _after_head(blocks: Blocks, start: int, size: int, head: bytes) -> bytes | None:
    """Return the rest of a segment that begins with ``head``; None for other segments."""
    length = len(head)
    if blocks.at(start, min(size, length)) != head:
        return None
    return blocks.at(start + length, size - length)


def _next_marker(blocks: Blocks, position: int) -> tuple[int, int]:
    """Return the second byte of the next marker, and the position after it."""
    pair = blocks.need(position, 2)
    if pair[0] == 0xFF and pair[1] not in (0x00, 0xFF):
        return pair[1], position + 2
    # Fill bytes before a marker are legal, and decoders forgive stray bytes between segments.
    while True:
        chunk = blocks.at(position, 4096)
        if len(chunk) < 2:
            raise ImageError("truncated", "The JPEG ends in its header, before the first scan.")
        found = _MARKER.search(chunk)
        if found is not None:
            return found[1][0], position + found.end()
        # The last byte may be the first half of a marker.
        position += len(chunk) - 1


def _header(marker: int, body: bytes) -> Header:
    """Return the header of a frame from the body of its segment."""
    if len(body) < 6:
        raise ImageError(
            "corrupt",
            f"The frame header of the JPEG needs 6 bytes or more, but it has {len(body)}.",
        )
    depth, height, width, bands = struct.unpack(">BHHB", body[:6])
    if bands not in _MODELS:
        raise ImageError(
            "unsupported",
            f"Only JPEGs of 1, 3 or 4 components can be read, but this one has {bands}.",
        )
    if height == 0 and width:
        raise ImageError(
            "unsupported",
            "The JPEG gives its height in a DNL marker after the first scan, which no decoder "
            "here reads.",
        )
    return Header(
        "jpeg",
        width,
        height,
        bands,
        depth,
        _MODELS[bands],
        progressive=marker in _PROGRESSIVE,
        variant=_variant(marker),
    )


def _variant(marker: int) -> str:
    if marker in _DECODABLE:
        return ""
    return "lossless" if marker in _LOSSLESS else "hierarchical"


def _jfif_dpi(body: bytes) -> float | None:
    """Return dots per inch across from a JFIF segment; None without a unit."""
    if body[:5] != b"JFIF\x00":
        return None
    unit, across = struct.unpack(">BH", body[7:10])
    if unit == 1:
        return float(across) or None
    if unit == 2:
        return across * 2.54 or None
    return None


def _has_apple_map(found: _Segments, blocks: Blocks) -> bool:
    """Return whether one of the other pictures in an Apple file is a gain map.

    Only that picture itself says so in Apple's older files. Those of other cameras are not read,
    because many have a preview there.
    """
    if APPLE not in (found.exif or b""):
        return False
    pictures = other_pictures(found.index, found.index_start)
    return any(
        is_apple_map(blocks.at(start, min(length, _PICTURE_HEAD))) for start, length in pictures
    )
