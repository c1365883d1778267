"""JPEG 2000: the boxes of a JP2 file, or the first marker of a bare codestream (ISO/IEC 15444-1, annexes A and I).

Read here because Pillow tells neither the profile nor the depth.
"""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.boxes import boxes, top_boxes
from mrimage.image.header.model import LONGEST_BLOCK, Header, Model

_CODESTREAM = b"\xff\x4f\xff\x51"
_ENUMERATED: dict[int, Model] = {12: "cmyk", 16: "rgb", 17: "gray", 18: "rgb"}
_KINDS: dict[bytes, Model] = {b"GRAY": "gray", b"RGB ": "rgb", b"CMYK": "cmyk"}
_EXIF = b"JpgTiffExif->JP2"


def read_jp2(blocks: Blocks) -> Header:
    """Size, depth, color, profile, resolution and EXIF."""
    if blocks.at(0, 4) == _CODESTREAM:
        return _codestream(blocks, 0)
    description, header, exif = b"", None, None
    for name, start, length in top_boxes(blocks):
        if name == b"jp2h":
            description = blocks.need(start, min(length, LONGEST_BLOCK))
        elif name == b"uuid" and length < LONGEST_BLOCK and blocks.at(start, 16) == _EXIF:
            exif = blocks.at(start + 16, length - 16)
        elif name == b"jp2c" and header is None:
            header = _codestream(blocks, start)
    if header is None:
        raise ImageError(
            "truncated", "Expected a codestream in the JPEG 2000 file, but it ends before one."
        )
    header.exif = exif
    _describe(header, description)
    return header


def _codestream(blocks: Blocks, start: int) -> Header:
    """What the SIZ marker says."""
    head = blocks.need(start, 42)
    if head[:4] != _CODESTREAM:
        raise ImageError(
            "corrupt", "Expected the SIZ marker at the start of the JPEG 2000 codestream."
        )
    right, bottom, left, top = struct.unpack(">4I", head[8:24])
    bands = struct.unpack(">H", head[40:42])[0]
    if not 1 <= bands <= 4:
        raise ImageError(
            "unsupported",
            f"Expected 1 to 4 components in the JPEG 2000 image, but received {bands}.",
        )
    depth = max(blocks.need(start + 42, 3 * bands)[::3]) & 0x7F
    model: Model = "gray" if bands < 3 else "rgb"
    return Header(
        "jp2", right - left, bottom - top, bands, depth + 1, model, has_alpha=bands in (2, 4)
    )


def _describe(header: Header, description: bytes) -> None:
    named = False
    for name, body in boxes(description):
        if name == b"colr" and not named and len(body) > 3:
            named = True
            _color(header, body)
        elif name == b"pclr" and header.bands == 1:
            header.model = "palette"
        elif name == b"cdef":
            kinds = [
                struct.unpack(">H", body[at + 2 : at + 4])[0] for at in range(2, len(body) - 5, 6)
            ]
            header.has_alpha = any(kind in (1, 2) for kind in kinds)
        elif name == b"res ":
            header.dpi = _resolution(dict(boxes(body)))


def _color(header: Header, body: bytes) -> None:
    if body[0] == 1 and len(body) >= 7:
        header.model = _ENUMERATED.get(struct.unpack(">I", body[3:7])[0], header.model)
    elif body[0] in (2, 3):
        header.icc = body[3:]
        header.model = _KINDS.get(header.icc[16:20], header.model)
    if header.model == "cmyk":
        header.has_alpha = False


def _resolution(found: dict[bytes, bytes]) -> float | None:
    """Dots per inch across, of the capture or else of the display; the box has dots per meter as a fraction."""
    body = found.get(b"resc") or found.get(b"resd") or b""
    if len(body) < 10:
        return None
    top, bottom, exponent = struct.unpack(">4xHHxb", body[:10])
    across = top / bottom * 10.0**exponent * 0.0254 if bottom else 0.0
    return across or None
