"""JPEG XL: the first bits of the codestream, bare or in boxes (ISO/IEC 18181-1 annex D, 18181-2).

Read here because the decoder's plugin decodes every pixel before it tells the size.
"""

from __future__ import annotations

from importlib.util import find_spec

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.color.cicp import space_of
from mrimage.image.color.profiles import ADOBE_RGB, BT_2020, DISPLAY_P3, SRGB
from mrimage.image.header.boxes import top_boxes
from mrimage.image.header.model import LONGEST_BLOCK, Header

_SIGNATURE = b"\xff\x0a"
_HEAD = 4096
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ALPHA, _SPOT, _CFA = 0, 2, 5
_GRAY, _XYB = 1, 2
_D65, _CUSTOM = 1, 2
_SRGB_CURVE = 13
_PRIMARIES = {1: SRGB[2:], 9: BT_2020[2:], 11: DISPLAY_P3[2:]}
_CODES = {1: 1, 9: 9, 11: 12}
"""Primaries of 18181-1 in the numbers of H.273; transfer functions have the same in both."""

_NAMED = {
    "srgb": (SRGB, 1 / 2.2),
    "display-p3": (DISPLAY_P3, 1 / 2.2),
    "adobe-rgb": (ADOBE_RGB, 256 / 563),
}
"""Spaces by their chromaticities and exponent; sRGB's own curve counts as 1/2.2."""


class _Bits:
    """Numbers from a stream of bits, the low ones first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ImageError(
                "truncated",
                "Expected the header of the JPEG XL codestream, but the file ends in it.",
            )
        found = self._number & ((1 << count) - 1)
        self._number >>= count
        self._left -= count
        return found

    def flag(self) -> bool:
        return self.take(1) == 1

    def one_of(self, *choices: tuple[int, int]) -> int:
        """U32: two bits choose among four (bits, offset)."""
        bits, offset = choices[self.take(2)]
        return self.take(bits) + offset

    def enumerated(self) -> int:
        return self.one_of((0, 0), (0, 1), (4, 2), (6, 18))


def read_jxl(blocks: Blocks) -> Header:
    """Size as displayed, depth, color and alpha. An animation's frames are not counted without decoding it: None."""
    head, exif = _parts(blocks)
    if head[:2] != _SIGNATURE:
        raise ImageError("corrupt", "Expected the signature of a codestream in the JPEG XL file.")
    bits = _Bits(head[2:])
    width, height = _size(bits)
    header = Header("jxl", width, height, 3, 8, "rgb", exif=exif, upright=True, space="srgb")
    if not bits.flag():
        _metadata(bits, header)
    return header


def _parts(blocks: Blocks) -> tuple[bytes, bytes | None]:
    """The first kilobytes of the codestream, and the EXIF block."""
    if blocks.at(0, 2) == _SIGNATURE:
        return blocks.at(0, _HEAD), None
    head, exif = b"", None
    for name, start, length in top_boxes(blocks):
        if name == b"jxlc" or (name == b"jxlp" and length > 4):
            skip = 4 if name == b"jxlp" else 0
            head += blocks.at(start + skip, min(length - skip, _HEAD - len(head)))
        elif name == b"Exif" and 4 < length < LONGEST_BLOCK:
            exif = _bare(blocks.at(start, length))
        elif name == b"brob" and 4 < length < LONGEST_BLOCK and blocks.at(start, 4) == b"Exif":
            exif = _bare(_unpacked(blocks.at(start + 4, length - 4)))
    return head, exif


def _bare(body: bytes) -> bytes | None:
    """The block behind its offset, which some writers leave out."""
    return (
        body if body[:2] in (b"II", b"MM") else body[4 + int.from_bytes(body[:4], "big") :] or None
    )


def _unpacked(packed: bytes) -> bytes:
    """What a box compressed by Brotli (RFC 7932) holds; nothing where it is damaged, or too long, or cannot be read here."""
    if find_spec("brotli") is None:
        return b""
    import brotli

    stream = brotli.Decompressor()
    try:
        body: bytes = stream.process(packed, output_buffer_limit=LONGEST_BLOCK)
    except brotli.error:
        return b""
    return body if stream.is_finished() else b""


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.flag()

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.one_of((9, 1), (13, 1), (18, 1), (30, 1))

    height, ratio = side(), bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return side(), height


def _metadata(bits: _Bits, header: Header) -> None:
    if bits.flag():
        orientation = 1 + bits.take(3)
        if orientation > 4:
            header.width, header.height = header.height, header.width
        if bits.flag():
            _size(bits)
        if bits.flag():
            _preview(bits)
        if bits.flag():
            header.frames = None
            bits.one_of((0, 100), (0, 1000), (10, 1), (30, 1))
            bits.one_of((0, 1), (0, 1001), (8, 1), (10, 1))
            bits.one_of((0, 0), (3, 0), (16, 0), (32, 0))
            bits.flag()
    header.bit_depth = _depth(bits)
    bits.flag()
    extra = [_channel(bits) for _ in range(bits.one_of((0, 0), (0, 1), (4, 2), (12, 1)))]
    header.has_alpha = _ALPHA in extra
    bits.flag()
    _color(bits, header)
    header.bands = (1 if header.model == "gray" else 3) + header.has_alpha


def _preview(bits: _Bits) -> None:
    eighths = bits.flag()
    choices = (
        ((0, 16), (0, 32), (5, 1), (9, 33)) if eighths else ((6, 1), (8, 65), (10, 321), (12, 1345))
    )
    bits.one_of(*choices)
    if not bits.take(3):
        bits.one_of(*choices)


def _depth(bits: _Bits) -> int:
    if not bits.flag():
        return bits.one_of((0, 8), (0, 10), (0, 12), (6, 1))
    depth = bits.one_of((0, 32), (0, 16), (0, 24), (6, 1))
    bits.take(4)
    return depth


def _channel(bits: _Bits) -> int:
    """The kind of an extra channel."""
    if bits.flag():
        return _ALPHA
    kind = bits.enumerated()
    _depth(bits)
    bits.one_of((0, 0), (0, 3), (0, 4), (3, 1))
    bits.take(8 * bits.one_of((0, 0), (4, 0), (5, 16), (10, 48)))
    if kind == _ALPHA:
        bits.flag()
    elif kind == _SPOT:
        bits.take(64)
    elif kind == _CFA:
        bits.one_of((0, 1), (2, 0), (4, 3), (8, 19))
    return kind


def _color(bits: _Bits, header: Header) -> None:
    """The color encoding: a profile is compressed within the codestream, so that only its decoder can read it."""
    if bits.flag():
        return
    profile, space = bits.flag(), bits.enumerated()
    header.model = "gray" if space == _GRAY else "rgb"
    header.space = "rgb-other"
    if profile or space == _XYB:
        return
    white = bits.enumerated()
    point = (
        _chromaticities(bits, 1) if white == _CUSTOM else SRGB[:2] if white == _D65 else (0.0, 0.0)
    )
    primaries = bits.enumerated() if space != _GRAY else 1
    corners = (
        _chromaticities(bits, 3) if primaries == _CUSTOM else _PRIMARIES.get(primaries, (0.0,) * 6)
    )
    if bits.flag():
        exponent = bits.take(24) / 1e7
    else:
        curve = bits.enumerated()
        exponent = 1 / 2.2 if curve == _SRGB_CURVE else 0.0
        if white == _D65 and primaries in _CODES and space != _GRAY:
            header.cicp = _CODES[primaries], curve
            header.space = space_of(*header.cicp)
            return
    for name, (chromaticities, gamma) in _NAMED.items():
        pairs = zip((*point, *corners), chromaticities, strict=True)
        if all(abs(a - b) < 0.003 for a, b in pairs) and abs(exponent - gamma) < 0.01:
            header.space = name


def _chromaticities(bits: _Bits, count: int) -> tuple[float, ...]:
    """CIE 1931 x and y of ``count`` colors, as signed millionths, the sign in the lowest bit."""
    numbers = [
        bits.one_of((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))
        for _ in range(2 * count)
    ]
    return tuple((number >> 1 ^ -(number & 1)) / 1e6 for number in numbers)
