"""PQ and HLG: named, and brought to the range of a screen as the documents that define them say."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import pyvips
from tests.image.crafted import png_with
from tests.image.samples import opened, photograph, saved

from mrimage.image.color.conversion import built_in
from mrimage.types import Edits

# Codes of BT.2100-2's PQ, as its table of 10-bit values in Rep. ITU-R BT.2408 gives them, and what becomes of their
# light on a screen whose white is 203 cd/m2 where BT.2390's curve leaves it as it is.
PQ = {
    0.0: 0.0,
    1.0: 0.1499,
    10.0: 0.3006,
    26.0: 0.3782,
    203.0: 0.5807,
    1000.0: 0.7518,
    10_000.0: 1.0,
}


def wedge(codes: list[float], primaries: int, transfer: int) -> bytes:
    """A 16-bit PNG of gray patches with a cICP chunk."""
    patches = np.repeat(np.rint(np.array(codes) * 65_535).astype(np.uint16), 8)
    image = pyvips.Image.new_from_array(np.tile(patches[None, :, None], (8, 1, 3))).copy(
        interpretation="rgb16"
    )
    return png_with(bytes(image.pngsave_buffer()), (b"cICP", bytes((primaries, transfer, 0, 1))))


def patches(content: bytes, count: int) -> list[float]:
    """The middle of each patch in sRGB, 0..1; each must be gray."""
    shown = pyvips.Image.new_from_buffer(
        opened(content).edited(Edits(to="srgb", format="png")).data, ""
    ).numpy()
    assert np.ptp(shown.astype(int), axis=-1).max() <= 40
    return [float(value) / 65_535 for value in shown[4, 4 : 8 * count : 8, 1]]


def encoded(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def test_pq_light_below_the_knee_is_kept_and_what_is_above_ends_at_white() -> None:
    found = dict(zip(PQ, patches(wedge(list(PQ.values()), 9, 16), len(PQ)), strict=True))
    for light in (0.0, 1.0, 10.0, 26.0):
        assert found[light] == pytest.approx(encoded(light / 203), abs=0.004)
    assert found[203.0] == pytest.approx(228 / 255, abs=0.01)
    assert found[1000.0] == found[10_000.0] == pytest.approx(1, abs=0.002)
    assert sorted(found.values()) == list(found.values())


def test_the_reference_white_of_hlg_is_that_of_pq() -> None:
    (hlg,), (pq,) = patches(wedge([0.75], 9, 18), 1), patches(wedge([0.5807], 9, 16), 1)
    assert hlg == pytest.approx(pq, abs=0.003)


@pytest.mark.parametrize(
    ("transfer", "space"), [(16, "rec2100-pq"), (18, "rec2100-hlg"), (13, "rgb-other")]
)
def test_outputs_that_keep_their_space_say_which_it_is(transfer: int, space: str) -> None:
    image = opened(wedge([0.2, 0.5, 0.7], 9, transfer))
    assert image.metadata.color_space == space
    for format in ("png", "jpeg", "webp"):
        kept = opened(image.edited(Edits(format=format, quality=100)).data)
        assert kept.metadata.color_space == space
        assert np.abs(kept.thumbnail(24, 8).astype(int) - image.thumbnail(24, 8)).max() <= 4


def test_an_avif_of_pq_is_named_and_not_shown_by_its_numbers() -> None:
    content = saved(photograph(), "AVIF", quality=90)
    start = content.index(b"nclx") + 4
    bright = content[:start] + struct.pack(">HH", 9, 16) + content[start + 4 :]
    assert opened(bright).metadata.color_space == "rec2100-pq"
    shown = opened(bright).thumbnail(80, 53).astype(float)
    assert shown.mean() > opened(content).thumbnail(80, 53).mean() + 20


def test_linear_light_by_its_code_points_is_converted() -> None:
    (found,) = patches(wedge([0.2140], 1, 8), 1)
    assert found == pytest.approx(encoded(0.2140), abs=0.004)


def test_the_cicp_of_a_png_goes_before_its_profile() -> None:
    content = saved(photograph(64, 43), "PNG", icc_profile=built_in("srgb"))
    assert (
        opened(png_with(content, (b"cICP", bytes((9, 16, 0, 1))))).metadata.color_space
        == "rec2100-pq"
    )
