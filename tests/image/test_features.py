"""Content features and hashes: worked examples, properties, and one decode for all of them."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter
from tests.image.samples import opened, photograph, sample, saved

import mrimage.image.thumbnail
from mrimage.errors import UsageError
from mrimage.image import EXTRACTORS


def content(picture: Pillow.Image, format: str = "PNG", **options: object) -> dict[str, object]:
    return opened(saved(picture, format, **options)).features(["content"])


def distance(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def phash(data: bytes) -> str:
    return str(opened(data).features(["hash"])["phash"])


def test_a_flat_picture_by_hand() -> None:
    found = content(Pillow.new("RGB", (64, 64), (255, 0, 0)))
    assert found["brightness"] == pytest.approx(0.299, abs=0.003)
    assert (found["contrast"], found["entropy"], found["sharpness"]) == (0, 0, 0)
    assert (found["mean_color"], found["dominant_colors"]) == ("#ff0000", ["#ff0000"])
    # Opponents of pure red: 255 and 127.5, without spread: 0.3 times the root of their squares.
    assert found["colorfulness"] == pytest.approx(0.3 * math.hypot(255, 127.5), abs=0.01)


def test_half_black_and_half_white_by_hand() -> None:
    picture = Pillow.new("RGB", (64, 64))
    picture.paste((255, 255, 255), (0, 0, 32, 64))
    found = content(picture)
    assert (found["brightness"], found["contrast"], found["entropy"]) == (0.5, 0.5, 1.0)
    assert found["dominant_colors"] == ["#000000", "#ffffff"]
    assert found["colorfulness"] == 0
    # Of 62 columns of the Laplacian, one is +255 and one is -255: its variance is 2 * 255^2 / 62.
    assert found["sharpness"] == pytest.approx(2 * 255**2 / 62, rel=1e-6)


def test_blur_lowers_sharpness_and_only_that_much_else() -> None:
    clear, blurred = (
        content(photograph()),
        content(photograph().filter(ImageFilter.GaussianBlur(4))),
    )
    assert float(str(blurred["sharpness"])) < 0.5 * float(str(clear["sharpness"]))
    assert blurred["brightness"] == pytest.approx(clear["brightness"], abs=0.01)


def test_features_do_not_depend_on_the_scale_of_the_file() -> None:
    small, large = content(photograph(640, 426)), content(photograph(1280, 852))
    for name, tolerance in (
        ("brightness", 0.01),
        ("contrast", 0.01),
        ("entropy", 0.1),
        ("colorfulness", 1.0),
    ):
        assert small[name] == pytest.approx(large[name], abs=tolerance), name
    assert float(str(small["sharpness"])) == pytest.approx(float(str(large["sharpness"])), rel=0.25)


def test_the_perceptual_hash_survives_what_the_eye_does_not_see_and_tells_pictures_apart() -> None:
    own = phash(sample("rgb.png"))
    assert len(own) == 16
    for same in (
        saved(photograph(), "JPEG", quality=40),
        saved(photograph(160, 107), "PNG"),
        saved(photograph().point(lambda value: min(255, value + 15)), "PNG"),
        sample("lossy.webp"),
    ):
        assert distance(own, phash(same)) <= 10
    for other in (
        photograph().rotate(180),
        photograph().transpose(Pillow.Transpose.FLIP_LEFT_RIGHT),
    ):
        assert distance(own, phash(saved(other, "PNG"))) > 16


def test_the_byte_hash_is_the_files() -> None:
    data = sample("baseline.jpg")
    assert opened(data).features(["hash"])["sha256"] == hashlib.sha256(data).hexdigest()


def test_an_extractor_gives_its_columns_and_no_others() -> None:
    for name, extractor in EXTRACTORS.items():
        if extractor.model:
            with pytest.raises(UsageError, match="model of a job"):
                opened(sample("rgb.png")).features([name])
            continue
        assert set(opened(sample("rgb.png")).features([name])) == set(extractor.columns)
    with pytest.raises(UsageError, match="content"):
        opened(sample("rgb.png")).features(["contents"])


def test_all_features_come_from_one_small_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    whole = mrimage.image.thumbnail.jpeg_array

    def counted(*arguments: object) -> np.ndarray:
        array: np.ndarray = whole(*arguments)
        shapes.append(array.shape)
        return array

    monkeypatch.setattr(mrimage.image.thumbnail, "jpeg_array", counted)
    data = saved(photograph(1200, 800), "JPEG")
    together = opened(data).features(["content", "hash"])
    assert shapes == [(100, 150, 3)]  # an eighth: the longer side has 128 pixels or more
    assert together == opened(data).features(["content"]) | opened(data).features(["hash"])


def test_features_are_of_the_upright_picture_on_white() -> None:
    exif = Pillow.Exif()
    exif[0x112] = 6
    turned = photograph().rotate(90, expand=True)
    assert distance(phash(saved(turned, "PNG", exif=exif)), phash(sample("rgb.png"))) <= 2
    clear = saved(Pillow.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG")
    assert opened(clear).features(["content"])["mean_color"] == "#ffffff"
