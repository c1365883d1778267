"""What a camera wrote beside the picture: the EXIF facts of the catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from mrimage.image.header.tiff import resolution
from mrimage.image.tags.directory import Directory, Tree, tree_of

MAKE, MODEL, ORIENTATION, SOFTWARE, ARTIST, COPYRIGHT = 0x10F, 0x110, 0x112, 0x131, 0x13B, 0x8298
EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY = 0x8769, 0x8825, 0xA005
EXPOSURE_TIME, F_NUMBER, ISO, ISO_SPEED, RECOMMENDED_INDEX = 0x829A, 0x829D, 0x8827, 0x8833, 0x8832
ORIGINAL, DIGITIZED, SUB_ORIGINAL, SUB_DIGITIZED = 0x9003, 0x9004, 0x9291, 0x9292
FOCAL_LENGTH, COLOR_SPACE, LENS_MODEL = 0x920A, 0xA001, 0xA434

_DATE = re.compile(r"(\d{4})[:\-/](\d{1,2})[:\-/](\d{1,2})[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2}))?")


@dataclass(frozen=True, slots=True)
class Shot:
    """The EXIF facts of one photograph; None for what is missing, zero or nonsense.

    ``exposure_time`` in seconds, ``focal_length`` in millimetres, ``latitude`` and ``longitude`` in degrees,
    north and east positive, ``color_space`` is ``srgb``, ``adobe-rgb`` or None (EXIF ColorSpace and the
    interoperability index ``R03`` of DCF 2.0).
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


NOTHING = Shot()


def read_shot(tree: Tree | None) -> Shot:
    """The facts in a TIFF tree, which is the EXIF block of a photograph or the TIFF file itself."""
    if tree is None:
        return NOTHING
    first = tree.first
    detail = first.directory(EXIF_DIRECTORY) or first
    make = first.text(MAKE)
    orientation = first.integer(ORIENTATION)
    latitude, longitude = _position(first.directory(GPS_DIRECTORY))
    return Shot(
        orientation=orientation if orientation in range(1, 9) else None,
        dpi=resolution(first),
        camera_make=make,
        camera=_camera(make, first.text(MODEL)),
        lens=detail.text(LENS_MODEL),
        taken_at=_moment(detail, ORIGINAL, SUB_ORIGINAL)
        or _moment(detail, DIGITIZED, SUB_DIGITIZED),
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


def shot_of(block: bytes | None) -> Shot:
    """The facts in an EXIF block, or none of them."""
    return read_shot(tree_of(block)) if block else NOTHING


def _camera(make: str | None, model: str | None) -> str | None:
    """Make and model as people say them: ``Canon EOS 5D``, ``NIKON D90``, never the maker twice."""
    if model is None or make is None:
        return model
    brand = make.split()[0].rstrip(",.")
    return model if model.lower().startswith(brand.lower()) else f"{brand} {model}"


def _positive(directory: Directory, tag: int) -> float | None:
    number = directory.number(tag)
    return float(number) if number is not None and 0 < number < float("inf") else None


def _iso(detail: Directory) -> int | None:
    for tag in (ISO, RECOMMENDED_INDEX, ISO_SPEED):
        number = detail.integer(tag)
        if (number and 0 < number < 65_535) or (number and tag != ISO and 0 < number < 1 << 31):
            return number
    return None


def _moment(detail: Directory, tag: int, fraction_tag: int) -> datetime | None:
    match = _DATE.match(detail.text(tag) or "")
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    fraction = re.match(r"\d{1,6}", detail.text(fraction_tag) or "")
    return moment + timedelta(microseconds=int(fraction[0].ljust(6, "0"))) if fraction else moment


def _position(gps: Directory | None) -> tuple[float | None, float | None]:
    if gps is None:
        return None, None
    latitude, longitude = _degrees(gps, 2, 1, "S", 90.0), _degrees(gps, 4, 3, "W", 180.0)
    return (latitude, longitude) if latitude is not None and longitude is not None else (None, None)


def _degrees(gps: Directory, tag: int, reference: int, negative: str, bound: float) -> float | None:
    parts = gps.get(tag)
    if parts is None or isinstance(parts, bytes) or not 1 <= len(parts) <= 3:
        return None
    degrees = sum(float(part) / (1, 60, 3600)[power] for power, part in enumerate(parts))
    if not abs(degrees) <= bound:
        return None
    degrees = round(degrees, 8)  # a millimetre; what is beyond is the sum's own rounding
    return -degrees if (gps.text(reference) or "").upper().startswith(negative) else degrees


def _color_space(detail: Directory) -> str | None:
    value = detail.integer(COLOR_SPACE)
    if value == 1:
        return "srgb"
    interop = detail.directory(INTEROP_DIRECTORY) if value == 65_535 else None
    if value == 2 or (interop is not None and interop.text(1) == "R03"):
        return "adobe-rgb"
    return None
