"""The five colour corrections: a worked example and a property of each, on 8 and 16 bits, colour and gray."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from tests.image.samples import opened, photograph, pixels_of, sample

from mrimage.image import CORRECTIONS as ALL_NAMES
from mrimage.image.correct import (
    CORRECTIONS,
    auto_levels,
    equalize,
    exposure,
    gray_world,
    white_patch,
)
from mrimage.types import GROUP_CORRECTIONS, Edits

NAMES = tuple(CORRECTIONS)

PHOTO = np.asarray(photograph())
GRAY = np.asarray(photograph().convert("L"))
CASES = [PHOTO, GRAY, PHOTO.astype(np.uint16) * 257, GRAY.astype(np.uint16) * 257]


def two_by_two(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.array(colours, dtype=np.uint8).reshape(2, 2, 3)


def test_the_names_of_the_command_line_are_the_corrections() -> None:
    assert (*CORRECTIONS, *GROUP_CORRECTIONS) == ALL_NAMES


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_depth_stay_and_sixteen_bits_agree_with_eight(name: str) -> None:
    for pixels in CASES:
        result = CORRECTIONS[name](pixels)
        assert (result.shape, result.dtype) == (pixels.shape, pixels.dtype)
    for shallow, deep in ((PHOTO, CASES[2]), (GRAY, CASES[3])):
        pairs = CORRECTIONS[name](shallow).astype(float), CORRECTIONS[name](deep) / 257
        assert np.abs(pairs[0] - pairs[1]).mean() < 1.5


@pytest.mark.parametrize("name", NAMES)
def test_flat_pictures_are_survived(name: str) -> None:
    for value in (0, 100, 255):
        flat = np.full((5, 4, 3), value, dtype=np.uint8)
        result = CORRECTIONS[name](flat)
        assert (result == result[0, 0, 0]).all()


def test_gray_world_by_hand() -> None:
    # Means 100, 50, 150 have the mean 100: gains 1, 2, 2/3.
    pixels = two_by_two((80, 40, 120), (120, 60, 180), (100, 50, 150), (100, 50, 150))
    expected = two_by_two((80, 80, 80), (120, 120, 120), (100, 100, 100), (100, 100, 100))
    assert np.array_equal(gray_world(pixels), expected)


def test_gray_world_makes_the_means_equal_and_leaves_gray_alone() -> None:
    tinted = (PHOTO * [0.9, 0.6, 0.8]).astype(np.uint8)
    means = gray_world(tinted).mean(axis=(0, 1))
    assert np.ptp(means) < 2
    assert np.ptp(tinted.mean(axis=(0, 1))) > 20
    gray = np.repeat(GRAY[..., None], 3, axis=2)
    assert np.array_equal(gray_world(gray), gray)


def test_white_patch_by_hand() -> None:
    # The brightest of each channel, 200, 100 and 50, become 255: gains 1.275, 2.55, 5.1.
    pixels = two_by_two((200, 100, 50), (100, 100, 10), (20, 10, 50), (200, 40, 20))
    expected = two_by_two((255, 255, 255), (128, 255, 51), (26, 26, 255), (255, 102, 102))
    assert np.abs(white_patch(pixels).astype(int) - expected).max() <= 1  # 127.5 is rounded to even


def test_white_patch_is_not_led_by_a_few_hot_pixels_and_keeps_what_has_white() -> None:
    dim = np.full((100, 100, 3), 120, dtype=np.uint8)
    dim[0, :50] = 250
    assert (white_patch(dim)[50] == 255).all()
    bright = PHOTO.copy()
    bright[:20] = 255
    assert np.array_equal(white_patch(bright), bright)


def test_auto_levels_by_hand() -> None:
    # 50 .. 150 is stretched to 0 .. 255: 75 becomes 63.75, and 110 becomes 153.
    channel = np.array([[50, 75, 110, 150]], dtype=np.uint8)
    assert np.array_equal(auto_levels(channel), [[0, 64, 153, 255]])


def test_auto_levels_keeps_order_and_fills_the_range() -> None:
    dull = (PHOTO // 3 + 60).astype(np.uint8)
    result = auto_levels(dull)
    assert result.min() == 0
    assert result.max() == 255
    order = np.argsort(dull[..., 0], axis=None, kind="stable")
    assert (np.diff(result[..., 0].ravel()[order].astype(int)) >= 0).all()


def test_equalize_by_hand() -> None:
    # Of 8 pixels, 2 are 10, 2 are 20, 4 are 30: (counts up to the value - 2) / (8 - 2) of 255.
    gray = np.array([[10, 10, 20, 20], [30, 30, 30, 30]], dtype=np.uint8)
    assert np.array_equal(equalize(gray), [[0, 0, 85, 85], [255, 255, 255, 255]])


def test_equalize_spreads_luma_evenly_and_keeps_hue() -> None:
    result = equalize(PHOTO)
    levels = np.sort(result @ np.array([0.299, 0.587, 0.114]), axis=None)
    even = np.linspace(0, 255, levels.size)
    assert np.abs(levels - even).mean() < 3
    for before, after in zip(
        PHOTO[::20, ::20].reshape(-1, 3), result[::20, ::20].reshape(-1, 3), strict=True
    ):
        hues = [
            colorsys.rgb_to_hsv(*(float(value) for value in pixel))[0] for pixel in (before, after)
        ]
        colourful = np.ptp(before) > 40 and np.ptp(after) > 40
        apart = abs(hues[0] - hues[1])
        assert not colourful or min(apart, 1 - apart) < 0.02


def test_exposure_by_hand() -> None:
    # A mean of 64/255 goes to 0.5 by the power 0.5014.
    pixels = np.full((4, 4), 64, dtype=np.uint8)
    assert exposure(pixels)[0, 0] in (127, 128)


def test_exposure_brings_luma_to_the_middle_and_is_bounded() -> None:
    for factor in (0.4, 1.0):
        pixels = (PHOTO * factor).astype(np.uint8)
        before, after = (abs(picture.mean() / 255 - 0.5) for picture in (pixels, exposure(pixels)))
        assert after <= before + 0.01
        assert after < 0.06
    black = np.zeros((4, 4, 3), dtype=np.uint8)
    assert np.array_equal(exposure(black), black)
    nearly = np.full((4, 4), 1, dtype=np.uint8)
    assert exposure(nearly)[0, 0] == round(255 * (1 / 255) ** (1 / 3))


@pytest.mark.parametrize("name", NAMES)
def test_alpha_is_left_alone_and_padding_is_no_part_of_the_statistics(name: str) -> None:
    image = opened(sample("rgba.png"))
    result = pixels_of(image.edited(Edits(correct=name, format="png")).data)
    assert np.array_equal(result[..., 3], pixels_of(sample("rgba.png"))[..., 3])
    edits = {"resize": (100, 100), "correct": name, "format": "png"}
    padded = pixels_of(opened(sample("rgb.png")).edited(Edits(fit="pad", **edits)).data)
    plain = pixels_of(opened(sample("rgb.png")).edited(Edits(fit="contain", **edits)).data)
    top = (100 - plain.shape[0]) // 2
    assert np.array_equal(padded[top : top + plain.shape[0]], plain)
    assert (padded[0] == 255).all()
