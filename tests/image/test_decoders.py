"""What each decoder gives is pinned: one picture by every path x orientation x depth x alpha, with its right pixels."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

pytest.importorskip("imagecodecs")
pytest.importorskip("tifffile")
pytest.importorskip("pillow_heif")
pytest.importorskip("pillow_jxl")

from tests.image.decoders import ALPHA, BLOCK, CORNER, FIELD, HIGH, WIDE, Case, cases
from tests.image.samples import opened

from mrimage.types import Edits

CASES = [
    (case, orientation) for case in cases() for orientation in (range(1, 9) if case.turns else (1,))
]


def encoded(light: tuple[float, ...]) -> np.ndarray:
    """sRGB's curve (IEC 61966-2-1)."""
    values = np.array(light)
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    ("case", "orientation"), CASES, ids=[f"{case}, {turn}" for case, turn in CASES]
)
def test_every_decoder_gives_the_right_pixels(case: Case, orientation: int) -> None:
    image = opened(case.content(orientation))
    metadata = image.metadata
    assert (metadata.width, metadata.height, metadata.has_alpha) == (
        WIDE,
        HIGH,
        case.alpha != "none",
    )
    shown = pyvips.Image.new_from_buffer(image.edited(Edits(format="png")).data, "").numpy()
    assert shown.shape[:2] == (HIGH, WIDE)
    shown = shown / (65_535 if shown.dtype == np.uint16 else 255)
    for x, y, color in (
        (CORNER // 2, CORNER // 2, BLOCK),
        (WIDE - 4, HIGH - 4, FIELD),
        (4, HIGH - 4, FIELD),
    ):
        wanted = encoded(color) if case.linear else np.array(color)
        assert np.abs(shown[y, x, :3] - wanted).max() <= case.within
        if case.alpha != "none":
            assert abs(shown[y, x, 3] - ALPHA) <= case.within
