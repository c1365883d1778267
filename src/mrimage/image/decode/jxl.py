"""JPEG XL of 8 bits, decoded by libjxl, which pillow-jxl-plugin adds to Pillow."""

from __future__ import annotations

import io

from mrimage.image.decode.arrays import Array
from mrimage.image.decode.decoder_errors import check_size, decoder_errors
from mrimage.image.decode.pillow import allowed_truncation, samples_of
from mrimage.image.header.model import Header
from mrimage.image.header.pillow import require
from mrimage.types import Limits


def decode_jxl(data: bytes, header: Header, limits: Limits) -> Array:
    """The pixels, upright: uint8, H x W [x bands]. Raises ImageError.

    Sets ``header.decoded_icc``, because the profile is compressed in the codestream and only libjxl
    can read it.
    """
    require("jxl")
    import pillow_jxl  # noqa: F401 - importing it registers the plugin with Pillow
    from PIL import Image, ImageOps

    with allowed_truncation(limits), decoder_errors(data, header):
        picture = Image.open(io.BytesIO(data), formats=("JXL",))
        header.decoded_icc = picture.info.get("icc_profile") or None
        # The plugin gives a recompressed JPEG as stored, and turns every other image upright.
        as_stored = getattr(picture, "jpeg", False)
        upright = ImageOps.exif_transpose(picture) if as_stored else picture
        check_size(upright.size, header)
        upright.load()
    return samples_of(upright, header)
