"""JPEG 2000: the boxes of a JP2 file, or a bare codestream (ISO/IEC 15444-1, annexes A and I).

Pillow 12 cannot be used: it reports neither the profile nor the depth.
"""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.boxes import boxes, top_boxes
from mrimage.image.header.model import LONGEST_BLOCK, Header, Model
from mrimage.image.header.numbers import number_at

_CODESTREAM = b"\xff\x4f\xff\x51"
"""The markers SOC and SIZ."""

_ENUMERATED: dict[int, Model] = {12: "cmyk", 16: "rgb", 17: "gray", 18: "rgb"}
"""Models by the enumerated color space of a ``colr`` box."""

_PROFILES: dict[bytes, Model] = {b"GRAY": "gray", b"RGB ": "rgb", b"CMYK": "cmyk"}
"""Models by the color space of an ICC profile."""

_BY_ENUMERATION = 1
_BY_PROFILE = (2, 3)
"""Methods of a ``colr`` box."""

_OPACITY = 1
_PREMULTIPLIED_OPACITY = 2
"""Types of channels (ISO/IEC 15444-1, table I.16)."""

_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
"""Identifiers of ``uuid`` boxes; XMP and IPTC by Adobe (XMP specification, part 3, 1.1.4)."""


def read_jp2(blocks: Blocks) -> Header:
    """Read size, depth, color, profile, resolution, EXIF, XMP and IPTC.

    Raises ImageError: ``truncated``, ``corrupt``, or ``unsupported`` for over 4 components.
    """
    if blocks.at(0, 4) == _CODESTREAM:
        return _codestream(blocks, 0)
    description = b""
    header = None
    metadata: dict[bytes, bytes] = {}
    for name, start, length in top_boxes(blocks):
        if name == b"jp2h":
            description = blocks.need(start, min(length, LONGEST_BLOCK))
        elif name == b"uuid" and 16 < length < LONGEST_BLOCK:
            identifier = blocks.at(start, 16)
            if identifier in (_EXIF, _XMP, _IPTC):
                metadata.setdefault(identifier, blocks.at(start + 16, length - 16))
        elif name == b"jp2c" and header is None:
            header = _codestream(blocks, start)
    if header is None:
        raise ImageError("truncated", "The JPEG 2000 file ends before its codestream.")
    header.exif = metadata.get(_EXIF)
    header.xmp = metadata.get(_XMP)
    header.iptc = metadata.get(_IPTC)
    _describe(header, description)
    return header


def _codestream(blocks: Blocks, start: int) -> Header:
    """Read the SIZ marker segment of the codestream at ``start``."""
    head = blocks.need(start, 42)
    if head[:4] != _CODESTREAM:
        raise ImageError("corrupt", "The JPEG 2000 codestream does not begin with a SIZ marker.")
    right, bottom, left, top = struct.unpack(">4I", head[8:24])
    bands = number_at(head, 40, 2)
    if not 1 <= bands <= 4:
        raise ImageError(
            "unsupported",
            f"Only JPEG 2000 images of 1 to 4 components can be read, but this one has {bands}.",
        )
    # Three bytes for each component, first its depth less 1, whose high bit means signed.
    components = blocks.need(start + 42, 3 * bands)
    largest = max(components[::3])
    return Header(
        "jp2",
        width=right - left,
        height=bottom - top,
        bands=bands,
        bit_depth=1 + (largest & 0x7F),
        model="gray" if bands < 3 else "rgb",
        has_alpha=bands in (2, 4),
    )


def _describe(header: Header, description: bytes) -> None:
    """Add to ``header`` what the ``jp2h`` box says; of several ``colr`` boxes the first counts."""
    color_seen = False
    for name, body in boxes(description):
        if name == b"colr" and not color_seen and len(body) > 3:
            color_seen = True
            _read_color(header, body)
        elif name == b"pclr" and header.bands == 1:
            header.model = "palette"
        elif name == b"cdef":
            types = _channel_types(body)
            header.has_alpha = _OPACITY in types or _PREMULTIPLIED_OPACITY in types
            header.associated = _PREMULTIPLIED_OPACITY in types
        elif name == b"res ":
            header.dpi = _resolution(dict(boxes(body)))


def _channel_types(body: bytes) -> list[int]:
    """Return the types of the channels: the second of three 16-bit numbers for each."""
    starts = range(4, len(body) - 3, 6)
    return [number_at(body, start, 2) for start in starts]


def _read_color(header: Header, body: bytes) -> None:
    method = body[0]
    if method == _BY_ENUMERATION and len(body) >= 7:
        space = number_at(body, 3, 4)
        header.model = _ENUMERATED.get(space, header.model)
    elif method in _BY_PROFILE:
        header.icc = body[3:]
        header.model = _PROFILES.get(header.icc[16:20], header.model)
    if header.model == "cmyk":
        # The fourth component is black, not alpha.
        header.has_alpha = False


def _resolution(found: dict[bytes, bytes]) -> float | None:
    """Return dots per inch across, of the capture or else of the display; None if zero.

    The boxes give dots per meter as a fraction with an exponent.
    """
    body = found.get(b"resc") or found.get(b"resd") or b""
    if len(body) < 10:
        return None
    numerator, denominator, exponent = struct.unpack(">4xHHxb", body[:10])
    if denominator == 0:
        return None
    per_meter = numerator / denominator * 10.0**exponent
    return per_meter * 0.0254 or None
