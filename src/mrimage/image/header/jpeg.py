"""JPEG: the markers up to the first scan, and nothing after it."""

from __future__ import annotations

import re
import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header, Model
from mrimage.image.tags.directory import tree_of

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_BODY = frozenset([0x01, *range(0xD0, 0xD9)])
_DECODABLE = frozenset([0xC0, 0xC1, 0xC2, 0xC9, 0xCA])
_PROGRESSIVE = frozenset([0xC2, 0xC6, 0xCA, 0xCE])
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MOST_SEGMENTS = 65_536


def read_jpeg(blocks: Blocks) -> Header:
    """Size, sampling and segments of a JPEG. Follows ITU-T T.81 annex B; the ICC chunks ICC.1 annex B.4."""
    frame: tuple[int, bytes] | None = None
    jfif = exif = None
    chunks: dict[int, bytes] = {}
    frames, position = 1, 2
    for _ in range(_MOST_SEGMENTS):
        marker, position = _next_marker(blocks, position)
        if marker in _NO_BODY:
            continue
        if marker == 0xD9:
            raise ImageError(
                "truncated", "Expected image data in the JPEG, but it ends after its header."
            )
        length = struct.unpack(">H", blocks.need(position, 2))[0]
        start, size = position + 2, length - 2
        if size < 0:
            raise ImageError(
                "corrupt",
                f"Expected a segment length of 2 or more in the JPEG, but received {length}.",
            )
        if marker == 0xDA:
            break
        if marker in _FRAMES and frame is None:
            frame = marker, blocks.need(start, size)
        elif marker == 0xE0 and jfif is None and size >= 12:
            jfif = _jfif_dpi(blocks.need(start, 12))
        elif marker == 0xE1 and exif is None and blocks.at(start, 6)[:5] == b"Exif\x00":
            exif = blocks.at(start + 6, size - 6)
        elif marker == 0xE2:
            name = blocks.at(start, 14)
            if name[:12] == b"ICC_PROFILE\x00" and size > 14:
                chunks[name[12]] = blocks.at(start + 14, size - 14)
            elif name[:4] == b"MPF\x00":
                frames = _pictures(blocks.at(start + 4, size - 4))
        position = start + size
    else:
        raise ImageError(
            "corrupt", f"Expected a scan in the JPEG within {_MOST_SEGMENTS} segments."
        )
    if frame is None:
        raise ImageError(
            "corrupt",
            "Expected a frame header before the first scan of the JPEG, but there is none.",
        )
    header = _header(*frame)
    header.icc = b"".join(chunks[number] for number in sorted(chunks)) or None
    header.exif, header.dpi, header.frames, header.body = exif, jfif, frames, start + size
    return header


def _next_marker(blocks: Blocks, position: int) -> tuple[int, int]:
    pair = blocks.need(position, 2)
    if pair[0] == 0xFF and pair[1] not in (0x00, 0xFF):
        return pair[1], position + 2
    while (
        True
    ):  # Fill bytes are allowed, and stray bytes between segments are what decoders forgive.
        chunk = blocks.at(position, 4096)
        if len(chunk) < 2:
            raise ImageError(
                "truncated", "Expected a scan in the JPEG, but the file ends in its header."
            )
        found = _MARKER.search(chunk)
        if found is not None:
            return found[1][0], position + found.end()
        position += len(chunk) - 1


def _header(marker: int, body: bytes) -> Header:
    if len(body) < 6:
        raise ImageError(
            "corrupt",
            f"Expected 6 bytes or more of frame header in the JPEG, but received {len(body)}.",
        )
    depth, height, width, bands = struct.unpack(">BHHB", body[:6])
    models: dict[int, Model] = {1: "gray", 3: "rgb", 4: "cmyk"}
    if bands not in models:
        raise ImageError(
            "unsupported", f"Expected 1, 3 or 4 components in the JPEG, but received {bands}."
        )
    if height == 0 and width:
        raise ImageError(
            "unsupported",
            "Expected the height in the JPEG's frame header, but it is left to a DNL marker.",
        )
    variant = ""
    if marker not in _DECODABLE:
        variant = "lossless" if marker in (0xC3, 0xC7, 0xCB, 0xCF) else "hierarchical"
    return Header(
        "jpeg",
        width,
        height,
        bands,
        depth,
        models[bands],
        progressive=marker in _PROGRESSIVE,
        variant=variant,
    )


def _jfif_dpi(body: bytes) -> float | None:
    if body[:5] != b"JFIF\x00":
        return None
    unit, across = struct.unpack(">BH", body[7:10])
    return {1: float(across), 2: across * 2.54}.get(unit) or None


def _pictures(block: bytes) -> int:
    """How many pictures a Multi-Picture Format index lists (CIPA DC-007, tag B001); 1 when it is damaged."""
    tree = tree_of(block)
    number = tree.first.integer(0xB001) if tree else None
    return number if number is not None and 0 < number < 1000 else 1
