"""The formats that Pillow decodes.

BMP, ICO, TGA, JPEG 2000, most of Netpbm, and 8-bit TIFF that libvips cannot read.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mrimage.image.blocks import Blocks
from mrimage.image.decode.arrays import Array, Picture, from_array
from mrimage.image.decode.decoder_errors import check_size, decoder_errors
from mrimage.image.decode.libvips import load_png
from mrimage.image.header import ico
from mrimage.image.header.bmp import as_windows
from mrimage.image.header.model import Header
from mrimage.image.header.pillow import open_picture
from mrimage.image.silence import silent
from mrimage.types import Limits

_ORIENTATION = 0x0112
"""The EXIF tag."""


def decode_icon(data: bytes, header: Header, limits: Limits) -> Picture:
    """The largest picture of an icon. Raises ImageError."""
    number, start, length = ico.largest(Blocks.of(data))
    if data.startswith(ico.PNG, start):
        with decoder_errors(data, header):
            return load_png(data[start : start + length], limits)
    alone = _icon_of_one(data, number, start, length)
    return from_array(array_by_pillow(alone, header, limits))


def _icon_of_one(data: bytes, number: int, start: int, length: int) -> bytes:
    """An icon with only the picture ``number``.

    Pillow would choose the largest picture by a rule of its own.
    """
    position = 6 + 16 * number
    entry = data[position : position + 12]
    # Pillow trusts the planes and depth in the directory. But a cursor has its hot spot there, and
    # many icons have zeros, so take both from the picture's own header.
    planes_and_depth = data[start + 12 : start + 16]
    entry = entry[:4] + planes_and_depth + entry[8:]
    icon_of_one = b"\x00\x00\x01\x00" + b"\x01\x00"
    picture_start = struct.pack("<I", 22)
    return icon_of_one + entry + picture_start + data[start : start + length]


def array_by_pillow(data: bytes, header: Header, limits: Limits) -> Array:
    """The samples as stored: H x W [x bands] of uint8, uint16 or float32. Raises ImageError."""
    if header.format == "bmp":
        data = as_windows(data)
    if header.format in ("dds", "qoi") and limits.allow_truncated:
        # Pillow decodes these two in Python code that does not accept truncated files.
        data += b"\x00" * 4 * header.pixels
    picture = open_picture(Blocks.of(data), header.format)
    with allowed_truncation(limits), decoder_errors(data, header):
        orientation = _orientation_applied(picture)
    stored_size = picture.size if orientation < 5 else picture.size[::-1]
    check_size(stored_size, header)
    with silent(), allowed_truncation(limits), decoder_errors(data, header):
        picture.load()
    return samples_of(_turned_back(picture, orientation), header)


@contextmanager
def allowed_truncation(limits: Limits) -> Iterator[None]:
    """Let Pillow load the intact part of a truncated file if ``limits`` allow that.

    Also silences its warnings.
    """
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ImageFile.LOAD_TRUNCATED_IMAGES = limits.allow_truncated
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def _orientation_applied(picture: Any) -> int:
    """The EXIF orientation, 1 to 8, that Pillow applies when it loads ``picture``: only for
    TIFF."""
    if picture.format != "TIFF":
        return 1
    orientation = picture.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def _turned_back(picture: Any, orientation: int) -> Any:
    """``picture`` as stored.

    The orientation is applied in one place for all formats, after crop and resize.
    """
    from PIL.Image import Transpose

    undo = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_90,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_270,
    }
    return picture.transpose(undo[orientation]) if orientation in undo else picture


def samples_of(picture: Any, header: Header) -> Array:
    """The samples of a loaded Pillow image of any mode.

    H x W [x bands] of uint8, uint16 or float32.
    """
    import numpy as np

    if picture.mode in ("P", "PA"):
        transparent = "transparency" in picture.info or picture.mode == "PA"
        picture = picture.convert("RGBA" if transparent else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode in ("YCbCr", "RGBX"):
        picture = picture.convert("RGB")
    array = np.asarray(picture)
    if array.dtype.kind == "i":
        array = np.clip(array, 0, 65_535).astype(np.uint16)
    if header.bit_depth == 12 and header.format == "tiff":
        # Pillow leaves 12 bits in the low bits of 16.
        array = (array.astype(np.uint32) * 65_535 // 4095).astype(np.uint16)
    return np.ascontiguousarray(array)
