"""BMP of Windows and of OS/2.

Pillow reads Windows headers well from a few bytes; ``as_windows`` rewrites the OS/2 ones.
"""

from __future__ import annotations

import math
import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_BLOCK, Header
from mrimage.image.header.pillow import header_of, open_picture

_ARRAY = 14
"""Bytes of the header that OS/2 puts before the first bitmap of an array (``BA``)."""

_CORE = 12
"""Bytes of BITMAPCOREHEADER, the info header of OS/2 1.x and Windows 2."""

_WINDOWS_INFO = 40
"""Bytes of BITMAPINFOHEADER."""

_V5 = 124
"""Bytes of BITMAPV5HEADER."""

_READ_BY_PILLOW = (_CORE, _WINDOWS_INFO, 52, 56, 108, _V5)
_OS2_PACKED = (3, 4)
"""Compressions with a meaning of their own in OS/2: 1-bit Huffman, and 24-bit run lengths."""

_HEAD = 4096
"""Bytes; every header and palette ends before."""


def as_windows(data: bytes) -> bytes:
    """Return ``data`` as Windows would have written it.

    Takes the first bitmap of an array, and pads or cuts an OS/2 2.x header, which may end after
    any field, to 40 bytes. Raises ImageError ``unsupported`` for compressions of OS/2 alone.
    """
    if data[:2] == b"BA":
        data = _with_pixels_moved(data[_ARRAY:], -_ARRAY)
    size = struct.unpack("<I", data[14:18])[0]
    if size in _READ_BY_PILLOW:
        return data
    # The info header begins with its own length.
    rest_length = _WINDOWS_INFO - 4
    rest = data[18 : 14 + size][:rest_length].ljust(rest_length, b"\x00")
    compression = struct.unpack("<I", rest[12:16])[0]
    if compression in _OS2_PACKED:
        raise ImageError(
            "unsupported",
            f"The OS/2 bitmap uses compression {compression}, which no decoder here reads.",
        )
    head = data[:14] + struct.pack("<I", _WINDOWS_INFO) + rest
    return _with_pixels_moved(head, _WINDOWS_INFO - size) + data[14 + size :]


def _with_pixels_moved(data: bytes, by: int) -> bytes:
    """Return ``data`` with ``by`` bytes added to the offset at which its pixels begin."""
    start = struct.unpack("<I", data[10:14])[0]
    moved = max(0, start + by)
    offset = struct.pack("<I", moved)
    return data[:10] + offset + data[14:]


def read_bmp(blocks: Blocks) -> Header:
    """Read size, depth, resolution and profile."""
    head = blocks.at(0, _HEAD)
    plain = as_windows(head)
    picture = open_picture(blocks if plain is head else Blocks.of(plain), "bmp")
    header = header_of(picture, "bmp")
    header.bit_depth = _depth(plain, header)
    header.icc = _profile(blocks)
    across = picture.info.get("dpi", (0,))[0]
    if 0 < across < math.inf:
        header.dpi = float(across)
    return header


def _depth(head: bytes, header: Header) -> int:
    """Return the bits of a sample. The file gives bits per pixel; 16 of them are 5 per color."""
    size = struct.unpack("<I", head[14:18])[0]
    at = 24 if size == _CORE else 28
    bits: int = struct.unpack("<H", head[at : at + 2])[0]
    is_indexed = header.model == "palette" or bits <= 8
    if is_indexed:
        return bits
    if bits == 16:
        return 5
    return 8


def _profile(blocks: Blocks) -> bytes | None:
    """Return the profile after the pixels, which only BITMAPV5HEADER has (PROFILE_EMBEDDED)."""
    size = struct.unpack("<I", blocks.need(14, 4))[0]
    # "MBED" as a little-endian number.
    if size != _V5 or blocks.at(14 + 56, 4) != b"DEBM":
        return None
    start, length = struct.unpack("<II", blocks.need(14 + 112, 8))
    if not 0 < length < LONGEST_BLOCK:
        return None
    return blocks.at(14 + start, length)
