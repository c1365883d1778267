"""BMP of Windows and of OS/2, whose headers Pillow reads well from a few bytes once they are in Windows' layout."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_BLOCK, Header
from mrimage.image.header.pillow import header_of, open_picture

_ARRAY = 14
"""Bytes of the header that OS/2 puts before the first bitmap of an array (``BA``)."""

_WINDOWS_INFO, _CORE = 40, 12
_READ_BY_PILLOW = (_CORE, _WINDOWS_INFO, 52, 56, 108, 124)
_OS2_PACKED = (3, 4)
"""Compressions that have other meanings in OS/2: Huffman's code of one bit, and runs of 24 bits."""

_HEAD = 4096
"""Bytes in which every header and palette ends."""


def as_windows(data: bytes) -> bytes:
    """``data`` as Windows has it: the first bitmap of an array, and a header of OS/2 2.x, which may end after any field,
    brought to 40 bytes. Raises ImageError ``unsupported`` for what only OS/2 packs."""
    if data[:2] == b"BA":
        data = _moved(data[_ARRAY:], -_ARRAY)
    size = struct.unpack("<I", data[14:18])[0]
    if size in _READ_BY_PILLOW:
        return data
    info = data[18 : 14 + size][: _WINDOWS_INFO - 4].ljust(_WINDOWS_INFO - 4, b"\x00")
    packing = struct.unpack("<I", info[12:16])[0]
    if packing in _OS2_PACKED:
        raise ImageError(
            "unsupported",
            f"Expected plain or packed pixels in the OS/2 bitmap, but received {packing}.",
        )
    moved = _moved(data[:14] + struct.pack("<I", _WINDOWS_INFO) + info, _WINDOWS_INFO - size)
    return moved + data[14 + size :]


def _moved(data: bytes, by: int) -> bytes:
    """``data`` with the place of its pixels, counted from the start of the file, moved ``by`` bytes."""
    start = struct.unpack("<I", data[10:14])[0]
    return data[:10] + struct.pack("<I", max(0, start + by)) + data[14:]


def read_bmp(blocks: Blocks) -> Header:
    """Size, depth, resolution and profile."""
    head = blocks.at(0, _HEAD)
    plain = as_windows(head)
    picture = open_picture(blocks if plain is head else Blocks.of(plain), "bmp")
    header = header_of(picture, "bmp")
    header.bit_depth = _depth(plain, header)
    header.icc = _profile(blocks)
    across = picture.info.get("dpi", (0,))[0]
    header.dpi = float(across) if 0 < across < float("inf") else None
    return header


def _depth(head: bytes, header: Header) -> int:
    core = struct.unpack("<I", head[14:18])[0] == _CORE
    at = 24 if core else 28
    bits: int = struct.unpack("<H", head[at : at + 2])[0]
    if header.model == "palette" or bits <= 8:
        return bits
    return 5 if bits == 16 else 8


def _profile(blocks: Blocks) -> bytes | None:
    """The profile behind the pixels of a BMP with a header of version 5 (BITMAPV5HEADER: PROFILE_EMBEDDED)."""
    size = struct.unpack("<I", blocks.need(14, 4))[0]
    if size != 124 or blocks.at(14 + 56, 4) != b"DEBM":
        return None
    start, length = struct.unpack("<II", blocks.need(14 + 112, 8))
    return blocks.at(14 + start, length) if 0 < length < LONGEST_BLOCK else None
