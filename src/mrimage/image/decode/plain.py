"""SGI, FITS and QOI, for which Pillow would lose bits or take minutes."""

from __future__ import annotations

import struct
from importlib.util import find_spec

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.decode.arrays import Array
from mrimage.image.decode.samples import first_bytes
from mrimage.image.header import fits, qoi, sgi
from mrimage.types import Limits


def decode_qoi(data: bytes) -> Array | None:
    """The pixels: uint8, H x W x 3 or 4.

    None if imagecodecs is not installed or the file lacks its end marker. Pillow then decodes it,
    slowly, or says what is missing.
    """
    if find_spec("imagecodecs") is None or qoi.END not in data[-64:]:
        return None
    import imagecodecs

    array: Array = imagecodecs.qoi_decode(data)
    return array


def decode_fits(data: bytes, limits: Limits) -> Array:
    """The pixels, from top to bottom: H x W x 1 or 3 of uint8 or uint16. Raises ImageError."""
    import numpy as np

    layout = fits.layout_of(Blocks.of(data))
    if layout.bits not in (8, 16) or layout.scale != 1:
        raise ImageError(
            "unsupported",
            "A FITS file needs 8 or 16 bits and a scale of 1, so that black and white are known, "
            f"but this one has {layout.bits} bits (below zero: floating-point) "
            f"and a scale of {layout.scale}.",
        )
    sample_bytes = layout.bits // 8
    count = layout.width * layout.height * layout.planes
    body = first_bytes(data[layout.start :], count * sample_bytes, limits)
    stored_type = ">i2" if sample_bytes == 2 else "u1"
    values = np.frombuffer(body, stored_type).astype(np.float64) + layout.zero
    if sample_bytes == 2:
        samples = values.clip(0, 65_535).astype(np.uint16)
    else:
        samples = values.clip(0, 255).astype(np.uint8)
    planes = samples.reshape(layout.planes, layout.height, layout.width)
    top_to_bottom = planes[:, ::-1]  # FITS stores the bottom row first.
    return np.ascontiguousarray(top_to_bottom.transpose(1, 2, 0))


def decode_sgi(data: bytes, limits: Limits) -> Array:
    """The pixels, from top to bottom: H x W x channels of uint8 or uint16. Raises ImageError."""
    import numpy as np

    layout = sgi.layout_of(data[: sgi.START])
    row_size = layout.width * layout.wide
    row_count = layout.height * layout.channels
    if layout.packed:
        body = b"".join(_unpacked_rows(data, layout, row_size, row_count, limits))
    else:
        body = first_bytes(data[sgi.START :], row_size * row_count, limits)
    stored_type = ">u2" if layout.wide == 2 else "u1"
    values = np.frombuffer(body, stored_type)
    planes = values.reshape(layout.channels, layout.height, layout.width)
    top_to_bottom = planes[:, ::-1]  # SGI stores the bottom row first.
    pixels = top_to_bottom.transpose(1, 2, 0)
    native_type = values.dtype.newbyteorder("=")
    return np.ascontiguousarray(pixels.astype(native_type))


def _unpacked_rows(
    data: bytes, layout: sgi.Layout, row_size: int, row_count: int, limits: Limits
) -> list[bytes]:
    """The rows of a packed file, which tables of starts and lengths precede."""
    tables = first_bytes(data[sgi.START :], 8 * row_count, limits)
    starts = struct.unpack(f">{row_count}I", tables[: 4 * row_count])
    lengths = struct.unpack(f">{row_count}I", tables[4 * row_count :])
    rows = []
    for start, length in zip(starts, lengths, strict=True):
        row = _unpacked_row(data[start : start + length], layout.wide, row_size)
        rows.append(first_bytes(row, row_size, limits))
    return rows


def _unpacked_row(packed: bytes, sample_bytes: int, row_size: int) -> bytes:
    """At most ``row_size`` bytes of a row, from its runs.

    A run begins with a count in the low 7 bits of a sample. If the next bit is set, that many
    samples follow; if not, one sample follows that is repeated. A count of zero ends the row.
    """
    row = bytearray()
    position = 0
    while position + sample_bytes <= len(packed) and len(row) < row_size:
        head = packed[position + sample_bytes - 1]
        position += sample_bytes
        count = head & 0x7F
        if count == 0:
            break
        if head & 0x80:
            row += packed[position : position + count * sample_bytes]
            position += count * sample_bytes
        else:
            row += packed[position : position + sample_bytes] * count
            position += sample_bytes
    return bytes(row[:row_size])
