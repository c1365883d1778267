"""Dates as cameras, phones and programs write them, with the time zone if they give it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_BETWEEN = r"\s*[:\-/.\s]\s*"
_DATE_TIME = re.compile(
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
"""Year first, with any of the separators seen in real files. Anything but letters may follow:
unknown letters could mean that the hours are in the afternoon."""

_OFFSET = re.compile(r"\s*(?P<sign>[+-])\s*(?P<hours>\d{1,2}):?(?P<minutes>\d\d)?\s*")
_UTC = ("Z", "UTC", "GMT")

_LONGEST = 64
"""Characters of a date."""

_LARGEST_OFFSET = 15
"""Hours. The largest offset in history was 15:13 (Manila and Alaska before 1867); today's is 14."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A local time, and its distance from UTC as ``+hh:mm`` or ``-hh:mm``; None if unknown."""

    at: datetime
    offset: str | None = None


def timestamp_of(text: str | None, *, whole_day: bool = False) -> Timestamp | None:
    """Return the time that ``text`` gives; None for impossible ones like ``0000:00:00 00:00:00``.

    A date without a time of day is midnight with ``whole_day``, and None without.
    """
    match = _DATE_TIME.fullmatch(text or "", 0, _LONGEST)
    if match is None or (match["hour"] is None and not whole_day):
        return None
    try:
        at = datetime(
            int(match["year"]),
            int(match["month"]),
            int(match["day"]),
            _hour(match),
            int(match["minute"] or 0),
            int(match["second"] or 0),
        )
    except ValueError:
        return None
    at = with_fraction(at, match["fraction"])
    return Timestamp(at, offset_of(match["zone"]))


def _hour(match: re.Match[str]) -> int:
    """Return the hour from 0 to 23; 12 a.m. is 0."""
    hour = int(match["hour"] or 0)
    half = (match["half"] or "").lower()
    if half == "p" and hour < 12:
        return hour + 12
    if half == "a" and hour == 12:
        return 0
    return hour


def with_fraction(at: datetime, digits: str | None) -> datetime:
    """Return ``at`` plus the decimals of a second, up to six of them, at the start of ``digits``."""
    found = re.match(r"\d{1,6}", digits or "")
    if found is None:
        return at
    microseconds = int(found[0].ljust(6, "0"))
    return at + timedelta(microseconds=microseconds)


def offset_of(text: str | None) -> str | None:
    """Return ``+hh:mm`` or ``-hh:mm`` for a time zone such as ``+0200``, ``-3`` or ``Z``.

    Returns None for anything else.
    """
    if (text or "").strip().upper() in _UTC:
        return "+00:00"
    match = _OFFSET.fullmatch(text or "")
    if match is None:
        return None
    hours = int(match["hours"])
    minutes = int(match["minutes"] or 0)
    if hours > _LARGEST_OFFSET or minutes > 59:
        return None
    # Zero has one spelling.
    sign = match["sign"] if hours or minutes else "+"
    return f"{sign}{hours:02}:{minutes:02}"
