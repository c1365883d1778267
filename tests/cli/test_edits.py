"""Every edit from the command line to the pixels of the file that it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrimage.cli.main import main

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
NEAR = 3
"""Levels of 255 by which a lossless path may differ from the colour that was put in."""


@pytest.fixture(scope="module")
def bands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One image of 120x60 in three upright bands: red, green, blue, each 40 wide."""
    folder = tmp_path_factory.mktemp("bands")
    picture = Image.new("RGB", (120, 60))
    for left, color in ((0, RED), (40, GREEN), (80, BLUE)):
        picture.paste(color, (left, 0, left + 40, 60))
    picture.save(folder / "bands.png")
    return folder


def made(source: Path, out: Path, *options: str) -> Image.Image:
    """The one image that a run with ``options`` makes."""
    command = [
        "run",
        str(source),
        str(out),
        "--workers",
        "1",
        "--no-thumbnails",
        "--quiet",
        *options,
    ]
    assert main(command) == 0
    [path] = [path for path in (out / "images").rglob("*") if path.is_file()]
    picture = Image.open(path)
    picture.load()
    return picture


def looks(
    picture: Image.Image, points: dict[tuple[int, int], tuple[int, int, int]], near: int = NEAR
) -> bool:
    pixels = np.asarray(picture.convert("RGB"), int)
    return all(np.abs(pixels[y, x] - color).max() <= near for (x, y), color in points.items())


@pytest.mark.parametrize(
    ("options", "size", "points"),
    [
        # All three bands, 15 pixels each.
        (["--fit", "contain"], (60, 30), {(7, 15): RED, (30, 15): GREEN, (52, 15): BLUE}),
        ([], (60, 30), {(7, 15): RED, (30, 15): GREEN, (52, 15): BLUE}),
        # As wide as 120x60 at its height of 60: the middle 60 pixels are half a red, all of the green, half a blue.
        (
            ["--fit", "cover"],
            (60, 60),
            {(3, 30): RED, (30, 30): GREEN, (56, 30): BLUE, (30, 0): GREEN, (30, 59): GREEN},
        ),
        (
            ["--fit", "pad"],
            (60, 60),
            {(30, 3): WHITE, (30, 56): WHITE, (7, 30): RED, (30, 30): GREEN, (52, 30): BLUE},
        ),
        (
            ["--fit", "pad", "--background", "#00ff00"],
            (60, 60),
            {(3, 3): GREEN, (7, 30): RED, (52, 30): BLUE},
        ),
        (["--fit", "stretch"], (60, 60), {(7, 2): RED, (30, 2): GREEN, (52, 57): BLUE}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_four_fits(bands: Path, tmp_path: Path, options: list[str], size, points) -> None:
    picture = made(bands, tmp_path / "out", "--resize", "60x60", *options)
    assert picture.size == size
    assert looks(picture, points)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--fit", "contain"], (240, 120)),
        (["--fit", "contain", "--no-enlarge"], (120, 60)),
        (["--fit", "cover"], (240, 240)),
        (["--fit", "cover", "--no-enlarge"], (120, 60)),
        (["--fit", "stretch", "--no-enlarge"], (120, 60)),
        (["--fit", "pad"], (240, 240)),
        (["--fit", "pad", "--no-enlarge"], (240, 240)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_small_image_grows_unless_told_not_to(
    bands: Path, tmp_path: Path, options: list[str], size
) -> None:
    picture = made(bands, tmp_path / "out", "--resize", "240x240", *options)
    assert picture.size == size
    if options == ["--fit", "pad", "--no-enlarge"]:  # itself in the middle of the canvas
        assert looks(
            picture,
            {
                (59, 120): WHITE,
                (61, 120): RED,
                (120, 89): WHITE,
                (120, 91): GREEN,
                (178, 120): BLUE,
            },
        )


@pytest.mark.parametrize(
    ("crop", "size", "points"),
    [
        ("40x20", (40, 20), {(0, 0): GREEN, (39, 19): GREEN}),
        ("60x60", (60, 60), {(9, 0): RED, (10, 0): GREEN, (49, 59): GREEN, (50, 59): BLUE}),
        ("10x10+35+5", (10, 10), {(4, 0): RED, (5, 9): GREEN}),
        ("40x60+0+0", (40, 60), {(0, 0): RED, (39, 59): RED}),
        ("80x80+80+30", (40, 30), {(0, 0): BLUE, (39, 29): BLUE}),
        ("1000x1000", (120, 60), {(39, 0): RED, (40, 0): GREEN}),
        ("1x1+119+59", (1, 1), {(0, 0): BLUE}),
    ],
)
def test_crops_fall_on_the_very_pixels(
    bands: Path, tmp_path: Path, crop: str, size, points
) -> None:
    picture = made(bands, tmp_path / "out", "--crop", crop)
    assert picture.size == size
    assert looks(picture, points, near=0)


def test_crop_comes_before_resize_and_both_after_orientation(tmp_path: Path) -> None:
    """Stored lying, to be shown upright (orientation 6): red on top, then green, then blue."""
    (tmp_path / "photos").mkdir()
    stored = Image.new("RGB", (120, 60))
    for left, color in ((0, RED), (40, GREEN), (80, BLUE)):
        stored.paste(color, (left, 0, left + 40, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / "photos/turned.png", exif=exif)
    picture = made(
        tmp_path / "photos", tmp_path / "out", "--crop", "60x40+0+80", "--resize", "30x30"
    )
    assert picture.size == (30, 20)
    assert looks(picture, {(0, 0): BLUE, (29, 19): BLUE})
    assert picture.getexif().get(0x0112, 1) == 1


def test_a_crop_outside_the_image_is_quarantined(bands: Path, tmp_path: Path, rows) -> None:
    out = tmp_path / "out"
    command = [
        "run",
        str(bands),
        str(out),
        "--workers",
        "1",
        "--no-thumbnails",
        "--quiet",
        "--crop",
        "5x5+500+0",
    ]
    assert main(command) == 0
    [row] = rows(out, "quarantine")
    assert (row["reason"], "outside the image of 120x60" in str(row["message"])) == (
        "unsupported",
        True,
    )


@pytest.mark.parametrize(
    ("name", "kind", "extension", "near"),
    [
        ("jpeg", "JPEG", "jpg", 12),
        ("png", "PNG", "png", 0),
        ("webp", "WEBP", "webp", 20),
        ("avif", "AVIF", "avif", 20),
        ("tiff", "TIFF", "tiff", 0),
        ("keep", "PNG", "png", 0),
    ],
)
def test_every_format_is_what_its_name_says(
    bands: Path, tmp_path: Path, name: str, kind: str, extension: str, near: int
) -> None:
    picture = made(bands, tmp_path / "out", "--format", name)
    assert (picture.format, picture.size) == (kind, (120, 60))
    assert looks(picture, {(20, 30): RED, (60, 30): GREEN, (100, 30): BLUE}, near)
    [path] = (tmp_path / "out/images").rglob("bands*")
    assert path.name == ("bands.png" if extension == "png" else f"bands~png.{extension}")


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_less_quality_is_fewer_bytes_and_more_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "photos").mkdir()
    across, down = np.meshgrid(np.linspace(0, 9, 256), np.linspace(0, 7, 192))
    waves = [127 + 60 * np.sin(across * turn) + 60 * np.cos(down * turn * 2) for turn in (1, 3, 7)]
    truth = np.stack(waves, axis=2).clip(0, 255).astype(np.uint8)
    Image.fromarray(truth).save(tmp_path / "photos/waves.png")
    sizes, errors = [], []
    for quality in ("10", "50", "95"):
        out = tmp_path / quality
        picture = made(tmp_path / "photos", out, "--format", name, "--quality", quality)
        sizes.append(next((out / "images").rglob("waves*")).stat().st_size)
        errors.append(np.abs(np.asarray(picture.convert("RGB"), int) - truth).mean())
    assert sizes[0] < sizes[1] < sizes[2]
    assert errors[0] > errors[1] > errors[2]


def test_gray_is_one_channel_of_the_bands_luminance(bands: Path, tmp_path: Path) -> None:
    picture = made(bands, tmp_path / "out", "--to", "gray", "--format", "png")
    assert picture.mode == "L"
    red, green, blue = (picture.getpixel((x, 30)) for x in (20, 60, 100))
    assert blue < red < green  # type: ignore[operator]  # whatever the weights: Y of the sRGB primaries is in this order


def test_the_same_edits_in_another_order_of_options_are_the_same_file(
    bands: Path, tmp_path: Path
) -> None:
    one = [
        "--crop",
        "80x60+20+0",
        "--resize",
        "20x20",
        "--fit",
        "cover",
        "--to",
        "gray",
        "--format",
        "png",
    ]
    pairs = [one[start : start + 2] for start in range(0, len(one), 2)]
    made(bands, tmp_path / "one", *one)
    made(bands, tmp_path / "two", *(text for pair in reversed(pairs) for text in pair))
    files = [
        next((tmp_path / name / "images").rglob("*.png")).read_bytes() for name in ("one", "two")
    ]
    assert files[0] == files[1]
