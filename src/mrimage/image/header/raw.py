"""Camera RAW: by its TIFF directories, Canon's boxes or Fujifilm's directory where it has them, else by LibRaw."""

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
from mrimage.image.header.pillow import damaged, require
from mrimage.image.header.tiff import HEIGHT, WIDTH, read_raw
from mrimage.image.silence import silent
from mrimage.image.tags.directory import tree_of
from mrimage.image.tags.exif_writer import joined

_LIKE_TIFF = (b"II*\x00", b"MM\x00*", b"IIRO", b"IIRS", b"MMOR")


_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_FUJI = b"FUJIFILMCCD-RAW"
_CROPPED_SIZE, _LAYOUT = 0x111, 0x130


def read_camera_raw(blocks: Blocks) -> Header:
    """Size and layout. Raises ImageError ``unsupported`` when the extra is missing and needed."""
    if blocks.at(0, 4) in _LIKE_TIFF:
        return read_raw(blocks)
    found = _fujifilm(blocks) if blocks.at(0, len(_FUJI)) == _FUJI else _canon(blocks)
    return found or _by_libraw(blocks)


def _by_libraw(blocks: Blocks) -> Header:
    with opened_by_libraw(BlockFile(blocks)) as raw:
        depth = int(raw.white_level or 0).bit_length() or None
        return Header("raw", *_upright(raw), 3, depth, "rgb", upright=True)


def _canon(blocks: Blocks) -> Header | None:
    """A CR3, whose tags are three TIFF blocks in a box of Canon's own (https://github.com/lclevy/canon_cr3)."""
    for name, start, length in top_boxes(blocks):
        if name == b"moov" and length < LONGEST_BLOCK:
            own = next(
                (body for kind, body in boxes(blocks.at(start, length)) if body[:16] == _CANON), b""
            )
            parts = {kind: tree_of(body) for kind, body in boxes(own[16:])}
            first = parts.get(b"CMT1")
            width, height = (first.first.integer(tag) if first else None for tag in (WIDTH, HEIGHT))
            if first and width and height:
                exif = joined(first, parts.get(b"CMT2"), parts.get(b"CMT4"))
                return Header("raw", width, height, 3, None, "rgb", exif=exif)
    return None


def _fujifilm(blocks: Blocks) -> Header | None:
    """A RAF: the EXIF of the JPEG inside, and a directory of Fujifilm's own, which has height before width. Sensors of
    other than a square grid are left to LibRaw."""
    preview, length, directory = struct.unpack(">III", blocks.need(84, 12))
    size, position = None, directory + 4
    for _ in range(min(256, int.from_bytes(blocks.need(directory, 4), "big"))):
        tag, count = struct.unpack(">HH", blocks.need(position, 4))
        if tag == _CROPPED_SIZE and count == 4:
            size = struct.unpack(">HH", blocks.need(position + 4, 4))
        elif tag == _LAYOUT and blocks.need(position + 4, 1)[0] & 0x80:
            return None
        position += 4 + count
    if size is None or size[1] > 2 * size[0]:
        return None
    exif = read_jpeg(Blocks(EmbeddedFile(blocks, preview, length))).exif
    return Header("raw", size[1], size[0], 3, None, "rgb", exif=exif)


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
        with silent(), rawpy.imread(file) as raw:
            yield raw
    except (rawpy.LibRawError, OSError, ValueError, struct.error) as error:
        raise damaged(error, "raw") from error
