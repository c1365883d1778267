"""JPEG, decoded by libjpeg-turbo, at a lower scale if the result is small.

What every viewer tolerates is tolerated here too.
"""

from __future__ import annotations

from contextlib import suppress

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Array, Picture, from_array, to_array
from mrimage.image.decode.decoder_errors import decoder_errors, image_error, missing_end
from mrimage.image.decode.high_depth import decode_high_depth
from mrimage.image.decode.jpeg_end import with_end_marker
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header
from mrimage.types import Limits

_DAMAGE = (
    "premature end",
    "bad huffman code",
    "bad arithmetic code",
    "instead of rst",
)
"""The warnings of libjpeg-turbo (JWRN_* in its jerror.h) after which pixels are wrong.

Its other warnings do not concern the pixels: stray bytes, an unknown Adobe transform or JFIF
revision, a scan out of order, a bad profile.
"""

_START_OF_SCAN = b"\xff\xda"

MOST_SCANS = 100
"""The limit for the scans of a progressive JPEG, which is also libvips' own.

Each scan is a pass over the whole image, so a small file with many scans would keep a decoder busy
for a long time.
"""


def decode_jpeg(data: bytes, header: Header, limits: Limits, shrink: int) -> Picture:
    """The pixels of ``data`` as stored, at 1/``shrink`` of its size. Raises ImageError."""
    if header.bit_depth != 8 or header.variant in ("lossless", "hierarchical"):
        return _high_depth(data, header, limits)
    if header.model == "cmyk":
        with decoder_errors(data, header):
            return _by_libvips(data, limits, shrink)
    return from_array(jpeg_array(data, header, limits, shrink))


def _high_depth(data: bytes, header: Header, limits: Limits) -> Picture:
    if header.variant == "hierarchical" or header.model == "cmyk":
        variant = header.variant or "12-bit CMYK"
        raise ImageError("unsupported", f"No decoder here reads a {variant} JPEG.")
    # The decoder accepts a file without its end, so check for it here.
    if not limits.allow_truncated:
        truncated = missing_end(data, header)
        if truncated is not None:
            raise truncated
    return from_array(decode_high_depth(data, header))


def jpeg_array(data: bytes, header: Header, limits: Limits, shrink: int) -> Array:
    """The pixels as stored of an 8-bit JPEG that is not CMYK, at 1/``shrink`` of its size.

    uint8, H x W x 3, or H x W x 1 if gray. Accepts what every viewer accepts: files about which
    libjpeg-turbo only warns, and files that lack the end marker but no block of the image. Raises
    ImageError.
    """
    if header.progressive and data.count(_START_OF_SCAN, header.body) >= MOST_SCANS:
        message = f"The JPEG has more than the {MOST_SCANS} scans that are allowed."
        raise ImageError("corrupt", message)
    try:
        return _by_simplejpeg(data, header, shrink)
    except ValueError as error:
        repaired = _without_end(data, header, shrink)
        if repaired is not None:
            return repaired
        if not limits.allow_truncated and _is_damage(error):
            raise image_error(error, data, header) from error
    # The error was a harmless warning, which libvips ignores, or damage, for which libvips raises
    # its own error.
    with decoder_errors(data, header):
        array: Array = to_array(_by_libvips(data, limits, shrink))
    return _with_bands(array)


def _is_damage(error: ValueError) -> bool:
    message = str(error).lower()
    return any(text in message for text in _DAMAGE)


def _without_end(data: bytes, header: Header, shrink: int) -> Array | None:
    """The pixels of a JPEG that lacks only its end marker; None for any other JPEG."""
    repaired = with_end_marker(data, header)
    if repaired is None:
        return None
    try:
        return _by_simplejpeg(repaired, header, shrink)
    except ValueError as error:
        if _is_damage(error):
            return None
    # The warning has a harmless cause, such as bytes of a trailer before the marker.
    with suppress(ValueError):
        return _by_simplejpeg(repaired, header, shrink, strict=False)
    return None


def _by_libvips(data: bytes, limits: Limits, shrink: int) -> Picture:
    fail_on = "none" if limits.allow_truncated else "error"
    return vips().Image.jpegload_buffer(data, shrink=shrink, fail_on=fail_on)


def _by_simplejpeg(data: bytes, header: Header, shrink: int, *, strict: bool = True) -> Array:
    """uint8, H x W x bands. Raises ValueError: on damage, and if ``strict`` on any warning."""
    import simplejpeg

    space = "GRAY" if header.model == "gray" else "RGB"
    # simplejpeg takes the lowest scale that reaches these sizes, and libjpeg-turbo rounds sizes up.
    width = -(-header.width // shrink)
    height = -(-header.height // shrink)
    array: Array = simplejpeg.decode_jpeg(
        data, space, min_width=width, min_height=height, strict=strict
    )
    return _with_bands(array)


def _with_bands(array: Array) -> Array:
    """``array`` as H x W x bands, also if it is H x W."""
    return array if array.ndim == 3 else array[..., None]
