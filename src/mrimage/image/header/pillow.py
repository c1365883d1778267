"""BMP and TGA, whose headers Pillow reads well from a few bytes; and what its plugins say of damage."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING

from mrimage.errors import ImageError
from mrimage.image.blocks import BlockFile, Blocks
from mrimage.image.header.model import LONGEST_BLOCK, Header, Model
from mrimage.image.kinds import KINDS

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PLUGINS = {
    "tiff": ("TIFF",),
    "bmp": ("BMP", "DIB"),
    "jp2": ("JPEG2000",),
    "ppm": ("PPM",),
    "ico": ("ICO",),
    "tga": ("TGA",),
    "psd": ("PSD",),
}
"""Pillow's name of each format; only that plugin sees the bytes."""

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    OverflowError,
    ZeroDivisionError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    RuntimeError,
)
"""What Pillow's plugins raise on damaged files."""

_TRUNCATED = ("truncat", "unexpected end", "not enough", "eof", "input/output error")
_UNSUPPORTED = (
    "unsupported",
    "not supported",
    "not configured",
    "tile size out of range",
    "samples out of range",
    "not a whole number of bytes",
)
_MODELS: dict[str, tuple[Model, int, int, bool]] = {
    "1": ("gray", 1, 1, False),
    "L": ("gray", 1, 8, False),
    "LA": ("gray", 2, 8, True),
    "P": ("palette", 1, 8, False),
    "RGB": ("rgb", 3, 8, False),
    "RGBA": ("rgb", 4, 8, True),
}


def open_picture(blocks: Blocks, format: str) -> Picture:
    """Pillow's lazy image of the file. Raises ImageError."""
    from PIL import Image

    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # The size is judged by max_pixels, not by Pillow's fixed bound.
        bound, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(BlockFile(blocks), formats=PLUGINS[format])
        except DAMAGE as error:
            raise damaged(error, format) from error
        finally:
            Image.MAX_IMAGE_PIXELS = bound


def require(format: str) -> None:
    """Raises ImageError ``unsupported`` when the decoder of ``format`` is not installed."""
    missing = KINDS[format].missing
    if missing:
        raise ImageError("unsupported", f"Expected a decoder for {format}, but {missing}")


def damaged(error: Exception, format: str) -> ImageError:
    """The reason behind what a decoder raised."""
    first = error.args[0] if error.args else ""
    text = " ".join(
        (first.decode(errors="replace") if isinstance(first, bytes) else str(error)).split()
    )
    text = text or type(error).__name__
    lowered = text.lower()
    if isinstance(error, EOFError) or any(word in lowered for word in _TRUNCATED):
        reason = "truncated"
    elif isinstance(error, NotImplementedError) or any(word in lowered for word in _UNSUPPORTED):
        reason = "unsupported"
    elif format == "tiff" and "cannot identify" in lowered:
        reason, text = (
            "unsupported",
            "a layout that neither libvips nor Pillow reads",
        )  # its directory was sound
    else:
        reason = "corrupt"
    return ImageError(
        reason, f"Expected a readable {format} image, but its decoder says: {text[:200]}"
    )


def read_other(blocks: Blocks, format: str) -> Header:
    """Size and layout of BMP or TGA."""
    picture = open_picture(blocks, format)
    model, bands, depth, alpha = _MODELS[picture.mode]
    header = Header(format, picture.width, picture.height, bands, depth, model, alpha)
    if format == "tga":
        header.bit_depth = 5 if blocks.need(16, 1)[0] in (15, 16) and bands > 2 else depth
        return header
    header.bit_depth, header.icc = _bmp_depth(blocks, header), _bmp_profile(blocks)
    across = picture.info.get("dpi", (0,))[0]
    header.dpi = float(across) if 0 < across < float("inf") else None
    return header


def _bmp_depth(blocks: Blocks, header: Header) -> int:
    info_size = struct.unpack("<I", blocks.need(14, 4))[0]
    bits: int = struct.unpack("<H", blocks.need(24 if info_size == 12 else 28, 2))[0]
    if header.model == "palette" or bits <= 8:
        return bits
    return 5 if bits == 16 else 8


def _bmp_profile(blocks: Blocks) -> bytes | None:
    """The profile behind the pixels of a BMP with a header of version 5 (BITMAPV5HEADER: PROFILE_EMBEDDED)."""
    size = struct.unpack("<I", blocks.need(14, 4))[0]
    if size != 124 or blocks.at(14 + 56, 4) != b"DEBM":
        return None
    start, length = struct.unpack("<II", blocks.need(14 + 112, 8))
    return blocks.at(14 + start, length) if 0 < length < LONGEST_BLOCK else None
