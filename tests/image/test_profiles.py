"""What a file's own numbers about color are worth: profiles by their curves, chunks by whether a device can have them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms
from tests.image.crafted import png_with
from tests.image.samples import opened, pixels_of, saved

from mrimage.image.color.conversion import built_in
from mrimage.image.color.primaries import ADOBE_RGB, SRGB
from mrimage.image.color.profiles import (
    _assembled,
    _common_tags,
    _xyz,
    adapted_colorants,
    matrix_profile,
)
from mrimage.types import Edits

RAMP = (
    np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 128)], axis=-1)
    .astype(np.uint8)[None]
    .repeat(4, 0)
)
GRAY_RAMP = np.arange(256, dtype=np.uint8)[None].repeat(4, 0)


def para(kind: int, *numbers: float) -> bytes:
    fixed = b"".join(struct.pack(">i", round(number * 65_536)) for number in numbers)
    return b"para\x00\x00\x00\x00" + struct.pack(">HH", kind, 0) + fixed


def table(values: np.ndarray) -> bytes:
    return (
        b"curv\x00\x00\x00\x00"
        + struct.pack(">I", len(values))
        + np.rint(values * 65_535).astype(">u2").tobytes()
    )


def exponent(number: float) -> bytes:
    return b"curv\x00\x00\x00\x00" + struct.pack(">IHxx", 1, round(number * 256))


def profile(*curves: bytes, colorants: tuple[float, ...] = SRGB) -> bytes:
    """A profile of one curve for all channels, or of three."""
    found = adapted_colorants(colorants)
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    each = curves * 3 if len(curves) == 1 else curves
    tags = [(name, _xyz(found[:, at])) for at, name in enumerate(names)]
    tags += list(zip((b"rTRC", b"gTRC", b"bTRC"), each, strict=True))
    return _assembled(b"RGB ", [*_common_tags("made by a test"), *tags])


SRGB_PARA = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
CODES = np.linspace(0, 1, 1024)
SRGB_LIGHT = np.where(CODES <= 0.04045, CODES / 12.92, ((CODES + 0.055) / 1.055) ** 2.4)
LSTAR = np.where(CODES > 0.08, ((CODES + 0.16) / 1.16) ** 3, CODES * 100 / 903.3)

SAME = {
    "para": profile(SRGB_PARA),
    "table of 1024": profile(table(SRGB_LIGHT)),
    "table of 4096": profile(table(np.interp(np.linspace(0, 1, 4096), CODES, SRGB_LIGHT))),
}
OTHER = {
    "BT.709": profile(para(3, 1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)),
    "gamma 2.0": profile(exponent(2.0)),
    "gamma 2.2": profile(exponent(2.2)),
    "gamma 2.4": profile(para(0, 2.4)),
    "L*": profile(table(LSTAR)),
    "a monitor": profile(table(CODES**2.1), table(SRGB_LIGHT), table(CODES**2.35)),
    "blue alone": profile(SRGB_PARA, SRGB_PARA, exponent(1.8)),
    "linear": profile(b"curv" + b"\x00" * 8),
}


def by_littlecms(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    """``pixels`` from ``icc`` to sRGB by Pillow."""
    source, srgb = (
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
    )
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    shown = ImageCms.profileToProfile(
        Pillow.fromarray(pixels), source, srgb, intent, outputMode="RGB", flags=flags
    )
    return np.asarray(shown).astype(int)


@pytest.mark.parametrize("name", SAME)
def test_a_profile_with_the_curve_of_srgb_is_srgb(name: str) -> None:
    image = opened(saved(Pillow.fromarray(RAMP), "PNG", icc_profile=SAME[name]))
    assert image.metadata.color_space == "srgb"
    assert np.array_equal(pixels_of(image.edited(Edits(to="srgb", format="png")).data), RAMP)


@pytest.mark.parametrize("name", OTHER)
def test_a_profile_with_the_colorants_of_srgb_and_another_curve_is_not(name: str) -> None:
    image = opened(saved(Pillow.fromarray(RAMP), "PNG", icc_profile=OTHER[name]))
    assert image.metadata.color_space == "rgb-other"
    shown = pixels_of(image.edited(Edits(to="srgb", format="png")).data).astype(int)
    assert np.abs(shown - by_littlecms(RAMP, OTHER[name])).max() <= 2


def test_wide_spaces_are_named_by_their_curves_too() -> None:
    adobe = matrix_profile("wide", ADOBE_RGB, 563 / 256)
    for icc, space in (
        (adobe, "adobe-rgb"),
        (profile(exponent(1.8), colorants=ADOBE_RGB), "rgb-other"),
        (built_in("p3"), "display-p3"),
        (built_in("srgb"), "srgb"),
    ):
        assert (
            opened(saved(Pillow.fromarray(RAMP), "PNG", icc_profile=icc)).metadata.color_space
            == space
        )


@pytest.mark.parametrize(
    "damage", ["connection space", "class", "short curve", "no curve", "no colorants"]
)
def test_a_profile_that_cannot_be_linked_is_as_none(damage: str) -> None:
    icc = OTHER["gamma 2.4"]
    damaged = {
        "connection space": icc[:20] + b"????" + icc[24:],
        "class": icc[:12] + b"link" + icc[16:],
        "short curve": icc.replace(para(0, 2.4), b"para" + b"\x00" * 4 + b"\x00\x09" + b"\x00" * 6),
        "no curve": icc.replace(b"gTRC", b"xTRC"),
        "no colorants": profile(para(0, 2.4)).replace(
            _xyz(adapted_colorants(SRGB)[:, 1]), _xyz([0, 0, 0])
        ),
    }[damage]
    for format in ("PNG", "JPEG"):
        image = opened(saved(Pillow.fromarray(RAMP), format, icc_profile=damaged))
        plain = opened(saved(Pillow.fromarray(RAMP), format))
        edits = Edits(to="srgb", format="png")
        assert np.array_equal(
            pixels_of(image.edited(edits).data), pixels_of(plain.edited(edits).data)
        )


def chromaticities(*numbers: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in numbers))


def gamma(number: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(number * 100_000))


IMPOSSIBLE = {
    "all zero": chromaticities(*[0] * 8),
    "collinear": chromaticities(0.31, 0.31, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4),
    "one point": chromaticities(0.31, 0.33, *[0.3, 0.3] * 3),
    "huge": chromaticities(0.31, 0.33, 40_000, 40_000, 0.3, 0.6, 0.15, 0.06),
    "over one": chromaticities(0.31, 0.33, 0.8, 0.33, 0.3, 0.6, 0.15, 0.06),
    "white outside": chromaticities(0.7, 0.29, *SRGB[2:]),
    "white of no light": chromaticities(0.31, 0, *SRGB[2:]),
    "gamma of zero": gamma(0),
    "gamma of 0.00001": gamma(0.00001),
    "gamma of 0.001": gamma(0.001),
    "gamma of 40000": gamma(40_000),
}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_color_chunks_that_no_device_has_are_left_out(name: str, mode: str) -> None:
    picture = Pillow.fromarray(RAMP).convert(mode)
    image = opened(png_with(saved(picture, "PNG"), IMPOSSIBLE[name]))
    assert image.metadata.color_space == ("srgb" if mode == "RGB" else "gray")
    shown = pixels_of(image.edited(Edits(to="srgb", format="png")).data)
    assert np.array_equal(shown, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_color_chunks_say_a_picture_comes_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    most = float(random.choice([0.01, 0.4, 1.0, 2.0, 40_000.0]))
    numbers = random.uniform(0, most, 8)
    if seed % 2:  # mixtures of possible colors, so that some are honored
        numbers = np.concatenate([SRGB[:2], random.dirichlet([1, 1, 1], 3)[:, :2].ravel()])
    chunks = chromaticities(*numbers), gamma(float(random.uniform(0, 3)))
    image = opened(png_with(saved(Pillow.fromarray(RAMP), "PNG"), *chunks))
    assert image.edited(Edits(to="srgb", format="png")).width == 256


@pytest.mark.parametrize("chunk", ["gAMA 1.0", "gAMA 1/1.8", "cICP linear", "cICP PQ", "cICP HLG"])
def test_gray_obeys_color_chunks_as_rgb_does(chunk: str) -> None:
    said = {
        "gAMA 1.0": gamma(1.0),
        "gAMA 1/1.8": gamma(1 / 1.8),
        "cICP linear": (b"cICP", bytes((1, 8, 0, 1))),
        "cICP PQ": (b"cICP", bytes((9, 16, 0, 1))),
        "cICP HLG": (b"cICP", bytes((9, 18, 0, 1))),
    }[chunk]
    gray = opened(png_with(saved(Pillow.fromarray(GRAY_RAMP), "PNG"), said))
    rgb = opened(png_with(saved(Pillow.fromarray(GRAY_RAMP).convert("RGB"), "PNG"), said))
    for edits in (
        Edits(to="srgb", format="png"),
        Edits(to="gray", format="png"),
        Edits(to="display-p3", format="png"),
    ):
        one, other = (pixels_of(image.edited(edits).data).astype(int) for image in (gray, rgb))
        assert np.abs(one - other).max() <= 1
        assert np.abs(one.reshape(4, 256, -1)[..., 0] - GRAY_RAMP).max() > 10
    kept = opened(gray.edited(Edits(format="png")).data)
    assert kept.metadata.color_space == "gray"
    assert np.abs(kept.thumbnail(256, 4).astype(int) - gray.thumbnail(256, 4)).max() <= 1
