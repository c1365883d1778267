"""JPEG XL of 8 bits, by libjxl as a plugin of Pillow's."""

from __future__ import annotations

import io

from mrimage.image.decode.arrays import Array
from mrimage.image.decode.decoder_errors import check_size, decoder_errors
from mrimage.image.decode.pillow import samples_of, truncation
from mrimage.image.header.model import Header
from mrimage.image.header.pillow import require
from mrimage.types import Limits


def decode_jxl(data: bytes, header: Header, limits: Limits) -> Array:
    """uint8 H x W [x bands], upright. Raises ImageError.

    Sets ``header.decoded_icc``: the profile is compressed within the codestream, so that only libjxl can read it.
    """
    require("jxl")
    import pillow_jxl  # noqa: F401 - importing it registers the plugin with Pillow
    from PIL import Image, ImageOps

    with truncation(limits), decoder_errors(data, header):
        picture = Image.open(io.BytesIO(data), formats=("JXL",))
        header.decoded_icc = picture.info.get("icc_profile") or None
        # What was a JPEG is given as it was stored; everything else the plugin has turned already.
        upright = ImageOps.exif_transpose(picture) if getattr(picture, "jpeg", False) else picture
        check_size(upright.size, header)
        upright.load()
    return samples_of(upright, header)
