"""Images: metadata, features, edits and encoding. The only package that imports codecs; it knows nothing of MapReduce.

What decodes is imported when it is first used, so that a job that reads headers alone never loads a codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrimage.image.blocks import Buffer
from mrimage.image.features import EXTRACTORS, Extractor
from mrimage.image.format_table import EXTENSIONS, FormatRow, formats
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
    """An array H x W x 3 or H x W of sRGB bytes as a file of ``format``, one of ENCODERS but ``keep``."""
    from mrimage.image.encoding import encode as encode_array

    return encode_array(pixels, format, quality)


def caption(text: str, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """``text`` as pixels, uint8 ``height`` x ``width`` x 3, dark on white, cut to fit."""
    from mrimage.image.lettering import caption as draw

    return draw(text, width, height)


def __getattr__(name: str) -> Any:
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
    "Buffer",
    "Encoded",
    "Extractor",
    "FormatRow",
    "Image",
    "Metadata",
    "caption",
    "encode",
    "formats",
    "plan_scale",
]
