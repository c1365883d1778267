"""What is wrong with a picture: each kind is found on a picture made so, and not on one that comes near."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter
from skimage import data
from tests.image.samples import opened, photograph, saved

from mrimage.image.finding_names import MEASURED, OF_PILE
from mrimage.image.findings import blur, jpeg_quality
from mrimage.tables.findings import KINDS

THRESHOLDS = {kind.name: kind.threshold for kind in KINDS}


def scores(content: bytes) -> dict[str, object]:
    return opened(content).features(["findings"])


def found(picture: Pillow.Image, format: str = "PNG", **options: object) -> set[str]:
    """The kinds of findings of one picture."""
    columns = scores(saved(picture, format, **options))
    return {
        name
        for name, score in columns.items()
        if score is not None and float(str(score)) >= THRESHOLDS[name]
    }


@cache
def grayish() -> Pillow.Image:
    """A photograph with nothing wrong: gray and colorful things, sharp, of many tones."""
    return Pillow.fromarray(data.astronaut()).resize((300, 300), Pillow.Resampling.LANCZOS)


def scaled(picture: Pillow.Image, factor: float, offset: float) -> Pillow.Image:
    """``picture`` with each value times ``factor`` plus ``offset``."""
    return picture.point([round(factor * value + offset) for value in range(256)] * 3)


def window() -> Pillow.Image:
    """A drawn screenshot: a menu bar, a side bar, cards with text."""
    picture = Pillow.new("RGB", (1280, 720), (240, 240, 243))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 1280, 48), fill=(36, 41, 46))
    draw.rectangle((0, 48, 240, 720), fill=(225, 228, 232))
    for number in range(12):
        draw.text((20, 70 + 40 * number), f"Menu entry {number}", fill=(30, 30, 30))
    for left in (280, 600, 920):
        draw.rectangle((left, 100, left + 280, 330), fill=(255, 255, 255), outline=(200, 200, 200))
        draw.rectangle((left, 100, left + 280, 140), fill=(3, 102, 214))
        for line in range(6):
            draw.text((left + 12, 150 + 25 * line), "Some words of a card", fill=(60, 60, 60))
    return picture


def page(ink: bool = True) -> Pillow.Image:
    """A scanned sheet: paper with noise, and lines of words unless it is blank."""
    random = np.random.default_rng(1)
    sheet = Pillow.new("L", (620, 877), 246)
    draw = ImageDraw.Draw(sheet)
    for line in range(44 if ink else 0):
        left = 60
        while left < 530:
            width = int(random.integers(10, 45))
            for stroke in range(left, left + width, 4):
                draw.rectangle((stroke, 60 + 17 * line, stroke + 1, 68 + 17 * line), fill=40)
            left += width + 7
    noise = random.normal(0, 2, (877, 620))
    noisy = np.clip(np.asarray(sheet) + noise, 0, 255).astype(np.uint8)
    return Pillow.fromarray(noisy).convert("RGB")


def product() -> Pillow.Image:
    """A thing on white, which is no page, and whose background is no border."""
    picture = Pillow.new("RGB", (300, 300), "white")
    thing = grayish().resize((140, 140))
    mask = Pillow.new("L", (140, 140))
    ImageDraw.Draw(mask).ellipse((0, 0, 139, 139), fill=255)
    picture.paste(thing, (80, 80), mask)
    return picture


def framed(left: int, top: int, color: str = "black") -> Pillow.Image:
    """The photograph with bands of ``left`` and ``top`` pixels on both sides."""
    width, height = grayish().size
    picture = Pillow.new("RGB", (width + 2 * left, height + 2 * top), color)
    picture.paste(grayish(), (left, top))
    return picture


def enlarged(factor: int) -> Pillow.Image:
    """A picture of 240 pixels that was made of one ``factor`` times smaller."""
    small = grayish().resize((240 // factor, 240 // factor), Pillow.Resampling.LANCZOS)
    return small.resize((240, 240), Pillow.Resampling.BICUBIC)


def tinted(red: float, green: float, blue: float) -> Pillow.Image:
    """A gray photograph in one color."""
    gray = np.asarray(grayish().convert("L")).astype(float)[:, :, None]
    return Pillow.fromarray((gray * [red, green, blue]).clip(0, 255).astype(np.uint8))


def test_nothing_is_wrong_with_a_good_photograph() -> None:
    assert found(grayish()) == set()
    assert found(grayish(), "JPEG", quality=85) == set()
    # Large enough that its blur and compression are those of a small decode.
    assert found(grayish().resize((1500, 1500)), "JPEG", quality=85) == set()


CASES = [
    (
        "blurred",
        grayish().filter(ImageFilter.GaussianBlur(5)),
        grayish().filter(ImageFilter.GaussianBlur(1)),
    ),
    ("dark", scaled(grayish(), 0.25, 0), scaled(grayish(), 0.5, 0)),
    ("bright", scaled(grayish(), 0.04, 245), scaled(grayish(), 0.5, 127)),
    ("low_contrast", scaled(grayish(), 0.04, 120), scaled(grayish(), 0.3, 90)),
    ("low_information", Pillow.new("RGB", (99, 60), (9, 99, 200)), scaled(grayish(), 0.1, 120)),
    ("color_cast", tinted(1, 0.7, 0.4), photograph()),  # an orange cat with white whiskers
    ("screenshot", window(), product()),
    ("page", page(), product()),
    ("page", page(ink=False), window()),
    ("border", framed(0, 30), product()),
    ("border", framed(25, 25, "white"), page()),
    ("border", framed(40, 0, "gray"), grayish()),
    ("upscaled", enlarged(4), enlarged(1)),
]


@pytest.mark.parametrize(("kind", "bad", "near"), CASES, ids=[case[0] for case in CASES])
def test_a_kind_is_found_and_a_near_miss_is_not(
    kind: str, bad: Pillow.Image, near: Pillow.Image
) -> None:
    assert kind in found(bad)
    assert kind not in found(near)


def test_compression_is_read_from_the_tables() -> None:
    for quality in (5, 20, 50, 90):
        content = saved(photograph(), "JPEG", quality=quality)
        assert jpeg_quality(content) == pytest.approx(quality, abs=8 if quality == 5 else 1)
    assert "compressed" in found(photograph(), "JPEG", quality=25)
    assert "compressed" not in found(photograph(), "JPEG", quality=35)
    assert scores(saved(photograph(), "PNG"))["compressed"] is None
    assert jpeg_quality(b"\xff\xd8\xff\xdb\x00") is None


def test_blur_is_the_width_of_edges_by_hand() -> None:
    """A step blurred by a Gaussian of 2 pixels scores 1 - 0.607 / 2; noise-free and exact up to sampling."""
    step = np.zeros((64, 64), np.float32)
    step[:, 32:] = 200
    assert blur(step, None) == 0
    slope = [100 * (1 + math.erf((column - 31.5) / 2 / math.sqrt(2))) for column in range(64)]
    soft = np.tile(np.float32(slope), (64, 1))
    assert blur(soft, None) == pytest.approx(1 - 0.607 / 2, abs=0.06)
    assert blur(np.full((64, 64), 7, np.float32), None) is None


def test_a_camera_makes_no_screenshot() -> None:
    exif = Pillow.Exif()
    exif[0x110] = "Camera"
    assert "screenshot" not in found(window(), exif=exif)


def test_only_what_can_be_seen_is_judged() -> None:
    """A good photograph with a transparent half that is black, bright, flat or a page underneath."""
    picture = grayish().convert("RGBA")
    for color in ("black", "white"):
        hidden = picture.copy()
        hidden.paste(Pillow.new("RGBA", (300, 150), color), (0, 150))
        hidden.putalpha(Pillow.fromarray(np.repeat(np.uint8([255, 0]), 150)[:, None] * np.ones((1, 300), np.uint8)))  # fmt: skip
        assert found(hidden) == found(grayish().crop((0, 0, 300, 150))) == set()
    dark = scaled(grayish(), 0.2, 0)
    dark.putalpha(Pillow.fromarray(np.repeat(np.uint8([255, 0]), 150)[:, None] * np.ones((1, 300), np.uint8)))  # fmt: skip
    assert "dark" in found(dark)  # though the rest is white when it is composited
    unseen = scores(saved(Pillow.new("RGBA", (60, 60), (0, 0, 0, 0)), "PNG"))
    assert set(unseen.values()) == {None}


def test_alpha_changes_no_other_column() -> None:
    picture = grayish().convert("RGBA")
    picture.putalpha(picture.convert("L"))
    content = saved(picture, "PNG")
    others = ["content", "hash", "descriptor"]
    together = opened(content).features([*others, "findings"])
    assert together == opened(content).features(others) | scores(content)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 7), (9, 200), (64, 64)])
def test_any_size_has_scores_in_range(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (*size, 3), dtype=np.uint8)
    columns = scores(saved(Pillow.fromarray(noise), "PNG"))
    assert set(columns) == {*MEASURED, *OF_PILE}
    assert all(score is None or 0 <= float(str(score)) <= 1 for score in columns.values())
