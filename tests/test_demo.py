"""The demo folder: each variant is what its name claims, judged by Pillow and not by mrimage."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from mrimage import demo
from mrimage.demo.variants import FILES
from mrimage.errors import UsageError

EXIF, GPS = 0x8769, 0x8825


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("demo") / "photos"
    demo.build(built)
    return built


def profile_name(path: Path) -> str:
    with Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    return ImageCms.getProfileDescription(profile).strip()


def pixels(path: Path) -> np.ndarray:
    """The image as displayed, RGB, as integers that can be subtracted."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)


def in_srgb(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        converted = ImageCms.profileToProfile(
            image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    return np.asarray(converted).astype(int)


def test_counts_are_those_of_the_folder_and_a_second_build_makes_the_same_bytes(
    folder: Path,
) -> None:
    """A file that came out otherwise would be written again, and have a new time."""
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    counts = demo.build(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == files
    assert counts.images + counts.damaged + counts.ignored == len(files) == len(FILES)
    assert counts.bytes == sum(path.stat().st_size for path in files)
    assert 100 <= counts.images <= 200
    assert str(counts).startswith(f"{counts.images} images, 5 damaged files, 1 ignored, ")


def test_images_decode_and_damaged_files_do_not(folder: Path) -> None:
    for file in FILES:
        if file.kind == "image":
            with Image.open(folder / file.path) as image:
                image.load()
        elif file.kind == "damaged":
            with (
                pytest.raises((UnidentifiedImageError, OSError)),
                Image.open(folder / file.path) as image,
            ):
                image.load()


def test_a_truncated_file_is_a_whole_one_cut_off(folder: Path) -> None:
    with Image.open(folder / "damaged/truncated.jpg") as image:
        assert image.size == (600, 400)
    whole = (folder / "formats/coffee-baseline.jpg").read_bytes()
    assert whole.startswith((folder / "damaged/truncated.jpg").read_bytes())
    assert (folder / "damaged/empty.png").stat().st_size == 0


@pytest.mark.parametrize(
    ("path", "format", "mode"),
    [
        ("formats/coffee-baseline.jpg", "JPEG", "RGB"),
        ("formats/coffee.webp", "WEBP", "RGB"),
        ("formats/coffee.avif", "AVIF", "RGB"),
        ("formats/coffee.gif", "GIF", "P"),
        ("formats/coffee.bmp", "BMP", "RGB"),
        ("formats/coffee.jp2", "JPEG2000", "RGB"),
        ("formats/coffee-lzw.tiff", "TIFF", "RGB"),
        ("formats/3f9a2c71d0", "JPEG", "RGB"),
        ("pixels/camera-gray.jpg", "JPEG", "L"),
        ("pixels/coins-gray16.png", "PNG", "I;16"),
        ("pixels/coins-gray16.tif", "TIFF", "I;16"),
        ("pixels/coins-float.tif", "TIFF", "F"),
        ("pixels/page-bilevel.png", "PNG", "1"),
        ("pixels/page-fax.tif", "TIFF", "1"),
        ("pixels/chelsea-palette.png", "PNG", "P"),
        ("pixels/astronaut-alpha.png", "PNG", "RGBA"),
        ("pixels/astronaut-alpha.webp", "WEBP", "RGBA"),
        ("pixels/moon-gray-alpha.png", "PNG", "LA"),
        ("color/coffee-cmyk.jpg", "JPEG", "CMYK"),
        ("color/coffee-cmyk-profile.jpg", "JPEG", "CMYK"),
        ("color/chelsea-lab.tif", "TIFF", "LAB"),
    ],
)
def test_formats_and_pixel_types_are_what_the_names_say(
    folder: Path, path: str, format: str, mode: str
) -> None:
    with Image.open(folder / path) as image:
        assert (image.format, image.mode) == (format, mode)


def test_encodings_are_what_the_names_say(folder: Path) -> None:
    for name, progressive in (("baseline", False), ("progressive", True)):
        with Image.open(folder / f"formats/coffee-{name}.jpg") as image:
            assert ("progressive" in image.info) is progressive
    with Image.open(folder / "formats/coffee-interlaced.png") as image:
        assert image.info["interlace"] == 1
    with Image.open(folder / "pixels/page-fax.tif") as image:
        assert image.info["compression"] == "group4"
    with Image.open(folder / "pixels/chelsea-palette-transparent.png") as image:
        assert image.info["transparency"] == 0
        assert 0 < np.mean(np.asarray(image.convert("RGBA"))[..., 3] == 0) < 1
    depth_of_png = (folder / "pixels/coffee-rgb16.png").read_bytes()[
        24:26
    ]  # IHDR: bit depth, color type
    assert depth_of_png == bytes([16, 2])
    with Image.open(folder / "pixels/coffee-rgb16.tif") as image:
        assert image.getexif()[258] == (16, 16, 16)


def test_all_eight_orientations_display_the_same(folder: Path) -> None:
    upright = pixels(folder / "orientation/astronaut-1.jpg")
    for orientation in range(1, 9):
        path = folder / f"orientation/astronaut-{orientation}.jpg"
        with Image.open(path) as image:
            assert image.getexif()[0x0112] == orientation
        assert (
            np.abs(pixels(path) - upright).mean() < 2
        )  # the JPEG grid differs; a wrong turn gives over 50
    for extension in ("png", "webp", "tif"):
        assert pixels(folder / f"orientation/rocket-6.{extension}").shape == (427, 640, 3)


@pytest.mark.parametrize(
    ("space", "name"), [("adobe-rgb", "Adobe RGB (1998)"), ("display-p3", "sP3C")]
)
def test_wide_gamut_images_carry_their_profile_and_come_back_to_srgb(
    folder: Path, space: str, name: str
) -> None:
    path = folder / f"color/motorcycle-{space}.jpg"
    original = pixels(folder / "originals/motorcycle_left.png")
    assert profile_name(path) == name
    assert (
        np.abs(in_srgb(path) - original).mean() < 3.5 < 3.6 < np.abs(pixels(path) - original).mean()
    )


def test_trips_carry_cameras_dates_and_places(folder: Path) -> None:
    with Image.open(folder / "trips/2019 Ōsaka/IMG_0004.jpg") as image:
        exif = image.getexif()
        details, gps = exif.get_ifd(EXIF), exif.get_ifd(GPS)
        assert image.size == (1200, 800)
    assert (exif[0x010F], exif[0x0110], exif[0x0112]) == ("Sample", "Sample D40", 6)
    assert details[0x9003] == "2019:04:02 10:15:00"
    assert (details[0xA434], details[0x8827], float(details[0x829A])) == (
        "Sample 24-70mm f/2.8",
        800,
        1 / 60,
    )
    latitude = sum(float(part) / 60**power for power, part in enumerate(gps[2]))
    assert (gps[1], gps[3]) == ("N", "E")
    assert latitude == pytest.approx(34.6937, abs=1e-5)
    with Image.open(folder / "trips/2018 Santiago/IMG_0001.jpg") as image:
        assert image.getexif().get_ifd(GPS)[1] == "S"
        assert 0xA434 not in image.getexif().get_ifd(EXIF)  # this camera has no lens to name


@pytest.mark.parametrize(
    ("name", "count"), [("motorcycle.gif", 3), ("motorcycle.webp", 3), ("motorcycle-pages.tif", 3)]
)
def test_several_frames(folder: Path, name: str, count: int) -> None:
    with Image.open(folder / "frames" / name) as image:
        assert image.n_frames == count


def test_near_duplicates_are_near_but_not_equal(folder: Path) -> None:
    near = folder / "near duplicates"
    original = pixels(near / "coffee.jpg")
    assert (near / "coffee.jpg").read_bytes() == (near / "coffee (copy).jpg").read_bytes()
    for name in ("recompressed.jpg", "brighter.jpg", "contrast.webp", "blurred.jpg"):
        assert 0 < np.abs(pixels(near / f"coffee-{name}") - original).mean() < 40
    assert pixels(near / "coffee-cropped.jpg").shape == (384, 582, 3)


def test_awkward_names_are_there(folder: Path) -> None:
    names = {
        path.relative_to(folder / "names").as_posix()
        for path in (folder / "names").rglob("*")
        if path.is_file()
    }
    assert {
        "日本語/猫.jpg",
        "-dash.jpg",
        "with a space.jpg",
        "a folder.jpg/inside.jpg",
        "same.jpg",
        "same.png",
    } <= names


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(UsageError, match=r'contains "diary\.txt"'):
        demo.build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]
    with pytest.raises(UsageError, match="is a file"):
        demo.build(tmp_path / "diary.txt")


def test_a_missing_scikit_image_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError) as error:
        demo.build(tmp_path / "photos")
    assert 'pip install "mrimage[demo]"' in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "photos").exists()
