"""The formats whose headers Pillow reads well from a few bytes, and the ones whose decoder must say."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING

from mrimage.errors import ImageError
from mrimage.image.blocks import BlockFile, Blocks
from mrimage.image.header.model import Header, Model

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PLUGINS = {
    "tiff": ("TIFF",),
    "gif": ("GIF",),
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

_MODELS: dict[str, tuple[Model, int, int, bool]] = {
    "1": ("gray", 1, 1, False),
    "L": ("gray", 1, 8, False),
    "LA": ("gray", 2, 8, True),
    "I;16": ("gray", 1, 16, False),
    "I;16B": ("gray", 1, 16, False),
    "I;16L": ("gray", 1, 16, False),
    "I": ("gray", 1, 16, False),
    "F": ("gray", 1, 32, False),
    "P": ("palette", 1, 8, False),
    "PA": ("palette", 2, 8, True),
    "RGB": ("rgb", 3, 8, False),
    "RGBA": ("rgb", 4, 8, True),
    "RGBX": ("rgb", 3, 8, False),
    "CMYK": ("cmyk", 4, 8, False),
    "LAB": ("lab", 3, 8, False),
    "YCbCr": ("ycbcr", 3, 8, False),
}


def open_picture(blocks: Blocks, format: str) -> Picture:
    """Pillow's lazy image of the file. Raises ImageError."""
    from PIL import Image

    if format == "ppm" and blocks.at(0, 2) == b"PF":
        raise ImageError("unsupported", "Expected a PFM of one channel, but received one of three.")
    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The size is judged by max_pixels, not by Pillow's fixed bound.
        bound, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(BlockFile(blocks), formats=PLUGINS[format])
        except DAMAGE as error:
            raise damaged(error, format) from error
        finally:
            Image.MAX_IMAGE_PIXELS = bound


def damaged(error: Exception, format: str) -> ImageError:
    """The reason behind what a decoder raised."""
    text = str(error) or type(error).__name__
    lowered = text.lower()
    if isinstance(error, EOFError) or any(
        word in lowered for word in ("truncat", "unexpected end", "not enough", "eof")
    ):
        reason = "truncated"
    elif isinstance(error, NotImplementedError) or any(
        word in lowered for word in ("unsupported", "not supported", "tile size out of range")
    ):
        reason = "unsupported"
    else:
        reason = "corrupt"
    return ImageError(reason, f"Expected a readable {format} image, but its decoder says: {text[:200]}")


def read_other(blocks: Blocks, format: str) -> Header:
    """Size and layout of GIF, BMP, JPEG 2000, PPM, ICO, TGA or PSD."""
    picture = open_picture(blocks, format)
    model, bands, depth, alpha = _MODELS.get(picture.mode, ("rgb", len(picture.getbands()), 8, False))
    info = picture.info
    header = Header(format, picture.width, picture.height, bands, depth, model, alpha or "transparency" in info)
    header.icc = info.get("icc_profile") or None
    header.dpi = _dpi(info.get("dpi"))
    if format == "gif":
        header.progressive = bool(info.get("interlace"))
        header.frames = _count(picture)
    elif format == "ico":
        header.frames = max(1, len(info.get("sizes", ())))
    elif format == "psd":
        header.exif = next((data for code, _, data in _resources(picture) if code == 1058), None)
        header.bit_depth = struct.unpack(">H", blocks.need(22, 2))[0]
    elif format == "bmp":
        header.bit_depth = _bmp_depth(blocks, header)
    elif format == "jp2":
        header.exif = _jp2_exif(blocks)
    elif format == "ppm":
        header.bit_depth = _ppm_depth(blocks, header.bit_depth)
    return header


def _dpi(value: object) -> float | None:
    if not isinstance(value, tuple) or not value:
        return None
    across = float(value[0])
    return across if 0 < across < float("inf") else None


def _count(picture: Picture) -> int:
    try:
        return int(getattr(picture, "n_frames", 1))
    except DAMAGE:
        return 1  # The first frame can be read; how many follow is lost with the rest of the file.


def _resources(picture: Picture) -> list[tuple[int, str, bytes]]:
    return list(getattr(picture, "resources", []))


def _bmp_depth(blocks: Blocks, header: Header) -> int:
    info_size = struct.unpack("<I", blocks.need(14, 4))[0]
    bits: int = struct.unpack("<H", blocks.need(24 if info_size == 12 else 28, 2))[0]
    if header.model == "palette" or bits <= 8:
        return bits
    return 5 if bits == 16 else 8


def _ppm_depth(blocks: Blocks, depth: int) -> int:
    head = blocks.at(0, 512)
    if head[:2] in (b"P1", b"P4"):
        return 1
    fields = [word for line in head[2:].split(b"\n") for word in line.split(b"#")[0].split()]
    if head[:1] == b"P" and head[1:2] in b"2356" and len(fields) > 2 and fields[2].isdigit():
        return max(1, int(fields[2]).bit_length())
    return depth


def _jp2_exif(blocks: Blocks) -> bytes | None:
    """The EXIF block that some writers put into a uuid box of a JP2 file."""
    position = 0
    for _ in range(32):
        head = blocks.at(position, 24)
        if len(head) < 24:
            return None
        length, name = struct.unpack(">I4s", head[:8])
        if name == b"uuid" and head[8:24] == b"JpgTiffExif->JP2":
            return blocks.at(position + 24, min(length - 24, 16 << 20)) or None
        if length < 8:
            return None
        position += length
    return None
