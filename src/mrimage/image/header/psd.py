"""Photoshop files, small (PSD) and large (PSB): the header, the resources, and where the composite begins.

Adobe Photoshop File Formats Specification, 2019. Read here because Pillow refuses 16 bits and PSB, takes any fourth
channel for transparency, and Lab for RGB.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mrimage.errors import ImageError
from mrimage.image.blocks import Blocks
from mrimage.image.header.model import LONGEST_BLOCK, Header, Model

_MODELS: dict[int, tuple[Model, int]] = {
    0: ("gray", 1),
    1: ("gray", 1),
    2: ("palette", 1),
    3: ("rgb", 3),
    4: ("cmyk", 4),
    7: ("gray", 1),
    8: ("gray", 1),
    9: ("lab", 3),
}
"""Of each mode its model and its channels: bitmap, gray, indexed, RGB, CMYK, multichannel, duotone, Lab."""

_RESOLUTION, _PROFILE, _EXIF = 1005, 1039, 1058
_MOST_CHANNELS, _MOST = 56, 10_000


@dataclass(slots=True)
class Layout:
    """``mode`` as Adobe numbers them; ``colors`` of the ``channels`` make the color, and where ``transparent`` the next
    one is transparency. The composite begins at ``start``; ``large`` says that it is a PSB."""

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
        return _MODELS[self.mode][1]


def layout_of(blocks: Blocks) -> Layout:
    """Raises ImageError."""
    version, channels, height, width, depth, mode = struct.unpack(">4xH6xHIIHH", blocks.need(0, 26))
    if (
        mode not in _MODELS
        or depth not in (1, 8, 16, 32)
        or not _MODELS[mode][1] <= channels <= _MOST_CHANNELS
    ):
        raise ImageError(
            "corrupt",
            f"Expected a known Photoshop mode, but received {mode} with {channels} channels.",
        )
    layout = Layout(version == 2, mode, channels, height, width, depth)
    position = 30 + _length(blocks, 26, 4)
    layout.resources = position + 4, _length(blocks, position, 4)
    position = sum(layout.resources)
    wide = 8 if layout.large else 4
    length = _length(blocks, position, wide)
    layers = _layers(blocks, position + wide, length, wide) if length else None
    layout.transparent = channels > layout.colors and layers is not None and layers < 0
    layout.start = position + wide + length
    return layout


def _length(blocks: Blocks, position: int, wide: int) -> int:
    return int.from_bytes(blocks.need(position, wide), "big")


def _layers(blocks: Blocks, position: int, length: int, wide: int) -> int | None:
    """The number of layers, below zero where the composite's next channel is its transparency. With 16 and 32 bits the
    layers are in a tagged block behind the usual place, which is empty."""
    end, usual = position + length, _length(blocks, position, wide)
    if usual:
        return _signed(blocks, position + wide)
    position += wide
    position += 4 + _length(blocks, position, 4)
    for _ in range(64):
        if position + 12 > end:
            return None
        name = blocks.need(position + 4, 4)
        if name in (b"Lr16", b"Lr32"):
            return _signed(blocks, position + 8 + wide)
        step = (
            wide
            if name
            in (b"Mt16", b"Mt32", b"Mtrn", b"LMsk", b"Alph", b"FMsk", b"lnk2", b"FEid", b"FXid")
            else 4
        )
        size = _length(blocks, position + 8, step)
        position += 8 + step + size + -size % 4
    return None


def _signed(blocks: Blocks, position: int) -> int:
    return int.from_bytes(blocks.need(position, 2), "big", signed=True)


def read_psd(blocks: Blocks) -> Header:
    """Size and layout of the composite, with profile, EXIF and resolution."""
    layout = layout_of(blocks)
    header = Header("psd", layout.width, layout.height, layout.channels, layout.depth, layout.model)
    header.has_alpha = layout.transparent
    position, length = layout.resources
    end = position + length
    for _ in range(_MOST):
        if position + 12 > end:
            break
        number, name = struct.unpack(">4xHB", blocks.need(position, 7))
        position += 6 + name + 1 + (name + 1) % 2
        size = _length(blocks, position, 4)
        start, position = position + 4, position + 4 + size + size % 2
        if number == _RESOLUTION and size >= 6:
            across, _ = struct.unpack(">IH", blocks.need(start, 6))
            header.dpi = across / 65_536 or None
        elif number == _PROFILE and size < LONGEST_BLOCK:
            header.icc = blocks.at(start, size)
        elif number == _EXIF and size < LONGEST_BLOCK:
            header.exif = blocks.at(start, size)
    return header
