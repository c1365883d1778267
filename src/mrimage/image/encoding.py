"""Pixels to bytes: the output formats, with the profile and the metadata that go into each."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrimage.errors import ImageError
from mrimage.image.decode.arrays import Picture, from_array, to_array
from mrimage.image.decode.vips import field_names, vips
from mrimage.image.gain_map import GainMap, encoded_map, joined, packet_with
from mrimage.image.header.model import LONGEST_SIDE
from mrimage.image.names import FORMAT_ALIASES
from mrimage.image.tags.exif_writer import into_tiff
from mrimage.image.tags.iptc import resource_of
from mrimage.image.tags.segments import segment

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Encoder:
    """One output format.

    ``quality`` is its default, 1..100; None if it is lossless. ``sixteen_bits``, ``alpha``,
    ``gray`` and ``cmyk`` say whether it can hold these. ``longest`` is the largest width and
    height, in pixels, that the format or its encoder here supports.
    """

    extension: str
    quality: int | None
    sixteen_bits: bool
    alpha: bool
    gray: bool
    cmyk: bool
    longest: int = LONGEST_SIDE


ENCODERS: Mapping[str, Encoder] = {
    "jpeg": Encoder(
        "jpg", 85, sixteen_bits=False, alpha=False, gray=True, cmyk=True, longest=65_500
    ),
    "png": Encoder("png", None, sixteen_bits=True, alpha=True, gray=True, cmyk=False),
    "webp": Encoder(
        "webp", 80, sixteen_bits=False, alpha=True, gray=False, cmyk=False, longest=16_383
    ),
    "avif": Encoder(
        "avif", 60, sixteen_bits=False, alpha=True, gray=False, cmyk=False, longest=16_384
    ),
    "tiff": Encoder("tiff", None, sixteen_bits=True, alpha=True, gray=True, cmyk=True),
}
"""The output formats by name."""

_KEEP_AS: Mapping[str, str] = {
    "gif": "png",
    "bmp": "png",
    "ico": "png",
    "tga": "png",
    "ppm": "png",
    "dds": "png",
    "fits": "png",
    "pcx": "png",
    "qoi": "png",
    "sgi": "png",
    "xbm": "png",
    "xpm": "png",
    "psd": "tiff",
    "jp2": "jpeg",
    "heic": "jpeg",
    "jxl": "jpeg",
    "raw": "jpeg",
}
"""The output format of ``--format keep`` for a source format that cannot be written: PNG for other
lossless formats, TIFF for PSD, and JPEG for photographs."""

_SEGMENT = 65_519
"""Largest piece of a profile in a JPEG segment, in bytes: 65533 less the 14 of its head (ICC.1,
B.4)."""

_EXIF_PREFIX = b"Exif\x00\x00"

_FIELDS = ("icc-profile-data", "exif-data", "xmp-data", "iptc-data", "orientation")
"""The metadata fields of a libvips image."""


def encoder_for(format: str, source: str) -> str:
    """Return the encoder's name for ``--format format`` and a source in the format ``source``."""
    if format != "keep":
        return FORMAT_ALIASES.get(format, format)
    return source if source in ENCODERS else _KEEP_AS[source]


def check_result(size: tuple[int, int], format: str) -> None:
    """Raise ImageError ``unsupported`` if ``size`` (width, height) is too large for ``format``."""
    longest = ENCODERS[format].longest
    if max(size) <= longest:
        return
    raise ImageError(
        "unsupported",
        f"The result has {size[0]}x{size[1]} pixels, but {format.upper()} output is limited to "
        f"{longest} a side. Choose a smaller --resize, or another --format such as png or tiff.",
    )


@dataclass(frozen=True, slots=True)
class Companions:
    """What goes into the file besides the pixels; None for nothing.

    IPTC is written to JPEG and TIFF only, and a gain map only to a JPEG that is not CMYK.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    gain_map: GainMap | None = None


def encode_picture(
    image: Picture, format: str, quality: int | None, companions: Companions
) -> bytes:
    """Encode ``image`` as a file. The encoder must be able to hold its bands, depth and alpha."""
    quality = quality or ENCODERS[format].quality or 100
    if format == "jpeg" and image.bands != 4:
        return _jpeg(image, quality, companions)
    image = _with_metadata(image, companions)
    keep = _fields_to_keep(companions)
    if format == "jpeg":
        return bytes(image.jpegsave_buffer(Q=quality, keep=keep, subsample_mode="off"))
    if format == "png":
        return bytes(image.pngsave_buffer(keep=keep))
    if format == "webp":
        return _without_exif_prefix(bytes(image.webpsave_buffer(Q=quality, keep=keep)))
    if format == "avif":
        data = image.heifsave_buffer(Q=quality, keep=keep, compression="av1", effort=4, bitdepth=8)
        return bytes(data)
    # libvips would write Lab as floating-point numbers; these are its integer forms.
    if image.interpretation == "lab":
        image = image.colourspace("labs" if image.hasalpha() else "labq")
    data = bytes(image.tiffsave_buffer(compression="deflate", predictor="horizontal", keep=keep))
    return into_tiff(data, companions.exif, companions.iptc)


def encode(
    pixels: np.ndarray[Any, np.dtype[Any]], format: str, quality: int | None = None
) -> bytes:
    """Encode an array of sRGB values as a file of ``format``, a name in ENCODERS.

    ``pixels`` is H x W or H x W x 2, 3 or 4, uint8, or uint16 if the encoder holds 16 bits.
    """
    import numpy as np

    image = from_array(np.ascontiguousarray(pixels))
    return encode_picture(image, format, quality, Companions())


def _jpeg(image: Picture, quality: int, companions: Companions) -> bytes:
    import simplejpeg

    array = to_array(image)
    if array.ndim == 2:
        array = array[..., None]
    if image.bands == 1:
        space = "GRAY"
        sampling = "Gray"
    else:
        space = "RGB"
        sampling = "420" if quality < 90 else "444"
    try:
        data: bytes = simplejpeg.encode_jpeg(
            array, quality=quality, colorspace=space, colorsubsampling=sampling
        )
    except ValueError as error:
        message = f"The result cannot be written as JPEG: {error}."
        raise ImageError("encode-failed", message) from error
    return _with_segments(data, companions)


def _with_segments(data: bytes, companions: Companions) -> bytes:
    """Put the metadata, and the gain map if there is one, into a JPEG."""
    gain_map = companions.gain_map
    second = encoded_map(gain_map) if gain_map else b""
    xmp = companions.xmp
    if gain_map:
        xmp = packet_with(xmp, gain_map, len(second))
    segments = _segments(companions, xmp)
    cut = 2
    # The JFIF segment stays first.
    if data[2:4] == b"\xff\xe0":
        cut = 4 + struct.unpack(">H", data[4:6])[0]
    data = data[:cut] + segments + data[cut:]
    if gain_map is None:
        return data
    return joined(data, gain_map, second, cut + len(segments))


def _segments(companions: Companions, xmp: bytes | None) -> bytes:
    segments = b""
    if companions.exif:
        segments += segment(0xE1, _EXIF_PREFIX + companions.exif)
    if xmp and len(xmp) < _SEGMENT - 14:
        segments += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + xmp)
    if companions.iptc:
        segments += segment(0xED, b"Photoshop 3.0\x00" + resource_of(companions.iptc))
    if companions.icc:
        icc = companions.icc
        parts = [icc[at : at + _SEGMENT] for at in range(0, len(icc), _SEGMENT)]
        for number, part in enumerate(parts, 1):
            counter = bytes((number, len(parts)))
            segments += segment(0xE2, b"ICC_PROFILE\x00" + counter + part)
    return segments


def _without_exif_prefix(webp: bytes) -> bytes:
    """Drop the ``Exif\\0\\0`` that libvips puts before the EXIF block of a WebP.

    RFC 9649 requires the block alone.
    """
    position = 12
    while position + 8 <= len(webp):
        name, length = struct.unpack("<4sI", webp[position : position + 8])
        start = position + 8
        end = start + length + (length & 1)
        if name == b"EXIF" and webp[start : start + 6] == _EXIF_PREFIX:
            file_length = len(webp) - 8 - len(_EXIF_PREFIX)
            head = b"RIFF" + struct.pack("<I", file_length) + webp[8:position]
            chunk_head = struct.pack("<4sI", b"EXIF", length - len(_EXIF_PREFIX))
            return head + chunk_head + webp[start + len(_EXIF_PREFIX) : end] + webp[end:]
        position = end
    return webp


def _with_metadata(image: Picture, companions: Companions) -> Picture:
    """A copy of ``image`` with the metadata of ``companions``, and none of its own."""
    image = image.copy()
    for field in field_names(image):
        if field in _FIELDS or field.startswith("exif-"):
            image.remove(field)
    exif = _EXIF_PREFIX + companions.exif if companions.exif else None
    for field, blob in (
        ("icc-profile-data", companions.icc),
        ("exif-data", exif),
        ("xmp-data", companions.xmp),
        ("iptc-data", companions.iptc),
    ):
        if blob:
            image.set_type(vips().GValue.blob_type, field, blob)
    return image


def _fields_to_keep(companions: Companions) -> int:
    """libvips' flags VipsForeignKeep of the metadata to write."""
    keep = 0
    if companions.exif:
        keep |= 1
    if companions.xmp:
        keep |= 2
    if companions.icc:
        keep |= 8
    return keep
