"""What the demo does to a photograph before it is encoded: small functions from image to image."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pyvips
from PIL import Image, ImageCms, ImageEnhance, ImageFilter, ImageOps

Edit = Callable[[Image.Image], Image.Image]
VipsEdit = Callable[[pyvips.Image], pyvips.Image]

STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright image is turned before it is stored with this EXIF orientation, so that it displays upright."""


def converted(mode: str) -> Edit:
    """To one of Pillow's modes."""
    return lambda image: image.convert(mode)


def filled(width: int, height: int, centering: tuple[float, float] = (0.5, 0.5)) -> Edit:
    """Scaled to cover ``width`` x ``height``, the overhang cut off around ``centering`` (0..1 each)."""
    return lambda image: ImageOps.fit(
        image, (width, height), Image.Resampling.LANCZOS, centering=centering
    )


def stored_as(orientation: int) -> Edit:
    """Turned so that EXIF ``orientation`` (1..8) displays it upright."""
    turn = STORED_AS[orientation]
    return lambda image: image if turn is None else image.transpose(turn)


def cut(left: float, top: float, right: float, bottom: float) -> Edit:
    """The part between these fractions (0..1) of width and height."""

    def edit(image: Image.Image) -> Image.Image:
        width, height = image.size
        return image.crop(
            (round(left * width), round(top * height), round(right * width), round(bottom * height))
        )

    return edit


def scaled(factor: float) -> Edit:
    return lambda image: image.resize((round(image.width * factor), round(image.height * factor)))


def brightened(factor: float) -> Edit:
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def contrasted(factor: float) -> Edit:
    return lambda image: ImageEnhance.Contrast(image).enhance(factor)


def blurred(radius: float) -> Edit:
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def framed(pixels: int) -> Edit:
    """With a white border of so many pixels."""
    return lambda image: ImageOps.expand(image, pixels, fill="white")


def quantized(colors: int) -> Edit:
    """To a palette of so many colors."""
    return lambda image: image.quantize(colors)


def vignette(image: Image.Image) -> Image.Image:
    """With an alpha channel: opaque in the middle, fading to transparent at the corners."""
    faded = image.copy()
    faded.putalpha(ImageOps.invert(Image.radial_gradient("L")).resize(image.size))
    return faded


def sixteen_bit(image: Image.Image) -> Image.Image:
    """Gray with 16 bits: 0..65535 for what was 0..255."""
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def floating(image: Image.Image) -> Image.Image:
    """Gray as 32-bit floats, 0..1."""
    return Image.fromarray(np.asarray(image.convert("L"), np.float32) / 255)


def to_lab(image: Image.Image) -> Image.Image:
    """CIE L*a*b* (D50), 8 bits a channel, without a profile: Little CMS would put the time of day into it."""
    edited = _transformed(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")
    del edited.info["icc_profile"]
    return edited


def to_profile(profile: bytes) -> Edit:
    """The same colors in the numbers of an RGB ``profile``, tagged with it."""

    def edit(image: Image.Image) -> Image.Image:
        edited = _transformed(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), "RGB")
        edited.info["icc_profile"] = profile
        return edited

    return edit


def in_profile(profile: str) -> VipsEdit:
    """To one of the profiles that libvips has built in (srgb, p3, cmyk), which goes into the file."""
    return lambda pixels: pixels.icc_transform(profile, input_profile="srgb")


def sixteen_bit_rgb(pixels: pyvips.Image) -> pyvips.Image:
    """Three channels of 0..65535 for what was 0..255."""
    return (pixels * 257).cast("ushort").copy(interpretation="rgb16")


def _transformed(image: Image.Image, target: ImageCms.ImageCmsProfile, mode: str) -> Image.Image:
    edited = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), target, outputMode=mode
    )
    if edited is None:
        raise ValueError(f"no transform from sRGB to {mode}")
    return edited
