"""The types of options about pictures: sizes, rectangles, colors, and numbers of a model."""

from __future__ import annotations

import math
from typing import Any

from mrimage.image.sizes import (
    EACH,
    LONGEST_SIDE,
    SIZE_SETS,
    read_size,
    relative_size,
    show_resize,
    show_size,
    sizes_of,
)
from mrimage.job.option_types import MOST, OptionType, matched, numbers, parse_names
from mrimage.types import Crop, Resize, Size

STRONGEST = 10
"""The largest strength of ``--sharpen``."""

COLORS = {"white": "#ffffff", "black": "#000000", "gray": "#808080"}

_DECIMAL = r"-?[0-9]{1,9}(\.[0-9]{1,18})?"


def _parse_sizes(value: object) -> Resize:
    """Read sizes and names of sets: ``512x512``, ``sdxl``, ``1152x896,896x1152`` or a list; or a
    size relative to the image: ``2048``, ``50%`` or ``2mp``; or several of all these, joined by
    ``+``."""
    if isinstance(value, str):
        return _joined(tuple(map(read_size, value.split(EACH))))
    if isinstance(value, list):
        return _accept_sizes([read_size(item) for item in parse_names(value)])
    return _accept_sizes(value)


def _accept_sizes(value: Any) -> Resize:
    """Return one size as it is, several as a tuple of sizes, a relative size in canonical form, and
    sizes that are joined as text."""
    if isinstance(value, str) and EACH in value:
        return _parse_sizes(value)
    relative = relative_size(value)
    if relative is not None:
        return relative
    sizes = sizes_of(value)
    return sizes[0] if len(sizes) == 1 else sizes


def _joined(sizes: tuple[Resize, ...]) -> Resize:
    different = tuple(dict.fromkeys(sizes))
    return different[0] if len(different) == 1 else EACH.join(map(show_resize, different))


def _parse_one_size(value: object) -> Size:
    if not isinstance(value, str):
        raise ValueError
    match = matched(r"([0-9]{1,5})[xX]([0-9]{1,5})", value)
    return _accept_one_size((int(match[1]), int(match[2])))


def _accept_one_size(value: Any) -> Size:
    if isinstance(value, str):
        raise ValueError
    [size] = sizes_of(value)
    return size


def _show_crop(crop: Crop) -> str:
    size = show_size((crop.width, crop.height))
    return size if crop.x is None else f"{size}+{crop.x}+{crop.y}"


def _parse_crop(value: object) -> Crop:
    match = matched(r"([0-9]{1,5})[xX]([0-9]{1,5})(?:\+([0-9]{1,6})\+([0-9]{1,6}))?", value)
    numbers = [int(group) for group in match.groups() if group is not None]
    return _accept_crop(Crop(*numbers))


def _accept_crop(value: object) -> Crop:
    if not isinstance(value, Crop):
        raise ValueError
    numbers((value.width, value.height), 2, 1, MOST)
    if (value.x, value.y) != (None, None):
        numbers((value.x, value.y), 2, 0, MOST)
    return value


def _parse_color(value: object) -> tuple[int, int, int]:
    two_digits = "([0-9a-fA-F]{2})"
    code = COLORS.get(str(value), value)
    match = matched(f"#{two_digits}{two_digits}{two_digits}", code)
    red, green, blue = (int(digits, 16) for digits in match.groups())
    return red, green, blue


def _accept_color(value: object) -> tuple[int, int, int]:
    red, green, blue = numbers(value, 3, 0, 255)
    return red, green, blue


def _show_color(color: tuple[int, int, int]) -> str:
    code = "#{:02x}{:02x}{:02x}".format(*color)
    for name, known in COLORS.items():
        if known == code:
            return name
    return code


def _parse_channels(value: object) -> tuple[float, float, float]:
    parts = str(value).split(",") if isinstance(value, str) else value
    if isinstance(parts, list):
        parts = [float(matched(_DECIMAL, part)[0]) for part in parts]
    return _accept_channels(parts)


def _accept_channels(value: object) -> tuple[float, float, float]:
    """Return three numbers; one number counts for all channels."""
    parts = value if isinstance(value, tuple | list) else (value,)
    if len(parts) == 1:
        parts = (*parts, *parts, *parts)
    if len(parts) != 3:
        raise ValueError
    red, green, blue = (_accept_number(part) for part in parts)
    return red, green, blue


def _accept_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    if not math.isfinite(value):
        raise ValueError
    return float(value)


def _parse_probability(value: object) -> float:
    return _accept_probability(float(matched(_DECIMAL, value)[0]))


def _accept_probability(value: object) -> float:
    number = _accept_number(value)
    if not 0 <= number <= 1:
        raise ValueError
    return number


def _parse_strength(value: object) -> float:
    return _accept_strength(float(matched(_DECIMAL, value)[0]))


def _accept_strength(value: object) -> float:
    number = _accept_number(value)
    if not 0 <= number <= STRONGEST:
        raise ValueError
    return number


def _show_number(number: float) -> str:
    return f"{number:g}"


SIZE = OptionType(
    _parse_one_size,
    _accept_one_size,
    f"a size such as 512x512, each side from 1 to {LONGEST_SIDE}",
    f"a size such as (512, 512), each side from 1 to {LONGEST_SIDE}",
    "WxH",
    show=show_size,
)
_SET_NAMES = ", ".join(SIZE_SETS)
SIZES = OptionType(
    _parse_sizes,
    _accept_sizes,
    f"a size such as 512x512, each side from 1 to {LONGEST_SIDE}, or several, or the name of a "
    f"set ({_SET_NAMES}), or a longest side such as 2048, or 50%, or 2mp; "
    "or several of these joined by +, for a result of each",
    f"a size such as (512, 512), each side from 1 to {LONGEST_SIDE}, or several, or the name of a "
    f'set ({_SET_NAMES}), or a longest side such as 2048, or "50%", or "2mp"; '
    'or several of these as text, "320+1280", for a result of each',
    "WxH[,WxH...]|NAME|N|P%|Nmp",
    show=show_resize,
)
CROP = OptionType(
    _parse_crop,
    _accept_crop,
    "a rectangle such as 512x512 (in the middle) or 512x512+10+20",
    "mrimage.Crop(width, height) or mrimage.Crop(width, height, x, y) in pixels",
    "WxH[+X+Y]",
    show=_show_crop,
)
COLOR = OptionType(
    _parse_color,
    _accept_color,
    "a color such as #ff8000, white, black or gray",
    "a color such as (255, 128, 0), each number from 0 to 255",
    "COLOR",
    show=_show_color,
)
_CHANNELS_WANTED = "three numbers such as 0.485,0.456,0.406, or one for all channels"
CHANNELS = OptionType(
    _parse_channels,
    _accept_channels,
    _CHANNELS_WANTED,
    "three numbers such as (0.485, 0.456, 0.406), or one for all channels",
    "R,G,B",
)
PROBABILITY = OptionType(
    _parse_probability,
    _accept_probability,
    "a number from 0 to 1",
    "a number from 0 to 1",
    "P",
    show=_show_number,
)
STRENGTH = OptionType(
    _parse_strength,
    _accept_strength,
    f"a number from 0 to {STRONGEST}",
    f"a number from 0 to {STRONGEST}",
    "STRENGTH",
    show=_show_number,
)
