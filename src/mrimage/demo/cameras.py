"""Invented cameras and trips, and the EXIF blocks that such cameras would write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

Base = ExifTags.Base
Gps = ExifTags.GPS


@dataclass(frozen=True, slots=True)
class Camera:
    """An invented camera.

    ``size`` is the width and height of its photographs in pixels, ``focal_length`` in millimeters.
    """

    make: str
    model: str
    lens: str
    size: tuple[int, int]
    focal_length: float
    f_number: float


@dataclass(frozen=True, slots=True)
class Trip:
    """A series of photographs, one every 40 minutes from ``start``.

    ``location`` is the latitude and longitude in degrees, north and east positive.
    """

    folder: str
    camera: Camera
    start: datetime
    location: tuple[float, float] | None
    photos: tuple[str, ...]


PHONE = Camera(
    "Example", "Example Phone 3", "Example Phone 3 back camera 4.2mm f/1.8", (800, 600), 4.2, 1.8
)
REFLEX = Camera("Sample", "Sample D40", "Sample 24-70mm f/2.8", (1200, 800), 35.0, 4.0)
ACTION = Camera("Specimen", "Specimen Cam 8", "", (1280, 720), 3.0, 2.8)
SQUARE = Camera("Muster", "Muster 6x6", "Muster 80mm f/3.5", (900, 900), 80.0, 8.0)

TRIPS = (
    Trip(
        "2014 Cape",
        REFLEX,
        datetime(2014, 9, 3, 19, 5),
        (28.5729, -80.6490),
        ("rocket", "astronaut", "moon"),
    ),
    Trip(
        "2016-05 Lisbon",
        PHONE,
        datetime(2016, 5, 14, 9, 30),
        (38.7223, -9.1393),
        ("coffee", "brick", "motorcycle"),
    ),
    Trip(
        "2016-11 Laboratory",
        SQUARE,
        datetime(2016, 11, 21, 14, 0),
        None,
        ("ihc", "cell", "retina", "text"),
    ),
    Trip(
        "2018 Santiago",
        ACTION,
        datetime(2018, 1, 6, 11, 45),
        (-33.4489, -70.6693),
        ("motorcycle", "gravel", "grass"),
    ),
    Trip(
        "2019 Ōsaka",
        REFLEX,
        datetime(2019, 4, 2, 8, 15),
        (34.6937, 135.5023),
        ("chelsea", "coffee", "page", "camera"),
    ),
    Trip(
        "2021 Museum",
        SQUARE,
        datetime(2021, 7, 30, 16, 20),
        (48.1351, 11.5820),
        ("coins", "camera", "hubble", "page"),
    ),
    Trip(
        "2023 Home",
        PHONE,
        datetime(2023, 12, 24, 17, 50),
        (-1.2921, 36.8219),
        ("chelsea", "astronaut", "coffee"),
    ),
    Trip(
        "2024 Observatory",
        REFLEX,
        datetime(2024, 8, 12, 23, 10),
        (19.8207, -155.4681),
        ("hubble", "moon", "rocket"),
    ),
)

EXPOSURES = ((100, 500), (200, 250), (400, 125), (800, 60), (1600, 30))
"""Pairs of ISO speed and the denominator of the exposure time in seconds."""


def photo_exif(trip: Trip, number: int, orientation: int = 1) -> bytes:
    """The EXIF block of the trip's photograph ``number``, counted from 0."""
    camera = trip.camera
    exif = Image.Exif()
    taken = (trip.start + timedelta(minutes=40 * number)).strftime("%Y:%m:%d %H:%M:%S")
    iso, denominator = EXPOSURES[number % len(EXPOSURES)]
    exif[Base.Make] = camera.make
    exif[Base.Model] = camera.model
    exif[Base.Orientation] = orientation
    exif[Base.Software] = f"{camera.model} 1.0"
    exif[Base.DateTime] = taken
    exif[Base.Copyright] = "mrimage demo"
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details |= {
        Base.ExposureTime: IFDRational(1, denominator),
        Base.FNumber: IFDRational(round(camera.f_number * 10), 10),
        Base.ISOSpeedRatings: iso,
        Base.DateTimeOriginal: taken,
        Base.FocalLength: IFDRational(round(camera.focal_length * 10), 10),
    }
    if camera.lens:
        details[Base.LensModel] = camera.lens
    if trip.location:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(_gps(*trip.location))
    return exif.tobytes()


def orientation_exif(orientation: int) -> bytes:
    """An EXIF block that contains only an orientation, 1..8."""
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    return exif.tobytes()


def _gps(latitude: float, longitude: float) -> dict[int, object]:
    return {
        Gps.GPSLatitudeRef: "N" if latitude >= 0 else "S",
        Gps.GPSLatitude: _degrees(latitude),
        Gps.GPSLongitudeRef: "E" if longitude >= 0 else "W",
        Gps.GPSLongitude: _degrees(longitude),
    }


def _degrees(angle: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    """Degrees, minutes and hundredths of a second, as EXIF 2.32, 4.6.6 requires."""
    hundredths = round(abs(angle) * 360_000)
    return (
        IFDRational(hundredths // 360_000),
        IFDRational(hundredths // 6000 % 60),
        IFDRational(hundredths % 6000, 100),
    )
