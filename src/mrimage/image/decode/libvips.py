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
"""libvips' operation for each format that it decodes here."""

_KNOWN_TYPES = ("uchar", "ushort", "float", "double")
"""The sample types that the color conversion can handle."""

_AVIF_SIDE = 1 << 14
"""The longest side, in pixels, up to which libvips keeps its own limits for AVIF.

The image in an AVIF may be larger than its header says, so the limits stay on unless the header
itself exceeds them.
"""


def reads(header: Header) -> bool:
    """Return whether libvips decodes this file correctly.

    It misreads some TIFF files; see ``header.tiff``.
    """
    misread = header.format == "tiff" and header.variant in (BY_PILLOW, BY_TIFFFILE)
    return header.format in LOADERS and not misread


def streams(header: Header) -> bool:
    """Return whether libvips decodes this file row by row, without all of it in memory."""
    if header.format == "png":
        return not header.progressive
    return header.format == "tiff" and reads(header)


def load(data: bytes, header: Header, limits: Limits) -> Picture:
    """The pixels of ``data`` as stored. Most of them are computed later, with the result.

    Raises ImageError or pyvips.Error; call it within ``decoder_errors``.
    """
    image = _load(data, header, limits)
    image = _on_screen(image, header)
    return _without_extra_samples(image, header)


def load_png(data: bytes, limits: Limits) -> Picture:
    """The pixels of a PNG that is embedded in another file. Raises pyvips.Error."""
    # The loader looks only at the format, so the size in this header is made up.
    any_png = Header("png", 1, 1, 1, 8, "rgb")
    return _load(data, any_png, limits)


def _load(data: bytes, header: Header, limits: Limits) -> Picture:
    if header.format == "tiff" and not limits.allow_truncated:
        check_strips(data, header)
    operation = getattr(vips().Image, LOADERS[header.format])
    image = operation(data, **_options(header, limits))
    if image.interpretation == "lab":
        return image.colourspace("labs")
    if image.format == "uint":
        # 65,537 = (2^32 - 1) / (2^16 - 1)
        image = (image / 65_537).rint().cast("ushort")
        return image.copy(interpretation=interpretation_of(image.bands, sixteen_bits=True))
    if image.interpretation != "labs" and image.format not in _KNOWN_TYPES:
        return _unsigned(image)
    return image


def _options(header: Header, limits: Limits) -> dict[str, object]:
    options: dict[str, object] = {
        "fail_on": "none" if limits.allow_truncated else "error",
        "access": "sequential",
    }
    huge_avif = header.format == "avif" and max(header.width, header.height) > _AVIF_SIDE
    # The limits of the job replace those of libvips, which would refuse large images.
    if header.format in ("png", "tiff") or huge_avif:
        options["unlimited"] = True
    return options


def _unsigned(image: Picture) -> Picture:
    """Signed samples as Pillow reads them, with black for values below zero.

    Signed bytes become uchar, every other type becomes ushort.
    """
    sixteen_bits = image.format != "char"
    unsigned = image.cast("ushort" if sixteen_bits else "uchar")
    interpretation = interpretation_of(image.bands, sixteen_bits=sixteen_bits)
    return unsigned.copy(interpretation=interpretation)


def _on_screen(image: Picture, header: Header) -> Picture:
    """The first frame of a GIF on its logical screen, transparent outside the frame.

    libvips ignores a screen of the size of a common monitor, because old encoders wrote that size
    into every file.
    """
    if header.format != "gif" or (image.width, image.height) == (header.width, header.height):
        return image
    if not image.hasalpha():
        image = image.bandjoin(255)
    width = max(image.width, header.width)
    height = max(image.height, header.height)
    return image.embed(0, 0, width, height)


def _without_extra_samples(image: Picture, header: Header) -> Picture:
    """Drop the samples of a TIFF that are neither color nor alpha."""
    wanted = COLORS[header.model] + header.has_alpha
    if header.format != "tiff" or header.model == "palette" or image.bands <= wanted:
        return image
    image = image.extract_band(0, n=wanted)
    if wanted > 2:
        return image
    # With the extra samples libvips may have taken the image for RGB.
    interpretation = interpretation_of(wanted, sixteen_bits=image.format == "ushort")
    return image.copy(interpretation=interpretation)
