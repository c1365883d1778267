"""Resizing keeps the light: no ratio makes a picture darker or brighter."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.image.samples import opened, saved

from mrimage.types import Edits

RATIOS = (1.3, 3.5, 5.9, 9.0, 20.0, 27.0, 45.0)


def shrunk(pixels: np.ndarray, ratio: float) -> np.ndarray:
    side = round(pixels.shape[0] / ratio)
    result = opened(saved(Pillow.fromarray(pixels), "PNG")).edited(
        Edits(resize=(side, side), format="png")
    )
    return opened(result.data).thumbnail(side, side)


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_night_sky_is_as_dark_as_it_was(ratio: float) -> None:
    glow = np.linspace(2, 14, 600)[:, None, None] + np.random.default_rng(1).uniform(
        0, 1, (600, 600, 3)
    )
    sky = glow.astype(np.uint8)
    assert abs(shrunk(sky, ratio).mean() - sky.mean()) < 0.15


@pytest.mark.parametrize("ratio", RATIOS)
def test_white_stays_white_to_a_level_and_bright_noise_to_half_of_one(ratio: float) -> None:
    assert shrunk(np.full((600, 600, 3), 255, dtype=np.uint8), ratio).min() >= 254
    noise = np.random.default_rng(2).integers(150, 250, (600, 600, 3), dtype=np.uint8)
    assert abs(shrunk(noise, ratio).mean() - noise.mean()) < 0.55


@pytest.mark.parametrize("ratio", [ratio for ratio in RATIOS if ratio > 6 or ratio < 3.6])
@pytest.mark.parametrize("level", [255, 254, 200, 128, 3])
def test_a_flat_surface_keeps_its_level(level: int, ratio: float) -> None:
    for bands in ((), (3,)):
        assert (shrunk(np.full((600, 600, *bands), level, dtype=np.uint8), ratio) == level).all()


def test_alpha_is_scaled_with_its_colors_and_hides_what_is_under_it() -> None:
    pixels = np.full((640, 640, 4), (200, 100, 50, 255), dtype=np.uint8)
    pixels[:, 320:] = (0, 255, 0, 0)
    content = (
        opened(saved(Pillow.fromarray(pixels), "PNG"))
        .edited(Edits(resize=(64, 64), format="png"))
        .data
    )
    result = np.asarray(Pillow.open(io.BytesIO(content)).convert("RGBA")).astype(int)
    assert (result[:, :28] == (200, 100, 50, 255)).all()
    assert (result[:, 36:, 3] == 0).all()
    seen = result[result[..., 3] > 20]
    assert np.abs(seen[:, :3] - (200, 100, 50)).max() <= 8, "no green shines through"


@pytest.mark.parametrize("ratio", [1.3, 3.5, 20.0])
@pytest.mark.parametrize("deep", [False, True])
def test_opaque_and_deep_pictures_keep_the_light_too(deep: bool, ratio: float) -> None:
    import pyvips

    noise = np.random.default_rng(3).integers(0, 255, (300, 300, 4), dtype=np.uint8)
    noise[..., 3] = 255
    image = pyvips.Image.new_from_array(noise.astype(np.uint16) * 257 if deep else noise)
    content = bytes(image.copy(interpretation="rgb16" if deep else "srgb").pngsave_buffer())
    side = round(300 / ratio)
    result = pyvips.Image.new_from_buffer(
        opened(content).edited(Edits(resize=(side, side), format="png")).data, ""
    ).numpy()
    assert result.dtype == (np.uint16 if deep else np.uint8)
    assert np.allclose(
        result[..., :3].mean() / (257 if deep else 1), noise[..., :3].mean(), atol=0.3
    )
    assert (result[..., 3] == (65_535 if deep else 255)).all()
