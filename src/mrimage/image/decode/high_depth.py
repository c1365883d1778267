"""Pixels of more than 8 bits where Pillow would cut them to 8 (color of JPEG 2000, JPEG XL), JPEG of 12 bits and lossless,
and TIFF files that neither libvips nor Pillow reads whole: by imagecodecs and tifffile, an extra of the package."""

from __future__ import annotations

import io
import logging

from mrimage.errors import ImageError
from mrimage.image.decode.decode import Array, check_size
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import BY_TIFFFILE
from mrimage.image.kinds import KINDS


def is_deep(header: Header) -> bool:
    """Would Pillow give less than the file has? Of JPEG 2000 it reads gray of 16 bits whole."""
    if header.format == "tiff":
        return header.variant == BY_TIFFFILE
    deep = (header.bit_depth or 8) > 8
    return (header.format == "jxl" and deep) or (
        header.format == "jp2" and deep and header.bands > 1
    )


def decode_deep(data: bytes, header: Header) -> Array:
    """uint8, uint16 over the whole range, or float32 (1.0 is white), H x W [x bands]. Raises ImageError, or what a
    decoder raises."""
    import numpy as np

    if header.format == "tiff" and header.model in ("ycbcr", "palette"):
        raise ImageError(
            "unsupported", f"Expected {header.model} in a TIFF in one of the usual compressions."
        )
    if reason := KINDS[header.format].missing_deep:
        raise ImageError(
            "unsupported", f"Expected a decoder for this {header.format}, but {reason}"
        )
    import imagecodecs

    if header.format == "jpeg":
        array = imagecodecs.jpeg_decode(data)
    elif header.format == "jp2":
        array = imagecodecs.jpeg2k_decode(data, numthreads=1)
    elif header.format == "jxl":
        array = imagecodecs.jpegxl_decode(data, index=0, numthreads=1)
    else:
        array = _tiff(data)
    check_size((array.shape[1], array.shape[0]), header)
    return np.ascontiguousarray(_spread(array, header))


def _spread(array: Array, header: Header) -> Array:
    """Samples over the whole range of their type, whatever the range in the file."""
    import numpy as np

    if array.dtype.kind == "f":
        return array.astype(np.float32)
    if array.dtype.kind == "i":  # the middle of the range is zero
        array = (array.astype(np.int64) + (1 << (array.dtype.itemsize * 8 - 1))).astype(
            f"u{array.dtype.itemsize}"
        )
    top = (1 << (header.bit_depth or 16)) - 1
    if (
        array.dtype.itemsize == 1 or top == 65_535 or header.format == "jxl"
    ):  # whose decoder has done it
        return array
    if top < 65_535:
        return ((array.astype(np.uint32) * 65_535 + top // 2) // top).astype(np.uint16)
    return np.rint(array.astype(np.float64) * (65_535 / top)).astype(np.uint16)


def _tiff(data: bytes) -> Array:
    """The first page, its planes one behind the other in each pixel, white at the top."""
    import numpy as np
    import tifffile

    logging.getLogger("tifffile").addHandler(
        logging.NullHandler()
    )  # what it warns of is not for the user's terminal
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            array = page.asarray(maxworkers=1)
            if page.axes.startswith("S"):
                array = np.moveaxis(array, 0, -1)
            return (
                ~array
                if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and array.dtype.kind == "u"
                else array
            )
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error
