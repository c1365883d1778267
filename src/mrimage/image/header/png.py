"""PNG and APNG: the chunks before the pixels; those behind them only where the whole file is read anyway."""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.color.cicp import space_of
from mrimage.image.color.primaries import EXPONENTS, SRGB, Chromaticities, is_possible
from mrimage.image.header.model import LONGEST_BLOCK, LONGEST_TEXT, Header, Model
from mrimage.image.tags.directory import clean_text
from mrimage.image.tags.texts import LONGEST_KEYWORD, TEXT_CHUNKS, keyword_of, raw_profile, text_of

_MODELS: dict[int, tuple[Model, int, bool]] = {
    0: ("gray", 1, False),
    2: ("rgb", 3, False),
    3: ("palette", 1, False),
    4: ("gray", 2, True),
    6: ("rgb", 4, True),
}
_MOST_CHUNKS = 100_000
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW_PROFILE = b"Raw profile type "
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"


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
            chromaticities = _chromaticities(blocks.need(start, 32))
        elif name == b"gAMA" and length == 4:
            gamma = _gamma(blocks.need(start, 4))
        else:
            _ancillary(header, name, blocks, start, length)
    else:
        raise ImageError("corrupt", f"Expected pixels in the PNG within {_MOST_CHUNKS} chunks.")
    if header.space is None and header.icc is None and (gamma or chromaticities):
        _own_colorants(header, chromaticities or SRGB, gamma or 1 / 2.2)
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
    elif name in TEXT_CHUNKS and length < LONGEST_BLOCK:
        _text(header, name, blocks, start, length)


def read_after_pixels(header: Header, data: bytes) -> None:
    """Add to ``header`` the EXIF, XMP and IPTC that the PNG ``data`` has behind its pixels, and not before them.

    Chunks that are damaged or cut off end the search; they are no part of the picture.
    """
    behind = Header(
        "png", header.width, header.height, header.bands, header.bit_depth, header.model
    )
    blocks, position, pixels_seen = Blocks.of(data), 33, False
    while position + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        if name == b"IDAT":
            pixels_seen = True
        elif (
            pixels_seen and position + 12 + length <= len(data) and name in (b"eXIf", *TEXT_CHUNKS)
        ):
            _ancillary(behind, name, blocks, position + 8, length)
        position += 12 + length
    if header.exif is None and behind.exif is not None:
        header.exif, header.exif_after_pixels = behind.exif, True
    header.xmp = header.xmp or behind.xmp
    header.iptc = header.iptc or behind.iptc
    header.software = header.software or behind.software


def _text(header: Header, kind: bytes, blocks: Blocks, start: int, length: int) -> None:
    """The program that wrote the file, the XMP packet, and what ImageMagick wrote as text in hexadecimal numbers."""
    keyword = keyword_of(blocks.at(start, min(length, LONGEST_KEYWORD + 1)))
    if kind == b"tEXt" and keyword == b"Software" and length < 4096:
        header.software = clean_text(blocks.at(start, length)[len(keyword) + 1 :])
    elif keyword == _XMP_KEYWORD and header.xmp is None:
        header.xmp = text_of(kind, blocks.at(start, length), LONGEST_TEXT)
    elif keyword.startswith(_RAW_PROFILE):
        profile = raw_profile(text_of(kind, blocks.at(start, length), LONGEST_BLOCK))
        _raw_profile(header, keyword.removeprefix(_RAW_PROFILE), profile)


def _raw_profile(header: Header, name: bytes, profile: bytes | None) -> None:
    packet = profile is not None and profile.startswith(_XMP_HEAD)
    if name == b"xmp" or (name == b"APP1" and packet):
        header.xmp = header.xmp or profile
    elif name in (b"exif", b"APP1"):
        header.exif = header.exif or profile
    elif name in (b"iptc", b"8bim"):
        header.iptc = header.iptc or profile


def _inflate_after_name(chunk: bytes) -> bytes | None:
    return text_of(b"zTXt", chunk, LONGEST_BLOCK) or None


def _chromaticities(body: bytes) -> Chromaticities | None:
    """White, red, green and blue of a cHRM chunk; None where no device has such colors, as libpng leaves it out then."""
    numbers = tuple(value / 100_000 for value in struct.unpack(">8I", body))
    return numbers if is_possible(numbers) else None


def _gamma(body: bytes) -> float | None:
    """The number of a gAMA chunk, 1/2.2 for most; None where it is none that a device has."""
    number: int = struct.unpack(">I", body)[0]
    gamma = number / 100_000
    least, greatest = EXPONENTS
    return gamma if least <= gamma <= greatest else None


def _own_colorants(header: Header, chromaticities: Chromaticities, gamma: float) -> None:
    near_srgb = all(abs(a - b) < 0.005 for a, b in zip(chromaticities, SRGB, strict=True))
    if near_srgb and abs(gamma - 1 / 2.2) < 0.01:
        header.space = "srgb"
    else:
        header.space, header.colorants = "rgb-other", (*chromaticities, gamma)
