"""HDR gain maps of JPEG (Ultra HDR), kept through crop, resize and turn.

The main picture is an ordinary JPEG; the map is a second one behind it, which Multi-Picture Format (CIPA DC-007)
points to. Each pixel of the map says how much brighter the place is in HDR, on a scale that the map's own XMP or
ISO 21496-1 segment gives; scaling the map as the picture is scaled keeps it true.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.decode.arrays import Array
from mrimage.image.decode.jpeg import jpeg_array
from mrimage.image.geometry import Geometry
from mrimage.image.header.jpeg import read_jpeg
from mrimage.image.header.model import Header
from mrimage.image.tags.directory import Tree
from mrimage.image.tags.gain_maps import ISO, parameters_of, with_directory
from mrimage.image.tags.segments import segment
from mrimage.types import Limits

QUALITY = 85
"""Of the JPEG of a map; what libultrahdr takes is 95 for maps that are made anew and not scaled."""

_MPF = b"MPF\x00"
_ENTRIES = 0xB002
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"
_ISO_VERSION = b"\x00\x00\x00\x00"
"""Least version, version of the writer (ISO 21496-1, C.2.2): all that the main picture says."""


@dataclass(frozen=True, slots=True)
class GainMap:
    """``pixels`` uint8 H x W x 1 or 3, as the main picture is stored; ``iso`` and ``xmp`` say what they mean: a segment of
    ISO 21496-1 without its head, and a packet of ``hdrgm`` properties. At least one of the two is there."""

    pixels: Array
    iso: bytes | None
    xmp: bytes | None


def gain_map_of(data: bytes, header: Header, limits: Limits) -> GainMap | None:
    """The gain map of a JPEG; None where there is none that can be read: it is an addition, so damage of it is not
    damage of the image."""
    if header.format != "jpeg" or header.model != "rgb" or not header.gain_map:
        return None
    for start, length in _pictures(data, header):
        try:
            found = _read(data[start : start + length], limits)
        except ImageError:
            continue
        if found is not None:
            return found
    return None


def _pictures(data: bytes, header: Header) -> Iterator[tuple[int, int]]:
    """Start and length of each further picture that the Multi-Picture index lists (CIPA DC-007, 5.2.3)."""
    index = data.find(_MPF, 0, header.body)
    if index < 0:
        return
    base = index + len(_MPF)
    tree = Tree(lambda start, length: data[base + start : base + start + length])
    entries = tree.first.raw(_ENTRIES) if tree.valid else None
    for _, length, offset, _, _ in struct.iter_unpack(
        f"{tree.order}IIIHH", (entries or b"")[: 16 * 16]
    ):
        if offset:
            yield base + offset, length


def _read(picture: bytes, limits: Limits) -> GainMap | None:
    """Raises ImageError where the picture cannot be decoded."""
    if picture[:3] != b"\xff\xd8\xff":
        return None
    header = read_jpeg(Blocks.of(picture))
    iso = next(
        (body[len(ISO) :] for body in _segments(picture, 0xE2) if body.startswith(ISO)), None
    )
    xmp = parameters_of(header.xmp) if header.xmp else None
    if (
        (iso is None and xmp is None)
        or header.model not in ("gray", "rgb")
        or header.bit_depth != 8
    ):
        return None
    if header.pixels > limits.max_pixels:
        return None
    return GainMap(jpeg_array(picture, header, limits, shrink=1), iso, xmp)


def _segments(data: bytes, wanted: int) -> Iterator[bytes]:
    """The bodies of the segments of a kind before the first scan. The header of ``data`` has been read."""
    position = 2
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] != b"\xda":
        marker, length = struct.unpack(">xBH", data[position : position + 4])
        if marker == wanted:
            yield data[position + 4 : position + 2 + length]
        position += 2 + length


def resized_map(pixels: Array, displayed: tuple[int, int], geometry: Geometry) -> Array:
    """The part of an upright map that ``geometry`` takes of the picture of size ``displayed``, at the map's own
    resolution relative to the picture. uint8 as ``pixels``.

    The part begins and ends between the map's pixels: Pillow weights those at the edge.
    """
    import numpy as np
    from PIL import Image

    across, down = pixels.shape[1] / displayed[0], pixels.shape[0] / displayed[1]
    crop, cut = geometry.crop, geometry.cut
    scale_x, scale_y = crop.width / geometry.width, crop.height / geometry.height
    width, height = geometry.result
    left = (crop.x + (cut.x if cut else 0) * scale_x) * across
    top = (crop.y + (cut.y if cut else 0) * scale_y) * down
    right = min(left + width * scale_x * across, pixels.shape[1])
    bottom = min(top + height * scale_y * down, pixels.shape[0])
    size = max(1, round(width * across)), max(1, round(height * down))
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    made = picture.resize(size, Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    return np.ascontiguousarray(made).reshape(size[1], size[0], -1)


def encoded_map(gain_map: GainMap) -> bytes:
    """The map as a JPEG of its own."""
    import simplejpeg

    space, sampling = ("GRAY", "Gray") if gain_map.pixels.shape[2] == 1 else ("RGB", "444")
    data: bytes = simplejpeg.encode_jpeg(
        gain_map.pixels, quality=QUALITY, colorspace=space, colorsubsampling=sampling
    )
    extra = b""
    if gain_map.xmp:
        extra += segment(0xE1, _XMP_HEAD + gain_map.xmp)
    if gain_map.iso:
        extra += segment(0xE2, ISO + gain_map.iso)
    return data[:2] + extra + data[2:]


def packet_with(packet: bytes | None, gain_map: GainMap, length: int) -> bytes | None:
    """The XMP packet of the main picture: it lists a map that is described by XMP."""
    return with_directory(packet, length) if gain_map.xmp else packet


def joined(main: bytes, gain_map: GainMap, second: bytes, cut: int) -> bytes:
    """One file of the JPEG ``main`` and its map ``second``; the new segments of ``main`` are put in at ``cut``."""
    version = segment(0xE2, ISO + _ISO_VERSION) if gain_map.iso else b""
    index_length = len(segment(0xE2, _MPF + _index(0, 0, 0)))
    total = len(main) + len(version) + index_length
    base = cut + len(version) + 4 + len(_MPF)  # Offsets count from the index's own TIFF header.
    index = segment(0xE2, _MPF + _index(total, len(second), total - base))
    return main[:cut] + version + index + main[cut:] + second


def _index(first: int, second: int, offset: int) -> bytes:
    """A Multi-Picture index of two pictures, big-endian: their lengths, and where the second begins."""
    entries = struct.pack(">IIIHH", 0x030000, first, 0, 0, 0) + struct.pack(
        ">IIIHH", 0, second, offset, 0, 0
    )
    fields = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    fields += struct.pack(">HHII", _ENTRIES, 7, len(entries), 8 + 2 + 3 * 12 + 4)
    return b"MM\x00*\x00\x00\x00\x08" + struct.pack(">H", 3) + fields + b"\x00" * 4 + entries
