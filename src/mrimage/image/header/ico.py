"""Windows icons and cursors: a directory of images, each a PNG or a BMP without file header."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks, EmbeddedFile
from mrimage.image.header.model import Header
from mrimage.image.header.png import read_png

PNG = b"\x89PNG\r\n\x1a\n"
CURSOR = b"\x02"

_BANDS = {32: 4, 24: 3, 16: 3}
"""Bands of a BMP by its bits per pixel; fewer bits are indices."""


def largest(blocks: Blocks) -> tuple[int, int, int]:
    """Return the number of the largest image in the directory, and its start and length in bytes.

    Among images of one size, the one with the most bits per pixel wins, then the first.
    """
    count = struct.unpack("<H", blocks.need(4, 2))[0]
    entries = list(struct.iter_unpack("<BBBBHHII", blocks.need(6, 16 * count)))
    cursors = blocks.at(2, 1) == CURSOR

    def rank(number: int) -> tuple[int, int, int]:
        width, height, _, _, _, bits, _, _ = entries[number]
        # A side of 256 pixels is stored as 0.
        area = (width or 256) * (height or 256)
        # A cursor has its hot spot where an icon has its bits.
        return area, 0 if cursors else bits, -number

    best = max(range(count), key=rank)
    length, start = entries[best][6:]
    return best, start, length


def read_ico(blocks: Blocks) -> Header:
    """Read size and layout of the largest image; ``frames`` counts all of them.

    Raises ImageError ``unsupported`` for a BMP with an unusual depth.
    """
    _, start, length = largest(blocks)
    frames = struct.unpack("<H", blocks.need(4, 2))[0]
    if blocks.at(start, 8) == PNG:
        header = read_png(Blocks(EmbeddedFile(blocks, start, length)))
        header.format = "ico"
    else:
        header = _read_bitmap(blocks, start)
    header.frames = frames
    return header


def _read_bitmap(blocks: Blocks, start: int) -> Header:
    """Read the BMP info header at ``start``; a BMP in an icon always has a transparency mask."""
    size, width, height, _, bits = struct.unpack("<IiiHH", blocks.need(start, 16))
    if size < 40 or bits not in (1, 4, 8, 16, 24, 32):
        raise ImageError(
            "unsupported",
            f"The icon has a bitmap of {bits} bits per pixel, but only PNG and plain bitmaps of "
            "1, 4, 8, 16, 24 or 32 bits can be read.",
        )
    # The height counts the mask too.
    header = Header("ico", width, abs(height) // 2, _BANDS.get(bits, 1), bits, "palette", True)
    if bits > 8:
        header.model = "rgb"
        header.bit_depth = 5 if bits == 16 else 8
    return header
