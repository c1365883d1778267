"""The types of option values: how a value is written as text, what it is in Python, and the error
for anything else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mrimage.errors import UsageError, brief, did_you_mean, quoted, unknown
from mrimage.image.sizes import SIZE_SETS, UnknownSetError
from mrimage.installed import Kind, installed
from mrimage.job.importing import load_object
from mrimage.job.name_template import read_template
from mrimage.job.statistic import Statistic
from mrimage.mappers.keys import SPLIT
from mrimage.types import Edits

MOST = (1 << 62) - 1
"""The largest number of bytes or pixels that fits the tables."""


MOST_CLUSTERS = 1_000
"""The most clusters: every image is compared with each of them."""


BYTE_UNITS = ("", "k", "M", "G", "T")
"""Each unit is 1000 times the one before it."""


NO_ALIASES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OptionType:
    """The type of an option's value, such as a size in pixels.

    ``parse`` makes the value from what a command line or a TOML file holds. ``accept`` makes it
    from what a Python program passes. Both raise ValueError for anything else. ``wanted`` and
    ``wanted_in_python`` describe valid values in error messages. ``names`` lists all valid values
    if there is a fixed list of them; ``installed`` is what installed packages may add to it.
    ``show`` writes a value as text.
    """

    parse: Callable[[object], Any]
    accept: Callable[[object], Any]
    wanted: str
    wanted_in_python: str
    metavar: str = ""
    names: tuple[str, ...] = ()
    show: Callable[[Any], str] = str
    installed: Kind | None = None

    def from_text(self, where: str, value: object) -> Any:
        """Convert what a command line or a TOML file holds. Raises UsageError that names
        ``where``."""
        try:
            converted = self.parse(value)
        except ValueError as error:
            written = _as_written(value)
            hint = _suggest_set(error)
            raise UsageError(f"{where} needs {self.wanted}, but got {written}.{hint}") from None
        return self._known(where, converted)

    def from_python(self, where: str, value: object) -> Any:
        """Convert what a Python program passes. Raises UsageError that names ``where``."""
        try:
            converted = self.accept(value)
        except ValueError as error:
            wanted = self.wanted_in_python
            hint = _suggest_set(error)
            raise UsageError(f"{where} needs {wanted}, but got {brief(value)}.{hint}") from None
        return self._known(where, converted)

    def _known(self, where: str, value: Any) -> Any:
        if self.names:
            values = value if isinstance(value, tuple) else (value,)
            # An extractor may be an object.
            given = [item for item in values if isinstance(item, str)]
            known = (*self.names, *installed_names(self.installed, given, self.names))
            require_known(where, given, known)
        return value


def require_known(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise UsageError for a name that is not among the known ones. The error suggests the
    nearest known name."""
    known = list(known)
    for name in names:
        if name not in known:
            raise unknown(where, name, known)


def installed_names(
    kind: Kind | None, given: Iterable[str], built_in: Iterable[str]
) -> Iterable[str]:
    """Return the names that installed packages add. They are looked up only if one of the given
    names is not built in, because that takes a while."""
    if kind is None or set(given) <= set(built_in):
        return ()
    return installed(kind)


def whole(low: int, high: int, metavar: str = "N") -> OptionType:
    """Whole numbers from ``low`` to ``high``."""

    def accept(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError
        if not low <= value <= high:
            raise ValueError
        return value

    def parse(value: object) -> int:
        digits = matched("[0-9]{1,15}", value)[0]
        return accept(int(digits))

    wanted = f"a whole number from {low}"
    if high < MOST:
        wanted += f" to {high}"
    return OptionType(parse, accept, wanted, wanted, metavar)


def one_of(
    *names: str,
    metavar: str,
    installed: Kind | None = None,
    aliases: Mapping[str, str] = NO_ALIASES,
) -> OptionType:
    """One of ``names``, or of those that installed packages add. ``aliases`` are other names for
    them."""

    def accept(value: object) -> str:
        text = _text(value)
        return aliases.get(text, text)

    wanted = f"one of {', '.join(names)}"
    return OptionType(accept, accept, wanted, wanted, metavar, names, installed=installed)


def names(metavar: str, known: tuple[str, ...] = ()) -> OptionType:
    """One or more names, separated by commas or as a list. The command line collects a repeated
    option as a list."""
    return OptionType(
        parse_names,
        _accept_names,
        "names separated by commas",
        "a name, or several",
        metavar,
        known,
    )


def parse_names(value: object) -> tuple[str, ...]:
    found = []
    for item in _accept_names(value):
        stripped = (name.strip() for name in item.split(","))
        found += [name for name in stripped if name]
    if not found:
        raise ValueError
    return _without_repeats(found)


def _parse_keys(value: object) -> tuple[str, ...]:
    found: list[str] = []
    for item in _accept_names(value):
        for name in filter(None, map(str.strip, item.split(","))):
            # The shares of a split have commas between them: split:0.8,0.1,0.1.
            is_share = re.fullmatch(r"[0-9.]+", name)
            if is_share and found and found[-1].startswith(SPLIT):
                found[-1] += f",{name}"
            else:
                found.append(name)
    if not found:
        raise ValueError
    return _without_repeats(found)


def _accept_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value),)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise ValueError
    return _without_repeats(_text(item) for item in value)


def _without_repeats(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _text(value: object) -> str:
    """Return text that can be encoded. File names on a command line may hold other bytes, which
    Python reads as lone surrogates."""
    if not isinstance(value, str):
        raise ValueError
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError
    return value


def _template(value: object) -> str:
    text = _text(value)
    read_template(text)
    return text


def _suggest_set(error: ValueError) -> str:
    """Suggest the nearest set of sizes if a set's name was wrong."""
    return did_you_mean(error.name, SIZE_SETS) if isinstance(error, UnknownSetError) else ""


def numbers(value: object, count: int, low: int, high: int) -> tuple[int, ...]:
    """Return ``value`` as a tuple of ``count`` whole numbers from ``low`` to ``high``."""
    if not isinstance(value, tuple | list) or len(value) != count:
        raise ValueError
    number = whole(low, high)
    return tuple(number.accept(item) for item in value)


def _parse_bytes(value: object) -> int:
    match = matched("([0-9]{1,15}) *([kKMGT]?)B?", value)
    unit = match[2].replace("K", "k")
    return _accept_bytes(int(match[1]) * 1000 ** BYTE_UNITS.index(unit))


def _accept_bytes(value: object) -> int:
    number: int = whole(1, MOST).accept(value)
    return number


def _show_bytes(size: int) -> str:
    """Write the size with the largest unit that leaves a whole number.

    >>> _show_bytes(256_000_000), _show_bytes(1500)
    ('256MB', '1500B')
    """
    for unit in BYTE_UNITS[:-1]:
        if size == 0 or size % 1000:
            return f"{size}{unit}B"
        size //= 1000
    return f"{size}{BYTE_UNITS[-1]}B"


def _parse_seconds(value: object) -> float:
    # matched refuses True and False too.
    number = matched(r"[0-9]{1,9}(\.[0-9]{1,9})?", value)[0]
    return _accept_seconds(float(number))


def _accept_seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    if not 0 < value < math.inf:
        raise ValueError
    return float(value)


def _show_seconds(seconds: float) -> str:
    return f"{seconds:g}"


def _accept_share(value: object) -> str:
    """Return a number of images or a percentage as text: ``10`` or ``2.5%``."""
    if isinstance(value, float):  # 0.5 could mean a share or half an image
        raise ValueError
    match = matched(r"([0-9]{1,15})|([0-9]{1,15}(?:\.[0-9]{1,15})?)%", value)
    percentage = match[2]
    if percentage and float(percentage) > 100:
        raise ValueError
    return match[0]


def _accept_clusters(value: object) -> str:
    """The text ``auto``, or a number as text."""
    if value == "auto":
        return "auto"
    if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= MOST_CLUSTERS:
        raise ValueError
    return str(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _show_flag(flag: bool) -> str:
    return "yes" if flag else "no"


def _parse_function(value: object) -> Callable[..., Any]:
    if not isinstance(value, str) or ":" not in value:
        raise ValueError
    return _accept_function(load_object(value))


def _accept_function(value: object) -> Callable[..., Any]:
    if not callable(value):
        raise ValueError
    return value


def edits_type() -> OptionType:
    """The edits of a job: a function in text; in Python also ``Edits``, or a mapping of keys."""

    def accept(value: object) -> object:
        if not isinstance(value, Edits | Mapping) and not callable(value):
            raise ValueError
        return value

    return OptionType(
        _parse_function,
        accept,
        FUNCTION.wanted,
        "mrimage.Edits(...), a mapping of patterns for keys to them, or a function",
    )


def _parse_statistic(value: object) -> Statistic:
    if not isinstance(value, str) or ":" not in value:
        raise ValueError
    return _accept_statistic(load_object(value))


def _accept_statistic(value: object) -> Statistic:
    if not isinstance(value, Statistic):
        raise ValueError
    return value


def matched(pattern: str, value: object) -> re.Match[str]:
    """Match all of ``value``, which must be text or a number. Raises ValueError."""
    # A bool is an int to isinstance, but never a number to a user.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    match = re.fullmatch(pattern, str(value))
    if match is None:
        raise ValueError
    return match


def _as_written(value: object) -> str:
    """Return ``value`` as a command line or a TOML file has it, on one line of bounded length."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and len(value) == 1:
        # argparse collects an option that may be repeated in a list.
        value = value[0]
    return quoted(value) if isinstance(value, str) else brief(value)


BYTES = OptionType(
    _parse_bytes,
    _accept_bytes,
    "a size such as 256MB",
    "a number of bytes from 1",
    "SIZE",
    show=_show_bytes,
)
SECONDS = OptionType(
    _parse_seconds,
    _accept_seconds,
    "a number of seconds above 0",
    "a number of seconds above 0",
    "SECONDS",
    show=_show_seconds,
)
_SHARE_WANTED = "a number of images such as 10, or a share such as 5%"
SHARE = OptionType(_accept_share, _accept_share, _SHARE_WANTED, _SHARE_WANTED, "N|P%")
_CLUSTERS_WANTED = f"auto, or a whole number from 2 to {MOST_CLUSTERS}"
CLUSTERS = OptionType(
    _accept_clusters, _accept_clusters, _CLUSTERS_WANTED, _CLUSTERS_WANTED, "K|auto"
)
FLAG = OptionType(_flag, _flag, "true or false", "True or False", show=_show_flag)
KEYS_OF_IMAGES = OptionType(
    _parse_keys,
    _accept_names,
    "names separated by commas",
    "a name, or several",
    "K[,K...]",
)
_NAME_WANTED = "a template such as {year}/{camera}/{stem}, with a name before and after each slash"
NAME = OptionType(_template, _template, _NAME_WANTED, _NAME_WANTED, "TEMPLATE")
TEXT = OptionType(_text, _text, "text", "text", "TEXT")
_PATTERNS_WANTED = "a pattern, or several, in valid Unicode (write ? for any other byte)"
PATTERNS = OptionType(_accept_names, _accept_names, _PATTERNS_WANTED, _PATTERNS_WANTED, "GLOB")
FUNCTION = OptionType(_parse_function, _accept_function, "a function as module:name", "a function")
STATISTIC = OptionType(
    _parse_statistic,
    _accept_statistic,
    "a statistic as module:name",
    "mrimage.Statistic(of, merge)",
)
