"""HDR gain maps of JPEG (Ultra HDR), kept through crop, resize and turn.

The main picture is an ordinary JPEG. The map is a second JPEG after it, and an index of the
Multi-Picture Format (CIPA DC-007) in the main picture points to it. Each pixel of the map says how
much brighter its place is in HDR. The map's own XMP or ISO 21496-1 segment gives the scale. The
map stays valid if it is cropped and scaled like the picture.
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
from mrimage.image.tags.gain_maps import ISO, parameters_of, with_directory
from mrimage.image.tags.multi_picture import MPF, other_pictures
from mrimage.image.tags.segments import segment
from mrimage.types import Limits

QUALITY = 85
"""JPEG quality of a scaled map. libultrahdr uses 95, but for new maps."""

_VERSION = 0xB000
_NUMBER_OF_PICTURES = 0xB001
_ENTRIES = 0xB002
"""The tag MPEntry (CIPA DC-007, 5.2.3): 16 bytes for each picture of the file."""

_PRIMARY_PICTURE = 0x030000
"""Type of the main picture of a file: baseline MP primary image (CIPA DC-007, 5.2.3)."""

_START_OF_SCAN = b"\xda"

_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"
_ISO_VERSION = b"\x00\x00\x00\x00"
"""The lowest version that can read the map, and that of the writer (ISO 21496-1, C.2.2). The
segment of the main picture holds no more."""


@dataclass(frozen=True, slots=True)
class GainMap:
    """A decoded gain map.

    ``pixels`` is uint8 H x W x 1 or 3, in the orientation in which the main picture is stored.
    ``iso``, an ISO 21496-1 segment without its head, and ``xmp``, a packet of ``hdrgm``
    properties, describe its scale. At least one of them is not None.
    """

    pixels: Array
    iso: bytes | None
    xmp: bytes | None


def gain_map_of(data: bytes, header: Header, limits: Limits) -> GainMap | None:
    """Return the gain map of a JPEG, or None if it has none that can be read.

    A gain map is an addition: a damaged one does not make the image damaged.
    """
    if header.format != "jpeg" or header.model != "rgb" or not header.gain_map:
        return None
    for start, length in _pictures(data, header):
        try:
            gain_map = _read(data[start : start + length], limits)
        except ImageError:
            continue
        if gain_map is not None:
            return gain_map
    return None


def _pictures(data: bytes, header: Header) -> Iterator[tuple[int, int]]:
    """Start and length of each picture after the main one that the Multi-Picture index lists."""
    index = data.find(MPF, 0, header.body)
    if index < 0:
        return
    base = index + len(MPF)
    yield from other_pictures(data[base : header.body], base)


def _read(picture: bytes, limits: Limits) -> GainMap | None:
    """Return the gain map in a JPEG, or None if it is not one that mrimage can keep.

    Raises ImageError if the JPEG cannot be decoded.
    """
    if picture[:3] != b"\xff\xd8\xff":
        return None
    header = read_jpeg(Blocks.of(picture))
    iso = _iso_parameters(picture)
    xmp = parameters_of(header.xmp) if header.xmp else None
    if iso is None and xmp is None:
        return None
    if header.model not in ("gray", "rgb") or header.bit_depth != 8:
        return None
    if header.pixels > limits.max_pixels:
        return None
    return GainMap(jpeg_array(picture, header, limits, shrink=1), iso, xmp)


def _iso_parameters(picture: bytes) -> bytes | None:
    for body in _segments(picture, 0xE2):
        if body.startswith(ISO):
            return body[len(ISO) :]
    return None


def _segments(data: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the bodies of the segments with the marker ``wanted`` before the first scan.

    ``data`` is a JPEG whose header has been read, so its segments are complete.
    """
    position = 2
    while data[position : position + 1] == b"\xff":
        if data[position + 1 : position + 2] == _START_OF_SCAN:
            return
        marker, length = struct.unpack(">xBH", data[position : position + 4])
        if marker == wanted:
            yield data[position + 4 : position + 2 + length]
        position += 2 + length


def resized_map(pixels: Array, displayed: tuple[int, int], geometry: Geometry) -> Array:
    """Crop and scale an upright gain map as ``geometry`` does the picture.

    ``pixels`` and the result are uint8 H x W x 1 or 3. ``displayed`` is the width and height of
    the oriented picture. The map keeps its resolution relative to the picture.
    """
    import numpy as np
    from PIL import Image

    map_height, map_width, bands = pixels.shape
    # Pixels of the map for each pixel of the picture.
    map_scale_x = map_width / displayed[0]
    map_scale_y = map_height / displayed[1]
    # Pixels of the picture for each pixel of the result.
    shrink_x = geometry.crop.width / geometry.width
    shrink_y = geometry.crop.height / geometry.height
    cut_x = geometry.cut.x if geometry.cut else 0
    cut_y = geometry.cut.y if geometry.cut else 0
    width, height = geometry.result

    # The part begins and ends between pixels of the map; Pillow weights those at the edge.
    left = (geometry.crop.x + cut_x * shrink_x) * map_scale_x
    top = (geometry.crop.y + cut_y * shrink_y) * map_scale_y
    right = min(left + width * shrink_x * map_scale_x, map_width)
    bottom = min(top + height * shrink_y * map_scale_y, map_height)
    new_width = max(1, round(width * map_scale_x))
    new_height = max(1, round(height * map_scale_y))
    picture = Image.fromarray(pixels[..., 0] if bands == 1 else pixels)
    resized = picture.resize(
        (new_width, new_height), Image.Resampling.BILINEAR, box=(left, top, right, bottom)
    )
    return np.ascontiguousarray(resized).reshape(new_height, new_width, -1)


def encoded_map(gain_map: GainMap) -> bytes:
    """Encode the map as a JPEG, with the segments that describe its scale."""
    import simplejpeg

    is_gray = gain_map.pixels.shape[2] == 1
    data: bytes = simplejpeg.encode_jpeg(
        gain_map.pixels,
        quality=QUALITY,
        colorspace="GRAY" if is_gray else "RGB",
        colorsubsampling="Gray" if is_gray else "444",
    )
    segments = b""
    if gain_map.xmp:
        segments += segment(0xE1, _XMP_HEAD + gain_map.xmp)
    if gain_map.iso:
        segments += segment(0xE2, ISO + gain_map.iso)
    return data[:2] + segments + data[2:]


def packet_with(packet: bytes | None, gain_map: GainMap, length: int) -> bytes | None:
    """Return the XMP packet of the main picture, which lists a map of ``length`` bytes.

    A map that only ISO 21496-1 describes is not listed in XMP.
    """
    return with_directory(packet, length) if gain_map.xmp else packet


def joined(main: bytes, gain_map: GainMap, second: bytes, cut: int) -> bytes:
    """Join the JPEG ``main`` and its encoded map ``second``, and return the file.

    The segments that announce the map are inserted into ``main`` at the byte ``cut``.
    """
    version = segment(0xE2, ISO + _ISO_VERSION) if gain_map.iso else b""
    # The length of the index does not depend on its numbers.
    empty_index = segment(0xE2, MPF + _index(0, 0, 0))
    total = len(main) + len(version) + len(empty_index)
    # Offsets count from the index's own TIFF header.
    base = cut + len(version) + 4 + len(MPF)
    index = segment(0xE2, MPF + _index(total, len(second), total - base))
    return main[:cut] + version + index + main[cut:] + second


def _index(first: int, second: int, offset: int) -> bytes:
    """A Multi-Picture index of two pictures, a big-endian TIFF directory (CIPA DC-007, 5.2).

    ``first`` and ``second`` are their lengths in bytes, ``offset`` is where the second begins.
    """
    entries = struct.pack(">IIIHH", _PRIMARY_PICTURE, first, 0, 0, 0)
    entries += struct.pack(">IIIHH", 0, second, offset, 0, 0)
    # Header, number of fields, three fields, and the offset of the next directory.
    entries_offset = 8 + 2 + 3 * 12 + 4
    fields = struct.pack(">HHI4s", _VERSION, 7, 4, b"0100")
    fields += struct.pack(">HHII", _NUMBER_OF_PICTURES, 4, 1, 2)
    fields += struct.pack(">HHII", _ENTRIES, 7, len(entries), entries_offset)
    header = b"MM\x00*\x00\x00\x00\x08"
    count = struct.pack(">H", 3)
    next_directory = b"\x00" * 4
    return header + count + fields + next_directory + entries
