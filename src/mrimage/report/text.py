"""Numbers and names as people read them; every text of a source passes through ``cut``."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

TEXT_LIMIT = 160
"""Characters of a name, key or message that the report keeps; a mark of omission follows."""

_BYTE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_COUNT_UNITS = ("", "k", "M", "G", "T", "P")
_LINE_ENDS = "\u2028\u2029"
_UNSEEN = (
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def cut(text: object, limit: int = TEXT_LIMIT) -> str:
    """``text`` with control characters made visible, its middle left out where it is longer than ``limit``.

    The end of a path tells more than its middle, so both ends stay.
    """
    plain = str(text)
    if len(plain) > limit:
        tail = limit // 3
        plain = f"{plain[: limit - tail - 1]}…{plain[-tail:]}"
    return visible(plain)


def visible(text: str, keep: str = "") -> str:
    """``text`` without anything that a page, a terminal or a reader's eye would obey or miss; ``keep`` stays.

    Control characters become their symbols. Marks that turn the direction of the text around them, which can make
    ``gpj.exe`` look like ``exe.jpg``, and those without a width become U+2426; Arabic and Hebrew need none of them.
    Lone surrogates (file names that are no UTF-8) become U+FFFD, since no page can hold them.

    >>> visible(chr(27) + "[31m" + chr(10))
    '␛[31m␊'
    """
    return "".join(char if char in keep else _visible(char) for char in text)


def width(text: str) -> int:
    """Columns that ``text`` takes in a terminal: two for each wide letter of East Asia, none for what sits on another.

    >>> width("photo"), width("写真")
    (5, 4)
    """
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def isolate(name: str) -> str:
    """``name`` for the middle of a sentence: whichever way its letters run, those around it stay where they are."""
    return f"\u2068{name}\u2069"


def unique(labels: Iterable[str]) -> list[str]:
    """Labels made distinct with a number, since cutting may have made two of them equal.

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
    """A count with thousands apart, by a narrow no-break space.

    >>> number(1234567)
    '1\\u202f234\\u202f567'
    """
    return f"{value:,.0f}".replace(",", "\u202f")


def short(value: float) -> str:
    """A number to three digits: ``1.23 M``, ``0.0451``.

    >>> short(1_234_567), short(12), short(0.04512)
    ('1.23\\xa0M', '12', '0.0451')
    """
    size, unit = abs(value), 0
    while size >= 999.5 and unit < len(_COUNT_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    scaled = value / 1000**unit
    digits = f"{scaled:.3g}" if unit == 0 else f"{scaled:.2f}" if size < 9.995 else f"{scaled:.1f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits and "e" not in digits else digits
    return f"{digits}\u00a0{_COUNT_UNITS[unit]}" if unit else digits


def size(value: float) -> str:
    """Bytes in decimal units, as file managers and object stores count them.

    >>> size(999), size(1_500), size(5_243_000_000)
    ('999\\xa0B', '1.5\\xa0KB', '5.2\\xa0GB')
    """
    amount, unit = float(value), 0
    while abs(amount) >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    digits = (
        f"{amount:.0f}" if unit == 0 or abs(amount) >= 99.95 else f"{amount:.1f}".removesuffix(".0")
    )
    return f"{digits}\u00a0{_BYTE_UNITS[unit]}"


def percent(share: float) -> str:
    """A share of 0..1; what is there is never shown as 0 %, what is not all never as 100 %.

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
    return "\u2424" if char in _LINE_ENDS else "\u2426" if char in _UNSEEN else char
