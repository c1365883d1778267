"""PNG and APNG: the chunks before the pixels. What stands behind them would cost reading the whole file."""

from __future__ import annotations

import struct
import zlib

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.color.cicp import space_of
from mrimage.image.header.model import LONGEST_BLOCK, Header, Model
from mrimage.image.tags.directory import clean_text

_MODELS: dict[int, tuple[Model, int, bool]] = {
    0: ("gray", 1, False),
    2: ("rgb", 3, False),
    3: ("palette", 1, False),
    4: ("gray", 2, True),
    6: ("rgb", 4, True),
}
_MOST_CHUNKS = 100_000
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_SRGB_COLORANTS = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


def read_png(blocks: Blocks) -> Header:
    """Size, sample layout and ancillary chunks of a PNG (PNG specification, third edition)."""
    first = blocks.need(8, 25)
    if first[4:8] != b"IHDR":
        raise ImageError("corrupt", "Expected IHDR as the first chunk of the PNG.")
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", first[8:21])
    if kind not in _MODELS or depth not in (1, 2, 4, 8, 16):
        raise ImageError(
            "corrupt",
            f"Expected a known PNG colour type and depth, but received {kind} and {depth}.",
        )
    model, bands, alpha = _MODELS[kind]
    header = Header("png", width, height, bands, depth, model, alpha, progressive=interlace == 1)
    position, chromaticities, gamma = 33, None, None
    for _ in range(_MOST_CHUNKS):
        head = blocks.at(position, 8)
        if len(head) < 8:
            raise ImageError(
                "truncated", "Expected pixels in the PNG, but the file ends in its header."
            )
        length, name = struct.unpack(">I4s", head)
        start = position + 8
        position = start + length + 4
        if name in (b"IDAT", b"IEND"):
            break
        if name == b"cHRM" and length == 32:
            chromaticities = tuple(
                value / 100_000 for value in struct.unpack(">8I", blocks.need(start, 32))
            )
        elif name == b"gAMA" and length == 4:
            gamma = struct.unpack(">I", blocks.need(start, 4))[0] / 100_000
        else:
            _ancillary(header, name, blocks, start, length)
    else:
        raise ImageError("corrupt", f"Expected pixels in the PNG within {_MOST_CHUNKS} chunks.")
    if header.space is None and header.icc is None and (gamma or chromaticities):
        _own_colorants(header, chromaticities or _SRGB_COLORANTS, gamma or 1 / 2.2)
    return header


def _ancillary(header: Header, name: bytes, blocks: Blocks, start: int, length: int) -> None:
    if name == b"tRNS":
        header.has_alpha = True
    elif name == b"iCCP" and header.icc is None:
        header.icc = _inflate_after_name(blocks.at(start, min(length, LONGEST_BLOCK)))
    elif name == b"cICP" and length == 4:
        primaries, transfer, _, _ = blocks.need(start, 4)
        header.space, header.cicp = space_of(primaries, transfer), (primaries, transfer)
    elif name == b"sRGB" and header.space is None:
        header.space = "srgb"
    elif name == b"pHYs" and length == 9:
        across, _, unit = struct.unpack(">IIB", blocks.need(start, 9))
        header.dpi = across * 0.0254 if unit == 1 and across else None
    elif name == b"acTL" and length == 8:
        header.frames = max(1, struct.unpack(">I", blocks.need(start, 4))[0])
    elif name == b"eXIf" and length < LONGEST_BLOCK:
        header.exif = blocks.at(start, length)
    elif name in (b"tEXt", b"zTXt") and length < LONGEST_BLOCK:
        _text(header, name, blocks, start, length)


def _text(header: Header, name: bytes, blocks: Blocks, start: int, length: int) -> None:
    """The program that wrote the file; and the EXIF block, which ImageMagick wrote as text in hexadecimal numbers."""
    keyword = blocks.at(start, min(length, 80)).partition(b"\x00")[0]
    if name == b"tEXt" and keyword == b"Software" and length < 4096:
        header.software = clean_text(blocks.at(start, length)[9:])
    elif keyword in _RAW_EXIF and header.exif is None:
        chunk = blocks.at(start, length)
        text = _inflate_after_name(chunk) or b"" if name == b"zTXt" else chunk.partition(b"\x00")[2]
        digits = b"".join(text.split(b"\n")[3:])
        try:
            header.exif = bytes.fromhex(digits.decode("ascii")) or None
        except ValueError:
            header.exif = None


def _inflate_after_name(chunk: bytes) -> bytes | None:
    _, _, rest = chunk.partition(b"\x00")
    try:
        return zlib.decompressobj().decompress(rest[1:], LONGEST_BLOCK) or None
    except zlib.error:
        return None


def _own_colorants(header: Header, chromaticities: tuple[float, ...], gamma: float) -> None:
    near_srgb = all(
        abs(a - b) < 0.005 for a, b in zip(chromaticities, _SRGB_COLORANTS, strict=True)
    )
    if near_srgb and abs(gamma - 1 / 2.2) < 0.01:
        header.space = "srgb"
    else:
        header.space, header.colorants = "rgb-other", (*chromaticities, gamma)
