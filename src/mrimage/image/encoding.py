"""Pixels to bytes: one function per output format, with the profile and the EXIF block that go along."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrimage.image.decode.decode import Picture, from_array, to_array
from mrimage.image.decode.vips import vips
from mrimage.image.tags.exif_writer import into_tiff
from mrimage.image.tags.rights import resource_of

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Encoder:
    """One output format. ``quality`` is its default (None: lossless); ``deep`` says that it holds 16 bits,
    ``alpha``, ``gray`` and ``cmyk`` that it holds those."""

    extension: str
    quality: int | None
    deep: bool
    alpha: bool
    gray: bool
    cmyk: bool


ENCODERS: Mapping[str, Encoder] = {
    "jpeg": Encoder("jpg", 85, deep=False, alpha=False, gray=True, cmyk=True),
    "png": Encoder("png", None, deep=True, alpha=True, gray=True, cmyk=False),
    "webp": Encoder("webp", 80, deep=False, alpha=True, gray=False, cmyk=False),
    "avif": Encoder("avif", 60, deep=False, alpha=True, gray=False, cmyk=False),
    "tiff": Encoder("tiff", None, deep=True, alpha=True, gray=True, cmyk=True),
}
"""The output formats by name."""

_KEPT: Mapping[str, str] = {
    "gif": "png",
    "bmp": "png",
    "ico": "png",
    "tga": "png",
    "ppm": "png",
    "psd": "tiff",
    "jp2": "jpeg",
    "heic": "jpeg",
    "jxl": "jpeg",
    "raw": "jpeg",
}
_SEGMENT = 65_519


def encoder_for(format: str, source: str) -> str:
    """The name of the encoder for ``--format format`` and a file of ``source``: ``keep`` gives the source's own
    format where it can be written, PNG for other lossless ones, TIFF for PSD, and JPEG for photographs."""
    if format != "keep":
        return format
    return source if source in ENCODERS else _KEPT[source]


@dataclass(frozen=True, slots=True)
class Companions:
    """What goes into the file beside the pixels; each None for nothing. Only JPEG and TIFF hold IPTC."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


def encode_picture(image: Picture, format: str, quality: int | None, beside: Companions) -> bytes:
    """``image`` as a file. Bands, depth and alpha must be what the encoder holds."""
    quality = quality or ENCODERS[format].quality or 100
    if format == "jpeg" and image.bands != 4:
        return _jpeg(image, quality, beside)
    image = _dressed(image, beside)
    keep = (1 if beside.exif else 0) | (2 if beside.xmp else 0) | (8 if beside.icc else 0)
    if format == "jpeg":
        return bytes(image.jpegsave_buffer(Q=quality, keep=keep, subsample_mode="off"))
    if format == "png":
        return bytes(image.pngsave_buffer(keep=keep))
    if format == "webp":
        return _bare_exif(bytes(image.webpsave_buffer(Q=quality, keep=keep)))
    if format == "avif":
        return bytes(
            image.heifsave_buffer(Q=quality, keep=keep, compression="av1", effort=4, bitdepth=8)
        )
    if (
        image.interpretation == "lab"
    ):  # what came of bytes; libvips would write floating-point numbers
        image = image.colourspace("labs" if image.hasalpha() else "labq")
    data = bytes(image.tiffsave_buffer(compression="deflate", predictor="horizontal", keep=keep))
    return into_tiff(data, beside.exif, beside.iptc)


def encode(
    pixels: np.ndarray[Any, np.dtype[np.uint8]], format: str, quality: int | None = None
) -> bytes:
    """An array H x W x 3 or H x W of sRGB bytes as a file of ``format`` (a name in ENCODERS)."""
    import numpy as np

    return encode_picture(from_array(np.ascontiguousarray(pixels)), format, quality, Companions())


def _jpeg(image: Picture, quality: int, beside: Companions) -> bytes:
    import simplejpeg

    array = to_array(image)
    if array.ndim == 2:
        array = array[..., None]
    space, sampling = (
        ("GRAY", "Gray") if image.bands == 1 else ("RGB", "420" if quality < 90 else "444")
    )
    data: bytes = simplejpeg.encode_jpeg(
        array, quality=quality, colorspace=space, colorsubsampling=sampling
    )
    extra = b""
    if beside.exif:
        extra += _segment(0xE1, b"Exif\x00\x00" + beside.exif)
    if beside.xmp and len(beside.xmp) < _SEGMENT - 14:
        extra += _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + beside.xmp)
    if beside.iptc:
        extra += _segment(0xED, b"Photoshop 3.0\x00" + resource_of(beside.iptc))
    if beside.icc:
        parts = [beside.icc[at : at + _SEGMENT] for at in range(0, len(beside.icc), _SEGMENT)]
        for number, part in enumerate(parts, 1):
            extra += _segment(0xE2, b"ICC_PROFILE\x00" + bytes((number, len(parts))) + part)
    if not extra:
        return data
    cut = 4 + struct.unpack(">H", data[4:6])[0] if data[2:4] == b"\xff\xe0" else 2
    return data[:cut] + extra + data[cut:]


def _bare_exif(webp: bytes) -> bytes:
    """A WebP without the ``Exif\\0\\0`` that libvips puts before the block; RFC 9649 wants the block alone."""
    position = 12
    while position + 8 <= len(webp):
        name, length = struct.unpack("<4sI", webp[position : position + 8])
        start, end = position + 8, position + 8 + length + (length & 1)
        if name == b"EXIF" and webp[start : start + 6] == b"Exif\x00\x00":
            head = b"RIFF" + struct.pack("<I", len(webp) - 8 - 6) + webp[8:position]
            return (
                head + struct.pack("<4sI", b"EXIF", length - 6) + webp[start + 6 : end] + webp[end:]
            )
        position = end
    return webp


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _dressed(image: Picture, beside: Companions) -> Picture:
    image = image.copy()
    for field in image.get_fields():
        if field in (
            "icc-profile-data",
            "exif-data",
            "xmp-data",
            "iptc-data",
            "orientation",
        ) or field.startswith("exif-"):
            image.remove(field)
    exif = b"Exif\x00\x00" + beside.exif if beside.exif else None
    for field, blob in (
        ("icc-profile-data", beside.icc),
        ("exif-data", exif),
        ("xmp-data", beside.xmp),
        ("iptc-data", beside.iptc),
    ):
        if blob:
            image.set_type(vips().GValue.blob_type, field, blob)
    return image
