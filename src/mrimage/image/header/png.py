"""PNG and APNG: the chunks before the pixels. What stands behind them would cost reading the whole file."""

from __future__ import annotations

import struct
import zlib

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header, Model
from mrimage.image.header.tags import clean_text

_MODELS: dict[int, tuple[Model, int, bool]] = {
    0: ("gray", 1, False),
    2: ("rgb", 3, False),
    3: ("palette", 1, False),
    4: ("gray", 2, True),
    6: ("rgb", 4, True),
}
_LONGEST_PROFILE = 32 << 20
_SRGB_COLORANTS = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_CICP_SPACES = {(1, 13): "srgb", (12, 13): "display-p3"}


def read_png(blocks: Blocks) -> Header:
    """Size, sample layout and ancillary chunks of a PNG (PNG specification, third edition)."""
    first = blocks.need(8, 25)
    if first[4:8] != b"IHDR":
        raise ImageError("corrupt", "Expected IHDR as the first chunk of the PNG.")
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", first[8:21])
    if kind not in _MODELS or depth not in (1, 2, 4, 8, 16):
        raise ImageError("corrupt", f"Expected a known PNG colour type and depth, but received {kind} and {depth}.")
    model, bands, alpha = _MODELS[kind]
    header = Header("png", width, height, bands, depth, model, alpha, progressive=interlace == 1)
    position, chromaticities, gamma = 33, None, None
    while True:
        head = blocks.at(position, 8)
        if len(head) < 8:
            raise ImageError("truncated", "Expected pixels in the PNG, but the file ends in its header.")
        length, name = struct.unpack(">I4s", head)
        start = position + 8
        position = start + length + 4
        if name in (b"IDAT", b"IEND"):
            break
        if name == b"cHRM" and length == 32:
            chromaticities = tuple(value / 100_000 for value in struct.unpack(">8I", blocks.need(start, 32)))
        elif name == b"gAMA" and length == 4:
            gamma = struct.unpack(">I", blocks.need(start, 4))[0] / 100_000
        else:
            _ancillary(header, name, blocks, start, length)
    if header.space is None and header.icc is None and (gamma or chromaticities):
        _own_colorants(header, chromaticities or _SRGB_COLORANTS, gamma or 1 / 2.2)
    return header


def _ancillary(header: Header, name: bytes, blocks: Blocks, start: int, length: int) -> None:
    if name == b"tRNS":
        header.has_alpha = True
    elif name == b"iCCP" and header.icc is None:
        header.icc = _inflate_after_name(blocks.at(start, min(length, _LONGEST_PROFILE)))
    elif name == b"cICP" and length == 4:
        primaries, transfer, _, _ = blocks.need(start, 4)
        header.space, header.variant = _CICP_SPACES.get((primaries, transfer), "rgb-other"), "cicp"
    elif name == b"sRGB" and header.space is None:
        header.space = "srgb"
    elif name == b"pHYs" and length == 9:
        across, _, unit = struct.unpack(">IIB", blocks.need(start, 9))
        header.dpi = across * 0.0254 if unit == 1 and across else None
    elif name == b"acTL" and length == 8:
        header.frames = max(1, struct.unpack(">I", blocks.need(start, 4))[0])
    elif name == b"eXIf" and length < _LONGEST_PROFILE:
        header.exif = blocks.at(start, length)
    elif name == b"tEXt" and length < 4096:
        keyword, _, text = blocks.at(start, length).partition(b"\x00")
        if keyword == b"Software":
            header.software = clean_text(text)


def _inflate_after_name(chunk: bytes) -> bytes | None:
    _, _, rest = chunk.partition(b"\x00")
    try:
        return zlib.decompressobj().decompress(rest[1:], _LONGEST_PROFILE) or None
    except zlib.error:
        return None


def _own_colorants(header: Header, chromaticities: tuple[float, ...], gamma: float) -> None:
    near_srgb = all(abs(a - b) < 0.005 for a, b in zip(chromaticities, _SRGB_COLORANTS, strict=True))
    if near_srgb and abs(gamma - 1 / 2.2) < 0.01:
        header.space = "srgb"
    else:
        header.space, header.colorants = "rgb-other", (*chromaticities, gamma)
