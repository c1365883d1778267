"""Metadata columns against an independent reader (exiftool), from few bytes."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageCms
from tests.image.samples import SAMPLES, opened, photograph, sample, saved

from mrimage.image import Buffer, Image
from mrimage.image.color.conversion import adobe_rgb, built_in

FACTS = {
    "Make": "Canon",
    "Model": "EOS 5D",
    "LensModel": "EF24-70mm f/2.8L",
    "DateTimeOriginal": "2021:03:04 05:06:07",
    "SubSecTimeOriginal": "25",
    "ISO": "400",
    "ExposureTime": "1/250",
    "FNumber": "2.8",
    "FocalLength": "51.5",
    "GPSLatitude": "48.8583",
    "GPSLatitudeRef": "S",
    "GPSLongitude": "2.2945",
    "GPSLongitudeRef": "W",
    "Software": "Tester 1.0",
    "XResolution": "300",
    "YResolution": "300",
    "ResolutionUnit": "inches",
    "Orientation#": "6",
}


@pytest.mark.parametrize(
    "name",
    [
        "baseline.jpg",
        "cmyk.jpg",
        "two.mpo",
        "rgb.png",
        "moving.png",
        "lossy.webp",
        "plain.tif",
        "photo.avif",
        "photo.jp2",
    ],
)
def test_every_column_agrees_with_exiftool(name: str, exiftool: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(sample(name))
    written = [f"-{tag}={value}" for tag, value in FACTS.items()]
    subprocess.run(
        [exiftool, "-q", "-overwrite_original", *written, path], check=True, capture_output=True
    )
    reported = json.loads(
        subprocess.run([exiftool, "-j", "-n", path], check=True, capture_output=True).stdout
    )[0]
    metadata = opened(path.read_bytes()).metadata

    upright_by_container = name.endswith(
        ".avif"
    )  # AVIF turns by its own irot box, and EXIF's word is not followed
    size = (
        (reported["ImageWidth"], reported["ImageHeight"])
        if upright_by_container
        else (reported["ImageHeight"], reported["ImageWidth"])
    )
    assert (metadata.width, metadata.height) == size
    assert metadata.orientation == reported["Orientation"]
    assert metadata.camera_make == reported["Make"]
    assert metadata.camera == f"{reported['Make']} {reported['Model']}"
    assert metadata.lens == reported["LensModel"]
    assert metadata.taken_at == datetime.strptime(
        reported["SubSecDateTimeOriginal"] + "0000", "%Y:%m:%d %H:%M:%S.%f"
    )
    assert metadata.iso == reported["ISO"]
    assert metadata.exposure_time == reported["ExposureTime"]
    assert metadata.f_number == reported["FNumber"]
    assert metadata.focal_length == reported["FocalLength"]
    assert (metadata.latitude, metadata.longitude) == (
        reported["GPSLatitude"],
        reported["GPSLongitude"],
    )
    assert metadata.software == reported["Software"]
    assert metadata.dpi == reported["XResolution"]
    assert metadata.bands == reported.get("ColorComponents", 3)
    assert metadata.bit_depth == int(
        str(reported.get("BitsPerSample", reported.get("BitDepth", 8))).split()[0]
    )


def reported_of(exiftool: str, path: Path, content: bytes) -> dict[str, object]:
    path.write_bytes(content)
    said = subprocess.run([exiftool, "-j", "-n", path], check=True, capture_output=True).stdout
    found: dict[str, object] = json.loads(said)[0]
    return found


def first_number(reported: dict[str, object], *names: str) -> float | None:
    """The first number of the first of ``names`` that exiftool gives."""
    value = next((reported[name] for name in names if name in reported), None)
    return None if value is None else float(str(value).split()[0])


COLOR_TYPES = {
    0: ("gray", False),
    2: ("srgb", False),
    3: ("palette-srgb", False),
    4: ("gray", True),
    6: ("srgb", True),
}
PHOTOMETRIC = {1: "gray", 2: "srgb", 5: "cmyk"}
NOT_READ = {
    "plain.tga",
    "packed.tga",
    "site.ico",
    "plain.dds",
    "plain.sgi",
    "plain.qoi",
    "gray.fits",
    "colors.pam",
}
"""exiftool takes a TGA for a cursor, of an icon it describes the first picture, not the largest, and of the others it
gives no size."""
NOT_COUNTED = {"moving.webp", "pages.tif"}


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - NOT_READ))
def test_the_layout_of_every_format_agrees_with_exiftool(
    name: str, exiftool: str, tmp_path: Path
) -> None:
    reported = reported_of(exiftool, tmp_path / name, sample(name))
    found = opened(sample(name)).metadata
    assert (found.width, found.height) == (reported["ImageWidth"], reported["ImageHeight"])
    if name not in NOT_COUNTED:
        assert found.frames == (
            first_number(reported, "AnimationFrames", "FrameCount", "NumberOfImages") or 1
        )
    bands = first_number(
        reported, "SamplesPerPixel", "ColorComponents", "NumberOfComponents", "NumChannels"
    )
    assert found.bands == (bands or found.bands)
    if found.format in ("jpeg", "png", "tiff", "psd", "avif"):
        assert found.bit_depth == first_number(
            reported, "BitDepth", "BitsPerSample", "ImagePixelDepth"
        )
    if found.format == "png":
        assert (found.color_space, found.has_alpha) == COLOR_TYPES[int(str(reported["ColorType"]))]
        assert found.progressive == bool(reported["Interlace"])
    if found.format == "jpeg":
        assert (
            found.color_space
            == {1: "gray", 3: "srgb", 4: "cmyk"}[int(str(reported["ColorComponents"]))]
        )
        assert found.progressive == (reported["EncodingProcess"] in (2, 10))
    if found.format == "tiff":
        assert found.color_space == PHOTOMETRIC[int(str(reported["PhotometricInterpretation"]))]
    if found.format == "bmp":
        assert found.dpi == round(float(str(reported["PixelsPerMeterX"])) * 0.0254, 2)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_profile_and_resolution_agree_with_exiftool(
    format: str, exiftool: str, tmp_path: Path
) -> None:
    for profile in (built_in("p3"), built_in("srgb"), adobe_rgb()):
        content = saved(photograph(), format, icc_profile=profile, dpi=(240, 240))
        reported = reported_of(exiftool, tmp_path / f"file.{format}", content)
        found = opened(content).metadata
        assert found.icc_profile == reported["ProfileDescription"]
        if format in ("JPEG", "TIFF"):
            assert found.dpi == reported["XResolution"] == 240


def test_missing_facts_are_none() -> None:
    metadata = opened(sample("rgb.png")).metadata
    for column in [
        "icc_profile",
        "orientation",
        "dpi",
        "camera_make",
        "camera",
        "lens",
        "taken_at",
        "iso",
        "exposure_time",
        "f_number",
        "focal_length",
        "latitude",
        "longitude",
        "software",
    ]:
        assert getattr(metadata, column) is None, column


def test_zeros_and_blanks_are_missing_facts() -> None:
    exif = Pillow.Exif()
    exif[0x10F] = "   "
    exif[0x110] = ""
    exif[0x112] = 0
    exif.get_ifd(0x8769).update(
        {0x829A: 0.0, 0x829D: 0.0, 0x8827: 0, 0x9003: "0000:00:00 00:00:00", 0x920A: 0.0}
    )
    metadata = opened(saved(photograph(), "JPEG", exif=exif)).metadata
    found = (
        metadata.camera_make,
        metadata.camera,
        metadata.orientation,
        metadata.exposure_time,
        metadata.f_number,
    )
    assert found == (None,) * 5
    assert (metadata.iso, metadata.taken_at, metadata.focal_length) == (None,) * 3


class Counting(Buffer):
    """Bytes in memory that count how many of them were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.fetched = 0
        self.uri = "counted:"

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        found = super().read(start, length)
        self.fetched += len(found)
        return found


class Remote:
    """A source that is no Buffer, so that nothing is known of its bytes before they are read."""

    def __init__(self, data: bytes) -> None:
        self._bytes = Counting(data)
        self.uri, self.size = "remote:", len(data)

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        return self._bytes.read(start, length)

    @property
    def fetched(self) -> int:
        return self._bytes.fetched


def noise(width: int, height: int) -> Pillow.Image:
    return Pillow.effect_noise((width, height), 80).convert("RGB")


@pytest.mark.parametrize(
    ("format", "options", "most"),
    [
        ("JPEG", {}, 40_000),
        ("PNG", {}, 40_000),
        ("BMP", {}, 40_000),
        ("WEBP", {"lossless": True}, 40_000),
        ("AVIF", {"quality": 95}, 40_000),
        ("TIFF", {}, 200_000),
        ("JPEG2000", {}, 40_000),
    ],
)
def test_a_header_costs_a_bounded_prefix(
    format: str, options: dict[str, object], most: int
) -> None:
    content = saved(noise(900, 700), format, **options)
    source = Remote(content)
    assert Image(source).metadata.width == 900
    assert source.fetched < most < len(content)


def test_a_jpeg_with_much_exif_and_a_large_profile_is_read_until_its_frame() -> None:
    exif = Pillow.Exif()
    exif[0x10F] = "Canon"
    exif[0x9286] = b"x" * 60_000
    content = saved(noise(900, 700), "JPEG", exif=exif, icc_profile=built_in("srgb"))
    filler = b"\xff\xe5\xff\xff" + b"\x00" * 65_533
    source = Remote(content[:2] + filler * 3 + content[2:])
    metadata = Image(source).metadata
    assert (metadata.width, metadata.camera_make) == (900, "Canon")
    assert source.fetched < 4 * 65_536 + 130_000 < len(content)


def test_headers_of_all_formats_cost_less_than_eighty_kilobytes_each() -> None:
    sources = [Remote(sample(name)) for name in SAMPLES]
    for source in sources:
        assert Image(source).metadata.width > 0
    assert sum(source.fetched for source in sources) / len(sources) < 80_000


def test_a_tiff_whose_directory_is_at_its_end_is_read_there() -> None:
    content = saved(noise(900, 700), "TIFF", compression="tiff_lzw")
    assert struct.unpack("<I", content[4:8])[0] > 40_000
    source = Remote(content)
    assert Image(source).metadata.height == 700
    assert source.fetched < 200_000


def png_with(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """The photograph as a PNG with chunks put in before the pixels."""
    content = sample("rgb.png")
    extra = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return content[:33] + extra + content[33:]


GAMMA_18 = (b"gAMA", struct.pack(">I", 55_556))
WIDE = (b"cHRM", struct.pack(">8I", 31_270, 32_900, 73_500, 26_500, 11_500, 82_600, 15_700, 1_800))


@pytest.mark.parametrize(
    ("chunks", "space"),
    [
        ([], "srgb"),
        ([(b"sRGB", b"\x00")], "srgb"),
        ([(b"gAMA", struct.pack(">I", 45_455))], "srgb"),
        ([GAMMA_18], "rgb-other"),
        ([WIDE], "rgb-other"),
        ([(b"cICP", bytes((12, 13, 0, 1)))], "display-p3"),
        (
            [(b"cICP", bytes((1, 13, 0, 1))), (b"iCCP", b"p3\x00\x00" + zlib.compress(b"PROFILE"))],
            "srgb",
        ),
        ([(b"iCCP", b"p3\x00\x00" + b"PROFILE")], "display-p3"),
    ],
)
def test_the_colour_space_of_a_png_in_the_documented_order(
    chunks: list[tuple[bytes, bytes]], space: str
) -> None:
    real = zlib.compress(built_in("p3"))
    filled = [
        (name, body.replace(zlib.compress(b"PROFILE"), real).replace(b"PROFILE", real))
        for name, body in chunks
    ]
    assert opened(png_with(filled)).metadata.color_space == space


def test_the_colour_space_of_a_jpeg_is_its_profile_then_its_exif() -> None:
    adobe = Pillow.Exif()
    adobe.get_ifd(0x8769)[0xA001] = 65_535
    adobe.get_ifd(0x8769)[0xA005] = {1: "R03"}
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cases = {
        "adobe-rgb": {"icc_profile": adobe_rgb()},
        "display-p3": {"icc_profile": built_in("p3")},
        "srgb": {"icc_profile": other, "exif": adobe},
    }
    for space, options in cases.items():
        metadata = opened(saved(photograph(), "JPEG", **options)).metadata
        assert metadata.color_space == space
        assert metadata.icc_profile
    direct = Pillow.Exif()
    direct.get_ifd(0x8769)[0xA001] = 2
    assert opened(saved(photograph(), "JPEG", exif=direct)).metadata.color_space == "adobe-rgb"
    assert opened(sample("gray.jpg")).metadata.color_space == "gray"
    assert opened(sample("cmyk.jpg")).metadata.color_space == "cmyk"
    assert opened(sample("palette.png")).metadata.color_space == "palette-srgb"
