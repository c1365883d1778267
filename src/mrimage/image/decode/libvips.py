"""The formats that libvips decodes: PNG, WebP, GIF, AVIF and most of TIFF."""

from __future__ import annotations

from mrimage.image.decode.arrays import COLORS, Picture, interpretation_of
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import BY_PILLOW, BY_TIFFFILE, check_strips
from mrimage.types import Limits

LOADERS = {
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "gif": "gifload_buffer",
    "tiff": "tiffload_buffer",
    "avif": "heifload_buffer",
}
"""libvips' operation for each format that it reads here."""

_USUAL = ("uchar", "ushort", "float", "double")

_AVIF_SIDE = 1 << 14
"""Pixels. What is coded in an AVIF may be larger than its header says, so libvips limits it unless asked not to."""


def reads(header: Header) -> bool:
    """Does libvips decode this file, and as what it is? Some TIFF files it does not; see ``header.tiff``."""
    misread = header.format == "tiff" and header.variant in (BY_PILLOW, BY_TIFFFILE)
    return header.format in LOADERS and not misread


def streams(header: Header) -> bool:
    """Can libvips decode this file from top to bottom without holding all of it?"""
    if header.format == "png":
        return not header.progressive
    return header.format == "tiff" and reads(header)


def load(data: bytes, header: Header, limits: Limits) -> Picture:
    """The pixels of ``data`` as stored. Most of them are computed only when the result is.

    Raises ImageError, or what libvips raises: wrap it in ``complaints``.
    """
    return _without_extras(_on_screen(_load(data, header, limits), header), header)


def load_png(data: bytes, limits: Limits) -> Picture:
    """The pixels of a PNG inside another file, of any size."""
    return _load(data, Header("png", 1, 1, 1, 8, "rgb"), limits)


def _load(data: bytes, header: Header, limits: Limits) -> Picture:
    options: dict[str, object] = {
        "fail_on": "none" if limits.allow_truncated else "error",
        "access": "sequential",
    }
    if header.format == "tiff" and not limits.allow_truncated:
        check_strips(data, header)
    if header.format in ("png", "tiff") or (
        header.format == "avif" and max(header.width, header.height) > _AVIF_SIDE
    ):
        options["unlimited"] = True
    image = getattr(vips().Image, LOADERS[header.format])(data, **options)
    if image.interpretation == "lab":
        return image.colourspace("labs")
    if image.format == "uint":
        image = (image / 65_537).rint().cast("ushort")
        return image.copy(interpretation=interpretation_of(image.bands, sixteen_bits=True))
    if image.interpretation != "labs" and image.format not in _USUAL:
        return _unsigned(image)
    return image


def _unsigned(image: Picture) -> Picture:
    """Signed samples as Pillow takes them: what is below zero is black. Bytes stay bytes, all others become 16 bits."""
    sixteen_bits = image.format != "char"
    return image.cast("ushort" if sixteen_bits else "uchar").copy(
        interpretation=interpretation_of(image.bands, sixteen_bits=sixteen_bits)
    )


def _on_screen(image: Picture, header: Header) -> Picture:
    """The first frame of a GIF on its screen, transparent where the frame does not cover it.

    libvips ignores the screen where its size is a usual one for monitors, because old encoders wrote that.
    """
    if header.format != "gif" or (image.width, image.height) == (header.width, header.height):
        return image
    image = image if image.hasalpha() else image.bandjoin(255)
    return image.embed(0, 0, max(image.width, header.width), max(image.height, header.height))


def _without_extras(image: Picture, header: Header) -> Picture:
    """Drop the samples of a TIFF that are neither color nor alpha."""
    wanted = COLORS[header.model] + header.has_alpha
    if header.format != "tiff" or header.model == "palette" or image.bands <= wanted:
        return image
    image = image.extract_band(0, n=wanted)
    if wanted > 2:
        return image
    return image.copy(
        interpretation=interpretation_of(wanted, sixteen_bits=image.format == "ushort")
    )
