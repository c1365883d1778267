"""Numbers and names as people read them. Every text that comes from a source goes through ``cut``."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping

from mrimage.types import IGNORED

TEXT_LIMIT = 160
"""Characters of a name, key or message that the report keeps; an ellipsis replaces the rest."""

_BYTE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_COUNT_UNITS = ("", "k", "M", "G", "T", "P")

_LINE_ENDS = "\u2028\u2029"
"""The line and paragraph separators."""

_INVISIBLE = (
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Marks that set the direction of text, and marks without a width."""


def cut(text: object, limit: int = TEXT_LIMIT) -> str:
    """Return ``text`` with control characters made visible, in at most ``limit`` characters.

    If it is longer, an ellipsis replaces its middle: both ends of a path matter more.
    """
    plain = str(text)
    if len(plain) > limit:
        tail = limit // 3
        head = limit - tail - 1
        plain = f"{plain[:head]}…{plain[-tail:]}"
    return visible(plain)


def visible(text: str, keep: str = "") -> str:
    """Replace invisible characters, and those that a page or a terminal acts on, by visible ones.

    Characters in ``keep`` stay. Control characters become their symbols. Marks that change the
    direction of text, which can make ``gpj.exe`` look like ``exe.jpg``, and marks without a width
    become U+2426; Arabic and Hebrew do not need them. Lone surrogates (from file names that are not
    UTF-8) become U+FFFD, because no page can hold them.

    >>> visible(chr(27) + "[31m" + chr(10))
    '␛[31m␊'
    """
    return "".join(char if char in keep else _visible(char) for char in text)


def _visible(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        # Unicode has the symbols of the control characters in the same order.
        return chr(0x2400 + code)
    if code == 0x7F or 0x80 <= code <= 0x9F:
        return "\u2421"
    if code < 0x600:
        return char
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if char in _LINE_ENDS:
        return "\u2424"
    return "\u2426" if char in _INVISIBLE else char


def width(text: str) -> int:
    """Return the columns that ``text`` takes in a terminal.

    A wide East Asian letter takes two, and a combining mark none.

    >>> width("photo"), width("写真")
    (5, 4)
    """
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def isolate(name: str) -> str:
    """Return ``name`` in Unicode isolates, for the middle of a sentence.

    Right-to-left letters in it then do not move the text around it.
    """
    return f"\u2068{name}\u2069"


def unique(labels: Iterable[str]) -> list[str]:
    """Make labels distinct by numbers, because cutting may have made two of them equal.

    >>> unique(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        count = seen.get(label, 0) + 1
        seen[label] = count
        result.append(label if count == 1 else f"{label} ({count})")
    return result


def number(value: float) -> str:
    """Return a count with a narrow no-break space between thousands.

    >>> number(1234567)
    '1\\u202f234\\u202f567'
    """
    return f"{value:,.0f}".replace(",", "\u202f")


def short(value: float) -> str:
    """Return a number to three digits: ``1.23 M``, ``0.0451``.

    >>> short(1_234_567), short(12), short(0.04512)
    ('1.23\\xa0M', '12', '0.0451')
    """
    amount = abs(value)
    unit = 0
    while amount >= 999.5 and unit < len(_COUNT_UNITS) - 1:
        amount /= 1000
        unit += 1
    scaled = value / 1000**unit
    if unit == 0:
        digits = f"{scaled:.3g}"
    elif amount < 9.995:
        digits = f"{scaled:.2f}"
    else:
        digits = f"{scaled:.1f}"
    if "." in digits and "e" not in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}\u00a0{_COUNT_UNITS[unit]}" if unit else digits


def size(value: float) -> str:
    """Return bytes in decimal units, as file managers and object stores count them.

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
    """Return a share of 0..1 in percent.

    A small share is never shown as 0 %, and an incomplete one never as 100 %.

    >>> percent(0.384), percent(0.0004), percent(0.9999), percent(0)
    ('38\\xa0%', '<0.1\\xa0%', '>99.9\\xa0%', '0\\xa0%')
    """
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1\u00a0%"
    if 99.9 < value < 100:
        return ">99.9\u00a0%"
    is_near_an_end = value < 10 or value > 99
    if is_near_an_end and value not in (0, 100):
        return f"{value:.1f}\u00a0%"
    return f"{value:.0f}\u00a0%"


def duration(seconds: float) -> str:
    """Return a time as a person would say it.

    >>> duration(0.0123), duration(4.25), duration(75), duration(7384)
    ('12\\xa0ms', '4.2\\xa0s', '1\\xa0min 15\\xa0s', '2\\xa0h 3\\xa0min')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f}\u00a0ms"
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest}\u00a0s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}\u00a0h {minutes}\u00a0min"


def plural(count: float, noun: str, many: str | None = None) -> str:
    """Return a count and its noun, ``1 image`` or ``2 images``; ``many`` is an irregular plural."""
    if count == 1:
        return f"{number(count)} {noun}"
    return f"{number(count)} {many or noun + 's'}"


def ignored(
    reasons: Mapping[str, int], earlier: str = "", counted: Callable[[int], str] = str
) -> str:
    """Return the reasons why something was ignored in words, the most frequent first.

    ``reasons`` counts by keys of IGNORED, and ``counted`` writes the counts. ``earlier`` are other
    words for what earlier runs wrote.

    >>> ignored({"hidden": 1, "empty row": 2}), ignored({"extension": 3})
    ('2 empty rows, 1 hidden', 'by their extensions')
    """
    most_first = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    parts = []
    for reason, count in most_first:
        # Another version of mrimage may have had other reasons.
        singular, several = IGNORED.get(reason, (reason, reason))
        words = singular if count == 1 else several
        if reason == "earlier run" and earlier:
            parts.append(earlier)
        elif len(reasons) == 1 and words.startswith("by "):
            # There is only one count, and it stands before these words.
            parts.append(words)
        else:
            parts.append(f"{counted(count)} {words}")
    return ", ".join(parts)
