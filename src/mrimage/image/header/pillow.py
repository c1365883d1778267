"""DDS, PCX, TGA, XBM and XPM, whose headers Pillow reads well from a few bytes.

It also turns the errors of Pillow's plugins into ImageErrors with a reason.
"""

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
"""Pillow's names of each format. Only these plugins see the bytes."""

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
"""Parts of the decoders' messages, in lower case, that give the reason."""

_LONGEST_MESSAGE = 200
"""Characters of a decoder's message that an error keeps."""

_DDS_RGB = 0x40
"""Flag of a DDS pixel format without compression (DDPF_RGB)."""

_MODELS: dict[str, tuple[Model, int, int, bool]] = {
    "1": ("gray", 1, 1, False),
    "L": ("gray", 1, 8, False),
    "LA": ("gray", 2, 8, True),
    "P": ("palette", 1, 8, False),
    "RGB": ("rgb", 3, 8, False),
    "RGBA": ("rgb", 4, 8, True),
}
"""Model, bands, bits per sample and alpha of Pillow's modes."""


def open_picture(blocks: Blocks, format: str) -> Picture:
    """Return Pillow's lazy image of the file. Raises ImageError."""
    from PIL import Image

    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # --max-pixels judges the size, not Pillow's fixed limit.
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            return Image.open(BlockFile(blocks), formats=PLUGINS[format])
        except DAMAGE as error:
            raise damaged(error, format) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def require(format: str) -> None:
    """Raise ImageError ``unsupported`` if the decoder of ``format`` is not installed."""
    missing = FORMATS[format].missing
    if missing:
        raise ImageError("unsupported", f"The image is {format}, but {missing}")


def damaged(error: Exception, format: str) -> ImageError:
    """Return the ImageError, with its reason, for what a decoder of ``format`` raised."""
    text = _text_of(error)
    message = text.lower()
    reason = _reason_of(error, message)
    if reason == "corrupt" and format == "tiff" and "cannot identify" in message:
        # The directory of the file was read before, so Pillow rejects only its layout.
        reason = "unsupported"
        text = "a layout that neither libvips nor Pillow reads"
    return ImageError(
        reason, f"The {format} image cannot be read; its decoder says: {text[:_LONGEST_MESSAGE]}"
    )


def _text_of(error: Exception) -> str:
    """Return the message of ``error`` on one line, or the name of its class without one."""
    first = error.args[0] if error.args else ""
    # Some decoders raise their C library's message as bytes.
    message = first.decode(errors="replace") if isinstance(first, bytes) else str(error)
    on_one_line = " ".join(message.split())
    return on_one_line or type(error).__name__


def _reason_of(error: Exception, message: str) -> str:
    if isinstance(error, EOFError) or any(word in message for word in _TRUNCATED):
        return "truncated"
    if isinstance(error, NotImplementedError) or any(word in message for word in _UNSUPPORTED):
        return "unsupported"
    return "corrupt"


def header_of(picture: Picture, format: str) -> Header:
    """Return size and layout as Pillow reports them."""
    model, bands, depth, has_alpha = _MODELS[picture.mode]
    return Header(
        format,
        picture.width,
        picture.height,
        bands,
        depth,
        model,
        has_alpha or "transparency" in picture.info,
    )


def read_with_pillow(blocks: Blocks, format: str) -> Header:
    """Read size and layout of a DDS, PCX, TGA, XBM or XPM file. Raises ImageError."""
    picture = open_picture(blocks, format)
    header = header_of(picture, format)
    if format == "tga":
        # A pixel of 15 or 16 bits has 5 for each color.
        if header.bands > 2 and blocks.need(16, 1)[0] in (15, 16):
            header.bit_depth = 5
    elif format == "pcx":
        _describe_pcx(header, blocks)
    elif format == "dds":
        header.bit_depth = _dds_depth(blocks) or header.bit_depth
    return header


def _describe_pcx(header: Header, blocks: Blocks) -> None:
    """Set the resolution, and the depth of the indices, whose bits may lie in several planes."""
    bits = blocks.need(3, 1)[0]
    across = struct.unpack("<H", blocks.need(12, 2))[0]
    planes = blocks.need(65, 1)[0]
    if header.model != "rgb":
        header.bit_depth = bits * planes
    header.dpi = float(across) or None


def _dds_depth(blocks: Blocks) -> int | None:
    """Return the bits of the widest color of an uncompressed image; None for a compressed one."""
    flags, _, _, *masks = struct.unpack("<6I", blocks.need(80, 24))
    if not flags & _DDS_RGB:
        return None
    return max(mask.bit_count() for mask in masks) or None
