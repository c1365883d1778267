"""Numbers and names as people read them. Every text that comes from a source passes through ``cut``."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

TEXT_LIMIT = 160
"""Characters of a name, key or message that the report keeps; an ellipsis replaces the rest."""

_BYTE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_COUNT_UNITS = ("", "k", "M", "G", "T", "P")
_LINE_ENDS = "\u2028\u2029"
_UNSEEN = (
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def cut(text: object, limit: int = TEXT_LIMIT) -> str:
    """``text`` with control characters made visible. If it is longer than ``limit``, its middle is left out: both ends
    of a path matter more than its middle.
    """
    plain = str(text)
    if len(plain) > limit:
        tail = limit // 3
        plain = f"{plain[: limit - tail - 1]}…{plain[-tail:]}"
    return visible(plain)


def visible(text: str, keep: str = "") -> str:
    """``text`` without invisible characters and without any that a page or a terminal acts on, except those in ``keep``.

    Control characters become their symbols. Marks that change the direction of text, which can make ``gpj.exe`` look
    like ``exe.jpg``, and marks without a width become U+2426; Arabic and Hebrew do not need them. Lone surrogates (from
    file names that are not UTF-8) become U+FFFD, because no page can hold them.

    >>> visible(chr(27) + "[31m" + chr(10))
    '␛[31m␊'
    """
    return "".join(char if char in keep else _visible(char) for char in text)


def width(text: str) -> int:
    """Columns that ``text`` takes in a terminal: two for each wide East Asian letter, none for a combining mark.

    >>> width("photo"), width("写真")
    (5, 4)
    """
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def isolate(name: str) -> str:
    """``name`` for the middle of a sentence. Right-to-left letters in it do not move the text around it."""
    return f"\u2068{name}\u2069"


def unique(labels: Iterable[str]) -> list[str]:
    """Labels made distinct with a number, because cutting may have made two of them equal.

    >>> unique(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return result


def number(value: float) -> str:
    """A count with a narrow no-break space between thousands.

    >>> number(1234567)
    '1\\u202f234\\u202f567'
    """
    return f"{value:,.0f}".replace(",", "\u202f")


def short(value: float) -> str:
    """A number to three digits: ``1.23 M``, ``0.0451``.

    >>> short(1_234_567), short(12), short(0.04512)
    ('1.23\\xa0M', '12', '0.0451')
    """
    size = abs(value)
    unit = 0
    while size >= 999.5 and unit < len(_COUNT_UNITS) - 1:
        size /= 1000
        unit += 1
    scaled = value / 1000**unit
    if unit == 0:
        digits = f"{scaled:.3g}"
    elif size < 9.995:
        digits = f"{scaled:.2f}"
    else:
        digits = f"{scaled:.1f}"
    if "." in digits and "e" not in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}\u00a0{_COUNT_UNITS[unit]}" if unit else digits


def size(value: float) -> str:
    """Bytes in decimal units, as file managers and object stores count them.

    >>> size(999), size(1_500), size(5_243_000_000)
    ('999\\xa0B', '1.5\\xa0KB', '5.2\\xa0GB')
    """
    amount = float(value)
    unit = 0
    while abs(amount) >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        amount /= 1000
        unit += 1
    if unit == 0 or abs(amount) >= 99.95:
        digits = f"{amount:.0f}"
    else:
        digits = f"{amount:.1f}".removesuffix(".0")
    return f"{digits}\u00a0{_BYTE_UNITS[unit]}"


def percent(share: float) -> str:
    """A share of 0..1. A small share is never shown as 0 %, an incomplete one never as 100 %.

    >>> percent(0.384), percent(0.0004), percent(0.9999), percent(0)
    ('38\\xa0%', '<0.1\\xa0%', '>99.9\\xa0%', '0\\xa0%')
    """
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1\u00a0%"
    if 99.9 < value < 100:
        return ">99.9\u00a0%"
    precise = value not in (0, 100) and (value < 10 or value > 99)
    return f"{value:.1f}\u00a0%" if precise else f"{value:.0f}\u00a0%"


def duration(seconds: float) -> str:
    """A time as a person would say it.

    >>> duration(0.0123), duration(4.25), duration(75), duration(7384)
    ('12\\xa0ms', '4.2\\xa0s', '1\\xa0min 15\\xa0s', '2\\xa0h 3\\xa0min')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f}\u00a0ms"
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}\u00a0min {whole % 60}\u00a0s"
    return f"{whole // 3600}\u00a0h {whole % 3600 // 60}\u00a0min"


def plural(count: float, noun: str, many: str | None = None) -> str:
    """A count and its noun: ``1 image``, ``2 images``."""
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def _visible(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F or 0x80 <= code <= 0x9F:
        return "\u2421"
    if code < 0x600:
        return char
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if char in _LINE_ENDS:
        return "\u2424"
    return "\u2426" if char in _UNSEEN else char
