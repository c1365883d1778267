"""The EXIF facts of a photograph: what the camera wrote beside the pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from mrimage.image.tags.dates import Timestamp, offset_of, timestamp_of, with_fraction
from mrimage.image.tags.directory import Directory, Tree, tree_of

MAKE = 0x10F
MODEL = 0x110
ORIENTATION = 0x112
X_RESOLUTION = 0x11A
RESOLUTION_UNIT = 0x128
SOFTWARE = 0x131
ARTIST = 0x13B
COPYRIGHT = 0x8298
EXPOSURE_TIME = 0x829A
F_NUMBER = 0x829D
EXIF_DIRECTORY = 0x8769
GPS_DIRECTORY = 0x8825
ISO = 0x8827
TIME_ZONE = 0x882A
RECOMMENDED_INDEX = 0x8832
ISO_SPEED = 0x8833
ORIGINAL = 0x9003
DIGITIZED = 0x9004
OFFSET_ORIGINAL = 0x9011
OFFSET_DIGITIZED = 0x9012
FOCAL_LENGTH = 0x920A
SUB_ORIGINAL = 0x9291
SUB_DIGITIZED = 0x9292
COLOR_SPACE = 0xA001
INTEROP_DIRECTORY = 0xA005
LENS_MODEL = 0xA434
"""Tags; the GPS and interoperability directories number theirs from 1."""

_LATITUDE_REF = 1
_LATITUDE = 2
_LONGITUDE_REF = 3
_LONGITUDE = 4
_INTEROP_INDEX = 1

_SRGB = 1
_ADOBE_RGB = 2
_UNCALIBRATED = 65_535
"""Values of ColorSpace. ``_ADOBE_RGB`` is not in the standard, but some cameras write it."""

_ISO_ELSEWHERE = 65_535
"""What ISOSpeedRatings says if the number needs more than its 16 bits (EXIF 2.3, 4.6.5)."""

_MOST_ISO = 1 << 31

_DPI_FACTORS = {None: 1.0, 2: 1.0, 3: 2.54}
"""By ResolutionUnit: inches by default, inches, centimeters."""


@dataclass(frozen=True, slots=True)
class TagFacts:
    """The facts of one photograph; None for what is missing, zero or nonsense.

    ``exposure_time`` is in seconds, ``focal_length`` in millimeters, ``latitude`` and
    ``longitude`` in degrees, north and east positive. ``color_space`` is ``srgb``, ``adobe-rgb``
    or None (EXIF ColorSpace and the interoperability index ``R03`` of DCF 2.0). ``taken_at`` is
    local time and ``taken_at_offset`` its distance from UTC as ``+hh:mm``. ``facts_from`` names
    the sources of the facts: ``exif``, ``xmp``, ``iptc`` or several of them, joined by ``+``.
    """

    orientation: int | None = None
    dpi: float | None = None
    camera_make: str | None = None
    camera: str | None = None
    lens: str | None = None
    taken_at: datetime | None = None
    iso: int | None = None
    exposure_time: float | None = None
    f_number: float | None = None
    focal_length: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    software: str | None = None
    color_space: str | None = None
    artist: str | None = None
    copyright: str | None = None
    taken_at_offset: str | None = None
    facts_from: str | None = None


NOTHING = TagFacts()


def facts_in_tree(tree: Tree | None) -> TagFacts:
    """Return the facts in the TIFF tree of an EXIF block, or of a whole TIFF file."""
    if tree is None:
        return NOTHING
    first = tree.first
    details = _Details(first)
    make = first.text(MAKE)
    taken = _date(details, ORIGINAL) or _date(details, DIGITIZED)
    latitude, longitude = _position(first.directory(GPS_DIRECTORY))
    return TagFacts(
        orientation=_orientation(first),
        dpi=resolution(first),
        camera_make=make,
        camera=camera_name(make, first.text(MODEL)),
        lens=details.text(LENS_MODEL),
        taken_at=taken.at if taken else None,
        taken_at_offset=taken.offset if taken else None,
        iso=_iso(details),
        exposure_time=_positive(details, EXPOSURE_TIME),
        f_number=_positive(details, F_NUMBER),
        focal_length=_positive(details, FOCAL_LENGTH),
        latitude=latitude,
        longitude=longitude,
        software=first.text(SOFTWARE),
        color_space=_color_space(details),
        artist=first.text(ARTIST),
        copyright=first.text(COPYRIGHT),
    )


class _Details:
    """The tags of the EXIF directory. Some writers put any of them in the first directory."""

    def __init__(self, first: Directory) -> None:
        exif = first.directory(EXIF_DIRECTORY)
        self._directories = (exif, first) if exif is not None else (first,)

    def directory_with(self, tag: int) -> Directory:
        """Return the directory that has ``tag``, or the first directory if none has it."""
        for directory in self._directories:
            if tag in directory:
                return directory
        return self._directories[-1]

    def text(self, tag: int) -> str | None:
        return self.directory_with(tag).text(tag)

    def number(self, tag: int) -> int | float | None:
        return self.directory_with(tag).number(tag)

    def integer(self, tag: int) -> int | None:
        return self.directory_with(tag).integer(tag)


def facts_in_exif(block: bytes | None) -> TagFacts:
    """Return the facts in an EXIF block; no facts without one."""
    return facts_in_tree(tree_of(block)) if block else NOTHING


def camera_name(make: str | None, model: str | None) -> str | None:
    """Return make and model as people say them: ``Canon EOS 5D``, ``NIKON D90``.

    The maker is not repeated if the model begins with its name.
    """
    if model is None or make is None:
        return model
    brand = make.split()[0].rstrip(",.")
    if model.lower().startswith(brand.lower()):
        return model
    return f"{brand} {model}"


def resolution(directory: Directory) -> float | None:
    """Return dots per inch across, from XResolution and ResolutionUnit.

    Returns None if the resolution is missing, zero or without a unit.
    """
    across = directory.number(X_RESOLUTION)
    factor = _DPI_FACTORS.get(directory.integer(RESOLUTION_UNIT))
    if not across or not factor:
        return None
    return across * factor


def _orientation(first: Directory) -> int | None:
    orientation = first.integer(ORIENTATION)
    return orientation if orientation in range(1, 9) else None


def _positive(details: _Details, tag: int) -> float | None:
    number = details.number(tag)
    if number is None or not 0 < number < math.inf:
        return None
    return float(number)


def _iso(details: _Details) -> int | None:
    for tag in (ISO, RECOMMENDED_INDEX, ISO_SPEED):
        number = details.integer(tag)
        if number is None or not 0 < number < _MOST_ISO:
            continue
        if tag != ISO or number != _ISO_ELSEWHERE:
            return number
    return None


_COMPANIONS = {
    ORIGINAL: (SUB_ORIGINAL, OFFSET_ORIGINAL, 0),
    DIGITIZED: (SUB_DIGITIZED, OFFSET_DIGITIZED, 1),
}
"""The tags of each date's decimals and zone, and its index in TIFF/EP's tag TimeZoneOffset.

The tag OffsetTime does not count: it is the zone of the last change, perhaps another one.
"""


def _date(details: _Details, tag: int) -> Timestamp | None:
    found = timestamp_of(details.text(tag))
    if found is None:
        return None
    decimals_tag, offset_tag, index = _COMPANIONS[tag]
    offset = found.offset
    offset = offset or offset_of(details.text(offset_tag))
    offset = offset or _offset_in_hours(details, index)
    return Timestamp(with_fraction(found.at, details.text(decimals_tag)), offset)


def _offset_in_hours(details: _Details, index: int) -> str | None:
    """Return the offset that TimeZoneOffset gives in whole hours at ``index``."""
    hours = details.directory_with(TIME_ZONE).get(TIME_ZONE)
    if hours is None or isinstance(hours, bytes) or len(hours) <= index:
        return None
    offset = int(hours[index])
    return offset_of(f"{offset:+}")


def _position(gps: Directory | None) -> tuple[float | None, float | None]:
    """Return latitude and longitude in degrees, or two Nones."""
    if gps is None:
        return None, None
    latitude = _degrees(gps, _LATITUDE, gps.text(_LATITUDE_REF), "NS", 90.0)
    longitude = _degrees(gps, _LONGITUDE, gps.text(_LONGITUDE_REF), "EW", 180.0)
    return both(latitude, longitude)


def both(latitude: float | None, longitude: float | None) -> tuple[float | None, float | None]:
    """Return both numbers, or two Nones: half a position is useless."""
    if latitude is None or longitude is None:
        return None, None
    return latitude, longitude


def _degrees(
    gps: Directory, tag: int, reference: str | None, letters: str, bound: float
) -> float | None:
    parts = gps.get(tag)
    if parts is None or isinstance(parts, bytes) or not 1 <= len(parts) <= 3:
        return None
    numbers = [float(part) for part in parts]
    return degrees_of(numbers, reference, letters, bound)


def degrees_of(
    parts: list[float], reference: str | None, letters: str, bound: float
) -> float | None:
    """Return degrees from 1 to 3 ``parts``: degrees, minutes and seconds.

    ``reference`` begins with the letter of the hemisphere, one of the two ``letters``, of which
    the second means negative. Without it the position is unknown; with it any sign is ignored.
    Returns None beyond ``bound`` degrees, or if a part is not a number.
    """
    letter = (reference or "").strip()[:1].upper()
    if not letter or letter not in letters:
        return None
    degrees = sum(abs(part) / unit for part, unit in zip(parts, (1, 60, 3600), strict=False))
    # Also true for nan.
    if not degrees <= bound:
        return None
    # 8 decimals are a millimeter; the rest is the rounding error of the sum.
    degrees = round(degrees, 8)
    return -degrees if letter == letters[1] else degrees


def _color_space(details: _Details) -> str | None:
    value = details.integer(COLOR_SPACE)
    if value == _SRGB:
        return "srgb"
    if value == _ADOBE_RGB:
        return "adobe-rgb"
    if value == _UNCALIBRATED:
        directory = details.directory_with(INTEROP_DIRECTORY).directory(INTEROP_DIRECTORY)
        if directory is not None and directory.text(_INTEROP_INDEX) == "R03":
            return "adobe-rgb"
    return None
