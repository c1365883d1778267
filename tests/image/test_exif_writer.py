"""The EXIF of outputs, as an independent reader (exiftool) finds it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import PngImagePlugin
from tests.image.crafted import segment
from tests.image.samples import opened, photograph, sample, saved

from mrimage.image import Image
from mrimage.image.tags.exif_writer import LONGEST
from mrimage.types import Edits

FACTS = {
    "Make": "Canon",
    "Artist": "Ann Ämne",
    "Copyright": "(c) Ann",
    "ImageDescription": "A cat on a sofa",
    "LensModel": "EF24-70mm f/2.8L",
    "ExposureTime": 0.004,
    "DateTimeOriginal": "2021:03:04 05:06:07",
    "GPSLatitude": 48.8583,
}


def facts_by(tool: str, path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        subprocess.run([tool, "-j", "-n", path], capture_output=True).stdout
    )[0]
    return found


@pytest.fixture(params=["JPEG", "TIFF", "PNG"])
def source(request: pytest.FixtureRequest, exiftool: str, tmp_path: Path) -> bytes:
    """A file with facts in both byte orders: exiftool writes big-endian EXIF into JPEG and PNG."""
    path = tmp_path / "source"
    path.write_bytes(saved(photograph(), request.param))
    written = [f"-{name}={value}" for name, value in FACTS.items()]
    more = [
        "-GPSLatitudeRef=N",
        "-GPSLongitude=2.2945",
        "-GPSLongitudeRef=E",
        "-Orientation#=6",
        "-ColorSpace#=1",
    ]
    subprocess.run([exiftool, "-q", "-overwrite_original", *written, *more, path], check=True)
    return path.read_bytes()


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "tiff"])
def test_what_is_kept_is_read_by_others(
    source: bytes, format: str, exiftool: str, tmp_path: Path
) -> None:
    image, path = opened(source), tmp_path / f"output.{format}"
    path.write_bytes(
        image.edited(Edits(format=format, metadata="keep", resize=(40, 60), fit="stretch")).data
    )
    found = facts_by(exiftool, path)
    assert {name: found.get(name) for name in FACTS} == FACTS
    assert found.get("Orientation") == 1
    assert not {"Warning", "Error", "ThumbnailImage"} & set(found)
    assert (
        found.get("ColorSpace", 65_535) == 65_535
    )  # libvips writes that it is not said here, and the new size
    assert found.get("ExifImageWidth", 40) == 40
    path.write_bytes(image.edited(Edits(format=format)).data)
    found = facts_by(exiftool, path)
    assert {name for name in FACTS if name in found} == {"Artist", "Copyright"}
    assert (found["Artist"], found["Copyright"]) == (FACTS["Artist"], FACTS["Copyright"])
    path.write_bytes(image.edited(Edits(format=format, metadata="strip")).data)
    assert not set(FACTS) & set(facts_by(exiftool, path))


def test_a_makers_note_that_leaves_no_room_is_left_out() -> None:
    exif = Pillow.Exif()
    exif[0x10F] = "Canon"
    exif.get_ifd(0x8769).update({0x927C: b"n" * 64_500, 0x9286: b"c" * 900, 0x829D: 2.8})
    image = opened(saved(photograph(), "JPEG", exif=exif))
    kept = opened(image.edited(Edits(metadata="keep")).data)
    assert (kept.metadata.camera_make, kept.metadata.f_number) == ("Canon", 2.8)
    assert kept._header.exif is not None
    assert len(kept._header.exif) < 2_000 < LONGEST


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_copyright_that_only_xmp_names_is_kept_as_exif_too(
    format: str, exiftool: str, tmp_path: Path
) -> None:
    path = tmp_path / "source"
    path.write_bytes(saved(photograph(), format))
    written = ["-XMP-dc:Rights=(c) Ann & Sons", "-XMP-dc:Creator=Ann"]
    subprocess.run([exiftool, "-q", "-overwrite_original", *written, path], check=True)
    output = tmp_path / "output.jpg"
    output.write_bytes(opened(path.read_bytes()).edited(Edits(format="jpeg", metadata="keep")).data)
    found = facts_by(exiftool, output)
    assert (found.get("Artist"), found.get("Copyright")) == ("Ann", "(c) Ann & Sons")


RIGHTS = {
    "XMP-dc:Creator": ["Ann Ämne", "Ben & Co"],
    "XMP-dc:Rights": "(c) Ann <3",
    "XMP-photoshop:Credit": "Agency",
    "XMP-photoshop:Source": "Archive",
    "XMP-xmpRights:Marked": True,
    "XMP-xmpRights:UsageTerms": "Ask first",
    "XMP-xmpRights:WebStatement": "https://example.org/terms",
}
IPTC_RIGHTS = {
    "XMP-dc:Creator": ["Ann"],
    "XMP-dc:Rights": "(c) Ann",
    "XMP-photoshop:Credit": "Agency",
    "XMP-photoshop:Source": "Archive",
}
PRIVATE = ("GPS", "Keywords", "Subject", "Location", "City", "PersonInImage")


def told_all(tool: str, folder: Path) -> dict[str, dict[str, object]]:
    """What exiftool finds in every file of ``folder`` by the name of the file, each fact with its group."""
    said = subprocess.run([tool, "-j", "-G1", "-n", "-struct", folder], capture_output=True).stdout
    return {Path(found["SourceFile"]).name: found for found in json.loads(said)}


def rights_in(found: dict[str, object]) -> dict[str, object]:
    """The XMP among what was found, which must have nothing private in any group."""
    assert not any(word in name for name in found for word in (*PRIVATE, "Warning", "Error"))
    return {
        name: value
        for name, value in found.items()
        if name.startswith("XMP-") and "Toolkit" not in name
    }


def with_facts(tool: str, path: Path, format: str, *facts: str) -> Image:
    """A picture of ``format`` with ``facts`` written by exiftool."""
    path.write_bytes(saved(photograph(64, 43), format))
    subprocess.run([tool, "-q", "-overwrite_original", *facts, path], check=True)
    return opened(path.read_bytes())


@pytest.mark.parametrize("written", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_copyright_fields_of_xmp_stay_and_nothing_else_of_it(
    written: str, exiftool: str, tmp_path: Path
) -> None:
    facts = [
        f"-{name}={item}"
        for name, value in RIGHTS.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    private = [
        "-XMP-exif:GPSLatitude=48.8583",
        "-XMP-exif:GPSLongitude=2.2945",
        "-XMP-dc:Subject=cat",
    ]
    private += ["-XMP-iptcExt:PersonInImage=Ann", "-XMP-photoshop:City=Paris"]
    image = with_facts(exiftool, tmp_path / "source", written, *facts, *private)
    (outputs := tmp_path / "outputs").mkdir()
    for format in ("jpeg", "png", "webp", "avif", "tiff"):
        (outputs / format).write_bytes(image.edited(Edits(format=format, resize=(32, 32))).data)
    for found in told_all(exiftool, outputs).values():
        assert rights_in(found) == RIGHTS
        artist, notice = found["IFD0:Artist"], found["IFD0:Copyright"]
        assert (artist, notice) == ("Ann Ämne; Ben & Co", RIGHTS["XMP-dc:Rights"])


@pytest.mark.parametrize("written", ["JPEG", "TIFF"])
def test_the_copyright_fields_of_iptc_stay_and_nothing_else_of_it(
    written: str, exiftool: str, tmp_path: Path
) -> None:
    facts = [
        "-IPTC:CopyrightNotice=(c) Ann",
        "-IPTC:By-line=Ann",
        "-IPTC:Credit=Agency",
        "-IPTC:Source=Archive",
    ]
    private = ["-IPTC:City=Paris", "-IPTC:Keywords=cat", "-IPTC:Sub-location=home"]
    image = with_facts(exiftool, tmp_path / "source", written, *facts, *private)
    (outputs := tmp_path / "outputs").mkdir()
    for format in ("jpeg", "tiff"):
        for metadata in ("copyright", "strip", "keep"):
            edits = Edits(format=format, metadata=metadata)
            (outputs / f"{metadata}.{format}").write_bytes(image.edited(edits).data)
    for name, found in told_all(exiftool, outputs).items():
        if name.startswith("keep"):
            assert (found["IPTC:City"], found["IPTC:Keywords"], found["IPTC:By-line"]) == (
                "Paris",
                "cat",
                "Ann",
            )
            continue
        assert rights_in(found) == ({} if name.startswith("strip") else IPTC_RIGHTS)


def test_all_of_xmp_is_kept_where_that_is_asked_for_but_upright(
    exiftool: str, tmp_path: Path
) -> None:
    facts = [
        "-XMP-dc:Subject=cat",
        "-XMP-photoshop:City=Paris",
        "-XMP-tiff:Orientation#=6",
        "-Orientation#=6",
    ]
    image = with_facts(exiftool, tmp_path / "source", "JPEG", *facts)
    (outputs := tmp_path / "outputs").mkdir()
    for format in ("jpeg", "png", "webp", "tiff"):
        (outputs / format).write_bytes(image.edited(Edits(format=format, metadata="keep")).data)
    for found in told_all(exiftool, outputs).values():
        assert (found["XMP-dc:Subject"], found["XMP-photoshop:City"]) == (["cat"], "Paris")
        assert found["XMP-tiff:Orientation"] == 1


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
def test_the_author_and_the_copyright_of_a_png_stay(
    kind: str, exiftool: str, tmp_path: Path
) -> None:
    texts = PngImagePlugin.PngInfo()
    for keyword, text in (("Author", "Ann Ämne"), ("Copyright", "(c) Ann"), ("Comment", "private")):
        (texts.add_itxt if kind == "iTXt" else texts.add_text)(keyword, text, zip=kind != "tEXt")
    output = tmp_path / "output.jpg"
    output.write_bytes(
        opened(saved(photograph(64, 43), "PNG", pnginfo=texts)).edited(Edits(format="jpeg")).data
    )
    found = facts_by(exiftool, output)
    assert (found["Artist"], found["Copyright"]) == ("Ann Ämne", "(c) Ann")
    assert b"private" not in output.read_bytes()


@settings(max_examples=60, deadline=10_000)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"8BIM\x04\x04\x00\x00", b"<rdf:RDF", b"8BIM\x04\x04\xff"]),
)
def test_hostile_rights_are_at_worst_none(junk: bytes, begin: bytes) -> None:
    content = sample("baseline.jpg")
    image = opened(content[:2] + segment(0xED, begin + junk + b"</rdf:RDF>") + content[2:])
    for metadata in ("copyright", "keep"):
        assert (
            image.edited(Edits(resize=(8, 8), fit="cover", format="jpeg", metadata=metadata)).width
            == 8
        )


def test_entities_of_an_xmp_packet_are_not_followed() -> None:
    entities = (
        b'<!DOCTYPE x [<!ENTITY a "' + b"b" * 1000 + b'"><!ENTITY c "' + b"&a;" * 1000 + b'">]>'
    )
    packet = (
        b"<rdf:RDF "
        + NAMESPACES
        + b"><rdf:Description><dc:rights>&c;</dc:rights></rdf:Description></rdf:RDF>"
    )
    image = opened(
        sample("baseline.jpg")[:2] + segment(0xE1, entities + packet) + sample("baseline.jpg")[2:]
    )
    assert opened(image.edited(Edits(format="jpeg")).data)._facts.copyright is None


NAMESPACES = b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"'


def test_a_copyright_without_end_is_cut_and_not_a_failure() -> None:
    exif = Pillow.Exif()
    exif[0x8298] = exif[0x10E] = "Ann " * 50_000
    image = opened(saved(photograph(), "TIFF", exif=exif))
    for metadata in ("copyright", "keep"):
        result = opened(image.edited(Edits(format="jpeg", metadata=metadata)).data)
        assert str(result._facts.copyright).startswith("Ann Ann")
