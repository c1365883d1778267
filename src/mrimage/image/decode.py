"""Bytes to pixels, at the lowest scale that will do; every decoder's complaint becomes an ImageError with a reason."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import Header
from mrimage.image.header.tiff import PLAIN_YCBCR, check_strips
from mrimage.image.vips import vips
from mrimage.types import Limits

Array = Any
"""A numpy array; loosely typed, so that numpy is not loaded to read this module."""

Picture = Any
"""A pyvips.Image: 1 to 4 colour bands and perhaps alpha, of uchar, ushort or float."""

_FORGIVEN = ("extraneous bytes", "Invalid SOS parameters", "Inconsistent progression", "Unknown Adobe color transform")
_USUAL = ("uchar", "ushort", "float", "double")
_VIPS_LOADERS = {
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "gif": "gifload_buffer",
    "tiff": "tiffload_buffer",
    "avif": "heifload_buffer",
}


def decode(data: bytes, header: Header, limits: Limits, eighths: int = 8) -> Picture:
    """The pixels of ``data`` as stored; a JPEG at ``eighths``/8 of its size. Raises ImageError.

    What libvips streams is not decoded here but while the result is made: wrap that in ``complaints``.
    """
    with complaints(data, header):
        if header.format == "jpeg":
            return _decode_jpeg(data, header, limits, eighths)
        if header.model == "lab" and misread(header):
            return _from_lab(_decode_with_pillow(data, header, limits))
        if header.format in _VIPS_LOADERS and not misread(header):
            return _load(data, header, limits)
        return _decode_with_pillow(data, header, limits)


def misread(header: Header) -> bool:
    """Is this one of the TIFF files that libvips does not read right, so that Pillow has to, which holds them whole?"""
    if header.format != "tiff":
        return False
    return header.variant == PLAIN_YCBCR or (header.model == "lab" and header.bit_depth == 8)


@contextmanager
def complaints(data: bytes, header: Header) -> Iterator[None]:
    """Turn what decoders raise while pixels are computed into ImageError."""
    from mrimage.image.header.others import DAMAGE, damaged

    try:
        yield
    except ImageError:
        raise
    except vips().Error as error:
        detail = str(error.detail).lower()
        if "out of memory" in detail and "out of memory reading of" not in detail:  # libtiff's word for a bad count
            raise MemoryError(str(error)) from error
        raise _vips_damage(error, data, header) from error
    except DAMAGE as error:
        if header.format == "jp2" and data[-2:] != b"\xff\xd9":
            raise ImageError("truncated", "Expected the end marker of the JPEG 2000 codestream at its end.") from error
        raise damaged(error, header.format) from error


def _vips_damage(error: Exception, data: bytes, header: Header) -> ImageError:
    from mrimage.image.header.others import damaged

    text = " ".join(str(getattr(error, "detail", error)).split()) or str(error)
    if header.format == "jpeg":
        return _jpeg_damage(error, data, header)
    if header.format == "png" and b"IEND" not in data[-64:]:
        return ImageError("truncated", f"Expected IEND at the end of the PNG, but the file ends before: {text[:200]}")
    if header.format == "webp" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        return ImageError("truncated", f"Expected the bytes that the WebP's header says, but it has {len(data)}.")
    return damaged(ValueError(text), header.format)


def _decode_jpeg(data: bytes, header: Header, limits: Limits, eighths: int) -> Picture:
    if header.bit_depth != 8 or header.variant in ("lossless", "hierarchical"):
        raise ImageError(
            "unsupported", f"Expected an 8-bit DCT JPEG, but received {header.variant or f'{header.bit_depth} bits'}."
        )
    if header.model == "cmyk":
        fail_on = "none" if limits.allow_truncated else "error"
        return vips().Image.jpegload_buffer(data, shrink=8 // eighths, fail_on=fail_on)
    return from_array(jpeg_array(data, header, limits, eighths))


def jpeg_array(data: bytes, header: Header, limits: Limits, eighths: int) -> Array:
    """uint8 H x W x 3 (gray: x 1) of an 8-bit JPEG that is not CMYK, at ``eighths``/8 of its size, as stored.

    What libjpeg-turbo warns of and every viewer forgives is forgiven. Raises ImageError.
    """
    import simplejpeg

    space = "GRAY" if header.model == "gray" else "RGB"
    wide, high = (-(-side * eighths // 8) for side in (header.width, header.height))
    array: Array
    try:
        array = simplejpeg.decode_jpeg(data, space, min_width=wide, min_height=high, strict=True)
    except ValueError as error:
        if not limits.allow_truncated and not any(text in str(error) for text in _FORGIVEN):
            raise _jpeg_damage(error, data, header) from error
        array = simplejpeg.decode_jpeg(data, space, min_width=wide, min_height=high, strict=False)
    return array


def _jpeg_damage(error: Exception, data: bytes, header: Header) -> ImageError:
    if data.find(b"\xff\xd9", header.body) < 0:
        return ImageError("truncated", "Expected the end marker of the JPEG, but the file ends before it.")
    if "not supported" in str(error).lower() or "unsupported" in str(error).lower():
        return ImageError("unsupported", f"Expected a JPEG that libjpeg-turbo reads, but it says: {error}")
    return ImageError("corrupt", f"Expected a sound JPEG, but libjpeg-turbo says: {error}")


def _load(data: bytes, header: Header, limits: Limits) -> Picture:
    options: dict[str, object] = {"fail_on": "none" if limits.allow_truncated else "error", "access": "sequential"}
    if header.format == "tiff" and not limits.allow_truncated:
        check_strips(data, header)
    if header.format in ("png", "tiff", "avif"):
        options["unlimited"] = True
    image = getattr(vips().Image, _VIPS_LOADERS[header.format])(data, **options)
    if image.interpretation != "labs" and image.format not in _USUAL:  # Signed or 32-bit numbers, as Pillow takes them.
        space = "grey16" if image.bands < 3 else "rgb16"
        return image.cast("ushort").copy(interpretation=space)
    return image


def _decode_with_pillow(data: bytes, header: Header, limits: Limits) -> Picture:
    import numpy as np
    from PIL import ImageFile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, limits.allow_truncated
        try:
            picture = _pillow(data, header)
            picture.load()
            if picture.mode in ("P", "PA"):
                picture = picture.convert("RGBA" if "transparency" in picture.info or picture.mode == "PA" else "RGB")
            elif picture.mode in ("1", "YCbCr", "RGBX"):
                picture = picture.convert("L" if picture.mode == "1" else "RGB")
            array = np.asarray(picture)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    if array.dtype.kind == "i":
        array = np.clip(array, 0, 65_535).astype(np.uint16)
    return from_array(np.ascontiguousarray(array))


def _pillow(data: bytes, header: Header) -> Any:
    from mrimage.image.header.others import open_picture

    if header.format in ("jxl", "heic", "raw"):
        from mrimage.image.header.extras import open_extra

        return open_extra(data, header.format)
    return open_picture(Blocks.of(data), header.format)


def _from_lab(image: Picture) -> Picture:
    """CIELab of three bytes (L* over 0..255, a* and b* signed) as libvips computes with it. libvips 8.18 takes such
    a TIFF for its own packed encoding and refuses it, so Pillow decodes it."""
    chroma = image.extract_band(1, n=2).copy(format="char")
    return (image[0] * (100 / 255)).bandjoin(chroma).cast("float").copy(interpretation="lab")


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
    shape = (image.height, image.width, image.bands) if image.bands > 1 else (image.height, image.width)
    return np.frombuffer(image.write_to_memory(), dtype=kinds[image.format]).reshape(shape)
