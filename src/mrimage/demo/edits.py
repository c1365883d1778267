"""Edits of a photograph before it is encoded: functions from image to image."""

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
"""How to turn an upright image before it is stored, by the EXIF orientation that it gets."""


def converted(mode: str) -> Edit:
    """Convert to one of Pillow's modes."""
    return lambda image: image.convert(mode)


def fitted(width: int, height: int, centering: tuple[float, float] = (0.5, 0.5)) -> Edit:
    """Scale to cover ``width`` x ``height``, and crop what is too much.

    ``centering`` is the point to keep, 0..1 from left to right and from top to bottom.
    """
    size = (width, height)
    return lambda image: ImageOps.fit(image, size, Image.Resampling.LANCZOS, centering=centering)


def stored_as(orientation: int) -> Edit:
    """Turn an upright image so that EXIF ``orientation`` (1..8) displays it upright again."""
    turn = STORED_AS[orientation]

    def edit(image: Image.Image) -> Image.Image:
        return image if turn is None else image.transpose(turn)

    return edit


def cropped(left: float, top: float, right: float, bottom: float) -> Edit:
    """Crop to a box whose edges are fractions (0..1) of width and height."""

    def edit(image: Image.Image) -> Image.Image:
        width, height = image.size
        box = (
            round(left * width),
            round(top * height),
            round(right * width),
            round(bottom * height),
        )
        return image.crop(box)

    return edit


def scaled(factor: float) -> Edit:
    """Resize by ``factor``."""

    def edit(image: Image.Image) -> Image.Image:
        width = round(image.width * factor)
        height = round(image.height * factor)
        return image.resize((width, height))

    return edit


def brightened(factor: float) -> Edit:
    """Multiply the brightness by ``factor``."""
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def contrasted(factor: float) -> Edit:
    """Multiply the contrast by ``factor``."""
    return lambda image: ImageEnhance.Contrast(image).enhance(factor)


def blurred(radius: float) -> Edit:
    """Blur with a Gaussian of ``radius`` pixels."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def quantized(colors: int) -> Edit:
    """Reduce to a palette of at most ``colors`` colors."""
    return lambda image: image.quantize(colors)


def vignette(image: Image.Image) -> Image.Image:
    """Add an alpha channel that is opaque in the middle and fades to transparent at the corners."""
    faded = image.copy()
    opaque_in_the_middle = ImageOps.invert(Image.radial_gradient("L"))
    faded.putalpha(opaque_in_the_middle.resize(image.size))
    return faded


def sixteen_bit(image: Image.Image) -> Image.Image:
    """Convert to gray with 16 bits: 0..255 becomes 0..65535."""
    gray = np.asarray(image.convert("L"))
    return Image.fromarray(gray.astype(np.uint16) * 257)


def floating(image: Image.Image) -> Image.Image:
    """Convert to gray as 32-bit floats, 0..1."""
    gray = np.asarray(image.convert("L"), np.float32)
    return Image.fromarray(gray / 255)


def to_lab(image: Image.Image) -> Image.Image:
    """Convert to CIE L*a*b* (D50) with 8 bits a channel.

    The profile is removed, because LittleCMS writes the time into it and the bytes would differ.
    """
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    edited = _transformed(image, lab, "LAB")
    del edited.info["icc_profile"]
    return edited


def to_profile(profile: bytes) -> Edit:
    """Convert to the color space of an RGB ``profile``, and embed it."""

    def edit(image: Image.Image) -> Image.Image:
        target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        edited = _transformed(image, target, "RGB")
        edited.info["icc_profile"] = profile
        return edited

    return edit


def in_profile(profile: str) -> VipsEdit:
    """Convert to a profile that is built into libvips (srgb, p3, cmyk), and embed it."""
    return lambda pixels: pixels.icc_transform(profile, input_profile="srgb")


def sixteen_bit_rgb(pixels: pyvips.Image) -> pyvips.Image:
    """Convert to 16 bits a channel: 0..255 becomes 0..65535."""
    return (pixels * 257).cast("ushort").copy(interpretation="rgb16")


def _transformed(image: Image.Image, target: ImageCms.ImageCmsProfile, mode: str) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    edited = ImageCms.profileToProfile(image, srgb, target, outputMode=mode)
    if edited is None:
        raise ValueError(f"There is no transform from sRGB to {mode}.")
    return edited
