"""Corrections that bring the images of a group to one another: laws of the statistics, and what each does to a series."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrimage.image.color.lab import rgb_space
from mrimage.image.group.deflicker import REACH, smoothed
from mrimage.image.group.exposure import brightened, median_exposure
from mrimage.image.group.frame import Frame, codes_of, full_white, mapped
from mrimage.image.group.histogram import BINS
from mrimage.image.group.methods import METHODS

Array = np.ndarray[Any, np.dtype[Any]]

SRGB = rgb_space("srgb")
FEW = settings(max_examples=25, deadline=None)

MATCHED = ("match-group", "match-histogram", "exposure-group")


def scene(side: int = 48) -> Array:
    """Linear light of a made scene, H x W x 3, 0..1: smooth surfaces, texture, deep shadows and a highlight."""
    rng = np.random.default_rng(5)
    down, across = np.mgrid[0:side, 0:side] / side
    light = np.stack([0.1 + 0.4 * across, 0.08 + 0.3 * down, 0.15 + 0.1 * across * down], axis=2)
    light *= 1 + 0.3 * rng.standard_normal((side, side, 1)).clip(-2, 2)
    light[:6, :12] *= 0.02
    light[-6:, -6:] = 0.8
    return light.clip(0, 1)


def developed(light: Array, stops: float = 0.0, gains: Sequence[float] = (1, 1, 1)) -> Array:
    """A photograph of the scene with another exposure and white balance: uint8."""
    exposed = light * np.array(gains) * 2.0**stops
    return np.clip(np.rint(SRGB.encoded(exposed.astype(np.float32)) * 255), 0, 255).astype(np.uint8)


def drifting(frames: int, *, colors: bool) -> list[Array]:
    """A series whose exposure jitters and drifts, and whose white balance drifts with ``colors``."""
    rng = np.random.default_rng(1)
    light = scene()
    series = []
    for number in range(frames):
        stops = 0.4 * np.sin(number / 12) - 0.2 + 0.15 * rng.standard_normal()
        warm = 0.15 * np.sin(number / 7) if colors else 0.0
        series.append(developed(light, stops, (1 + warm, 1, 1 - warm)))
    return series


def matched(series: Sequence[Array], name: str) -> list[Array]:
    method = METHODS[name]
    own = [method.of(Frame(frame, "srgb", frame.shape[0] * frame.shape[1])) for frame in series]
    group = reduce(method.merge, own)
    return [
        method.apply(frame, "srgb", mine, group) for frame, mine in zip(series, own, strict=True)
    ]


def means(series: Sequence[Array]) -> Array:
    """The mean Lab color of each frame: N x 3."""
    return np.array([SRGB.lab(codes_of(f.reshape(-1, *f.shape[2:]))).mean(axis=0) for f in series])


def spread(series: Sequence[Array]) -> float:
    return float(np.sqrt((means(series).std(axis=0) ** 2).sum()))


def flicker(series: Sequence[Array]) -> float:
    """The largest difference between neighbors."""
    return float(np.linalg.norm(np.diff(means(series), axis=0), axis=1).max())


def newly_clipped(before: Sequence[Array], after: Sequence[Array]) -> float:
    def clipped(frame: Array) -> Array:
        return (frame == 0) | (frame == full_white(frame))

    return max(
        float((clipped(new) & ~clipped(old)).any(axis=2).mean())
        for old, new in zip(before, after, strict=True)
    )


pictures = st.builds(
    lambda seed, height, width, gray, alpha: _picture(seed, height, width, gray, alpha),
    st.integers(0, 10_000),
    st.integers(1, 6),
    st.integers(1, 6),
    st.booleans(),
    st.booleans(),
)


def _picture(seed: int, height: int, width: int, gray: bool, alpha: bool) -> Frame:
    rng = np.random.default_rng(seed)
    dtype = np.uint16 if seed % 2 else np.uint8
    shape = (height, width) if gray else (height, width, 3)
    colors = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    opacity = rng.integers(0, np.iinfo(dtype).max, (height, width), dtype, endpoint=True)
    return Frame(colors, "srgb", 100 * height * width, opacity if alpha else None)


@pytest.mark.parametrize("name", METHODS)
@FEW
@given(frames=st.lists(pictures, min_size=2, max_size=6), seed=st.integers(0, 1000))
def test_a_statistic_does_not_depend_on_order_or_grouping(
    name: str, frames: list[Frame], seed: int
) -> None:
    method = METHODS[name]
    one_by_one = [method.of(frame) for frame in frames]
    expected = reduce(method.merge, one_by_one)
    random.Random(seed).shuffle(one_by_one)
    cut = seed % len(one_by_one)
    parts = [part for part in (one_by_one[:cut], one_by_one[cut:]) if part]
    assert reduce(method.merge, [reduce(method.merge, part) for part in parts]) == expected
    assert all(type(number) is int for number in _flat(expected))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [number for item in value for number in _flat(item)]
    return [value]


@pytest.mark.parametrize("name", METHODS)
@FEW
@given(frame=pictures)
def test_a_group_of_one_stays_as_it_is(name: str, frame: Frame) -> None:
    method = METHODS[name]
    own = method.of(frame)
    assert (method.apply(frame.colors, "srgb", own, own) == frame.colors).all()


@pytest.mark.parametrize("name", MATCHED)
@FEW
@given(frame=pictures, other=pictures)
def test_shape_type_and_the_range_stay_whatever_is_matched(
    name: str, frame: Frame, other: Frame
) -> None:
    method = METHODS[name]
    out = method.apply(frame.colors, "srgb", method.of(frame), method.of(other))
    assert (out.shape, out.dtype) == (frame.colors.shape, frame.colors.dtype)
    top = full_white(out)
    was_inside = (frame.colors > 0) & (frame.colors < top)
    assert ((out > 0) & (out < top))[was_inside].all()


def test_match_group_takes_away_nine_tenths_of_the_spread_and_the_flicker() -> None:
    before = drifting(60, colors=True)
    after = matched(before, "match-group")
    assert spread(before) > 3
    assert spread(after) < 0.1 * spread(before)
    assert flicker(before) > 2
    assert flicker(after) < 1
    assert newly_clipped(before, after) < 0.002


@pytest.mark.parametrize("name", ["match-histogram", "exposure-group"])
def test_a_series_of_one_scene_comes_together(name: str) -> None:
    before = drifting(40, colors=name == "match-histogram")
    after = matched(before, name)
    assert spread(after) < 0.2 * spread(before)
    assert newly_clipped(before, after) < 0.002


def test_match_group_keeps_the_contrast_of_a_series() -> None:
    # The deviation of all pixels together would be larger than that of any frame.
    before = drifting(40, colors=False)
    after = matched(before, "match-group")
    deviations = [frame.std() for frame in before]
    assert np.mean([frame.std() for frame in after]) == pytest.approx(np.mean(deviations), rel=0.05)


def test_exposure_keeps_the_hue_and_the_proportions_of_a_pixel() -> None:
    frame = np.array([[[180, 90, 30], [200, 20, 100], [250, 240, 10]]], np.uint8)
    for gain in (0.5, 1.6, 3.0):
        light = SRGB.light(codes_of(frame[0]))
        out = SRGB.light(codes_of(brightened(frame, "srgb", gain)[0]))
        for was, now in zip(light, out, strict=True):
            assert now / now.max() == pytest.approx(was / was.max(), abs=0.01)


def test_exposure_is_linear_in_light_below_the_shoulder_and_clips_nothing_above() -> None:
    codes = np.arange(256, dtype=np.uint8)[None, :]
    out = brightened(codes, "srgb", 2.0)[0].astype(int)
    light = SRGB.light(codes_of(out.astype(np.uint8)))[:, 0]
    expected = 2 * SRGB.light(codes_of(codes[0]))[:, 0]
    below = expected < 0.5
    assert light[below] == pytest.approx(expected[below], abs=0.004)
    assert (np.diff(out) >= 0).all()
    assert out[254] < 255
    assert out[255] == 255


def test_the_median_exposure_is_the_middle_of_the_images_whatever_their_size() -> None:
    light = scene(16)
    sizes = (10, 10_000_000, 10)
    frames = [developed(light, stops) for stops in (-1.0, 0.0, 3.0)]
    method = METHODS["exposure-group"]
    own = [method.of(Frame(f, "srgb", size)) for f, size in zip(frames, sizes, strict=True)]
    assert median_exposure(reduce(method.merge, own)) == own[1][0][0]


def test_a_flat_image_does_not_explode() -> None:
    rng = np.random.default_rng(3)
    flat = np.full((24, 24, 3), 120, np.uint8) + rng.integers(0, 2, (24, 24, 3), np.uint8)
    for name in MATCHED:
        out = matched([flat, developed(scene(24))], name)[0]
        assert out.reshape(-1, 3).std(axis=0).max() < 4, name


def test_transparent_pixels_do_not_count() -> None:
    frame = developed(scene(16))
    red = np.full_like(frame, 0)
    red[..., 0] = 255
    both = np.concatenate([frame, red])
    alpha = np.concatenate([np.full((16, 16), 255, np.uint8), np.zeros((16, 16), np.uint8)])
    for name, method in METHODS.items():
        seen = method.of(Frame(both, "srgb", 512, alpha))
        assert seen == method.of(Frame(frame, "srgb", 256)), name


def test_an_image_that_is_all_transparent_says_nothing_and_stays() -> None:
    frame = developed(scene(8))
    hidden = Frame(frame, "srgb", 64, np.zeros((8, 8), np.uint8))
    other = Frame(developed(scene(8), -1), "srgb", 64)
    for method in METHODS.values():
        nothing = method.of(hidden)
        assert method.merge(nothing, method.of(other)) == method.of(other)
        assert (method.apply(frame, "srgb", nothing, method.of(other)) == frame).all()


def test_a_gray_image_says_nothing_about_color_and_stays_gray() -> None:
    color = Frame(developed(scene(16), 0.5, (1.2, 1, 0.8)), "srgb", 256)
    gray = Frame(developed(scene(16))[..., 1], "srgb", 256)
    method = METHODS["match-group"]
    together = method.merge(method.of(color), method.of(gray))
    assert together[3:] == method.of(color)[3:]
    out = method.apply(gray.colors, "srgb", method.of(gray), method.of(color))
    assert out.ndim == 2
    lightness = means([out])[0][0]
    assert lightness == pytest.approx(means([color.colors])[0][0], abs=0.5)


def test_sixteen_bits_and_eight_bits_agree() -> None:
    series = drifting(8, colors=True)
    for name in MATCHED:
        eight = matched(series, name)
        deep = [frame.astype(np.uint16) * 257 for frame in series]
        sixteen = matched(deep, name)
        for one, other in zip(eight, sixteen, strict=True):
            assert other.dtype == np.uint16
            difference = abs(one.astype(float) - other / 257)
            assert difference.mean() < 0.7, name


def test_wide_gamut_is_matched_in_its_own_space() -> None:
    # The same colors, in Display P3 and in sRGB, have the same statistic and become the same colors.
    frame = developed(scene(24), 0, (1.1, 1, 0.9))
    p3 = rgb_space("display-p3")
    codes = p3.codes(SRGB.lab(codes_of(frame.reshape(-1, 3))))
    wide = np.rint(codes * 65535).clip(0, 65535).astype(np.uint16).reshape(frame.shape)
    method = METHODS["match-group"]
    own = method.of(Frame(frame, "srgb", 576))
    own_wide = method.of(Frame(wide, "display-p3", 576))
    assert np.array(own_wide) == pytest.approx(np.array(own), rel=0.01, abs=576 * 2000)
    goal = method.of(Frame(developed(scene(24), -0.5), "srgb", 576))
    out = method.apply(frame, "srgb", own, goal)
    out_wide = method.apply(wide, "display-p3", own_wide, goal)
    lab = p3.lab(codes_of(out_wide.reshape(-1, 3)))
    difference = np.linalg.norm(lab - SRGB.lab(codes_of(out.reshape(-1, 3))), axis=1)
    assert difference.mean() < 1


def test_a_color_table_is_as_good_as_the_formula() -> None:
    frame = developed(scene(32), 0, (1.1, 1, 0.9))

    def warmer(codes: Array) -> Array:
        return SRGB.codes(SRGB.lab(codes) * np.float32(1.1) + np.array([2, 3, 5], np.float32))

    exact = np.rint(warmer(codes_of(frame.reshape(-1, 3))) * 255).clip(0, 255)
    by_table = mapped(frame, warmer).reshape(-1, 3)
    assert abs(by_table - exact).mean() < 0.5


def test_lab_is_that_of_the_literature() -> None:
    # Red and white of sRGB in Lab of D50, as in ICC profiles of it (B. Lindbloom's calculator).
    lab = SRGB.lab(np.array([[1, 0, 0], [1, 1, 1], [0, 0, 0]], np.float32))
    assert lab[0] == pytest.approx([54.29, 80.81, 69.89], abs=0.02)
    assert lab[1] == pytest.approx([100, 0, 0], abs=0.01)
    assert lab[2] == pytest.approx([0, 0, 0], abs=0.01)
    colors = np.random.default_rng(0).random((50, 3), np.float32)
    assert SRGB.codes(SRGB.lab(colors)) == pytest.approx(colors, abs=1e-4)


def test_a_smooth_curve_follows_a_trend_to_its_ends_and_takes_out_jitter() -> None:
    rng = np.random.default_rng(2)
    trend = [-900 + 20 * number for number in range(60)]
    assert list(smoothed(trend)) == trend
    jittered = [value + int(rng.integers(-60, 60)) for value in trend]
    steps = np.diff([value or 0 for value in smoothed(jittered)])
    assert abs(np.diff(jittered) - 20).max() > 60
    assert abs(steps - 20).max() < 15


@FEW
@given(st.lists(st.one_of(st.none(), st.integers(-3000, 0)), max_size=80), st.integers(0, 79))
def test_a_frame_sees_its_window_and_nothing_else(series: list[int | None], changed: int) -> None:
    before = list(smoothed(series))
    assert [value is None for value in before] == [value is None for value in series]
    if changed < len(series) and series[changed] is not None:
        other = [*series]
        other[changed] = (series[changed] or 0) - 500
        after = list(smoothed(other))
        far = [abs(at - changed) > REACH for at in range(len(series))]
        assert [v for v, f in zip(after, far, strict=True) if f] == [
            v for v, f in zip(before, far, strict=True) if f
        ]


def test_the_histogram_of_an_image_weighs_its_pixels() -> None:
    frame = Frame(developed(scene(16)), "srgb", 1_000_003)
    found = METHODS["match-histogram"].of(frame)
    assert [sum(found[start : start + BINS]) for start in (0, BINS, 2 * BINS)] == [1_000_003] * 3
