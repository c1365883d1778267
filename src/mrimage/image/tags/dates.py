"""Dates as cameras, phones and programs write them, with the time zone where they give it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_BETWEEN = r"\s*[:\-/.\s]\s*"
_MOMENT = re.compile(
    rf"""\s*
    (?P<year>\d{{4}}) {_BETWEEN} (?P<month>\d{{1,2}}) {_BETWEEN} (?P<day>\d{{1,2}})
    (?: (?:\s*[T:]\s*|\s+)
        (?P<hour>\d{{1,2}}) \s*[:.]\s* (?P<minute>\d{{1,2}})
        (?: \s*[:.]\s* (?P<second>\d{{1,2}}) (?: [.,] (?P<fraction>\d{{1,9}}) )? )?
        \s* (?: (?P<half>[ap]) \.? m \.? )?
        \s* (?P<zone> Z | UTC | GMT | [+-]\d{{1,2}}:?\d\d | [+-]\d{{1,2}} )?
    )?
    [\W\d_]*""",
    re.VERBOSE | re.IGNORECASE,
)
"""Year first, with any of the separators seen in real files. What follows may be anything but letters: those that are
not understood here may say that the hours are of the afternoon."""

_OFFSET = re.compile(r"\s*(?P<sign>[+-])\s*(?P<hours>\d{1,2}):?(?P<minutes>\d\d)?\s*")
_UTC = ("Z", "UTC", "GMT")
_LONGEST = 64
_FARTHEST = 15
"""Hours; the farthest zone in history was 15:13 (Manila and Alaska before 1867), today's is 14."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A local time, and its distance from UTC as ``+hh:mm`` or ``-hh:mm``; None where that is not given."""

    at: datetime
    offset: str | None = None


def moment_of(text: str | None, *, whole_day: bool = False) -> Moment | None:
    """The moment that ``text`` names; None where it names none that exists, such as ``0000:00:00 00:00:00``.

    A date without a time of day is None too, or midnight with ``whole_day``.
    """
    match = _MOMENT.fullmatch(text or "", 0, _LONGEST)
    if match is None or (match["hour"] is None and not whole_day):
        return None
    try:
        day = datetime(int(match["year"]), int(match["month"]), int(match["day"]))
        at = day.replace(
            hour=_hour(match), minute=int(match["minute"] or 0), second=int(match["second"] or 0)
        )
    except ValueError:
        return None
    return Moment(with_fraction(at, match["fraction"]), offset_of(match["zone"]))


def _hour(match: re.Match[str]) -> int:
    hour = int(match["hour"] or 0)
    half = (match["half"] or "").lower()
    if half == "p" and hour < 12:
        return hour + 12
    return 0 if half == "a" and hour == 12 else hour


def with_fraction(at: datetime, digits: str | None) -> datetime:
    """``at`` with the decimals of its second, which ``digits`` begins with."""
    found = re.match(r"\d{1,6}", digits or "")
    if found is None:
        return at
    return at + timedelta(microseconds=int(found[0].ljust(6, "0")))


def offset_of(text: str | None) -> str | None:
    """``+hh:mm`` or ``-hh:mm`` of a time zone such as ``+0200``, ``-3`` or ``Z``; None for anything else."""
    if (text or "").strip().upper() in _UTC:
        return "+00:00"
    match = _OFFSET.fullmatch(text or "")
    if match is None:
        return None
    hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
    if hours > _FARTHEST or minutes > 59:
        return None
    sign = match["sign"] if hours or minutes else "+"
    return f"{sign}{hours:02}:{minutes:02}"
