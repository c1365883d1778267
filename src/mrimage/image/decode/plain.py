"""SGI, FITS and QOI, where Pillow would lose depth or take minutes."""

from __future__ import annotations

import struct
from importlib.util import find_spec

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.decode.arrays import Array
from mrimage.image.decode.padding import filled
from mrimage.image.header import fits, qoi, sgi
from mrimage.types import Limits


def decode_qoi(data: bytes) -> Array | None:
    """uint8 H x W x 3 or 4; None where imagecodecs is missing, or the file does not end as it has to: Pillow, which is
    slow at it, says what is missing."""
    if find_spec("imagecodecs") is None or qoi.END not in data[-64:]:
        return None
    import imagecodecs

    array: Array = imagecodecs.qoi_decode(data)
    return array


def decode_fits(data: bytes, limits: Limits) -> Array:
    """uint8 or uint16 H x W x 1 or 3. Rows go from bottom to top. Raises ImageError."""
    import numpy as np

    layout = fits.layout_of(Blocks.of(data))
    if layout.bits not in (8, 16) or layout.scale != 1:
        raise ImageError(
            "unsupported",
            "Expected 8 or 16 bits in the FITS file, whose black and white are known, but received numbers of "
            f"{layout.bits} bits (below zero: floating-point) and a scale of {layout.scale}.",
        )
    wide = layout.bits // 8
    count = layout.width * layout.height * layout.planes
    body = filled(data[layout.start :], count * wide, limits)
    values = np.frombuffer(body, ">i2" if wide == 2 else "u1").astype(np.float64) + layout.zero
    values = values.clip(0, 65_535 if wide == 2 else 255).astype(
        np.uint16 if wide == 2 else np.uint8
    )
    planes = values.reshape(layout.planes, layout.height, layout.width)
    return np.ascontiguousarray(planes[:, ::-1].transpose(1, 2, 0))


def decode_sgi(data: bytes, limits: Limits) -> Array:
    """uint8 or uint16 H x W x channels. Rows go from bottom to top. Raises ImageError."""
    import numpy as np

    layout = sgi.layout_of(data[: sgi.START])
    row = layout.width * layout.wide
    rows = layout.height * layout.channels
    if layout.packed:
        body = b"".join(_rows(data, layout, row, rows, limits))
    else:
        body = filled(data[sgi.START :], row * rows, limits)
    values = np.frombuffer(body, ">u2" if layout.wide == 2 else "u1")
    planes = values.reshape(layout.channels, layout.height, layout.width)[:, ::-1]
    return np.ascontiguousarray(planes.transpose(1, 2, 0).astype(values.dtype.newbyteorder("=")))


def _rows(data: bytes, layout: sgi.Layout, row: int, rows: int, limits: Limits) -> list[bytes]:
    table = filled(data[sgi.START :], 8 * rows, limits)
    starts = struct.unpack(f">{rows}I", table[: 4 * rows])
    lengths = struct.unpack(f">{rows}I", table[4 * rows :])
    return [
        filled(_unpacked(data[start : start + length], layout.wide, row), row, limits)
        for start, length in zip(starts, lengths, strict=True)
    ]


def _unpacked(packed: bytes, wide: int, longest: int) -> bytes:
    """A row out of its runs: a count, with bit 7 for numbers as they are, without it for one number over and over."""
    row = bytearray()
    position = 0
    while position + wide <= len(packed) and len(row) < longest:
        head = packed[position + wide - 1]
        position += wide
        count = head & 0x7F
        if count == 0:
            break
        if head & 0x80:
            row += packed[position : position + count * wide]
            position += count * wide
        else:
            row += packed[position : position + wide] * count
            position += wide
    return bytes(row[:longest])
