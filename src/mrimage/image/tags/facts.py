"""The facts of a photograph from EXIF, and where EXIF lacks them from XMP, then from IPTC.

The tags are those that exiftool, Immich and PhotoPrism read. The order follows the guidelines of
the Metadata Working Group (2.0, chapter 5), which trust EXIF first.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from mrimage.image.tags.dates import Timestamp, timestamp_of
from mrimage.image.tags.directory import printable
from mrimage.image.tags.exif import TagFacts, both, camera_name, degrees_of
from mrimage.image.tags.iptc import datasets_of
from mrimage.image.tags.xmp import Properties, properties_of

Facts = dict[str, Any]
"""Fields of TagFacts by name."""

_GROUPS = (
    ("taken_at", "taken_at_offset"),
    ("camera_make", "camera"),
    ("lens",),
    ("latitude", "longitude"),
    ("iso",),
    ("exposure_time",),
    ("f_number",),
    ("focal_length",),
    ("software",),
)
"""Facts that must come from one source: make and model of one camera, but not its lens."""

_DATES = (
    "exif:DateTimeOriginal",
    "photoshop:DateCreated",
    "exif:DateTimeDigitized",
    "xmp:CreateDate",
)
_LENSES = ("exifEX:LensModel", "aux:Lens")
_SPEEDS = (
    "exifEX:PhotographicSensitivity",
    "exif:ISOSpeedRatings",
    "exifEX:RecommendedExposureIndex",
)
"""Properties of XMP for one fact each; the first that is there counts."""

_NUMBERS = {
    "exposure_time": "exif:ExposureTime",
    "f_number": "exif:FNumber",
    "focal_length": "exif:FocalLength",
}
_TEXTS = ("tiff:Make", "tiff:Model", "tiff:Software", "exif:GPSLatitude", "exif:GPSLongitude")
_WORDS = tuple(
    name.partition(":")[2].encode()
    for name in (*_DATES, *_LENSES, *_SPEEDS, *_NUMBERS.values(), *_TEXTS)
)
"""A packet without any of these words need not be parsed."""

_MOST_ISO = 1 << 31

_NUMBER = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(?:/(\d{1,12}))?")
_DEGREES = re.compile(
    r"-?(\d{1,3}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?(?:,(\d{1,2}(?:\.\d+)?))?\s*([A-Za-z]?)"
)
_CLOCK = re.compile(r"(\d\d):?(\d\d):?(\d\d)\s*(.*)")

_IPTC_DATES = ((55, 60), (62, 63))
"""Datasets of date and time: created, then digitized."""


def with_other_facts(exif_facts: TagFacts, xmp: bytes | None, iptc: bytes | None) -> TagFacts:
    """Return ``exif_facts`` with the facts that only XMP or IPTC give.

    ``facts_from`` of the result names the sources.
    """
    sources: list[str] = []
    if any(_has_any(exif_facts, group) for group in _GROUPS):
        sources.append("exif")
    if xmp is not None and any(word in xmp for word in _WORDS):
        exif_facts = _filled(exif_facts, _of_xmp(properties_of(xmp)), "xmp", sources)
    if iptc is not None and exif_facts.taken_at is None:
        exif_facts = _filled(exif_facts, _of_iptc(iptc), "iptc", sources)
    if not sources:
        return exif_facts
    return replace(exif_facts, facts_from="+".join(sources))


def _has_any(exif_facts: TagFacts, group: tuple[str, ...]) -> bool:
    values = [getattr(exif_facts, name) for name in group]
    return any(value is not None for value in values)


def _filled(exif_facts: TagFacts, facts: Facts, source: str, sources: list[str]) -> TagFacts:
    """Return ``exif_facts`` with those groups of ``facts`` of which it has nothing.

    Adds ``source`` to ``sources`` if it contributes.
    """
    new: Facts = {}
    for group in _GROUPS:
        if _has_any(exif_facts, group):
            continue
        for name in group:
            if facts.get(name) is not None:
                new[name] = facts[name]
    if not new:
        return exif_facts
    sources.append(source)
    return replace(exif_facts, **new)


def _of_xmp(found: Properties) -> Facts:
    latitude, longitude = both(
        _degrees(found, "exif:GPSLatitude", "NS", 90.0),
        _degrees(found, "exif:GPSLongitude", "EW", 180.0),
    )
    make = _text(found, "tiff:Make")
    facts: Facts = {
        "camera_make": make,
        "camera": camera_name(make, _text(found, "tiff:Model")),
        "lens": _lens(found),
        "latitude": latitude,
        "longitude": longitude,
        "iso": _iso(found),
        "software": _text(found, "tiff:Software"),
    }
    for fact, name in _NUMBERS.items():
        facts[fact] = _number(found, name)
    return facts | _date(found)


def _lens(found: Properties) -> str | None:
    texts = (_text(found, name) for name in _LENSES)
    return next(filter(None, texts), None)


def _iso(found: Properties) -> int | None:
    numbers = (_number(found, name) for name in _SPEEDS)
    iso = next(filter(None, numbers), None)
    if iso is None or iso >= _MOST_ISO:
        return None
    return int(iso) or None


def _date(found: Properties) -> Facts:
    for name in _DATES:
        date = timestamp_of(_text(found, name), whole_day=True)
        if date is not None:
            return _of_date(date)
    return {}


def _of_date(date: Timestamp) -> Facts:
    return {"taken_at": date.at, "taken_at_offset": date.offset}


def _text(found: Properties, name: str) -> str | None:
    """Return the first text of a property, without control characters; None if blank."""
    texts = found.get(name, ())
    return printable(texts[0]) if texts else None


def _number(found: Properties, name: str) -> float | None:
    """Return a number above zero, written as a fraction such as ``1/250`` or as decimals."""
    match = _NUMBER.fullmatch(_text(found, name) or "")
    if match is None:
        return None
    denominator = int(match[2] or 1)
    if denominator == 0:
        return None
    return float(match[1]) / denominator or None


def _degrees(found: Properties, name: str, letters: str, bound: float) -> float | None:
    """Return degrees from ``48,51.498N`` or ``48,51,29.88N`` (XMP specification, part 2, 3.4).

    Also reads decimals of a degree, and the letter in a property of its own.
    """
    match = _DEGREES.fullmatch(_text(found, name) or "")
    if match is None:
        return None
    reference = match[4] or _text(found, f"{name}Ref")
    parts = [float(part) for part in match.groups()[:3] if part]
    return degrees_of(parts, reference, letters, bound)


def _of_iptc(block: bytes) -> Facts:
    """Return the date, stored as ``20240131`` and ``142259+0100``.

    IPTC has neither cameras nor positions.
    """
    found = datasets_of(block)
    for date_number, time_number in _IPTC_DATES:
        text = _iptc_date(_first(found.get(date_number)), _first(found.get(time_number)))
        date = timestamp_of(text, whole_day=True)
        if date is not None:
            return _of_date(date)
    return {}


def _first(texts: tuple[str, ...] | None) -> str:
    return texts[0] if texts else ""


def _iptc_date(date: str, time: str) -> str:
    """Return ``2024-01-31T14:22:59+0100`` for IPTC's date and time."""
    digits = re.sub(r"\D", "", date)
    year = digits[:4]
    month = digits[4:6]
    day = digits[6:8]
    text = f"{year}-{month}-{day}"
    clock = _CLOCK.fullmatch(time)
    if clock is None:
        return text
    hour, minute, second, zone = clock.groups()
    return f"{text}T{hour}:{minute}:{second}{zone}"
