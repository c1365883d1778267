"""WebP: the chunk list of its RIFF container, stepping over the pixels."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_BLOCK, Header

MOST_CHUNKS = 100_000


def read_webp(blocks: Blocks) -> Header:
    """Size, alpha, frames, profile and EXIF of a WebP (RFC 9649)."""
    width = height = frames = 0
    alpha = False
    icc = exif = None
    position = 12
    end = min(blocks.size, 8 + struct.unpack("<I", blocks.need(4, 4))[0])
    for _ in range(MOST_CHUNKS):
        head = blocks.at(position, 8)
        if len(head) < 8 or position >= end:
            break
        name, length = struct.unpack("<4sI", head)
        start = position + 8
        position = start + length + (length & 1)
        if name == b"VP8X":
            flags = blocks.need(start, 10)
            alpha = bool(flags[0] & 0x10)
            width, height = (1 + int.from_bytes(flags[at : at + 3], "little") for at in (4, 7))
            if not flags[0] & 0x02:
                frames = 1
        elif name in (b"VP8 ", b"VP8L"):
            if not width:
                width, height, alpha = _bitstream(name, blocks.need(start, 10))
            frames = frames or 1
        elif name == b"ANMF":
            frames += 1
        elif name == b"ICCP" and length < LONGEST_BLOCK:
            icc = blocks.at(start, length)
        elif name == b"EXIF" and length < LONGEST_BLOCK:
            exif = blocks.at(start, length)
        if (name == b"VP8X" and not flags[0] & 0x0A) or (
            name in (b"VP8 ", b"VP8L") and position >= end
        ):
            if name == b"VP8X" and flags[0] & 0x20:
                continue
            break
    if not width:
        raise ImageError(
            "truncated", "Expected a bitstream in the WebP, but the file ends in its header."
        )
    return Header(
        "webp", width, height, 4 if alpha else 3, 8, "rgb", alpha, icc, exif, max(frames, 1)
    )


def _bitstream(name: bytes, body: bytes) -> tuple[int, int, bool]:
    if name == b"VP8 ":
        if body[3:6] != b"\x9d\x01\x2a":
            raise ImageError("corrupt", "Expected the start code of a VP8 key frame in the WebP.")
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF, False
    if body[0] != 0x2F:
        raise ImageError("corrupt", "Expected the signature of a lossless bitstream in the WebP.")
    bits = struct.unpack("<I", body[1:5])[0]
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
