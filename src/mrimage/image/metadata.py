"""The catalog's columns about one image, from its header and its tags."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module

from mrimage.image.blocks import Blocks
from mrimage.image.header.isobmff import read_isobmff
from mrimage.image.header.jpeg import read_jpeg
from mrimage.image.header.model import Header
from mrimage.image.header.png import read_png
from mrimage.image.header.tiff import read_tiff
from mrimage.image.header.webp import read_webp
from mrimage.image.sniff import sniff
from mrimage.image.tags.directory import Tree
from mrimage.image.tags.exif import NOTHING, TagFacts, facts_in_exif, facts_in_tree
from mrimage.image.tags.facts import with_other_facts

_READERS = {"jpeg": read_jpeg, "png": read_png, "tiff": read_tiff, "webp": read_webp}
_READERS_ON_DEMAND = frozenset(
    ["bmp", "fits", "gif", "ico", "jp2", "jxl", "ppm", "psd", "qoi", "sgi"]
)
"""Formats whose reader, such as ``read_gif`` in ``header/gif.py``, is imported when needed."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The catalog's facts about an image. One that the file does not give is None, never 0 or "".

    ``width`` and ``height`` are in pixels, as displayed. ``bands`` and ``bit_depth`` are as
    stored: a palette image has one band of indices, and its depth is theirs. ``color_space`` is a
    name from ``color_space_of``, ``icc_profile`` is the profile's description, and ``dpi`` is the
    horizontal resolution, rounded to 0.01. ``taken_at`` is local time without a zone, and
    ``taken_at_offset`` is its offset from UTC, ``+hh:mm``. ``exposure_time`` is in seconds,
    ``focal_length`` in millimeters; ``latitude`` and ``longitude`` are in degrees, north and east
    positive.

    ``facts_from`` names the sources of the facts from ``camera_make`` to ``taken_at_offset``:
    ``exif``, ``xmp``, ``iptc``, or several of them joined by ``+``. ``gain_map`` says whether the
    file has an HDR gain map.
    """

    format: str
    width: int
    height: int
    bands: int
    bit_depth: int | None
    color_space: str
    has_alpha: bool
    icc_profile: str | None
    frames: int | None
    orientation: int | None
    progressive: bool | None
    dpi: float | None
    camera_make: str | None
    camera: str | None
    lens: str | None
    taken_at: datetime | None
    iso: int | None
    exposure_time: float | None
    f_number: float | None
    focal_length: float | None
    latitude: float | None
    longitude: float | None
    software: str | None
    taken_at_offset: str | None
    facts_from: str | None
    gain_map: bool


def read_header(blocks: Blocks) -> Header:
    """Read the header of a file of any known format. Raises ImageError."""
    format = sniff(blocks)
    reader = _READERS.get(format)
    if reader is not None:
        return reader(blocks)
    if format in _READERS_ON_DEMAND:
        module = import_module(f"mrimage.image.header.{format}")
        found: Header = getattr(module, f"read_{format}")(blocks)
        return found
    if format in ("avif", "heic"):
        return read_isobmff(blocks, format)
    if format == "raw":
        from mrimage.image.header.raw import read_camera_raw

        return read_camera_raw(blocks)
    from mrimage.image.header.pillow import read_with_pillow

    return read_with_pillow(blocks, format)


def read_facts(header: Header, blocks: Blocks) -> TagFacts:
    """Return the facts that a file's EXIF, XMP and IPTC give."""
    is_tiff_based_raw = header.format == "raw" and blocks.at(0, 2) in (b"II", b"MM")
    if header.format == "tiff" or is_tiff_based_raw:
        # The tags of a TIFF file are its EXIF.
        tree = Tree(blocks.at)
        facts = facts_in_tree(tree) if tree.valid else NOTHING
    else:
        facts = facts_in_exif(header.exif)
    # Viewers show a PNG as its pixels come, before they know an EXIF block after the pixels.
    if header.exif_after_pixels:
        facts = replace(facts, orientation=None, color_space=None)
    return with_other_facts(facts, header.xmp, header.iptc)


def describe(header: Header, facts: TagFacts) -> Metadata:
    """Return the catalog's columns."""
    profile = None
    if header.icc is not None:
        from mrimage.image.color.profile_names import profile_named

        profile = profile_named(header.icc)
    orientation = 1 if header.upright else facts.orientation or 1
    is_sideways = orientation >= 5
    dpi = header.dpi or facts.dpi
    return Metadata(
        format=header.format,
        width=header.height if is_sideways else header.width,
        height=header.width if is_sideways else header.height,
        bands=header.bands,
        bit_depth=header.bit_depth,
        color_space=color_space_of(header, facts, profile.space if profile else None),
        has_alpha=header.has_alpha,
        icc_profile=profile.description if profile else None,
        frames=header.frames,
        orientation=facts.orientation,
        progressive=header.progressive,
        dpi=round(dpi, 2) if dpi else None,
        camera_make=facts.camera_make,
        camera=facts.camera,
        lens=facts.lens,
        taken_at=facts.taken_at,
        iso=facts.iso,
        exposure_time=facts.exposure_time,
        f_number=facts.f_number,
        focal_length=facts.focal_length,
        latitude=facts.latitude,
        longitude=facts.longitude,
        software=facts.software or header.software,
        taken_at_offset=facts.taken_at_offset,
        facts_from=facts.facts_from,
        gain_map=header.gain_map,
    )


def color_space_of(header: Header, facts: TagFacts, profile: str | None) -> str:
    """Return the name of an image's color space. ``profile`` is that of its ICC profile.

    For RGB, the first of these decides: 1. the PNG cICP chunk, 2. the ICC profile, 3. the PNG sRGB
    chunk or an nclx box, 4. EXIF ColorSpace, 5. the PNG gAMA and cHRM chunks. Without any of them,
    RGB is sRGB. A palette of RGB colors is ``palette-`` and the space of its colors. Other samples
    are ``gray``, ``cmyk``, ``lab`` or ``ycbcr``.
    """
    if header.model not in ("rgb", "palette"):
        return header.model
    space = None
    # ``colorants`` says that the space comes from gAMA and cHRM, which count last.
    if header.colorants is None and (header.icc is None or header.cicp is not None):
        space = header.space
    space = space or profile or facts.color_space or header.space or "srgb"
    return f"palette-{space}" if header.model == "palette" else space
