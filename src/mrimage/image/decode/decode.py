"""Bytes to pixels, at the lowest scale that will do; every decoder's complaint becomes an ImageError with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mrimage.errors import ImageError
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import BY_PILLOW, BY_TIFFFILE, check_strips
from mrimage.types import Limits

Array = Any
"""A numpy array; loosely typed, so that numpy is not loaded to read this module."""

Picture = Any
"""A pyvips.Image: 1 to 4 colour bands and perhaps alpha, of uchar, ushort or float."""

_FORGIVEN = (
    "extraneous bytes",
    "Invalid SOS parameters",
    "Inconsistent progression",
    "Unknown Adobe color transform",
    "bad ICC marker",
    "Could not determine subsampling",
)
"""What simplejpeg refuses and viewers show: a warning that says nothing of the picture, and odd sampling factors."""

MOST_SCANS = 100
"""Scans of a progressive JPEG, each of which passes over the whole picture; libvips' own limit."""

_USUAL = ("uchar", "ushort", "float", "double")
_VIPS_LOADERS = {
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "gif": "gifload_buffer",
    "tiff": "tiffload_buffer",
    "avif": "heifload_buffer",
}
_AVIF_SIDE = 1 << 14
"""Pixels; what is coded in an AVIF may be larger than its header says, and libvips bounds it unless told not to."""

COLORS = {"gray": 1, "rgb": 3, "palette": 3, "cmyk": 4, "ycbcr": 3, "lab": 3}
"""Bands of a decoded picture of each model, without alpha."""


def decode(data: bytes, header: Header, limits: Limits, eighths: int = 8) -> Picture:
    """The pixels of ``data`` as stored; a JPEG at ``eighths``/8 of its size. Raises ImageError.

    What libvips streams is not decoded here but while the result is made: wrap that in ``complaints``.
    """
    with complaints(data, header):
        if header.format == "jpeg":
            return _decode_jpeg(data, header, limits, eighths)
        if header.format in _VIPS_LOADERS and not misread(header):
            image = _on_screen(_load(data, header, limits), header)
        else:
            from mrimage.image.decode.fallback import decode_rare

            image = decode_rare(data, header, limits)
    check_size((image.width, image.height), header)
    return _without_extras(image, header)


def check_size(size: tuple[int, int], header: Header) -> None:
    """Raises ImageError where a decoder, before it has decoded, finds another size than the one that was judged."""
    if size != (header.width, header.height):
        raise ImageError(
            "corrupt",
            f"Expected {header.width}x{header.height} pixels, as the header of the {header.format} says, but its "
            f"decoder finds {size[0]}x{size[1]}.",
        )


def misread(header: Header) -> bool:
    """Is this one of the TIFF files that libvips does not read right, so that others have to, which hold them whole?"""
    return header.format == "tiff" and header.variant in (BY_PILLOW, BY_TIFFFILE)


def _on_screen(image: Picture, header: Header) -> Picture:
    """The first frame of a GIF on its screen: libvips takes screens of the usual sizes for a mistake and leaves them
    out. What the frame does not cover is transparent."""
    if header.format != "gif" or (image.width, image.height) == (header.width, header.height):
        return image
    image = image if image.hasalpha() else image.bandjoin(255)
    return image.embed(0, 0, max(image.width, header.width), max(image.height, header.height))


def _without_extras(image: Picture, header: Header) -> Picture:
    """Samples of a TIFF that are neither color nor alpha are no part of the picture."""
    wanted = COLORS[header.model] + header.has_alpha
    if header.format != "tiff" or header.model == "palette" or image.bands <= wanted:
        return image
    image = image.extract_band(0, n=wanted)
    if wanted > 2:
        return image
    return image.copy(interpretation="grey16" if image.format == "ushort" else "b-w")


@contextmanager
def complaints(data: bytes, header: Header) -> Iterator[None]:
    """Turn what decoders raise while pixels are computed into ImageError."""
    from mrimage.image.header.pillow import DAMAGE, damaged

    try:
        yield
    except ImageError:
        raise
    except vips().Error as error:
        detail = str(error.detail).lower()
        if (
            "out of memory" in detail and "out of memory reading of" not in detail
        ):  # libtiff's word for a bad count
            raise MemoryError(str(error)) from error
        raise _vips_damage(error, data, header) from error
    except DAMAGE as error:
        if header.format == "jp2" and data[-2:] != b"\xff\xd9":
            raise ImageError(
                "truncated", "Expected the end marker of the JPEG 2000 codestream at its end."
            ) from error
        raise damaged(error, header.format) from error


def _vips_damage(error: Exception, data: bytes, header: Header) -> ImageError:
    from mrimage.image.header.pillow import damaged

    text = " ".join(str(getattr(error, "detail", error)).split()) or str(error)
    if header.format == "jpeg":
        return _jpeg_damage(ValueError(text), data, header)
    if header.format == "png" and b"IEND" not in data[-64:]:
        return ImageError(
            "truncated",
            f"Expected IEND at the end of the PNG, but the file ends before: {text[:200]}",
        )
    if header.format == "webp" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        return ImageError(
            "truncated", f"Expected the bytes that the WebP's header says, but it has {len(data)}."
        )
    return damaged(ValueError(text), header.format)


def _decode_jpeg(data: bytes, header: Header, limits: Limits, eighths: int) -> Picture:
    if header.bit_depth != 8 or header.variant in ("lossless", "hierarchical"):
        from mrimage.image.decode.high_depth import decode_deep

        if header.variant == "hierarchical" or header.model == "cmyk":
            raise ImageError(
                "unsupported", f"Expected a JPEG that is not {header.variant or 'CMYK of 12 bits'}."
            )
        if not limits.allow_truncated and (cut := _cut_off(data, header)):
            raise cut  # its decoder does not mind
        return from_array(decode_deep(data, header))
    if header.model == "cmyk":
        return _jpeg_by_libvips(data, limits, eighths)
    return from_array(jpeg_array(data, header, limits, eighths))


def _jpeg_by_libvips(data: bytes, limits: Limits, eighths: int) -> Picture:
    fail_on = "none" if limits.allow_truncated else "error"
    return vips().Image.jpegload_buffer(data, shrink=8 // eighths, fail_on=fail_on)


def jpeg_array(data: bytes, header: Header, limits: Limits, eighths: int) -> Array:
    """uint8 H x W x 3 (gray: x 1) of an 8-bit JPEG that is not CMYK, at ``eighths``/8 of its size, as stored.

    What libjpeg-turbo warns of and every viewer forgives is forgiven. Raises ImageError.
    """
    import simplejpeg

    if header.progressive and data.count(b"\xff\xda", header.body) >= MOST_SCANS:
        raise ImageError(
            "corrupt", f"Expected at most {MOST_SCANS} scans in the JPEG, but it has more."
        )
    space = "GRAY" if header.model == "gray" else "RGB"
    wide, high = (-(-side * eighths // 8) for side in (header.width, header.height))
    try:
        array: Array = simplejpeg.decode_jpeg(
            data, space, min_width=wide, min_height=high, strict=True
        )
    except ValueError as error:
        if not limits.allow_truncated and not any(text in str(error) for text in _FORGIVEN):
            raise _jpeg_damage(error, data, header) from error
        array = to_array(_jpeg_by_libvips(data, limits, eighths))
    return array if array.ndim == 3 else array[..., None]


def _jpeg_damage(error: Exception, data: bytes, header: Header) -> ImageError:
    if cut := _cut_off(data, header):
        return cut
    if "not supported" in str(error).lower() or "unsupported" in str(error).lower():
        return ImageError(
            "unsupported", f"Expected a JPEG that libjpeg-turbo reads, but it says: {error}"
        )
    return ImageError("corrupt", f"Expected a sound JPEG, but libjpeg-turbo says: {error}")


def _cut_off(data: bytes, header: Header) -> ImageError | None:
    """The error of a JPEG without its end marker."""
    if data.find(b"\xff\xd9", header.body) >= 0:
        return None
    return ImageError(
        "truncated", "Expected the end marker of the JPEG, but the file ends before it."
    )


def load_png(data: bytes, limits: Limits) -> Picture:
    """A PNG inside another file."""
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
    image = getattr(vips().Image, _VIPS_LOADERS[header.format])(data, **options)
    if image.interpretation == "lab":
        return image.colourspace("labs")
    if image.format == "uint":
        image = (image / 65_537).rint().cast("ushort")
        return image.copy(interpretation="grey16" if image.bands < 3 else "rgb16")
    if (
        image.interpretation != "labs" and image.format not in _USUAL
    ):  # Signed numbers, as Pillow takes them.
        space = "grey16" if image.bands < 3 else "rgb16"
        return image.cast("ushort").copy(interpretation=space)
    return image


def from_array(array: Any) -> Picture:
    """A libvips image over a numpy array H x W [x bands] of uint8, uint16 or float32, without a copy."""
    height, width = array.shape[:2]
    bands = array.shape[2] if array.ndim == 3 else 1
    kinds = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
    deep = array.dtype.itemsize == 2
    space = ("grey16" if deep else "b-w") if bands < 3 else ("rgb16" if deep else "srgb")
    image = vips().Image.new_from_memory(array.data, width, height, bands, kinds[array.dtype.name])
    return image.copy(interpretation=space)


def to_array(image: Picture) -> Any:
    """The pixels of a libvips image as a numpy array H x W x bands, or H x W for one band."""
    import numpy as np

    kinds = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
    shape = (
        (image.height, image.width, image.bands) if image.bands > 1 else (image.height, image.width)
    )
    return np.frombuffer(image.write_to_memory(), dtype=kinds[image.format]).reshape(shape)
