"""Colour, depth, alpha and metadata of outputs, against Pillow's LittleCMS as the independent reference."""

from __future__ import annotations

import io

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow
from PIL import ImageCms
from tests.image.samples import opened, photograph, pixels_of, sample, saved

from mrimage.image.color.conversion import adobe_rgb, built_in
from mrimage.types import Crop, Edits

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def reference(image: Pillow.Image, profile: bytes) -> np.ndarray:
    """``image`` from ``profile`` to sRGB by Pillow."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    result = ImageCms.profileToProfile(image, source, SRGB, intent, outputMode="RGB", flags=flags)
    assert result is not None
    return np.asarray(result).astype(float)


@pytest.mark.parametrize("profile", ["p3", "adobe"])
def test_a_wide_profile_is_honoured(profile: str) -> None:
    icc = built_in("p3") if profile == "p3" else adobe_rgb()
    content = saved(photograph(), "PNG", icc_profile=icc)
    result = pixels_of(opened(content).edited(Edits(to="srgb", format="png")).data).astype(float)
    expected = reference(photograph(), icc)
    assert np.abs(result - expected).mean() < 0.6
    assert (
        np.abs(expected - np.asarray(photograph())).mean() > 1.5
    )  # the profile does make a difference
    assert np.abs(opened(content).thumbnail(320, 213) - expected).mean() < 0.6


def test_adobe_rgb_that_only_exif_names_is_honoured_and_its_output_tagged() -> None:
    exif = Pillow.Exif()
    exif[0x10F] = "Canon"  # Pillow writes no block that has only sub-directories
    exif.get_ifd(0x8769)[0xA001] = 2
    content = saved(photograph(), "PNG", exif=exif)
    result = pixels_of(opened(content).edited(Edits(to="srgb", format="png")).data).astype(float)
    assert np.abs(result - reference(photograph(), adobe_rgb())).mean() < 0.6
    untouched = opened(opened(content).edited(Edits(format="png")).data).metadata
    assert untouched.color_space == "adobe-rgb"


def test_untagged_cmyk_goes_through_a_profile_and_not_through_the_complement() -> None:
    ink = Pillow.new(
        "CMYK", (16, 16), (255, 0, 0, 0)
    )  # full cyan: no screen shows it as 0, 255, 255
    for content in (saved(ink, "TIFF"), saved(ink, "JPEG", quality=100)):
        shown = opened(content).thumbnail(16, 16)[8, 8].astype(int)
        assert np.abs(shown - reference(ink, built_in("cmyk"))[8, 8]).max() <= 3
        assert abs(shown[1] - 255) > 40


def test_without_to_the_pixels_and_the_profile_stay() -> None:
    content = saved(photograph(), "PNG", icc_profile=built_in("p3"))
    result = opened(content).edited(Edits(format="png"))
    assert np.array_equal(pixels_of(result.data), np.asarray(photograph()))
    assert opened(result.data).metadata.color_space == "display-p3"
    for kept in ("png", "jpeg", "webp", "avif", "tiff"):
        encoded = opened(content).edited(Edits(format=kept, metadata="strip"))
        assert opened(encoded.data).metadata.color_space == "display-p3", kept


@pytest.mark.parametrize("to", ["srgb", "display-p3", "adobe-rgb", "gray"])
@pytest.mark.parametrize(
    "name", ["rgb.png", "cmyk.jpg", "gray.jpg", "deep.png", "palette.png", "rgba.png"]
)
def test_outputs_are_tagged_with_the_space_that_was_asked_for(name: str, to: str) -> None:
    metadata = opened(opened(sample(name)).edited(Edits(to=to, format="tiff")).data).metadata
    assert metadata.color_space == to
    assert (metadata.icc_profile is None) == (to == "gray")


def test_round_trip_through_a_wide_space_loses_next_to_nothing() -> None:
    for to in ("display-p3", "adobe-rgb"):
        wide = opened(sample("deep.png")).edited(Edits(to=to, format="png"))
        back = opened(wide.data).edited(Edits(to="srgb", format="png"))
        assert (
            np.abs(
                opened(back.data).thumbnail(320, 213).astype(int) - np.asarray(photograph())
            ).mean()
            < 0.6
        )


def test_sixteen_bits_stay_where_they_can_and_are_rounded_where_they_cannot() -> None:
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    content = bytes(
        pyvips.Image.new_from_array(ramp).copy(interpretation="grey16").write_to_buffer(".png")
    )
    kept = opened(content).edited(Edits(format="png"))
    assert np.array_equal(pyvips.Image.new_from_buffer(kept.data, "").numpy(), ramp)
    lossless = opened(content).edited(Edits(format="webp", quality=100))
    assert lossless.width == 256
    shown = opened(content).thumbnail(256, 256)[..., 0]
    assert np.array_equal(shown, np.rint(ramp / 257).astype(np.uint8))


def test_alpha_is_premultiplied_while_resizing() -> None:
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[:, :32] = (255, 0, 0, 255)
    pixels[:, 32:] = (0, 255, 0, 0)  # green that nobody can see
    content = saved(Pillow.fromarray(pixels), "PNG")
    result = pixels_of(opened(content).edited(Edits(resize=(15, 15), format="png")).data)
    seen = result[result[..., 3] > 10]
    assert seen[:, 1].max() <= 4
    assert seen[:, 0].min() >= 250


def test_alpha_is_composited_on_the_background_and_never_turns_black() -> None:
    image = opened(sample("rgba.png"))
    for background in ((255, 255, 255), (10, 200, 30)):
        result = pixels_of(
            image.edited(Edits(format="jpeg", quality=95, background=background)).data
        )
        assert np.abs(result[:, :150].astype(int) - background).max() <= 6
    kept = pixels_of(image.edited(Edits(format="webp")).data)
    assert kept.shape[2] == 4


def test_padding_is_the_background_whatever_the_colour_space() -> None:
    for name in ("rgb.png", "gray.jpg", "cmyk.jpg", "deep.png"):
        edits = Edits(
            resize=(100, 100), fit="pad", format="png", to="srgb", background=(200, 200, 200)
        )
        corner = (
            opened(opened(sample(name)).edited(edits).data).thumbnail(100, 100)[0, 0].astype(int)
        )
        assert np.abs(corner - 200).max() <= 4, name


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "tiff"])
def test_metadata_of_outputs_keep_copyright_strip(format: str) -> None:
    exif = Pillow.Exif()
    exif[0x10F], exif[0x8298], exif[0x13B], exif[0x112] = "Canon", "(c) Ann", "Ann", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    image = opened(saved(photograph(), "JPEG", exif=exif))
    kept, owned, bare = (
        opened(image.edited(Edits(format=format, metadata=choice)).data)
        for choice in ("keep", "copyright", "strip")
    )
    assert (kept.metadata.camera_make, owned.metadata.camera_make, bare.metadata.camera_make) == (
        "Canon",
        None,
        None,
    )
    assert kept.metadata.latitude is not None
    assert owned.metadata.latitude is None
    assert (kept._facts.copyright, owned._facts.copyright, bare._facts.copyright) == (
        "(c) Ann",
        "(c) Ann",
        None,
    )
    for output in (kept, owned, bare):
        assert output.metadata.orientation in (1, None)
        assert (output.metadata.width, output.metadata.height) == (213, 320)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_orientation_is_applied_before_everything_else(orientation: int, format: str) -> None:
    from PIL import ImageOps

    exif = Pillow.Exif()
    exif[0x112] = orientation
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(format, {})
    content = saved(photograph(), format, exif=exif, **options)
    upright = ImageOps.exif_transpose(Pillow.open(io.BytesIO(content))).convert("RGB")
    image = opened(content)
    assert (image.metadata.width, image.metadata.height) == upright.size
    whole = pixels_of(image.edited(Edits(format="png")).data)
    cropped = pixels_of(image.edited(Edits(crop=Crop(101, 57, 13, 31), format="png")).data)
    scaled = pixels_of(image.edited(Edits(resize=(50, 70), fit="stretch", format="png")).data)
    expected = upright.resize((50, 70), Pillow.Resampling.LANCZOS)
    for result, wanted in (
        (whole, upright),
        (cropped, upright.crop((13, 31, 114, 88))),
        (scaled, expected),
    ):
        assert result.shape[:2] == np.asarray(wanted).shape[:2]
        assert np.abs(result.astype(int) - np.asarray(wanted)).mean() < 1.8


@pytest.mark.parametrize("damage", ["cut", "blank", "noise", "other"])
def test_a_damaged_profile_is_as_none(damage: str) -> None:
    icc = built_in("p3")
    damaged = {
        "cut": icc[: len(icc) // 2],
        "blank": icc[:128] + b"\x00" * 4,
        "noise": b"x" * 200,
        "other": icc[:16] + b"GRAY" + icc[20:],
    }[damage]
    image = opened(saved(photograph(), "PNG", icc_profile=damaged))
    assert image.metadata.color_space == "srgb"
    assert np.array_equal(image.thumbnail(320, 213), np.asarray(photograph()))
    assert opened(image.edited(Edits(format="jpeg")).data).metadata.icc_profile is None


def test_untagged_cmyk_that_stays_cmyk_is_given_no_profile() -> None:
    image = Pillow.new("CMYK", (64, 64), (10, 20, 30, 0))
    edited = opened(saved(image, "JPEG")).edited(Edits(resize=(8, 8), format="jpeg"))
    assert len(edited.data) < 2_000
    assert Pillow.open(io.BytesIO(edited.data)).mode == "CMYK"
