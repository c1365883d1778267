"""By Pillow: BMP, ICO, TGA, JPEG 2000, most of PNM, and the TIFF files of 8 bits that libvips does not read."""

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


def decode_icon(data: bytes, header: Header, limits: Limits) -> Picture:
    """The largest picture of an icon. Raises ImageError."""
    number, start, length = ico.largest(Blocks.of(data))
    if data.startswith(ico.PNG, start):
        with decoder_errors(data, header):
            return load_png(data[start : start + length], limits)
    # Pillow takes the largest by its own rule, so it is given an icon of this one picture.
    entry = data[6 + 16 * number : 18 + 16 * number]
    # Pillow trusts the depth in the directory. A cursor has its hot spot there, and many icons have zero.
    entry = entry[:4] + data[start + 12 : start + 16] + entry[8:]
    head = b"\x00\x00\x01\x00" + b"\x01\x00" + entry + struct.pack("<I", 22)
    alone = head + data[start : start + length]
    return from_array(array_by_pillow(alone, header, limits))


def array_by_pillow(data: bytes, header: Header, limits: Limits) -> Array:
    """uint8, uint16 or float32, H x W [x bands], as stored. Raises ImageError."""
    if header.format == "bmp":
        data = as_windows(data)
    if header.format in ("dds", "qoi") and limits.allow_truncated:
        data += (
            b"\x00" * 4 * header.pixels
        )  # Pillow's decoders in Python do not accept truncated files.
    picture = open_picture(Blocks.of(data), header.format)
    with truncation(limits), decoder_errors(data, header):
        orientation = _orientation_applied(picture)
    stored = picture.size if orientation < 5 else picture.size[::-1]
    check_size(stored, header)
    with silent(), truncation(limits), decoder_errors(data, header):
        picture.load()
    return samples_of(_turned_back(picture, orientation), header)


@contextmanager
def truncation(limits: Limits) -> Iterator[None]:
    """Let Pillow load what decodes of a truncated file where ``limits`` allow that, and let it warn of nothing."""
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
    """The EXIF orientation, 1 to 8, that Pillow will apply when it loads ``picture``: it does so for TIFF alone."""
    if picture.format != "TIFF":
        return 1
    orientation = picture.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def _turned_back(picture: Any, orientation: int) -> Any:
    """``picture`` as stored. Orientation is applied in one place for all formats, after the crop and the resize."""
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
    """The samples of a loaded picture of Pillow's, whatever its mode: uint8, uint16 or float32."""
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
    if (
        header.bit_depth == 12 and header.format == "tiff"
    ):  # Pillow leaves 12 bits at the lower end of 16.
        array = (array.astype(np.uint32) * 65_535 // 4095).astype(np.uint16)
    return np.ascontiguousarray(array)
