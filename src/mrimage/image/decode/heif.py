"""HEIC, decoded by libheif in pillow-heif."""

from __future__ import annotations

import io

from mrimage.image.decode.arrays import Array
from mrimage.image.decode.decoder_errors import check_size, decoder_errors
from mrimage.image.header.model import Header
from mrimage.image.header.pillow import require


def decode_heic(data: bytes, header: Header) -> Array:
    """The primary picture, upright: H x W x bands of uint8, or of uint16 if it has more than 8
    bits.

    Raises ImageError.
    """
    require("heic")
    import numpy as np
    import pillow_heif

    with decoder_errors(data, header):
        pictures = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        picture = pictures[pictures.primary_index]
        check_size(picture.size, header)
        # This conversion is what decodes the picture.
        return np.ascontiguousarray(picture)
