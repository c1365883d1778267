"""PNG and APNG (PNG specification, third edition): the chunks before the pixels.

The chunks after the pixels count only where the whole file is read anyway.
"""

from __future__ import annotations

import struct

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.color.cicp import space_of
from mrimage.image.color.primaries import EXPONENTS, SRGB, Chromaticities, is_possible
from mrimage.image.header.model import LONGEST_BLOCK, LONGEST_TEXT, Header, Model
from mrimage.image.header.numbers import number_at
from mrimage.image.tags.directory import clean_text
from mrimage.image.tags.texts import LONGEST_KEYWORD, TEXT_CHUNKS, keyword_of, raw_profile, text_of

_MODELS: dict[int, tuple[Model, int, bool]] = {
    0: ("gray", 1, False),
    2: ("rgb", 3, False),
    3: ("palette", 1, False),
    4: ("gray", 2, True),
    6: ("rgb", 4, True),
}
"""Model, bands and alpha of each color type."""

_DEPTHS = (1, 2, 4, 8, 16)

_AFTER_HEADER = 33
"""The byte at which the second chunk begins: 8 of signature, 25 of IHDR."""

_MOST_CHUNKS = 100_000
_LONGEST_SOFTWARE = 4096
"""Bytes of a Software text."""

_XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW_PROFILE = b"Raw profile type "
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"

_SRGB_GAMMA = 1 / 2.2
"""The exponent that a gAMA chunk gives for sRGB."""


def read_png(blocks: Blocks) -> Header:
    """Read size, sample layout and the facts in the chunks before the pixels.

    Raises ImageError ``corrupt`` or ``truncated``.
    """
    header = _first_chunk(blocks)
    position = _AFTER_HEADER
    chromaticities = None
    gamma = None
    for _ in range(_MOST_CHUNKS):
        head = blocks.at(position, 8)
        if len(head) < 8:
            raise ImageError("truncated", "The PNG ends in its header, before the pixels.")
        length, name = struct.unpack(">I4s", head)
        start = position + 8
        # A checksum of 4 bytes follows the body.
        position = start + length + 4
        if name in (b"IDAT", b"IEND"):
            break
        if name == b"cHRM" and length == 32:
            chromaticities = _chromaticities(blocks.need(start, 32))
        elif name == b"gAMA" and length == 4:
            gamma = _gamma(blocks.need(start, 4))
        else:
            _read_chunk(header, name, blocks, start, length)
    else:
        raise ImageError("corrupt", f"The PNG has no pixels in its first {_MOST_CHUNKS} chunks.")
    # Both are ignored where another chunk names the space, as the specification says.
    is_named = header.space is not None or header.icc is not None
    if not is_named and (gamma or chromaticities):
        _set_colorants(header, chromaticities or SRGB, gamma or _SRGB_GAMMA)
    return header


def _first_chunk(blocks: Blocks) -> Header:
    """Return the header that the chunk IHDR describes."""
    chunk = blocks.need(8, 25)
    if chunk[4:8] != b"IHDR":
        raise ImageError("corrupt", "The first chunk of the PNG must be IHDR, but it is another.")
    width, height, depth, color_type, _, _, interlace = struct.unpack(">IIBBBBB", chunk[8:21])
    if color_type not in _MODELS or depth not in _DEPTHS:
        raise ImageError(
            "corrupt",
            f"The PNG header says color type {color_type} and {depth} bits, which do not exist.",
        )
    model, bands, alpha = _MODELS[color_type]
    return Header("png", width, height, bands, depth, model, alpha, progressive=interlace == 1)


def _read_chunk(header: Header, name: bytes, blocks: Blocks, start: int, length: int) -> None:
    """Add to ``header`` what an ancillary chunk says."""
    if name == b"tRNS":
        header.has_alpha = True
    elif name == b"iCCP" and header.icc is None:
        header.icc = _profile(blocks.at(start, min(length, LONGEST_BLOCK)))
    elif name == b"cICP" and length == 4:
        primaries, transfer, _, _ = blocks.need(start, 4)
        header.cicp = (primaries, transfer)
        header.space = space_of(primaries, transfer)
    elif name == b"sRGB" and header.space is None:
        header.space = "srgb"
    elif name == b"pHYs" and length == 9:
        header.dpi = _dpi(blocks.need(start, 9))
    elif name == b"acTL" and length == 8:
        frames = number_at(blocks.need(start, 4), 0, 4)
        header.frames = max(1, frames)
    elif name == b"eXIf" and length < LONGEST_BLOCK:
        header.exif = blocks.at(start, length)
    elif name in TEXT_CHUNKS and length < LONGEST_BLOCK:
        _read_text(header, name, blocks, start, length)


def read_after_pixels(header: Header, data: bytes) -> None:
    """Add to ``header`` the EXIF, XMP, IPTC and program that only chunks after the pixels give.

    ``data`` is the whole file. The first damaged or cut chunk ends the search without an error,
    because the pixels are intact.
    """
    # Collected apart, because chunks before the pixels take precedence.
    after = Header("png", header.width, header.height, header.bands, header.bit_depth, header.model)
    blocks = Blocks.of(data)
    position = _AFTER_HEADER
    pixels_seen = False
    while position + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        end = position + 12 + length
        if name == b"IDAT":
            pixels_seen = True
        elif pixels_seen and end <= len(data) and name in (b"eXIf", *TEXT_CHUNKS):
            _read_chunk(after, name, blocks, position + 8, length)
        position = end
    if header.exif is None and after.exif is not None:
        header.exif = after.exif
        header.exif_after_pixels = True
    header.xmp = header.xmp or after.xmp
    header.iptc = header.iptc or after.iptc
    header.software = header.software or after.software


def _read_text(header: Header, name: bytes, blocks: Blocks, start: int, length: int) -> None:
    """Add to ``header`` the program that wrote the file, the XMP packet, or a raw profile.

    Raw profiles are blocks that ImageMagick writes as text in hexadecimal digits.
    """
    head = blocks.at(start, min(length, LONGEST_KEYWORD + 1))
    keyword = keyword_of(head)
    is_plain = name == b"tEXt"
    if is_plain and keyword == b"Software" and length < _LONGEST_SOFTWARE:
        chunk = blocks.at(start, length)
        header.software = clean_text(chunk[len(keyword) + 1 :])
    elif keyword == _XMP_KEYWORD and header.xmp is None:
        chunk = blocks.at(start, length)
        header.xmp = text_of(name, chunk, LONGEST_TEXT)
    elif keyword.startswith(_RAW_PROFILE):
        chunk = blocks.at(start, length)
        profile = raw_profile(text_of(name, chunk, LONGEST_BLOCK))
        _add_raw_profile(header, keyword.removeprefix(_RAW_PROFILE), profile)


def _add_raw_profile(header: Header, name: bytes, profile: bytes | None) -> None:
    # APP1 is the JPEG segment that holds either EXIF or XMP.
    is_packet = profile is not None and profile.startswith(_XMP_HEAD)
    if name == b"xmp" or (name == b"APP1" and is_packet):
        header.xmp = header.xmp or profile
    elif name in (b"exif", b"APP1"):
        header.exif = header.exif or profile
    elif name in (b"iptc", b"8bim"):
        header.iptc = header.iptc or profile


def _profile(chunk: bytes) -> bytes | None:
    """Return the ICC profile in an iCCP chunk, which is built like zTXt; None if damaged."""
    return text_of(b"zTXt", chunk, LONGEST_BLOCK) or None


def _dpi(body: bytes) -> float | None:
    """Return dots per inch across from a pHYs chunk, whose unit 1 is the meter."""
    across, _, unit = struct.unpack(">IIB", body)
    if unit != 1 or not across:
        return None
    return float(across * 0.0254)


def _chromaticities(body: bytes) -> Chromaticities | None:
    """Return white, red, green and blue of a cHRM chunk.

    Returns None if no device has such colors; libpng also ignores the chunk then.
    """
    stored = struct.unpack(">8I", body)
    numbers = tuple(value / 100_000 for value in stored)
    if not is_possible(numbers):
        return None
    return numbers


def _gamma(body: bytes) -> float | None:
    """Return the exponent of a gAMA chunk, usually 1/2.2; None if no device has it."""
    gamma = number_at(body, 0, 4) / 100_000
    least, greatest = EXPONENTS
    return gamma if least <= gamma <= greatest else None


def _set_colorants(header: Header, chromaticities: Chromaticities, gamma: float) -> None:
    pairs = zip(chromaticities, SRGB, strict=True)
    near_primaries = all(abs(own - srgb) < 0.005 for own, srgb in pairs)
    near_gamma = abs(gamma - _SRGB_GAMMA) < 0.01
    if near_primaries and near_gamma:
        header.space = "srgb"
    else:
        header.space = "rgb-other"
        header.colorants = (*chromaticities, gamma)
