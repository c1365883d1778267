"""More than 8 bits where the other libraries would cut them to 8: by imagecodecs and tifffile, an extra of the package.

Color of JPEG 2000, JPEG XL, JPEG of 12 bits and lossless, and the TIFF files that neither libvips nor Pillow reads.
"""

from __future__ import annotations

import io
import logging

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Array
from mrimage.image.decode.complaints import check_size, complaints
from mrimage.image.format_table import FORMATS
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import BY_TIFFFILE


def is_high_depth(header: Header) -> bool:
    """Would Pillow give less than the file has? Of JPEG 2000 it reads gray of 16 bits whole."""
    if header.format == "tiff":
        return header.variant == BY_TIFFFILE
    deep = (header.bit_depth or 8) > 8
    return deep and (header.format == "jxl" or (header.format == "jp2" and header.bands > 1))


def decode_high_depth(data: bytes, header: Header) -> Array:
    """uint8, uint16 over the whole range, or float32 (1.0 is white), H x W [x bands], as stored. Raises ImageError."""
    import numpy as np

    if header.format == "tiff" and header.model in ("ycbcr", "palette"):
        raise ImageError(
            "unsupported", f"Expected {header.model} in a TIFF in one of the usual compressions."
        )
    if reason := FORMATS[header.format].missing_high_depth:
        raise ImageError(
            "unsupported", f"Expected a decoder for this {header.format}, but {reason}"
        )
    with complaints(data, header):
        array = _decoded(data, header.format)
    check_size((array.shape[1], array.shape[0]), header)
    return np.ascontiguousarray(_spread(array, header))


def _decoded(data: bytes, format: str) -> Array:
    import imagecodecs

    if format == "jpeg":
        return imagecodecs.jpeg_decode(data)
    if format == "jp2":
        return imagecodecs.jpeg2k_decode(data, numthreads=1)
    if format == "jxl":
        return imagecodecs.jpegxl_decode(data, index=0, numthreads=1)
    return _tiff(data)


def _tiff(data: bytes) -> Array:
    """The first page, its planes one behind the other in each pixel, white at the top."""
    import numpy as np
    import tifffile

    # What it warns of is not for the user's terminal.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            array = page.asarray(maxworkers=1)
            if page.axes.startswith("S"):
                array = np.moveaxis(array, 0, -1)
            white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
            return ~array if white_is_zero and array.dtype.kind in "ub" else array
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error


def _spread(array: Array, header: Header) -> Array:
    """Samples over the whole range of their type, whatever the range in the file."""
    import numpy as np

    if array.dtype.kind == "f":
        return array.astype(np.float32)
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "i":
        array = _unsigned(array, header.format)
    result = np.dtype(np.uint8 if array.dtype.itemsize == 1 else np.uint16)
    white = (1 << 8 * result.itemsize) - 1
    # libjxl gives samples of 9 to 15 bits as they are in the file, and so do all others.
    top = (1 << (header.bit_depth or 8 * result.itemsize)) - 1
    if top == white:
        return array
    if top < white:
        return ((array.astype(np.uint32) * white + top // 2) // top).astype(result)
    return np.rint(array.astype(np.float64) * (white / top)).astype(result)


def _unsigned(array: Array, format: str) -> Array:
    """Signed samples of TIFF as libvips and Pillow show them, black below zero; in JPEG 2000 zero is the middle."""
    import numpy as np

    unsigned = np.dtype(f"u{array.dtype.itemsize}")
    if format == "tiff":
        return np.maximum(array, 0).astype(unsigned)
    return (array.astype(np.int64) + (1 << (array.dtype.itemsize * 8 - 1))).astype(unsigned)
