"""JPEG, by libjpeg-turbo: at a lower scale where the result is small, and forgiving what every viewer forgives."""

from __future__ import annotations

from contextlib import suppress

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Array, Picture, from_array, to_array
from mrimage.image.decode.decoder_errors import damage_of, decoder_errors, missing_end
from mrimage.image.decode.high_depth import decode_high_depth
from mrimage.image.decode.jpeg_end import ended
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header
from mrimage.types import Limits

_DAMAGE = (
    "premature end",
    "bad huffman code",
    "bad arithmetic code",
    "instead of rst",
)
"""The warnings of libjpeg-turbo (JWRN_* in its jerror.h) after which pixels are wrong. What it warns of otherwise says
nothing of the picture: stray bytes, an unknown Adobe transform or JFIF revision, a scan out of order, a bad profile."""

MOST_SCANS = 100
"""Scans of a progressive JPEG, each of which passes over the whole picture; libvips' own limit."""


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
        raise ImageError(
            "unsupported", f"Expected a JPEG that is not {header.variant or 'CMYK of 12 bits'}."
        )
    # Its decoder does not mind a missing end.
    if not limits.allow_truncated and (cut := missing_end(data, header)):
        raise cut
    return from_array(decode_high_depth(data, header))


def _by_libvips(data: bytes, limits: Limits, shrink: int) -> Picture:
    fail_on = "none" if limits.allow_truncated else "error"
    return vips().Image.jpegload_buffer(data, shrink=shrink, fail_on=fail_on)


def jpeg_array(data: bytes, header: Header, limits: Limits, shrink: int) -> Array:
    """uint8 H x W x 3 (gray: x 1) of an 8-bit JPEG that is not CMYK, at 1/``shrink`` of its size, as stored.

    What libjpeg-turbo warns of and every viewer forgives is forgiven, and so is a missing end marker where every
    block of the picture is there. Raises ImageError.
    """
    if header.progressive and data.count(b"\xff\xda", header.body) >= MOST_SCANS:
        raise ImageError(
            "corrupt", f"Expected at most {MOST_SCANS} scans in the JPEG, but it has more."
        )
    try:
        return _by_simplejpeg(data, header, shrink)
    except ValueError as error:
        whole = _without_end(data, header, shrink)
        if whole is not None:
            return whole
        if not limits.allow_truncated and _is_damage(error):
            raise damage_of(error, data, header) from error
    # Warned of but not damaged, or damaged for good: libvips decodes the one and refuses the other.
    with decoder_errors(data, header):
        array: Array = to_array(_by_libvips(data, limits, shrink))
    return array if array.ndim == 3 else array[..., None]


def _is_damage(error: ValueError) -> bool:
    return any(text in str(error).lower() for text in _DAMAGE)


def _without_end(data: bytes, header: Header, shrink: int) -> Array | None:
    """The pixels of a JPEG that lacks its end marker and nothing else; None for any other JPEG."""
    repaired = ended(data, header)
    if repaired is None:
        return None
    try:
        return _by_simplejpeg(repaired, header, shrink)
    except ValueError as error:
        if _is_damage(error):
            return None
    with suppress(
        ValueError
    ):  # Warned of for another reason, such as the trailer's bytes before the marker.
        return _by_simplejpeg(repaired, header, shrink, strict=False)
    return None


def _by_simplejpeg(data: bytes, header: Header, shrink: int, *, strict: bool = True) -> Array:
    """The same. Raises ValueError for what cannot be decoded, and if ``strict`` for the first warning too."""
    import simplejpeg

    space = "GRAY" if header.model == "gray" else "RGB"
    width, height = (-(-side // shrink) for side in (header.width, header.height))
    array: Array = simplejpeg.decode_jpeg(
        data, space, min_width=width, min_height=height, strict=strict
    )
    return array if array.ndim == 3 else array[..., None]
