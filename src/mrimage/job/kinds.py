"""Kinds of values: how one is written as text, what it is in Python, and the error for anything
else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mrimage.errors import UsageError, brief, quoted, unknown
from mrimage.job.importing import load_object
from mrimage.types import Crop

LONGEST_SIDE = 65535
"""Pixels: the most that the formats of the outputs hold in a side."""

MOST = (1 << 62) - 1
"""The largest number of bytes or pixels that fits the tables."""

COLORS = {"white": "#ffffff", "black": "#000000", "gray": "#808080"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value, such as a size in pixels.

    ``parse`` makes the value from what a command line or a TOML file holds, ``accept`` from what
    a program in Python gives; both raise ValueError for anything else. ``text`` and ``python``
    say in an error what they expect. ``names`` lists the only values that there are, where they
    can be listed. ``show`` writes a value as text.
    """

    parse: Callable[[object], Any]
    accept: Callable[[object], Any]
    text: str
    python: str
    metavar: str = ""
    names: tuple[str, ...] = ()
    show: Callable[[Any], str] = str

    def read(self, where: str, value: object) -> Any:
        """The value behind what a command line or a TOML file holds. Raises UsageError that
        names ``where``."""
        try:
            found = self.parse(value)
        except ValueError:
            raise UsageError(f"{where} needs {self.text}, but got {_as_written(value)}.") from None
        return self._known(where, found)

    def take(self, where: str, value: object) -> Any:
        """The value behind what a program in Python gives. Raises UsageError that names
        ``where``."""
        try:
            found = self.accept(value)
        except ValueError:
            raise UsageError(f"{where} needs {self.python}, but got {brief(value)}.") from None
        return self._known(where, found)

    def _known(self, where: str, value: Any) -> Any:
        if self.names:
            require_known(where, value if isinstance(value, tuple) else (value,), self.names)
        return value


def require_known(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise UsageError, with the nearest right one, for a name that is not among the known ones."""
    known = list(known)
    for name in names:
        if name not in known:
            raise unknown(where, name, known)


def whole(low: int, high: int, metavar: str = "N") -> Kind:
    """Whole numbers from ``low`` to ``high``."""

    def accept(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    def parse(value: object) -> int:
        return accept(int(_matched("[0-9]{1,15}", value)[0]))

    wanted = f"a whole number from {low}" + (f" to {high}" if high < MOST else "")
    return Kind(parse, accept, wanted, wanted, metavar)


def one_of(*names: str, metavar: str) -> Kind:
    """One of ``names``."""
    wanted = f"one of {', '.join(names)}"
    return Kind(_text, _text, wanted, wanted, metavar, names)


def names(metavar: str, known: tuple[str, ...] = ()) -> Kind:
    """Names, one or several: separated by commas, or as a list, as the command line collects a
    repeated option."""
    return Kind(
        _parse_names,
        _accept_names,
        "names separated by commas",
        "a name, or several",
        metavar,
        known,
    )


def _parse_names(value: object) -> tuple[str, ...]:
    items = _accept_names(value)
    found = tuple(name.strip() for item in items for name in item.split(",") if name.strip())
    if not found:
        raise ValueError
    return tuple(dict.fromkeys(found))


def _accept_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value),)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise ValueError
    return tuple(dict.fromkeys(_text(item) for item in value))


def _text(value: object) -> str:
    """``value`` as text that can be written down; names of files on a command line need not be."""
    if not isinstance(value, str) or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError
    return value


def _parse_size(value: object) -> tuple[int, int]:
    match = _matched(r"([0-9]{1,5})[xX]([0-9]{1,5})", value)
    return _accept_size((int(match[1]), int(match[2])))


def _accept_size(value: object) -> tuple[int, int]:
    width, height = _numbers(value, 2, 1, LONGEST_SIDE)
    return width, height


def _parse_crop(value: object) -> Crop:
    match = _matched(r"([0-9]{1,5})[xX]([0-9]{1,5})(?:\+([0-9]{1,6})\+([0-9]{1,6}))?", value)
    width, height, *place = (int(group) for group in match.groups() if group is not None)
    return _accept_crop(Crop(width, height, *place))


def _accept_crop(value: object) -> Crop:
    if not isinstance(value, Crop):
        raise ValueError
    _numbers((value.width, value.height), 2, 1, MOST)
    if (value.x, value.y) != (None, None):
        _numbers((value.x, value.y), 2, 0, MOST)
    return value


def _parse_color(value: object) -> tuple[int, int, int]:
    two = "([0-9a-fA-F]{2})"
    match = _matched(f"#{two}{two}{two}", COLORS.get(str(value), value))
    red, green, blue = (int(part, 16) for part in match.groups())
    return red, green, blue


def _accept_color(value: object) -> tuple[int, int, int]:
    red, green, blue = _numbers(value, 3, 0, 255)
    return red, green, blue


def _show_color(color: tuple[int, int, int]) -> str:
    code = "#{:02x}{:02x}{:02x}".format(*color)
    return next((name for name, known in COLORS.items() if known == code), code)


def _numbers(value: object, count: int, low: int, high: int) -> tuple[int, ...]:
    """``value`` as a tuple of ``count`` whole numbers from ``low`` to ``high``."""
    if not isinstance(value, tuple | list) or len(value) != count:
        raise ValueError
    number = whole(low, high)
    return tuple(number.accept(item) for item in value)


def _parse_bytes(value: object) -> int:
    match = _matched("([0-9]{1,15}) *([kKMGT]?)B?", value)
    power = " kMGT".index(match[2].replace("K", "k") or " ")
    return _accept_bytes(int(match[1]) * 1000**power)


def _accept_bytes(value: object) -> int:
    number: int = whole(1, MOST).accept(value)
    return number


def _show_bytes(size: int) -> str:
    """The size with the largest unit that leaves a whole number.

    >>> _show_bytes(256_000_000), _show_bytes(1500)
    ('256MB', '1500B')
    """
    power = 0
    while power < 4 and size and size % 1000 == 0:
        size, power = size // 1000, power + 1
    return f"{size}{' kMGT'[power].strip()}B"


def _parse_seconds(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError
    return _accept_seconds(float(_matched(r"[0-9]{1,9}(\.[0-9]{1,9})?", value)[0]))


def _accept_seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError
    return float(value)


def _accept_share(value: object) -> str:
    """A number of images or a percentage, as text: ``10`` or ``2.5%``."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError
    match = _matched(r"([0-9]{1,15})|([0-9]{1,15}(?:\.[0-9]{1,15})?)%", text)
    if match[2] and float(match[2]) > 100:
        raise ValueError
    return match[0]


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _parse_function(value: object) -> Callable[..., Any]:
    if ":" not in str(value):
        raise ValueError
    return _accept_function(load_object(str(value)))


def _accept_function(value: object) -> Callable[..., Any]:
    if not callable(value):
        raise ValueError
    return value


def _matched(pattern: str, value: object) -> re.Match[str]:
    """The match of all of ``value``, which is text or a number."""
    match = re.fullmatch(pattern, str(value)) if isinstance(value, str | int | float) else None
    if match is None or isinstance(value, bool):
        raise ValueError
    return match


def _as_written(value: object) -> str:
    """``value`` as a command line or a TOML file has it, on one line of bounded length."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and len(value) == 1:  # an option that may be repeated
        value = value[0]
    return quoted(value) if isinstance(value, str) else brief(value)


SIZE = Kind(
    _parse_size,
    _accept_size,
    f"a size such as 512x512, each side from 1 to {LONGEST_SIDE}",
    f"a size such as (512, 512), each side from 1 to {LONGEST_SIDE}",
    "WxH",
)
CROP = Kind(
    _parse_crop,
    _accept_crop,
    "a rectangle such as 512x512 (in the middle) or 512x512+10+20",
    "mrimage.Crop(width, height) or mrimage.Crop(width, height, x, y) in pixels",
    "WxH[+X+Y]",
)
COLOR = Kind(
    _parse_color,
    _accept_color,
    "a color such as #ff8000, white, black or gray",
    "a color such as (255, 128, 0), each number from 0 to 255",
    "COLOR",
    show=_show_color,
)
BYTES = Kind(
    _parse_bytes,
    _accept_bytes,
    "a size such as 256MB",
    "a number of bytes from 1",
    "SIZE",
    show=_show_bytes,
)
SECONDS = Kind(
    _parse_seconds,
    _accept_seconds,
    "a number of seconds above 0",
    "a number of seconds above 0",
    "SECONDS",
    show=lambda seconds: f"{seconds:g}",
)
_SHARES = "a number of images such as 10, or a share such as 5%"
SHARE = Kind(_accept_share, _accept_share, _SHARES, _SHARES, "N|P%")
FLAG = Kind(
    _flag, _flag, "true or false", "True or False", show=lambda flag: "yes" if flag else "no"
)
TEXT = Kind(_text, _text, "text", "text", "TEXT")
_UNICODE = "a pattern, or several, in valid Unicode (write ? for any other byte)"
PATTERNS = Kind(_accept_names, _accept_names, _UNICODE, _UNICODE, "GLOB")
FUNCTION = Kind(_parse_function, _accept_function, "a function as module:name", "a function")
