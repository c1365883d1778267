"""Photoshop files, small (PSD) and large (PSB): header, resources, and the start of the composite.

Source: Adobe Photoshop File Formats Specification, 2019. Pillow 12 cannot be used: it refuses 16
bits and PSB, takes any fourth channel for alpha, and reads Lab as RGB.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_BLOCK, LONGEST_TEXT, Header, Model
from mrimage.image.header.numbers import number_at

_MODELS: dict[int, tuple[Model, int]] = {
    0: ("gray", 1),  # bitmap
    1: ("gray", 1),
    2: ("palette", 1),
    3: ("rgb", 3),
    4: ("cmyk", 4),
    7: ("gray", 1),  # multichannel
    8: ("gray", 1),  # duotone
    9: ("lab", 3),
}
"""Model and color channels of each mode."""

_DEPTHS = (1, 8, 16, 32)
_MOST_CHANNELS = 56

_RESOLUTION = 1005
_IPTC = 1028
_PROFILE = 1039
_EXIF = 1058
_XMP = 1060
"""Identifiers of image resources."""

_MOST_RESOURCES = 10_000
_MOST_LAYER_BLOCKS = 64

_DEEP_LAYERS = (b"Lr16", b"Lr32")
"""Tagged blocks with the layers of files of 16 and 32 bits."""

_LONG_IN_PSB = frozenset(
    [b"Mt16", b"Mt32", b"Mtrn", b"LMsk", b"Alph", b"FMsk", b"lnk2", b"FEid", b"FXid"]
)
"""Tagged blocks whose length has 8 bytes in a PSB; the others keep 4."""


@dataclass(slots=True)
class Layout:
    """How the samples lie in the file.

    ``mode`` is numbered as by Adobe. The first ``colors`` of the ``channels`` make the color, and
    the next one is alpha if ``transparent``. The composite begins at byte ``start``. A ``large``
    file is a PSB. ``resources`` are the start and the length in bytes of the image resources.
    """

    large: bool
    mode: int
    channels: int
    height: int
    width: int
    depth: int
    start: int = 0
    transparent: bool = False
    resources: tuple[int, int] = (0, 0)

    @property
    def model(self) -> Model:
        return _MODELS[self.mode][0]

    @property
    def colors(self) -> int:
        """Channels that make the color."""
        return _MODELS[self.mode][1]


def layout_of(blocks: Blocks) -> Layout:
    """Return the layout. Raises ImageError ``corrupt`` or ``truncated``."""
    version, channels, height, width, depth, mode = struct.unpack(">4xH6xHIIHH", blocks.need(0, 26))
    _check(mode, depth, channels)
    layout = Layout(version == 2, mode, channels, height, width, depth)
    # Behind the header come color mode data, image resources, and layers, each with its length.
    position = 30 + _number(blocks, 26, 4)
    layout.resources = (position + 4, _number(blocks, position, 4))
    position = sum(layout.resources)
    pointer = 8 if layout.large else 4
    length = _number(blocks, position, pointer)
    layers = None
    if length:
        layers = _layer_count(blocks, position + pointer, length, pointer)
    if layers is not None and layers < 0:
        layout.transparent = channels > layout.colors
    layout.start = position + pointer + length
    return layout


def _check(mode: int, depth: int, channels: int) -> None:
    known = mode in _MODELS and depth in _DEPTHS
    if not known or not _MODELS[mode][1] <= channels <= _MOST_CHANNELS:
        raise ImageError(
            "corrupt",
            f"The Photoshop header says mode {mode}, {channels} channels and {depth} bits, "
            "which do not exist together.",
        )


def _number(blocks: Blocks, position: int, size: int) -> int:
    """Return the big-endian number of ``size`` bytes at ``position``."""
    body = blocks.need(position, size)
    return number_at(body, 0, size)


def _layer_count(blocks: Blocks, position: int, length: int, pointer: int) -> int | None:
    """Return the number of layers in the section of ``length`` bytes; None if it has none.

    A negative number means that the channel after the colors is the composite's alpha.
    """
    end = position + length
    if _number(blocks, position, pointer):
        return _layer_number(blocks, position + pointer)
    # Files of 16 and 32 bits leave the usual place empty and put the layers in a tagged block
    # after the global layer mask.
    position += pointer
    position += 4 + _number(blocks, position, 4)
    for _ in range(_MOST_LAYER_BLOCKS):
        if position + 12 > end:
            return None
        name = blocks.need(position + 4, 4)
        if name in _DEEP_LAYERS:
            return _layer_number(blocks, position + 8 + pointer)
        length_size = pointer if name in _LONG_IN_PSB else 4
        size = _number(blocks, position + 8, length_size)
        padding = -size % 4
        position += 8 + length_size + size + padding
    return None


def _layer_number(blocks: Blocks, position: int) -> int:
    body = blocks.need(position, 2)
    return int.from_bytes(body, "big", signed=True)


def read_psd(blocks: Blocks) -> Header:
    """Read size and layout of the composite, profile, EXIF, XMP, IPTC and resolution."""
    layout = layout_of(blocks)
    header = Header("psd", layout.width, layout.height, layout.channels, layout.depth, layout.model)
    header.has_alpha = layout.transparent
    position, length = layout.resources
    end = position + length
    for _ in range(_MOST_RESOURCES):
        if position + 12 > end:
            break
        number, name_length = struct.unpack(">4xHB", blocks.need(position, 7))
        # The name, with its length byte, is padded to an even number of bytes, and so is the body.
        position += 6 + 1 + name_length + (name_length + 1) % 2
        size = _number(blocks, position, 4)
        start = position + 4
        position = start + size + size % 2
        _read_resource(header, number, blocks, start, size)
    return header


def _read_resource(header: Header, number: int, blocks: Blocks, start: int, size: int) -> None:
    if number == _RESOLUTION and size >= 6:
        # Dots per inch, a fixed-point number with 16 fraction bits.
        across = number_at(blocks.need(start, 6), 0, 4)
        header.dpi = across / 65_536 or None
    elif number == _PROFILE and size < LONGEST_BLOCK:
        header.icc = blocks.at(start, size)
    elif number == _EXIF and size < LONGEST_BLOCK:
        header.exif = blocks.at(start, size)
    elif number == _XMP and size < LONGEST_TEXT:
        header.xmp = blocks.at(start, size)
    elif number == _IPTC and size < LONGEST_TEXT:
        header.iptc = blocks.at(start, size)
