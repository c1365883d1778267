"""Windows icons and cursors: a directory of pictures, each of which is a PNG or a BMP without its file header."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks, EmbeddedFile
from mrimage.image.header.model import Header
from mrimage.image.header.png import read_png

PNG = b"\x89PNG\r\n\x1a\n"
CURSOR = b"\x02"


def largest(blocks: Blocks) -> tuple[int, int, int]:
    """Of the largest picture, and of those of one size the deepest, its number in the directory, and where it lies:
    start and length."""
    count = struct.unpack("<H", blocks.need(4, 2))[0]
    entries = list(struct.iter_unpack("<BBBBHHII", blocks.need(6, 16 * count)))

    cursors = blocks.at(2, 1) == CURSOR

    def weight(number: int) -> tuple[int, int]:
        width, height, _, _, _, bits, _, _ = entries[number]
        return (width or 256) * (
            height or 256
        ), 0 if cursors else bits  # A cursor has its hot spot there.

    best = max(range(count), key=lambda number: (*weight(number), -number))
    length, start = entries[best][6:]
    return best, start, length


def read_ico(blocks: Blocks) -> Header:
    """Size and layout of the largest picture; ``frames`` is how many there are. A BMP in an icon has a mask of
    transparency, whatever its depth."""
    _, start, length = largest(blocks)
    frames = struct.unpack("<H", blocks.need(4, 2))[0]
    if blocks.at(start, 8) == PNG:
        header = read_png(Blocks(EmbeddedFile(blocks, start, length)))
        header.format, header.frames = "ico", frames
        return header
    size, width, height, _, bits = struct.unpack("<IiiHH", blocks.need(start, 16))
    if size < 40 or bits not in (1, 4, 8, 16, 24, 32):
        raise ImageError(
            "unsupported",
            f"Expected a PNG or a plain BMP in the icon, but received one of {bits} bits.",
        )
    header = Header(
        "ico", width, abs(height) // 2, {32: 4, 24: 3, 16: 3}.get(bits, 1), bits, "palette", True
    )
    if bits > 8:
        header.model, header.bit_depth = "rgb", 5 if bits == 16 else 8
    header.frames = frames
    return header
