"""High bit depth, by imagecodecs and tifffile, which are an extra of the package.

They read what the other libraries would cut to 8 bits or cannot read: color JPEG 2000, JPEG XL,
JPEG of 12 bits or lossless, and the TIFF files that neither libvips nor Pillow reads.
"""

from __future__ import annotations

import io
import logging

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Array
from mrimage.image.decode.decoder_errors import check_size, decoder_errors
from mrimage.image.format_table import FORMATS
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import BY_TIFFFILE


def is_high_depth(header: Header) -> bool:
    """Return whether Pillow would lose bits of this file, or cannot read it."""
    if header.format == "tiff":
        return header.variant == BY_TIFFFILE
    if (header.bit_depth or 8) <= 8:
        return False
    if header.format == "jp2":
        return header.bands > 1  # Pillow reads all 16 bits of a gray JPEG 2000.
    return header.format == "jxl"


def decode_high_depth(data: bytes, header: Header) -> Array:
    """The samples as stored: H x W [x bands] of uint8 or uint16 over the whole range, or float32
    (1.0 is white).

    Raises ImageError.
    """
    import numpy as np

    if header.format == "tiff" and header.model in ("ycbcr", "palette"):
        message = f"A TIFF of {header.model} needs one of the usual compressions to be read."
        raise ImageError("unsupported", message)
    missing = FORMATS[header.format].missing_high_depth
    if missing:
        raise ImageError("unsupported", f"This {header.format} cannot be decoded: {missing}")
    with decoder_errors(data, header):
        array = _decoded(data, header.format)
    check_size((array.shape[1], array.shape[0]), header)
    return np.ascontiguousarray(_to_full_range(array, header))


def _decoded(data: bytes, format: str) -> Array:
    """The samples as the library gives them, in any numeric type."""
    import imagecodecs

    if format == "jpeg":
        return imagecodecs.jpeg_decode(data)
    if format == "jp2":
        return imagecodecs.jpeg2k_decode(data, numthreads=1)
    if format == "jxl":
        return imagecodecs.jpegxl_decode(data, index=0, numthreads=1)
    return _tiff(data)


def _tiff(data: bytes) -> Array:
    """The first page, H x W [x bands], with white as the largest value."""
    import numpy as np
    import tifffile

    # Without a handler, Python prints tifffile's warnings about the file to standard error.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            array = page.asarray(maxworkers=1)
            if page.axes.startswith("S"):  # The bands are separate planes.
                array = np.moveaxis(array, 0, -1)
            white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
            if white_is_zero and array.dtype.kind in "ub":
                return ~array
            return array
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error


def _to_full_range(array: Array, header: Header) -> Array:
    """Samples scaled to the whole range of uint8 or uint16; floating-point samples as float32."""
    import numpy as np

    kind = array.dtype.kind
    if kind == "f":
        return array.astype(np.float32)
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "i":
        array = _unsigned(array, header.format)
    result = np.dtype(np.uint8 if array.dtype.itemsize == 1 else np.uint16)
    type_bits = 8 * result.itemsize
    white = (1 << type_bits) - 1
    # Every decoder, libjxl too, gives samples of 9 to 15 bits unscaled.
    stored_white = (1 << (header.bit_depth or type_bits)) - 1
    if stored_white == white:
        return array
    if stored_white < white:
        scaled = array.astype(np.uint32) * white
        return ((scaled + stored_white // 2) // stored_white).astype(result)
    return np.rint(array.astype(np.float64) * (white / stored_white)).astype(result)


def _unsigned(array: Array, format: str) -> Array:
    """Signed samples as unsigned ones of the same size.

    In TIFF a value below zero is black, as in libvips and Pillow. In JPEG 2000 zero is the middle
    of the range.
    """
    import numpy as np

    unsigned = np.dtype(f"u{array.dtype.itemsize}")
    if format == "tiff":
        return np.maximum(array, 0).astype(unsigned)
    middle = 1 << (array.dtype.itemsize * 8 - 1)
    return (array.astype(np.int64) + middle).astype(unsigned)
