"""WebP: the chunks of its RIFF container, without the pixels (RFC 9649)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_BLOCK, LONGEST_TEXT, Header

MOST_CHUNKS = 100_000

_ICC = 0x20
_ALPHA = 0x10
_EXIF = 0x08
_XMP = 0x04
_ANIMATION = 0x02
"""Flags of the VP8X chunk."""

_EXTRAS = _ICC | _EXIF | _XMP | _ANIMATION


@dataclass(slots=True)
class _Findings:
    """What the chunks so far have said; ``flags`` are those of VP8X."""

    width: int = 0
    height: int = 0
    frames: int = 0
    flags: int = 0
    alpha: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


def read_webp(blocks: Blocks) -> Header:
    """Read size, alpha, frames, profile, EXIF and XMP.

    Raises ImageError: ``truncated`` without a bitstream, ``corrupt`` for a damaged one.
    """
    found = _Findings()
    position = 12
    end = min(blocks.size, 8 + struct.unpack("<I", blocks.need(4, 4))[0])
    for _ in range(MOST_CHUNKS):
        if position >= end:
            break
        head = blocks.at(position, 8)
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sI", head)
        start = position + 8
        position = start + length + (length & 1)
        _read_chunk(found, name, blocks, start, length)
        if name == b"VP8X" and _nothing_follows(found.flags):
            break
    if not found.width:
        raise ImageError("truncated", "The WebP file ends before its image data.")
    return Header(
        "webp",
        found.width,
        found.height,
        4 if found.alpha else 3,
        8,
        "rgb",
        found.alpha,
        found.icc,
        found.exif,
        max(found.frames, 1),
        xmp=found.xmp,
    )


def _nothing_follows(flags: int) -> bool:
    """Return whether VP8X announces no chunk that matters here, so that reading can stop."""
    return flags & _EXTRAS == 0


def _read_chunk(found: _Findings, name: bytes, blocks: Blocks, start: int, length: int) -> None:
    if name == b"VP8X":
        _read_extended(found, blocks.need(start, 10))
    elif name in (b"VP8 ", b"VP8L"):
        if not found.width:
            body = blocks.need(start, 10)
            found.width, found.height, found.alpha = _bitstream(name, body)
        found.frames = found.frames or 1
    elif name == b"ANMF":
        found.frames += 1
    elif name == b"ICCP" and length < LONGEST_BLOCK:
        found.icc = blocks.at(start, length)
    elif name == b"EXIF" and length < LONGEST_BLOCK:
        found.exif = blocks.at(start, length)
    elif name == b"XMP " and length < LONGEST_TEXT:
        found.xmp = blocks.at(start, length)


def _read_extended(found: _Findings, body: bytes) -> None:
    """Read the 10 bytes of VP8X; the sides are stored less 1, in 24 bits each."""
    found.flags = body[0]
    found.alpha = bool(found.flags & _ALPHA)
    found.width = 1 + int.from_bytes(body[4:7], "little")
    found.height = 1 + int.from_bytes(body[7:10], "little")
    if not found.flags & _ANIMATION:
        found.frames = 1


def _bitstream(name: bytes, body: bytes) -> tuple[int, int, bool]:
    """Return width, height and alpha from the first 10 bytes of a lossy or lossless bitstream."""
    if name == b"VP8 ":
        if body[3:6] != b"\x9d\x01\x2a":
            raise ImageError("corrupt", "The WebP file lacks the start code of a VP8 key frame.")
        width, height = struct.unpack("<HH", body[6:10])
        # The two high bits are a scale for display.
        return width & 0x3FFF, height & 0x3FFF, False
    if body[0] != 0x2F:
        raise ImageError("corrupt", "The WebP file lacks the signature of a lossless bitstream.")
    bits = struct.unpack("<I", body[1:5])[0]
    width = 1 + (bits & 0x3FFF)
    height = 1 + (bits >> 14 & 0x3FFF)
    return width, height, bool(bits >> 28 & 1)
