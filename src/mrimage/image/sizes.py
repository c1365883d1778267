"""What ``Edits.resize`` stands for: sizes in pixels, named sets of them, and sizes relative to the
image."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from types import MappingProxyType

from mrimage.types import Resize, Size

LONGEST_SIDE = 65_535
"""Largest width or height of a result, in pixels: the longest side that the output formats can
hold."""


MOST_PERCENT = 1000
"""Largest size in percent of the image's own."""

MOST_MEGAPIXELS = 4000
"""Largest size in megapixels: about the square of LONGEST_SIDE."""

_RELATIVE = re.compile(r"([0-9]{1,5})|([0-9]{1,4}(?:\.[0-9]{1,3})?)(%|mp)")
"""A longest side, a percentage or megapixels as text."""


class UnknownSetError(ValueError):
    """A text that is not the name of a set of sizes."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _both_ways(*sizes: Size) -> tuple[Size, ...]:
    """Return each size as it is and turned by 90 degrees, which for a square is the same."""
    turned = [(height, width) for width, height in sizes]
    pairs = [pair for both in zip(sizes, turned, strict=True) for pair in both]
    return tuple(dict.fromkeys(pairs))


SIZE_SETS: Mapping[str, tuple[Size, ...]] = MappingProxyType(
    {
        # ITU-R BT.709-6, and its picture turned upright.
        "hd": _both_ways((1920, 1080)),
        # ISO 1008:1992, common sizes of photographic paper: 10x15 cm (4x6 in), 13x18 cm (5x7 in)
        # and 20x25 cm (8x10 in), at 300 pixels per inch.
        "print": _both_ways((1800, 1200), (2100, 1500), (3000, 2400)),
        # Podell et al., SDXL, arXiv:2307.01952, appendix I: the 40 buckets of multi-aspect
        # training. The paper gives height before width, and has 1344x704 but not 704x1344.
        "sdxl": (
            *((2048, 512), (1984, 512), (1920, 512), (1856, 512)),
            *((1792, 576), (1728, 576), (1664, 576), (1600, 640), (1536, 640)),
            *((1472, 704), (1408, 704), (1344, 704), (1344, 768), (1280, 768)),
            *((1216, 832), (1152, 832), (1152, 896), (1088, 896), (1088, 960), (1024, 960)),
            (1024, 1024),
            *((960, 1024), (960, 1088), (896, 1088), (896, 1152), (832, 1152), (832, 1216)),
            *((768, 1280), (768, 1344), (704, 1408), (704, 1472)),
            *((640, 1536), (640, 1600), (576, 1664), (576, 1728), (576, 1792)),
            *((512, 1856), (512, 1920), (512, 1984), (512, 2048)),
        ),
        # Powers of two, the input sizes of most networks that take squares.
        "square": ((256, 256), (512, 512), (1024, 1024), (2048, 2048)),
        # ITU-R BT.2020-2, and its picture turned upright.
        "uhd": _both_ways((3840, 2160)),
    }
)
"""The named sets of sizes, (width, height) in pixels."""


def sizes_of(resize: Resize) -> tuple[Size, ...]:
    """Return the sizes that ``Edits.resize`` stands for, each once, in the given order.

    ``resize`` is one size, the name of a set, or several of both. Raises ValueError for anything
    else, and its subclass UnknownSetError for a text that names no set.

    >>> sizes_of((512, 256)), sizes_of(["hd", (512, 512)])
    (((512, 256),), ((1920, 1080), (1080, 1920), (512, 512)))
    """
    if _is_plain(resize):
        return _known_sizes(resize)
    return _read_sizes(resize)


def relative_size(resize: object) -> int | str | None:
    """Return a size that depends on the image in canonical form: the longest side in pixels as an
    int, ``"50%"`` of both sides, or ``"2mp"`` megapixels. None if ``resize`` is no such size.

    Raises ValueError for a number outside the range.

    >>> relative_size("2048"), relative_size("50.0%"), relative_size("2MP"), relative_size("hd")
    (2048, '50%', '2mp', None)
    """
    if _is_number(resize):
        return _side(resize)
    match = _RELATIVE.fullmatch(resize.lower()) if isinstance(resize, str) else None
    if match is None:
        return None
    side, number, unit = match.groups()
    if side:
        return _side(int(side))
    most = MOST_PERCENT if unit == "%" else MOST_MEGAPIXELS
    if not 0 < Decimal(number) <= most:
        raise ValueError
    return f"{Decimal(number).normalize():f}{unit}"


EACH = "+"
"""Joins sizes of which each image gets one result each: ``320+1280``."""


def each_size(resize: Resize) -> tuple[Resize, ...]:
    """Return what an image is resized to, for one result each; nearly always ``resize`` alone.

    >>> each_size("320+640x480"), each_size("2mp"), each_size((512, 512))
    ((320, (640, 480)), ('2mp',), ((512, 512),))
    """
    if not isinstance(resize, str) or EACH not in resize:
        return (resize,)
    return _read_each(resize)


@lru_cache(maxsize=64)
def _read_each(text: str) -> tuple[Resize, ...]:
    return tuple(dict.fromkeys(map(read_size, text.split(EACH))))


def read_size(text: str) -> Resize:
    """Read one size, one of several, or the name of a set, as on a command line. Raises
    ValueError."""
    relative = relative_size(text)
    if relative is not None:
        return relative
    sizes = sizes_of([_read_box(item.strip()) for item in text.split(",")])
    return sizes[0] if len(sizes) == 1 else sizes


def _read_box(text: str) -> Size | str:
    """Width and height; the text itself if it may be the name of a set."""
    match = re.fullmatch("([0-9]{1,5})[xX]([0-9]{1,5})", text)
    if match:
        return int(match[1]), int(match[2])
    if re.fullmatch("[a-z][a-z0-9-]*", text):
        return text
    raise ValueError


def size_relative_to(width: int, height: int, resize: int | str, *, enlarge: bool) -> Size:
    """Return the size that a canonical relative size gives an image of ``width`` x ``height``.

    The shape stays, up to rounding, and no result has more pixels than asked for. Without
    ``enlarge``, a smaller image keeps its size.

    >>> size_relative_to(6000, 4000, 2048, enlarge=True)
    (2048, 1365)
    >>> size_relative_to(6000, 4000, "2mp", enlarge=True)
    (1732, 1154)
    """
    if isinstance(resize, int):
        longest = max(width, height)
        made = (_scaled(width, resize, longest), _scaled(height, resize, longest))
    elif resize.endswith("%"):
        numerator, denominator = Decimal(resize[:-1]).as_integer_ratio()
        made = (
            _scaled(width, numerator, 100 * denominator),
            _scaled(height, numerator, 100 * denominator),
        )
    else:
        area = int(Decimal(resize[:-2]) * 1_000_000)
        made = (
            max(1, math.isqrt(area * width // height)),
            max(1, math.isqrt(area * height // width)),
        )
    is_larger = made[0] * made[1] > width * height
    return (width, height) if is_larger and not enlarge else made


def _is_number(value: object) -> bool:
    """Whether ``value`` is a whole number, of Python or of numpy; arrays of numpy are not."""
    return hasattr(value, "__index__") and not getattr(value, "shape", ())


def _scaled(side: int, numerator: int, denominator: int) -> int:
    """``side`` times a fraction, rounded to a whole number from 1."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def show_resize(resize: Resize | int) -> str:
    """Write what ``Edits.resize`` holds in canonical form, as on a command line.

    >>> show_resize(2048), show_resize(((300, 200), (200, 300)))
    ('2048', '300x200,200x300')
    """
    if isinstance(resize, int | str):
        return str(resize)
    return ",".join(map(show_size, sizes_of(resize)))


def _is_plain(resize: object) -> bool:
    """Whether ``resize`` is a tuple of tuples of int, as in every checked job.

    Each image asks for its sizes, so this must be quick for a set of many.
    """
    if not isinstance(resize, tuple) or set(map(type, resize)) != {tuple}:
        return False
    return set(map(type, chain.from_iterable(resize))) == {int}


def _read_sizes(resize: object) -> tuple[Size, ...]:
    if isinstance(resize, str) or _is_pair(resize):
        resize = (resize,)
    if not isinstance(resize, tuple | list) or not resize:
        raise ValueError
    sizes = [size for item in resize for size in _sizes_of_item(item)]
    return tuple(dict.fromkeys(sizes))


# Only for plain sizes: True and 1.0 would find the entry of 1.
_known_sizes = lru_cache(maxsize=64)(_read_sizes)


def show_size(size: Size) -> str:
    """Write the size as text.

    >>> show_size((1152, 896))
    '1152x896'
    """
    width, height = size
    return f"{width}x{height}"


def _sizes_of_item(item: object) -> tuple[Size, ...]:
    if isinstance(item, str):
        if item not in SIZE_SETS:
            raise UnknownSetError(item)
        return SIZE_SETS[item]
    if not _is_pair(item):
        raise ValueError
    width, height = (_side(side) for side in item)  # type: ignore[attr-defined]  # it is a pair
    return ((width, height),)


def _is_pair(item: object) -> bool:
    """Whether ``item`` looks like one size rather than several."""
    if not isinstance(item, tuple | list) or len(item) != 2:
        return False
    return not any(isinstance(side, str | tuple | list) for side in item)


def _side(side: object) -> int:
    # Integers of numpy are not of type int, but have __index__.
    if not hasattr(side, "__index__") or isinstance(side, bool):
        raise ValueError
    number = int(side.__index__())
    if not 1 <= number <= LONGEST_SIDE:
        raise ValueError
    return number
