"""The descriptor: its parts by hand, what it is blind to, and the permutations that turn and mirror it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from skimage import data
from tests.image.samples import opened, photograph, saved

from mrimage.image.descriptor import BINS, COLOR_SHARE, COLORS, describe, permutations


def of(picture: Pillow.Image) -> np.ndarray:
    """The descriptor of a picture as it is, without a file."""
    return describe(np.ascontiguousarray(np.asarray(picture.convert("RGB")).transpose(2, 0, 1)))


def extracted(content: bytes) -> np.ndarray:
    return np.array(opened(content).features(["descriptor"])["descriptor"])


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """The cosine."""
    a, b = first.astype(float), second.astype(float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def changed(pixels: np.ndarray, name: str) -> np.ndarray:
    """``pixels`` (H x W x 3), turned and mirrored by numpy as the name of a permutation says."""
    if "mirrored" in name:
        pixels = pixels[:, ::-1]
    quarters = int(name.split()[-1]) // 90 if "turned" in name else 0
    return np.rot90(pixels, -quarters)  # numpy turns counterclockwise


def test_a_step_by_hand() -> None:
    """Dark at the left, bright at the right: each row has gradients in its middle, all to the right."""
    picture = Pillow.new("RGB", (96, 96), (40, 40, 40))
    picture.paste((200, 200, 200), (48, 0, 96, 96))
    found = of(picture).astype(float)
    luma = found[:36].reshape(6, 6)
    # Half of the cells are as far below the mean as the others are above it: 36 equal shares.
    assert luma == pytest.approx(np.tile([-1, -1, -1, 1, 1, 1], (6, 1)) * (COLOR_SHARE / 36) ** 0.5, rel=1e-3)  # fmt: skip
    assert (found[36:COLORS] == 0).all()
    edges = found[COLORS:].reshape(4, 4, BINS)
    # 8 of 128 square roots are r, the rest 0, so the mean is r / 16, of which 4/5 are taken away.
    strong, weak = 1 - 0.05, -0.05
    scale = ((1 - COLOR_SHARE) / (8 * strong**2 + 120 * weak**2)) ** 0.5
    assert edges[:, 1:3, 0] == pytest.approx(strong * scale, rel=1e-3)
    edges[:, 1:3, 0] = weak * scale
    assert edges == pytest.approx(np.full(edges.shape, weak * scale), rel=1e-3)


def test_colors_have_signs_by_hand() -> None:
    """Blue is neither red nor green nor bright: luma is flat, and only yellow against blue is left."""
    found = of(Pillow.new("RGB", (50, 30), (0, 0, 255))).astype(float)
    assert (found[:72] == 0).all()
    assert found[72:COLORS] == pytest.approx(-1 / 6, rel=1e-3)  # without edges, all of the share
    assert (found[COLORS:] == 0).all()


def test_a_flat_gray_picture_has_none() -> None:
    assert (of(Pillow.new("RGB", (20, 10), (90, 90, 90))) == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 5), (48, 48), (131, 256)])
def test_a_descriptor_has_length_one_at_any_size(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = of(Pillow.fromarray(noise))
    assert (found.dtype, found.shape) == (np.float16, (236,))
    assert np.linalg.norm(found.astype(float)) == pytest.approx(1, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1), st.integers(2, 256))
def test_permuting_is_turning_and_mirroring(
    height: int, width: int, seed: int, levels: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, levels, (height, width, 3), dtype=np.uint8)
    own = of(Pillow.fromarray(noise))
    for name, permutation in permutations().items():
        other = of(Pillow.fromarray(np.ascontiguousarray(changed(noise, name))))
        assert (own[permutation] == other).all(), name


def test_the_permutations_are_the_eight_ways_to_lay_a_picture_down() -> None:
    found = permutations()
    assert len({tuple(permutation) for permutation in found.values()}) == 8
    assert (found["same"] == np.arange(236)).all()
    turned, mirrored = found["turned 90"], found["mirrored"]
    assert (turned[turned] == found["turned 180"]).all()
    assert (mirrored[turned] == found["mirrored, turned 90"]).all()


def test_a_turned_file_is_found_by_its_permutation() -> None:
    """Through a real file: the decoder's rounding differs, the descriptor hardly."""
    own = extracted(saved(photograph(), "JPEG", quality=90))
    turned = extracted(saved(photograph().transpose(Pillow.Transpose.ROTATE_270), "JPEG", quality=90))  # fmt: skip
    assert likeness(own[permutations()["turned 90"]], turned) > 0.99
    assert likeness(own, turned) < 0.7


def test_it_survives_what_leaves_a_picture_the_same_and_tells_others_apart() -> None:
    own = extracted(saved(photograph(), "PNG"))
    same = {
        "compressed": saved(photograph(), "JPEG", quality=20),
        "half": saved(photograph(160, 107), "PNG"),
        "twice": saved(photograph(640, 426), "PNG"),
        "brighter": saved(photograph().point(lambda value: min(255, value + 25)), "PNG"),
        "cropped": saved(photograph().crop((12, 8, 308, 205)), "PNG"),
    }
    for name, content in same.items():
        assert likeness(own, extracted(content)) > 0.93, name
    for other in (data.astronaut(), data.coffee(), data.rocket()):
        assert likeness(own, extracted(saved(Pillow.fromarray(other), "PNG"))) < 0.6


def test_it_does_not_depend_on_what_else_is_extracted() -> None:
    content = saved(photograph(700, 466), "JPEG")
    alone = opened(content).features(["descriptor"])
    together = opened(content).features(["content", "hash", "descriptor"])
    assert together["descriptor"] == alone["descriptor"]
    assert together == alone | opened(content).features(["content", "hash"])
