"""Images: metadata, features, edits and encoding.

This is the only package that imports codecs, and it does not depend on MapReduce. Decoders are
imported when first used, so that a job that reads only headers never loads a codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrimage.image.blocks import Buffer
from mrimage.image.extractors import EXTRACTORS, Extractor, Vector
from mrimage.image.format_table import EXTENSIONS, RAW_EXTENSIONS, FormatRow, formats
from mrimage.image.handle import Image
from mrimage.image.metadata import Metadata
from mrimage.image.names import COLOR_SPACES, CORRECTION_NAMES, ENCODER_NAMES
from mrimage.image.plan import plan_scale

if TYPE_CHECKING:
    import numpy as np

    from mrimage.image.edit import Encoded

CORRECTIONS = CORRECTION_NAMES
ENCODERS = ENCODER_NAMES


def encode(
    pixels: np.ndarray[Any, np.dtype[np.uint8]], format: str, quality: int | None = None
) -> bytes:
    """Encode an array H x W x 3 or H x W of sRGB bytes as a file.

    ``format`` is one of ENCODERS except ``keep``; ``quality`` is 1..100, None for the encoder's
    default.
    """
    from mrimage.image.encoding import encode as encode_array

    return encode_array(pixels, format, quality)


def caption(text: str, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw ``text``, dark on white and cut to fit, as uint8 ``height`` x ``width`` x 3."""
    from mrimage.image.lettering import caption as draw

    return draw(text, width, height)


def __getattr__(name: str) -> Any:
    # ``Encoded`` is imported on demand, because its module loads codecs.
    if name == "Encoded":
        from mrimage.image.edit import Encoded

        return Encoded
    raise AttributeError(name)


__all__ = [
    "COLOR_SPACES",
    "CORRECTIONS",
    "ENCODERS",
    "EXTENSIONS",
    "EXTRACTORS",
    "RAW_EXTENSIONS",
    "Buffer",
    "Encoded",
    "Extractor",
    "FormatRow",
    "Image",
    "Metadata",
    "Vector",
    "caption",
    "encode",
    "formats",
    "plan_scale",
]
