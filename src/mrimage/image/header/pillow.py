"""DDS, PCX, TGA, XBM and XPM, whose headers Pillow reads well from a few bytes; and what its plugins say of damage."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING

from mrimage.errors import ImageError
from mrimage.image.blocks import BlockFile, Blocks
from mrimage.image.format_table import FORMATS
from mrimage.image.header.model import Header, Model

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
    "pcx": ("PCX",),
    "dds": ("DDS",),
    "qoi": ("QOI",),
    "xbm": ("XBM",),
    "xpm": ("XPM",),
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
    "unknown pcx mode",
    "cannot read this xpm",
    "unimplemented",
)
_DDS_RGB = 0x40
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
    missing = FORMATS[format].missing
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


def header_of(picture: Picture, format: str) -> Header:
    """Size and layout as Pillow understands them."""
    model, bands, depth, alpha = _MODELS[picture.mode]
    alpha = alpha or "transparency" in picture.info
    return Header(format, picture.width, picture.height, bands, depth, model, alpha)


def read_other(blocks: Blocks, format: str) -> Header:
    """Size and layout of DDS, PCX, TGA, XBM or XPM."""
    picture = open_picture(blocks, format)
    header = header_of(picture, format)
    if format == "tga" and header.bands > 2 and blocks.need(16, 1)[0] in (15, 16):
        header.bit_depth = 5
    elif format == "pcx":
        _describe_pcx(header, blocks)
    elif format == "dds":
        header.bit_depth = _dds_depth(blocks) or header.bit_depth
    return header


def _describe_pcx(header: Header, blocks: Blocks) -> None:
    """The depth of the indices, which may lie in several planes, and the resolution."""
    bits, across, planes = (
        blocks.need(3, 1)[0],
        struct.unpack("<H", blocks.need(12, 2))[0],
        blocks.need(65, 1)[0],
    )
    if header.model != "rgb":
        header.bit_depth = bits * planes
    header.dpi = float(across) or None


def _dds_depth(blocks: Blocks) -> int | None:
    """Bits of the widest color of a picture that is not compressed; None for others."""
    flags, _, _, *masks = struct.unpack("<6I", blocks.need(80, 24))
    return max(mask.bit_count() for mask in masks) or None if flags & _DDS_RGB else None
