"""What a camera wrote beside the picture: the EXIF facts of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mrimage.image.tags.dates import Moment, moment_of, offset_of, with_fraction
from mrimage.image.tags.directory import Directory, Tree, tree_of

MAKE, MODEL, ORIENTATION, SOFTWARE, ARTIST, COPYRIGHT = 0x10F, 0x110, 0x112, 0x131, 0x13B, 0x8298
EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY = 0x8769, 0x8825, 0xA005
EXPOSURE_TIME, F_NUMBER, ISO, ISO_SPEED, RECOMMENDED_INDEX = 0x829A, 0x829D, 0x8827, 0x8833, 0x8832
ORIGINAL, DIGITIZED, SUB_ORIGINAL, SUB_DIGITIZED = 0x9003, 0x9004, 0x9291, 0x9292
OFFSET_ORIGINAL, OFFSET_DIGITIZED, TIME_ZONE = 0x9011, 0x9012, 0x882A
FOCAL_LENGTH, COLOR_SPACE, LENS_MODEL = 0x920A, 0xA001, 0xA434
X_RESOLUTION, RESOLUTION_UNIT = 282, 296

_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_ISO_ELSEWHERE = 65_535
"""What the two bytes of ISOSpeedRatings say where the number is larger (EXIF 2.3, 4.6.5)."""


@dataclass(frozen=True, slots=True)
class TagFacts:
    """The facts of one photograph; None for what is missing, zero or nonsense.

    ``exposure_time`` in seconds, ``focal_length`` in millimetres, ``latitude`` and ``longitude`` in degrees,
    north and east positive, ``color_space`` is ``srgb``, ``adobe-rgb`` or None (EXIF ColorSpace and the
    interoperability index ``R03`` of DCF 2.0). ``taken_at`` is local time, ``taken_at_offset`` its distance from UTC as
    ``+hh:mm``. ``facts_from`` names where the facts of the catalogue come from: ``exif``, ``xmp``, ``iptc`` or
    several of them, joined by ``+``.
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
    """The facts in a TIFF tree, which is the EXIF block of a photograph or the TIFF file itself."""
    if tree is None:
        return NOTHING
    first = tree.first
    detail = Details(first)
    make = first.text(MAKE)
    taken = _moment(detail, ORIGINAL) or _moment(detail, DIGITIZED)
    orientation = first.integer(ORIENTATION)
    latitude, longitude = _position(first.directory(GPS_DIRECTORY))
    return TagFacts(
        orientation=orientation if orientation in range(1, 9) else None,
        dpi=resolution(first),
        camera_make=make,
        camera=camera_name(make, first.text(MODEL)),
        lens=detail.text(LENS_MODEL),
        taken_at=taken.at if taken else None,
        taken_at_offset=taken.offset if taken else None,
        iso=_iso(detail),
        exposure_time=_positive(detail, EXPOSURE_TIME),
        f_number=_positive(detail, F_NUMBER),
        focal_length=_positive(detail, FOCAL_LENGTH),
        latitude=latitude,
        longitude=longitude,
        software=first.text(SOFTWARE),
        color_space=_color_space(detail),
        artist=first.text(ARTIST),
        copyright=first.text(COPYRIGHT),
    )


class Details:
    """The tags of the EXIF directory, each of which some writers leave in the first directory instead."""

    def __init__(self, first: Directory) -> None:
        exif = first.directory(EXIF_DIRECTORY)
        self._places = (exif, first) if exif is not None else (first,)

    def place_of(self, tag: int) -> Directory:
        """The directory that has ``tag``; the first one where none has."""
        return next((place for place in self._places if tag in place), self._places[-1])

    def text(self, tag: int) -> str | None:
        return self.place_of(tag).text(tag)

    def number(self, tag: int) -> int | float | None:
        return self.place_of(tag).number(tag)

    def integer(self, tag: int) -> int | None:
        return self.place_of(tag).integer(tag)


def facts_in_exif(block: bytes | None) -> TagFacts:
    """The facts in an EXIF block, or none of them."""
    return facts_in_tree(tree_of(block)) if block else NOTHING


def camera_name(make: str | None, model: str | None) -> str | None:
    """Make and model as people say them: ``Canon EOS 5D``, ``NIKON D90``, never the maker twice."""
    if model is None or make is None:
        return model
    brand = make.split()[0].rstrip(",.")
    return model if model.lower().startswith(brand.lower()) else f"{brand} {model}"


def resolution(directory: Directory) -> float | None:
    """Dots per inch across, from XResolution and ResolutionUnit; None when absent, zero or without a unit."""
    across = directory.number(X_RESOLUTION)
    unit = directory.integer(RESOLUTION_UNIT)
    factor = {None: 1.0, 2: 1.0, 3: 2.54}.get(unit)
    return across * factor if across and factor else None


def _positive(detail: Details, tag: int) -> float | None:
    number = detail.number(tag)
    return float(number) if number is not None and 0 < number < float("inf") else None


def _iso(detail: Details) -> int | None:
    for tag in (ISO, RECOMMENDED_INDEX, ISO_SPEED):
        number = detail.integer(tag)
        if number is None or not 0 < number < 1 << 31:
            continue
        if tag != ISO or number != _ISO_ELSEWHERE:
            return number
    return None


_BESIDE = {
    ORIGINAL: (SUB_ORIGINAL, OFFSET_ORIGINAL, 0),
    DIGITIZED: (SUB_DIGITIZED, OFFSET_DIGITIZED, 1),
}
"""Of each date the tags of its decimals and of its zone, and its place in the tag TimeZoneOffset of TIFF/EP.

The tag OffsetTime is of the last change, which may have been made in another zone.
"""


def _moment(detail: Details, tag: int) -> Moment | None:
    found = moment_of(detail.text(tag))
    if found is None:
        return None
    decimals, offset, number = _BESIDE[tag]
    zone = found.offset or offset_of(detail.text(offset)) or _hours_of_zone(detail, number)
    return Moment(with_fraction(found.at, detail.text(decimals)), zone)


def _hours_of_zone(detail: Details, number: int) -> str | None:
    hours = detail.place_of(TIME_ZONE).get(TIME_ZONE)
    if hours is None or isinstance(hours, bytes) or len(hours) <= number:
        return None
    return offset_of(f"{int(hours[number]):+}")


def _position(gps: Directory | None) -> tuple[float | None, float | None]:
    if gps is None:
        return None, None
    latitude = _degrees(gps, _LATITUDE, gps.text(_LATITUDE_REF), "NS", 90.0)
    longitude = _degrees(gps, _LONGITUDE, gps.text(_LONGITUDE_REF), "EW", 180.0)
    return both(latitude, longitude)


def both(latitude: float | None, longitude: float | None) -> tuple[float | None, float | None]:
    """A position, of which half is none."""
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _degrees(
    gps: Directory, tag: int, reference: str | None, letters: str, bound: float
) -> float | None:
    parts = gps.get(tag)
    if parts is None or isinstance(parts, bytes) or not 1 <= len(parts) <= 3:
        return None
    return degrees_of([float(part) for part in parts], reference, letters, bound)


def degrees_of(
    parts: list[float], reference: str | None, letters: str, bound: float
) -> float | None:
    """Degrees of degrees, minutes and seconds.

    The hemisphere is said by ``reference``, which begins with one of the two ``letters``, the second of them negative:
    without it the place is unknown, and a sign beside it says nothing more. None over ``bound`` degrees, and where a
    part is not a number.
    """
    letter = (reference or "").strip()[:1].upper()
    if not letter or letter not in letters:
        return None
    degrees = sum(abs(part) / unit for part, unit in zip(parts, (1, 60, 3600), strict=False))
    if not degrees <= bound:
        return None
    degrees = round(degrees, 8)  # a millimetre; what is beyond is the sum's own rounding
    return -degrees if letter == letters[1] else degrees


def _color_space(detail: Details) -> str | None:
    value = detail.integer(COLOR_SPACE)
    if value == 1:
        return "srgb"
    interop = (
        detail.place_of(INTEROP_DIRECTORY).directory(INTEROP_DIRECTORY) if value == 65_535 else None
    )
    if value == 2 or (interop is not None and interop.text(1) == "R03"):
        return "adobe-rgb"
    return None
