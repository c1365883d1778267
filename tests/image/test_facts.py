"""The facts of a photograph as real files have them: odd EXIF, XMP, IPTC, and where they stand; beside exiftool."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.image.crafted import (
    Tag,
    exif,
    iptc,
    jpeg_with,
    photoshop_segment,
    png_ending_with,
    png_with,
    rational_tag,
    text_tag,
    xmp,
)
from tests.image.samples import opened, sample
from tests.image.test_metadata import Remote

from mrimage.image import Image
from mrimage.image.metadata import Metadata
from mrimage.types import Edits

ORIGINAL, DIGITIZED, ISO = 0x9003, 0x9004, 0x8827
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"


def reported_by(exiftool: str, path: Path, content: bytes) -> dict[str, object]:
    path.write_bytes(content)
    answer = subprocess.run([exiftool, "-j", "-n", path], check=True, capture_output=True).stdout
    found: dict[str, object] = json.loads(answer)[0]
    return found


def photo(
    first: dict[int, Tag] | None = None,
    detail: dict[int, Tag] | None = None,
    gps: dict[int, Tag] | None = None,
) -> bytes:
    """A JPEG with such an EXIF block."""
    return jpeg_with(
        sample("baseline.jpg"), (0xE1, b"Exif\x00\x00" + exif(first or {}, detail, gps))
    )


def facts(content: bytes) -> Metadata:
    return opened(content).metadata


@pytest.mark.parametrize(
    ("text", "taken", "offset"),
    [
        ("2013:05:07 15:04:05", datetime(2013, 5, 7, 15, 4, 5), None),
        ("2013:05:07 03:04:05 pm", datetime(2013, 5, 7, 15, 4, 5), None),
        ("2013:05:07 03:04:05PM", datetime(2013, 5, 7, 15, 4, 5), None),
        ("2013:05:07 12:04:05 a.m.", datetime(2013, 5, 7, 0, 4, 5), None),
        ("2013:05:07 12:04:05 p.m.", datetime(2013, 5, 7, 12, 4, 5), None),
        ("2013:05:07 03:04:05 \u4e0b\u5348", None, None),
        ("2013:05:07 03:04:05 oin", None, None),
        ("2008: 9: 2  8: 5: 3", datetime(2008, 9, 2, 8, 5, 3), None),
        ("2008.09.02 08.05.03", datetime(2008, 9, 2, 8, 5, 3), None),
        ("2008/9/2 8:05", datetime(2008, 9, 2, 8, 5), None),
        ("2008 09 02 08:05:03", datetime(2008, 9, 2, 8, 5, 3), None),
        ("2008-09-02T08:05:03.25", datetime(2008, 9, 2, 8, 5, 3, 250_000), None),
        ("2015-02-01T14:42:59+01:00", datetime(2015, 2, 1, 14, 42, 59), "+01:00"),
        ("2015-02-01T14:42:59Z", datetime(2015, 2, 1, 14, 42, 59), "+00:00"),
        ("2015:02:01 14:42:59-0330", datetime(2015, 2, 1, 14, 42, 59), "-03:30"),
        ("2008:09:02   :  :  ", None, None),
        ("2008:09:02", None, None),
        ("0000:00:00 00:00:00", None, None),
        ("2008:13:02 08:05:03", None, None),
        ("2008:09:02 08:61:03", None, None),
        ("yesterday", None, None),
    ],
)
def test_a_date_however_it_is_written(
    text: str, taken: datetime | None, offset: str | None
) -> None:
    found = facts(photo(detail={ORIGINAL: text_tag(text)}))
    assert (found.taken_at, found.taken_at_offset) == (taken, offset)


def test_a_fact_in_the_first_directory_alone_counts() -> None:
    tags = {ORIGINAL: text_tag("2021:07:09 10:11:12"), ISO: (3, 1, struct.pack("<H", 200))}
    found = facts(photo(tags, {0x829D: rational_tag((28, 10))}))
    assert (found.taken_at, found.iso, found.f_number) == (
        datetime(2021, 7, 9, 10, 11, 12),
        200,
        2.8,
    )
    without = facts(photo(tags))
    assert (without.taken_at, without.iso) == (datetime(2021, 7, 9, 10, 11, 12), 200)


@pytest.mark.parametrize(
    ("tags", "offset"),
    [
        ({0x9011: text_tag("+02:00")}, "+02:00"),
        ({0x9011: text_tag("-09:30")}, "-09:30"),
        ({0x9011: text_tag("Z")}, "+00:00"),
        ({0x9011: text_tag("   :  ")}, None),
        ({0x9011: text_tag("+99:00")}, None),
        ({0x9010: text_tag("+02:00")}, None),
        ({0x9012: text_tag("+02:00")}, None),
        ({0x882A: (8, 1, struct.pack("<h", -5))}, "-05:00"),
        ({}, None),
    ],
)
def test_the_zone_is_that_of_the_date(tags: dict[int, Tag], offset: str | None) -> None:
    found = facts(photo(detail=tags | {ORIGINAL: text_tag("2021:07:09 10:11:12")}))
    assert (found.taken_at, found.taken_at_offset) == (datetime(2021, 7, 9, 10, 11, 12), offset)


def test_the_zone_of_a_digitized_date_is_its_own() -> None:
    tags = {
        DIGITIZED: text_tag("2021:07:09 10:11:12"),
        0x9011: text_tag("+02:00"),
        0x9012: text_tag("+05:00"),
    }
    assert facts(photo(detail=tags)).taken_at_offset == "+05:00"


@pytest.mark.parametrize(
    ("tag", "iso"),
    [
        ((4, 1, struct.pack("<I", 102_400)), 102_400),
        ((3, 1, struct.pack("<H", 400)), 400),
        ((3, 2, struct.pack("<2H", 400, 0)), 400),
        ((9, 1, struct.pack("<i", -1)), None),
        ((4, 1, struct.pack("<I", 4_000_000_000)), None),
        ((3, 1, struct.pack("<H", 65_535)), None),
    ],
)
def test_iso_of_any_type(tag: Tag, iso: int | None) -> None:
    assert facts(photo(detail={ISO: tag})).iso == iso


def gps(
    latitude: Tag, longitude: Tag, north: str | None = "N", east: str | None = "E"
) -> dict[int, Tag]:
    tags = {2: latitude, 4: longitude}
    tags |= {1: text_tag(north)} if north is not None else {}
    return tags | ({3: text_tag(east)} if east is not None else {})


PLACE = rational_tag((33, 1), (51, 1), (30, 1)), rational_tag((70, 1), (12, 1), (0, 1))
SIGNED = (
    rational_tag((-33, 1), (-51, 1), (-30, 1), signed=True),
    rational_tag((-70, 1), (-12, 1), (0, 1), signed=True),
)


@pytest.mark.parametrize(
    ("tags", "position"),
    [
        (gps(*PLACE, "N", "W"), (33.85833333, -70.2)),
        (gps(*PLACE, "S", "E"), (-33.85833333, 70.2)),
        (gps(*SIGNED, "N", "W"), (33.85833333, -70.2)),
        (gps(*SIGNED, "S", "E"), (-33.85833333, 70.2)),
        (gps(*PLACE, "south", "west"), (-33.85833333, -70.2)),
        (gps(*PLACE, None, None), (None, None)),
        (gps(*PLACE, "N", None), (None, None)),
        (gps(*PLACE, "", "E"), (None, None)),
        (gps(*PLACE, "E", "N"), (None, None)),
        (gps(*SIGNED, None, None), (None, None)),
        (gps(rational_tag((48, 1), (30, 1), (0, 0)), PLACE[1]), (None, None)),
        (gps(rational_tag((485, 10)), PLACE[1]), (48.5, 70.2)),
        (gps(rational_tag((0, 0), (30, 1), (0, 1)), PLACE[1]), (None, None)),
        (gps(rational_tag((91, 1), (0, 1), (0, 1)), PLACE[1]), (None, None)),
    ],
)
def test_the_reference_decides_the_hemisphere(
    tags: dict[int, Tag], position: tuple[float | None, float | None], exiftool: str, tmp_path: Path
) -> None:
    content = photo(gps=tags)
    found = facts(content)
    assert (found.latitude, found.longitude) == position
    if position[0] is not None:
        reported = reported_by(exiftool, tmp_path / "photo.jpg", content)
        assert (reported["GPSLatitude"], reported["GPSLongitude"]) == pytest.approx(position)


def raw_profile(name: str, body: bytes, said: int | None = None, more: bytes = b"\n") -> bytes:
    digits = body.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(body) if said is None else said:8}\n".encode() + lines + more


BLOCK = exif({0x10F: text_tag("Acme"), 0x110: text_tag("One")})


@pytest.mark.parametrize("more", [b"\n", b"1e", b"\x00", b"\n\nmore words", b"e"])
def test_a_raw_profile_ends_where_its_count_says(more: bytes) -> None:
    text = raw_profile("exif", BLOCK, more=more)
    packed = (b"zTXt", b"Raw profile type exif\x00\x00" + zlib.compress(text))
    plain = (
        b"tEXt",
        b"Raw profile type APP1\x00" + raw_profile("APP1", b"Exif\x00\x00" + BLOCK, more=more),
    )
    for chunk in (packed, plain):
        assert facts(png_with(sample("rgb.png"), chunk)).camera == "Acme One"


def test_raw_profiles_of_xmp_and_iptc_count() -> None:
    packet, block = (
        xmp(tiff__Make="Acme", tiff__Model="Two"),
        iptc((55, "20210709"), (60, "101112+0200")),
    )
    chunks = (
        (b"zTXt", b"Raw profile type xmp\x00\x00" + zlib.compress(raw_profile("xmp", packet))),
        (
            b"zTXt",
            b"Raw profile type iptc\x00\x00"
            + zlib.compress(raw_profile("iptc", photoshop_segment(block)[1])),
        ),
    )
    found = facts(png_with(sample("rgb.png"), *chunks))
    assert (found.camera, found.taken_at) == ("Acme Two", datetime(2021, 7, 9, 10, 11, 12))
    assert found.facts_from == "xmp+iptc"


def test_the_text_of_a_program_ends_at_its_nul() -> None:
    assert (
        facts(png_with(sample("rgb.png"), (b"tEXt", b"Software\x00Painter 2\x00\x00junk"))).software
        == "Painter 2"
    )


BEHIND = exif({0x10F: text_tag("Acme"), 0x110: text_tag("One"), 0x112: (3, 1, b"\x06\x00\x00\x00")})


def test_exif_behind_the_pixels_gives_facts_but_no_turn_where_the_file_is_read_whole() -> None:
    content = png_ending_with(sample("rgb.png"), (b"eXIf", BEHIND))
    found = facts(content)
    assert (found.camera, found.orientation, found.width, found.height) == (
        "Acme One",
        None,
        320,
        213,
    )
    assert found.facts_from == "exif"
    shown = opened(content).edited(Edits(to="srgb", format="png"))
    assert (
        np.asarray(Pillow.open(io.BytesIO(shown.data)))
        == np.asarray(Pillow.open(io.BytesIO(content)))
    ).all()
    assert Image(Remote(content), whole=True).metadata == found
    assert Image(Remote(content)).metadata.camera is None
    before = png_with(
        content, (b"eXIf", exif({0x10F: text_tag("Other"), 0x110: text_tag("Three")}))
    )
    assert facts(before).camera == "Other Three"


def test_xmp_behind_the_pixels_of_a_png_counts_where_the_file_is_read_whole() -> None:
    body = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp(
        exif__DateTimeOriginal="2021-07-09T10:11:12"
    )
    content = png_ending_with(sample("rgb.png"), (b"iTXt", body))
    assert facts(content).taken_at == datetime(2021, 7, 9, 10, 11, 12)
    assert Image(Remote(content)).metadata.taken_at is None


def test_a_damaged_end_of_a_png_costs_no_facts_before_it() -> None:
    content = png_with(sample("rgb.png"), (b"eXIf", BLOCK))
    for end in (len(content) - 12, len(content) - 20, len(content) - 5):
        assert facts(content[:end]).camera == "Acme One"


WRITTEN = {
    "XMP-exif:DateTimeOriginal": "2021:07:09 10:11:12+02:00",
    "XMP-tiff:Make": "Acme",
    "XMP-tiff:Model": "Acme One",
    "XMP-exifEX:LensModel": "35mm F2",
    "XMP-exif:GPSLatitude": "33.8583 S",
    "XMP-exif:GPSLongitude": "70.2 W",
    "XMP-exif:ISO": "400",
    "XMP-exif:ExposureTime": "1/250",
    "XMP-exif:FNumber": "2.8",
    "XMP-exif:FocalLength": "51.5",
}
HOLD_XMP = [
    "baseline.jpg",
    "rgb.png",
    "lossy.webp",
    "plain.tif",
    "photo.avif",
    "photo.jp2",
    "composite.psd",
    "still.gif",
]


@pytest.mark.parametrize("name", HOLD_XMP)
def test_xmp_alone_gives_the_facts_in_every_format_that_holds_it(
    name: str, exiftool: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(sample(name))
    arguments = [f"-{tag}={value}" for tag, value in WRITTEN.items()]
    subprocess.run(
        [exiftool, "-q", "-overwrite_original", *arguments, path], check=True, capture_output=True
    )
    content = path.read_bytes()
    found = facts(content)
    reported = reported_by(exiftool, path, content)
    assert found.taken_at == datetime(2021, 7, 9, 10, 11, 12)
    assert (
        reported["DateTimeOriginal"] == f"{found.taken_at:%Y:%m:%d %H:%M:%S}{found.taken_at_offset}"
    )
    assert (found.camera_make, found.camera, found.lens) == (
        reported["Make"],
        reported["Model"],
        reported["LensModel"],
    )
    assert (found.latitude, found.longitude) == pytest.approx(
        (reported["GPSLatitude"], reported["GPSLongitude"])
    )
    assert (found.iso, found.exposure_time) == (reported["ISO"], reported["ExposureTime"])
    assert (found.f_number, found.focal_length) == (reported["FNumber"], reported["FocalLength"])
    assert found.facts_from == "xmp"


def with_xmp(packet: bytes, *more: tuple[int, bytes]) -> bytes:
    return jpeg_with(sample("baseline.jpg"), (0xE1, XMP_HEAD + packet), *more)


@pytest.mark.parametrize(
    ("properties", "taken", "offset"),
    [
        (
            {"photoshop__DateCreated": "2021-07-09T10:11:12-05:00"},
            datetime(2021, 7, 9, 10, 11, 12),
            "-05:00",
        ),
        ({"photoshop__DateCreated": "2021-07-09"}, datetime(2021, 7, 9), None),
        ({"photoshop__DateCreated": "2021-07"}, None, None),
        ({"photoshop__DateCreated": "2021"}, None, None),
        ({"xmp__CreateDate": "2021-07-09T10:11Z"}, datetime(2021, 7, 9, 10, 11), "+00:00"),
        ({"xmp__ModifyDate": "2021-07-09T10:11Z"}, None, None),
        (
            {
                "xmp__CreateDate": "2021-07-09T10:11Z",
                "exif__DateTimeOriginal": "1999-01-02T03:04:05.5",
            },
            datetime(1999, 1, 2, 3, 4, 5, 500_000),
            None,
        ),
    ],
)
def test_the_date_of_xmp(
    properties: dict[str, str], taken: datetime | None, offset: str | None
) -> None:
    found = facts(with_xmp(xmp(**properties)))
    assert (found.taken_at, found.taken_at_offset) == (taken, offset)
    assert found.facts_from == ("xmp" if taken else None)


@pytest.mark.parametrize(
    ("latitude", "longitude", "position"),
    [
        ("33,51.498S", "70,12.0W", (-33.8583, -70.2)),
        ("33,51,29.88N", "70,12,0E", (33.8583, 70.2)),
        ("33.8583N", "70.2E", (33.8583, 70.2)),
        ("33.8583", "70.2", (None, None)),
        ("33,51.498S", "nowhere", (None, None)),
        ("95,0N", "70.2E", (None, None)),
    ],
)
def test_the_position_of_xmp(
    latitude: str, longitude: str, position: tuple[float | None, float | None]
) -> None:
    found = facts(with_xmp(xmp(exif__GPSLatitude=latitude, exif__GPSLongitude=longitude)))
    assert (found.latitude, found.longitude) == position


def test_exif_comes_first_and_the_others_fill_what_it_lacks() -> None:
    packet = xmp(
        tiff__Make="Other",
        tiff__Model="Two",
        exif__DateTimeOriginal="2001-01-01T00:00:00Z",
        aux__Lens="50mm",
    )
    block = iptc((55, "19990102"), (60, "030405+0100"))
    camera = {0x10F: text_tag("Acme"), 0x110: text_tag("One")}
    beside = (0xE1, b"Exif\x00\x00" + exif(camera))
    found = facts(with_xmp(packet, photoshop_segment(block), beside))
    assert (found.camera, found.lens, found.taken_at) == ("Acme One", "50mm", datetime(2001, 1, 1))
    assert found.facts_from == "exif+xmp"
    dated = (0xE1, b"Exif\x00\x00" + exif(camera, {ORIGINAL: text_tag("2021:07:09 10:11:12")}))
    found = facts(with_xmp(packet, photoshop_segment(block), dated))
    assert (found.taken_at, found.taken_at_offset) == (datetime(2021, 7, 9, 10, 11, 12), None)


@pytest.mark.parametrize(
    ("datasets", "taken", "offset"),
    [
        (((55, "20210709"), (60, "101112+0200")), datetime(2021, 7, 9, 10, 11, 12), "+02:00"),
        (((55, "20210709"), (60, "101112")), datetime(2021, 7, 9, 10, 11, 12), None),
        (((55, "20210709"),), datetime(2021, 7, 9), None),
        (((62, "20210709"), (63, "101112-0330")), datetime(2021, 7, 9, 10, 11, 12), "-03:30"),
        (((55, "2021-07-09"), (60, "10:11:12")), datetime(2021, 7, 9, 10, 11, 12), None),
        (((55, "00000000"),), None, None),
        (((80, "Ann"),), None, None),
    ],
)
def test_the_date_of_iptc(
    datasets: tuple[tuple[int, str], ...], taken: datetime | None, offset: str | None
) -> None:
    found = facts(jpeg_with(sample("baseline.jpg"), photoshop_segment(iptc(*datasets))))
    assert (found.taken_at, found.taken_at_offset) == (taken, offset)
    assert found.facts_from == ("iptc" if taken else None)


def test_iptc_in_a_tiff_counts(exiftool: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(sample("plain.tif"))
    dates = ["-IPTC:DateCreated=2021:07:09", "-IPTC:TimeCreated=10:11:12+02:00"]
    subprocess.run(
        [exiftool, "-q", "-overwrite_original", *dates, path], check=True, capture_output=True
    )
    found = facts(path.read_bytes())
    assert (found.taken_at, found.taken_at_offset) == (datetime(2021, 7, 9, 10, 11, 12), "+02:00")


def test_the_facts_of_a_picture_that_another_was_made_of_are_not_its_own() -> None:
    packet = xmp(tiff__Make="Acme").replace(
        b"/></rdf:RDF>",
        b"><xmpMM:Pantry xmlns:xmpMM='http://ns.adobe.com/xap/1.0/mm/'><rdf:Bag><rdf:li><rdf:Description "
        b"tiff:Model='Other' exif:DateTimeOriginal='1999-01-01T00:00:00'/></rdf:li></rdf:Bag></xmpMM:Pantry>"
        b"</rdf:Description></rdf:RDF>",
    )
    found = facts(with_xmp(packet))
    assert (found.camera_make, found.camera, found.taken_at) == ("Acme", None, None)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<rdf:RDF",
        xmp(tiff__Make="Acme")[:-80],
        xmp(tiff__Make="Acme").replace(b'"Acme"', b'"&bomb;"'),
        b'<!DOCTYPE x [<!ENTITY bomb "Make">]>' + xmp(tiff__Make="&bomb;"),
        xmp(tiff__Make="Acme").replace(b"tiff:Make", b"tiff:Make" * 2),
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>Make"
        + b"<a>" * 15_000
        + b"</rdf:RDF>",
    ],
)
def test_a_damaged_or_hostile_packet_says_nothing(packet: bytes) -> None:
    found = facts(with_xmp(packet))
    assert (found.camera_make, found.facts_from, found.width) == (None, None, 320)
