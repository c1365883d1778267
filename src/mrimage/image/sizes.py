"""Standard sizes: the named sets of ``--resize``, and the sizes that ``Edits.resize`` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from types import MappingProxyType

from mrimage.types import Resize, Size

LONGEST_SIDE = 65_535
"""Largest width or height of a result, in pixels: the longest side that the output formats can
hold."""


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
