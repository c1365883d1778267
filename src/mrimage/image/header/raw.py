"""Camera RAW: by its TIFF directories where it has them, else by LibRaw."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

from mrimage.image.blocks import BlockFile, Blocks
from mrimage.image.header.model import Header
from mrimage.image.header.others import damaged, require
from mrimage.image.header.tiff import read_raw

_LIKE_TIFF = (b"II*\x00", b"MM\x00*", b"IIRO", b"IIRS", b"MMOR")


def read_camera_raw(blocks: Blocks) -> Header:
    """Size and layout. Raises ImageError ``unsupported`` when the extra is missing and needed."""
    if blocks.at(0, 4) in _LIKE_TIFF:
        return read_raw(blocks)
    with opened_by_libraw(BlockFile(blocks)) as raw:
        depth = int(raw.white_level or 0).bit_length() or None
        return Header("raw", *_upright(raw), 3, depth, "rgb", upright=True)


def as_developed(header: Header, data: bytes) -> Header:
    """``header`` with the size of the picture that LibRaw makes of the file, which leaves out the sensor's margins."""
    with opened_by_libraw(io.BytesIO(data)) as raw:
        width, height = _upright(raw) if header.upright else (raw.sizes.iwidth, raw.sizes.iheight)
        return replace(header, width=width, height=height)


def develop(header: Header, data: bytes) -> Any:
    """uint8 H x W x 3: the file as its camera would show it, by LibRaw's defaults with the camera's white balance, in
    sRGB. Turned only where ``header`` says so, for else EXIF's orientation is still to be applied."""
    with opened_by_libraw(io.BytesIO(data)) as raw:
        return raw.postprocess(use_camera_wb=True, user_flip=None if header.upright else 0)


def _upright(raw: Any) -> tuple[int, int]:
    wide, high = raw.sizes.iwidth, raw.sizes.iheight
    return (high, wide) if raw.sizes.flip & 4 else (wide, high)


@contextmanager
def opened_by_libraw(file: BinaryIO) -> Iterator[Any]:
    """rawpy's handle on a file. Raises ImageError."""
    require("raw")
    import rawpy

    try:
        with rawpy.imread(file) as raw:
            yield raw
    except (rawpy.LibRawError, OSError, ValueError, struct.error) as error:
        raise damaged(error, "raw") from error
