"""The EXIF of outputs, as an independent reader (exiftool) finds it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image as Pillow
from tests.image.samples import opened, photograph, saved
from tests.image.test_metadata import exiftool  # noqa: F401 - a fixture

from mrimage.image.carried import LONGEST
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


def told(tool: str, path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(subprocess.run([tool, "-j", "-n", path], capture_output=True).stdout)[0]
    return found


@pytest.fixture(params=["JPEG", "TIFF", "PNG"])
def source(request: pytest.FixtureRequest, exiftool: str, tmp_path: Path) -> bytes:  # noqa: F811
    """A file with facts in both byte orders: exiftool writes big-endian EXIF into JPEG and PNG."""
    path = tmp_path / "source"
    path.write_bytes(saved(photograph(), request.param))
    written = [f"-{name}={value}" for name, value in FACTS.items()]
    more = ["-GPSLatitudeRef=N", "-GPSLongitude=2.2945", "-GPSLongitudeRef=E", "-Orientation#=6", "-ColorSpace#=1"]
    subprocess.run([exiftool, "-q", "-overwrite_original", *written, *more, path], check=True)
    return path.read_bytes()


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "tiff"])
def test_what_is_kept_is_read_by_others(source: bytes, format: str, exiftool: str, tmp_path: Path) -> None:  # noqa: F811
    image, path = opened(source), tmp_path / f"output.{format}"
    path.write_bytes(image.edited(Edits(format=format, metadata="keep", resize=(40, 60), fit="stretch")).data)
    found = told(exiftool, path)
    assert {name: found.get(name) for name in FACTS} == FACTS
    assert found.get("Orientation") == 1
    assert not {"Warning", "Error", "ThumbnailImage"} & set(found)
    assert found.get("ColorSpace", 65_535) == 65_535  # libvips writes that it is not said here, and the new size
    assert found.get("ExifImageWidth", 40) == 40
    path.write_bytes(image.edited(Edits(format=format)).data)
    found = told(exiftool, path)
    assert {name for name in FACTS if name in found} == {"Artist", "Copyright"}
    assert (found["Artist"], found["Copyright"]) == (FACTS["Artist"], FACTS["Copyright"])
    path.write_bytes(image.edited(Edits(format=format, metadata="strip")).data)
    assert not set(FACTS) & set(told(exiftool, path))


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
@pytest.mark.parametrize("metadata", ["copyright", "keep"])
def test_a_copyright_that_only_xmp_names_stays(format: str, metadata: str, exiftool: str, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "source"
    path.write_bytes(saved(photograph(), format))
    written = ["-XMP-dc:Rights=(c) Ann & Sons", "-XMP-dc:Creator=Ann"]
    subprocess.run([exiftool, "-q", "-overwrite_original", *written, path], check=True)
    output = tmp_path / "output.jpg"
    output.write_bytes(opened(path.read_bytes()).edited(Edits(format="jpeg", metadata=metadata)).data)
    found = told(exiftool, output)
    assert (found.get("Artist"), found.get("Copyright")) == ("Ann", "(c) Ann & Sons")


def test_a_copyright_without_end_is_cut_and_not_a_failure() -> None:
    exif = Pillow.Exif()
    exif[0x8298] = exif[0x10E] = "Ann " * 50_000
    image = opened(saved(photograph(), "TIFF", exif=exif))
    for metadata in ("copyright", "keep"):
        result = opened(image.edited(Edits(format="jpeg", metadata=metadata)).data)
        assert str(result._shot.copyright).startswith("Ann Ann")
