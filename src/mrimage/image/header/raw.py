"""Camera RAW.

The header comes from TIFF directories, Canon's boxes or Fujifilm's directory where the file has
them, and otherwise from LibRaw. LibRaw always develops the pixels.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

from mrimage.image.blocks import BlockFile, Blocks, EmbeddedFile
from mrimage.image.header.boxes import boxes, top_boxes
from mrimage.image.header.jpeg import read_jpeg
from mrimage.image.header.model import LONGEST_BLOCK, Header
from mrimage.image.header.numbers import number_at
from mrimage.image.header.pillow import damaged, require
from mrimage.image.header.tiff import HEIGHT, WIDTH, read_raw
from mrimage.image.silence import silent
from mrimage.image.tags.directory import Tree, tree_of
from mrimage.image.tags.exif_writer import joined_block

_LIKE_TIFF = (b"II*\x00", b"MM\x00*", b"IIRO", b"IIRS", b"MMOR")

_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
"""Identifier of Canon's box in ``moov``."""

_FUJI = b"FUJIFILMCCD-RAW"

_CROPPED_SIZE = 0x111
"""Tag of Fujifilm's directory: height, then width."""

_LAYOUT = 0x130
"""Tag of Fujifilm's directory; its high bit marks sensors whose pixels lie diagonally."""

_MOST_FUJI_TAGS = 256


def read_camera_raw(blocks: Blocks) -> Header:
    """Read size and layout.

    Raises ImageError ``unsupported`` if the file needs LibRaw and the extra is not installed.
    """
    if blocks.at(0, 4) in _LIKE_TIFF:
        return read_raw(blocks)
    is_fujifilm = blocks.at(0, len(_FUJI)) == _FUJI
    found = _fujifilm(blocks) if is_fujifilm else _canon(blocks)
    return found or _by_libraw(blocks)


def _by_libraw(blocks: Blocks) -> Header:
    with opened_by_libraw(BlockFile(blocks)) as raw:
        width, height = _upright_size(raw)
        white = int(raw.white_level or 0)
        depth = white.bit_length() or None
        return Header("raw", width, height, 3, depth, "rgb", upright=True)


def _canon(blocks: Blocks) -> Header | None:
    """Read a CR3, whose tags are TIFF blocks in Canon's own box; None for other files.

    Source: https://github.com/lclevy/canon_cr3
    """
    for name, start, length in top_boxes(blocks):
        if name == b"moov" and length < LONGEST_BLOCK:
            header = _canon_header(_canon_trees(blocks.at(start, length)))
            if header is not None:
                return header
    return None


def _canon_trees(moov: bytes) -> dict[bytes, Tree | None]:
    """Return the TIFF blocks of Canon's box by their names, ``CMT1`` to ``CMT4``."""
    for _, body in boxes(moov):
        if body[:16] == _CANON:
            return {name: tree_of(content) for name, content in boxes(body[16:])}
    return {}


def _canon_header(trees: dict[bytes, Tree | None]) -> Header | None:
    main = trees.get(b"CMT1")
    if main is None:
        return None
    width = main.first.integer(WIDTH)
    height = main.first.integer(HEIGHT)
    if not width or not height:
        return None
    exif = joined_block(main, trees.get(b"CMT2"), trees.get(b"CMT4"))
    return Header("raw", width, height, 3, None, "rgb", exif=exif)


def _fujifilm(blocks: Blocks) -> Header | None:
    """Read a RAF: Fujifilm's own directory, and the EXIF of the JPEG inside.

    Returns None for sensors without a square grid, whose size only LibRaw knows.
    """
    preview, length, directory = struct.unpack(">III", blocks.need(84, 12))
    size = None
    count = number_at(blocks.need(directory, 4), 0, 4)
    position = directory + 4
    for _ in range(min(_MOST_FUJI_TAGS, count)):
        tag, value_length = struct.unpack(">HH", blocks.need(position, 4))
        if tag == _CROPPED_SIZE and value_length == 4:
            size = struct.unpack(">HH", blocks.need(position + 4, 4))
        elif tag == _LAYOUT and blocks.need(position + 4, 1)[0] & 0x80:
            return None
        position += 4 + value_length
    if size is None:
        return None
    height, width = size
    # So wide a raster is not a square grid of pixels either.
    if width > 2 * height:
        return None
    exif = read_jpeg(Blocks(EmbeddedFile(blocks, preview, length))).exif
    return Header("raw", width, height, 3, None, "rgb", exif=exif)


def as_developed(header: Header, data: bytes) -> Header:
    """Return ``header`` with the size that LibRaw develops, which omits the sensor's margins."""
    with opened_by_libraw(io.BytesIO(data)) as raw:
        if header.upright:
            width, height = _upright_size(raw)
        else:
            width, height = raw.sizes.iwidth, raw.sizes.iheight
        return replace(header, width=width, height=height)


def develop(header: Header, data: bytes) -> Any:
    """Return uint8 H x W x 3 in sRGB: LibRaw's defaults with the camera's white balance.

    The pixels are upright if ``header`` is; otherwise EXIF's orientation still applies.
    """
    # 0 keeps LibRaw from turning the image; None leaves the turn to the file.
    flip = None if header.upright else 0
    with opened_by_libraw(io.BytesIO(data)) as raw:
        return raw.postprocess(use_camera_wb=True, user_flip=flip)


def _upright_size(raw: Any) -> tuple[int, int]:
    width = raw.sizes.iwidth
    height = raw.sizes.iheight
    # LibRaw's flip is 5 or 6 for a quarter turn.
    return (height, width) if raw.sizes.flip & 4 else (width, height)


@contextmanager
def opened_by_libraw(file: BinaryIO) -> Iterator[Any]:
    """Open a file with rawpy. Raises ImageError, also for errors inside the ``with`` block."""
    require("raw")
    import rawpy

    try:
        with silent(), rawpy.imread(file) as raw:
            yield raw
    except (rawpy.LibRawError, OSError, ValueError, struct.error) as error:
        raise damaged(error, "raw") from error
