"""JPEG XL: the first bits of the codestream, bare or in boxes (ISO/IEC 18181-1 annex D, 18181-2).

Pillow's plugin cannot be used: it decodes every pixel before it reports the size.
"""

from __future__ import annotations

from importlib.util import find_spec

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.color.cicp import space_of
from mrimage.image.color.primaries import ADOBE_RGB, BT_2020, DISPLAY_P3, SRGB
from mrimage.image.header.boxes import top_boxes
from mrimage.image.header.model import LONGEST_BLOCK, LONGEST_TEXT, Header

_SIGNATURE = b"\xff\x0a"
_GAIN_MAP = b"jhgm"
"""The box of an HDR gain map (ISO/IEC 18181-2:2024, 9.10)."""

_HEAD = 4096
"""Bytes of the codestream that are read; everything before the profile fits."""

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, by the number that may replace the width."""

_ALPHA = 0
_SPOT = 2
_CFA = 5
"""Types of extra channels."""

_GRAY = 1
_XYB = 2
"""Color spaces."""

_D65 = 1
_CUSTOM = 2
"""White points; ``_CUSTOM`` also means custom primaries."""

_SRGB_CURVE = 13
"""Transfer function."""

_PRIMARIES = {1: SRGB[2:], 9: BT_2020[2:], 11: DISPLAY_P3[2:]}
"""Red, green and blue by the number that 18181-1 gives the primaries."""

_H273_PRIMARIES = {1: 1, 9: 9, 11: 12}
"""Primaries of 18181-1 by their numbers in H.273. Transfer functions have one number in both."""

_NO_POINT = (0.0, 0.0)
_NO_PRIMARIES = (0.0,) * 6
"""What matches no named space."""

_SRGB_GAMMA = 1 / 2.2
"""The exponent that is compared in place of the curve of sRGB."""

_NAMED = {
    "srgb": (SRGB, _SRGB_GAMMA),
    "display-p3": (DISPLAY_P3, _SRGB_GAMMA),
    "adobe-rgb": (ADOBE_RGB, 256 / 563),
}
"""Named spaces: white, red, green and blue (CIE 1931 x and y), and the exponent."""

_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
_PREVIEW_SIDE = ((6, 1), (8, 65), (10, 321), (12, 1345))
_PREVIEW_SIDE_BY_8 = ((0, 16), (0, 32), (5, 1), (9, 33))
_TICKS = ((0, 100), (0, 1000), (10, 1), (30, 1))
_TICKS_DIVISOR = ((0, 1), (0, 1001), (8, 1), (10, 1))
_LOOPS = ((0, 0), (3, 0), (16, 0), (32, 0))
_DEPTH = ((0, 8), (0, 10), (0, 12), (6, 1))
_FLOATING_DEPTH = ((0, 32), (0, 16), (0, 24), (6, 1))
_CHANNEL_COUNT = ((0, 0), (0, 1), (4, 2), (12, 1))
_DIM_SHIFT = ((0, 0), (0, 3), (0, 4), (3, 1))
_NAME_LENGTH = ((0, 0), (4, 0), (5, 16), (10, 48))
_CFA_CHANNEL = ((0, 1), (2, 0), (4, 3), (8, 19))
_COORDINATE = ((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))
"""Choices of numbers called U32: two bits choose a number of further bits and an offset."""


class _Bits:
    """Numbers from a stream of bits, the low ones first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next ``count`` bits. Raises ImageError ``truncated`` at the end."""
        if count > self._left:
            raise ImageError("truncated", "The JPEG XL file ends in the header of its codestream.")
        mask = (1 << count) - 1
        found = self._number & mask
        self._number >>= count
        self._left -= count
        return found

    def flag(self) -> bool:
        return self.take(1) == 1

    def one_of(self, *choices: tuple[int, int]) -> int:
        """Return a U32: two bits choose among four pairs (number of bits, offset)."""
        bits, offset = choices[self.take(2)]
        return self.take(bits) + offset

    def enumerated(self) -> int:
        """Return an Enum."""
        return self.one_of(*_ENUM)


def read_jxl(blocks: Blocks) -> Header:
    """Read size as displayed, depth, color, alpha, EXIF and XMP.

    ``frames`` of an animation is None, because only decoding counts them. Raises ImageError
    ``corrupt`` or ``truncated``.
    """
    head, exif, xmp = _contents(blocks)
    if head[:2] != _SIGNATURE:
        raise ImageError("corrupt", "The JPEG XL file lacks the signature of its codestream.")
    bits = _Bits(head[2:])
    width, height = _size(bits)
    header = Header(
        "jxl", width, height, 3, 8, "rgb", exif=exif, upright=True, space="srgb", xmp=xmp
    )
    all_default = bits.flag()
    if not all_default:
        _read_metadata(bits, header)
    is_boxed = blocks.at(0, 2) != _SIGNATURE
    header.gain_map = is_boxed and any(name == _GAIN_MAP for name, _, _ in top_boxes(blocks))
    return header


def _contents(blocks: Blocks) -> tuple[bytes, bytes | None, bytes | None]:
    """Return the first kilobytes of the codestream, the EXIF block and the XMP packet."""
    if blocks.at(0, 2) == _SIGNATURE:
        return blocks.at(0, _HEAD), None, None
    head = b""
    exif = None
    xmp = None
    for name, start, length in top_boxes(blocks):
        if name == b"jxlc" or (name == b"jxlp" and length > 4):
            # Each part of a split codestream begins with its number.
            skip = 4 if name == b"jxlp" else 0
            head += blocks.at(start + skip, min(length - skip, _HEAD - len(head)))
        elif name == b"Exif" and 4 < length < LONGEST_BLOCK:
            exif = _without_offset(blocks.at(start, length))
        elif name == b"xml " and length < LONGEST_TEXT:
            xmp = blocks.at(start, length)
        elif name == b"brob" and 4 < length < LONGEST_BLOCK:
            compressed = blocks.at(start, 4)
            if compressed == b"Exif":
                exif = _without_offset(_decompressed(blocks.at(start + 4, length - 4)))
            elif compressed == b"xml " and length < LONGEST_TEXT:
                xmp = _decompressed(blocks.at(start + 4, length - 4))
    return head, exif, xmp


def _without_offset(body: bytes) -> bytes | None:
    """Return the EXIF block after its 4-byte offset, which some writers omit."""
    if body[:2] in (b"II", b"MM"):
        return body
    offset = int.from_bytes(body[:4], "big")
    return body[4 + offset :] or None


def _decompressed(packed: bytes) -> bytes:
    """Return what Brotli (RFC 7932) compressed.

    Returns nothing if it is damaged or too long, or if the brotli package is not installed.
    """
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
    """Read a SizeHeader: width and height in pixels."""
    is_small = bits.flag()
    height = _side(bits, is_small)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return _side(bits, is_small), height


def _side(bits: _Bits, is_small: bool) -> int:
    """Read a side in pixels; small ones are stored in units of 8."""
    if is_small:
        units = bits.take(5) + 1
        return 8 * units
    return bits.one_of(*_SIDE)


def _read_metadata(bits: _Bits, header: Header) -> None:
    """Read an ImageMetadata up to the color encoding."""
    has_extra_fields = bits.flag()
    if has_extra_fields:
        _read_extra_fields(bits, header)
    header.bit_depth = _depth(bits)
    bits.flag()  # modular_16_bit_buffers
    count = bits.one_of(*_CHANNEL_COUNT)
    channels = [_channel(bits) for _ in range(count)]
    header.has_alpha = any(kind == _ALPHA for kind, _ in channels)
    header.associated = (_ALPHA, True) in channels
    bits.flag()  # xyb_encoded
    _read_color(bits, header)
    colors = 1 if header.model == "gray" else 3
    header.bands = colors + header.has_alpha


def _read_extra_fields(bits: _Bits, header: Header) -> None:
    orientation = 1 + bits.take(3)
    if orientation > 4:
        header.width, header.height = header.height, header.width
    has_intrinsic_size = bits.flag()
    if has_intrinsic_size:
        _size(bits)
    has_preview = bits.flag()
    if has_preview:
        _skip_preview(bits)
    has_animation = bits.flag()
    if has_animation:
        header.frames = None
        _skip_animation(bits)


def _skip_preview(bits: _Bits) -> None:
    """Skip a PreviewHeader: height, ratio and, without a ratio, width."""
    in_units_of_8 = bits.flag()
    choices = _PREVIEW_SIDE_BY_8 if in_units_of_8 else _PREVIEW_SIDE
    bits.one_of(*choices)
    ratio = bits.take(3)
    if not ratio:
        bits.one_of(*choices)


def _skip_animation(bits: _Bits) -> None:
    """Skip an AnimationHeader: ticks per second as a fraction, loops, and whether it has time
    codes."""
    bits.one_of(*_TICKS)
    bits.one_of(*_TICKS_DIVISOR)
    bits.one_of(*_LOOPS)
    bits.flag()


def _depth(bits: _Bits) -> int:
    """Read a BitDepth: the bits of a sample."""
    is_floating = bits.flag()
    if not is_floating:
        return bits.one_of(*_DEPTH)
    depth = bits.one_of(*_FLOATING_DEPTH)
    bits.take(4)  # bits of the exponent
    return depth


def _channel(bits: _Bits) -> tuple[int, bool]:
    """Read an ExtraChannelInfo: the type, and whether it is alpha multiplied into the colors."""
    all_default = bits.flag()
    if all_default:
        return _ALPHA, False
    associated = False
    kind = bits.enumerated()
    _depth(bits)
    bits.one_of(*_DIM_SHIFT)
    name_length = bits.one_of(*_NAME_LENGTH)
    bits.take(8 * name_length)
    if kind == _ALPHA:
        associated = bits.flag()
    elif kind == _SPOT:
        bits.take(64)
    elif kind == _CFA:
        bits.one_of(*_CFA_CHANNEL)
    return kind, associated


def _read_color(bits: _Bits, header: Header) -> None:
    """Read a ColorEncoding.

    A profile is compressed within the codestream, so that only the decoder can read it.
    """
    all_default = bits.flag()
    if all_default:
        return
    has_profile = bits.flag()
    space = bits.enumerated()
    is_gray = space == _GRAY
    header.model = "gray" if is_gray else "rgb"
    header.space = "rgb-other"
    if has_profile or space == _XYB:
        return
    white = bits.enumerated()
    point = _white_point(bits, white)
    primaries = 1 if is_gray else bits.enumerated()
    corners = _corners(bits, primaries)
    has_exponent = bits.flag()
    if has_exponent:
        exponent = bits.take(24) / 1e7
    else:
        curve = bits.enumerated()
        exponent = _SRGB_GAMMA if curve == _SRGB_CURVE else 0.0
        if white == _D65 and primaries in _H273_PRIMARIES and not is_gray:
            header.cicp = (_H273_PRIMARIES[primaries], curve)
            header.space = space_of(*header.cicp)
            return
    header.space = _named_space((*point, *corners), exponent) or header.space


def _white_point(bits: _Bits, white: int) -> tuple[float, ...]:
    if white == _CUSTOM:
        return _chromaticities(bits, 1)
    return SRGB[:2] if white == _D65 else _NO_POINT


def _corners(bits: _Bits, primaries: int) -> tuple[float, ...]:
    """Return red, green and blue."""
    if primaries == _CUSTOM:
        return _chromaticities(bits, 3)
    return _PRIMARIES.get(primaries, _NO_PRIMARIES)


def _named_space(chromaticities: tuple[float, ...], exponent: float) -> str | None:
    """Return the name of the space with these chromaticities and exponent, or None."""
    for name, (named, gamma) in _NAMED.items():
        pairs = zip(chromaticities, named, strict=True)
        near = all(abs(a - b) < 0.003 for a, b in pairs)
        if near and abs(exponent - gamma) < 0.01:
            return name
    return None


def _chromaticities(bits: _Bits, count: int) -> tuple[float, ...]:
    """Return CIE 1931 x and y of ``count`` colors.

    They are stored as millionths, with the sign in the lowest bit.
    """
    found: list[float] = []
    for _ in range(2 * count):
        number = bits.one_of(*_COORDINATE)
        is_negative = number & 1
        magnitude = number >> 1
        found.append((magnitude ^ -is_negative) / 1e6)
    return tuple(found)
