"""The facts of a photograph from all that is written beside it: EXIF, and where EXIF has nothing XMP, then IPTC.

The tags are those that exiftool, Immich and PhotoPrism read; the order is that of the Metadata Working Group's
guidelines (2.0, chapter 5), which trust EXIF first.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from mrimage.image.tags.dates import Moment, moment_of
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
"""Facts that belong together and come from one place: the make and the model, but not the lens, of one camera."""

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

_IPTC_DATES = ((55, 60), (62, 63))
"""Datasets of date and time: created, and digitized."""


def with_other_facts(facts: TagFacts, xmp: bytes | None, iptc: bytes | None) -> TagFacts:
    """``facts``, which is EXIF's, with what only the XMP packet or the IPTC block says, and where its facts are from."""
    sources = (
        ["exif"]
        if any(getattr(facts, name) is not None for group in _GROUPS for name in group)
        else []
    )
    if xmp is not None and any(word in xmp for word in _WORDS):
        facts = _filled(facts, _of_xmp(properties_of(xmp)), "xmp", sources)
    if iptc is not None and facts.taken_at is None:
        facts = _filled(facts, _of_iptc(iptc), "iptc", sources)
    return replace(facts, facts_from="+".join(sources)) if sources else facts


def _filled(facts: TagFacts, more: Facts, source: str, sources: list[str]) -> TagFacts:
    """``facts`` with the groups of ``more`` of which it has nothing; ``source`` is added to ``sources`` if one is used."""
    new: Facts = {}
    for group in _GROUPS:
        if all(getattr(facts, name) is None for name in group):
            new |= {name: more[name] for name in group if more.get(name) is not None}
    if not new:
        return facts
    sources.append(source)
    return replace(facts, **new)


def _of_xmp(found: Properties) -> Facts:
    make = _text(found, "tiff:Make")
    latitude = _degrees(found, "exif:GPSLatitude", "NS", 90.0)
    longitude = _degrees(found, "exif:GPSLongitude", "EW", 180.0)
    latitude, longitude = both(latitude, longitude)
    iso = next(filter(None, (_number(found, name) for name in _SPEEDS)), None)
    facts: Facts = {
        "camera_make": make,
        "camera": camera_name(make, _text(found, "tiff:Model")),
        "lens": next(filter(None, (_text(found, name) for name in _LENSES)), None),
        "latitude": latitude,
        "longitude": longitude,
        "iso": int(iso) or None if iso is not None and iso < 1 << 31 else None,
        "software": _text(found, "tiff:Software"),
    }
    facts |= {name: _number(found, text) for name, text in _NUMBERS.items()}
    dates = (moment_of(_text(found, name), whole_day=True) for name in _DATES)
    return facts | _of_moment(next(filter(None, dates), None))


def _of_moment(moment: Moment | None) -> Facts:
    return {"taken_at": moment.at, "taken_at_offset": moment.offset} if moment else {}


def _text(found: Properties, name: str) -> str | None:
    """The first text of a property, without what does not print; None when nothing is left."""
    text = next(iter(found.get(name, ())), "")
    return "".join(char for char in text if char.isprintable()).strip() or None


def _number(found: Properties, name: str) -> float | None:
    """A number above zero that is written as a fraction, ``1/250``, or as decimals."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,12})?)(?:/(\d{1,12}))?", _text(found, name) or "")
    if match is None:
        return None
    below = int(match[2] or 1)
    return float(match[1]) / below or None if below else None


def _degrees(found: Properties, name: str, letters: str, bound: float) -> float | None:
    """``48,51.498N`` or ``48,51,29.88N`` (XMP specification, part 2, 3.4), also with decimals of a degree, and with the
    letter in a property of its own."""
    text = _text(found, name) or ""
    match = re.fullmatch(
        r"-?(\d{1,3}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?(?:,(\d{1,2}(?:\.\d+)?))?\s*([A-Za-z]?)",
        text,
    )
    if match is None:
        return None
    reference = match[4] or _text(found, f"{name}Ref")
    return degrees_of(
        [float(part) for part in match.groups()[:3] if part], reference, letters, bound
    )


def _of_iptc(block: bytes) -> Facts:
    """The date, as ``20240131`` and ``142259+0100``; IPTC knows neither cameras nor positions."""
    found = datasets_of(block)
    for date, time in _IPTC_DATES:
        digits = re.sub(r"\D", "", "".join(found.get(date, ())[:1]))
        clock = re.fullmatch(r"(\d\d):?(\d\d):?(\d\d)\s*(.*)", "".join(found.get(time, ())[:1]))
        text = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
        if clock is not None:
            text += f"T{clock[1]}:{clock[2]}:{clock[3]}{clock[4]}"
        moment = moment_of(text, whole_day=True)
        if moment is not None:
            return _of_moment(moment)
    return {}
