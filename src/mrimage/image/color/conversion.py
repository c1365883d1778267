"""Colour spaces: which profile an image's numbers mean, and conversion between them by LittleCMS in libvips."""

from __future__ import annotations

from functools import cache

from mrimage.image.color.cicp import profile_of
from mrimage.image.color.profiles import ADOBE_RGB, matrix_profile, profile_named
from mrimage.image.decode.decode import Picture
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header
from mrimage.image.tags.exif import Shot

_SIGNATURES = {
    "rgb": "RGB",
    "palette": "RGB",
    "ycbcr": "RGB",
    "gray": "GRAY",
    "cmyk": "CMYK",
    "lab": "Lab",
}
_PROFILE = "icc-profile-data"


def source_profile(header: Header, shot: Shot) -> bytes | None:
    """The profile that gives the pixels their meaning, or None when they are sRGB, plain gray or Lab.

    The embedded one if it is of the image's kind; else the one that EXIF or PNG chunks name; untagged CMYK means
    libvips' built-in CMYK profile (a free SWOP-like coated one).
    """
    if header.model == "lab":
        return None  # Lab means the same everywhere; a profile of it adds nothing
    icc = header.icc or header.decoded_icc if header.cicp is None else None
    if icc is not None and profile_named(icc).model == _SIGNATURES[header.model]:
        return icc
    if header.model == "cmyk":
        return built_in("cmyk")
    if header.model == "gray":
        return None
    if header.cicp is not None and header.space != "display-p3":
        return profile_of(*header.cicp)
    if header.colorants is not None and shot.color_space is None:
        return matrix_profile("PNG gAMA and cHRM", header.colorants[:8], 1 / header.colorants[8])
    space = header.space if header.colorants is None and header.space else shot.color_space
    return {"adobe-rgb": adobe_rgb, "display-p3": lambda: built_in("p3")}.get(
        space or "", lambda: None
    )()


@cache
def built_in(name: str) -> bytes:
    """A profile that libvips carries: ``srgb``, ``p3`` or ``cmyk``."""
    return bytes(vips().Operation.call("profile_load", name))


def adobe_rgb() -> bytes:
    """A profile with Adobe RGB (1998)'s colorants and exponent 563/256."""
    return matrix_profile("Compatible with Adobe RGB (1998)", ADOBE_RGB, 563 / 256)


def is_srgb(profile: bytes | None) -> bool:
    return profile is None or profile_named(profile).space == "srgb"


def converted(image: Picture, profile: bytes | None, to: str) -> tuple[Picture, bytes | None]:
    """``image`` in the colour space ``to``, and the profile to tag it with. Alpha passes through, depth stays."""
    image = standard(image)
    if to == "gray":
        return _gray(image, profile), None
    target = {
        "srgb": lambda: built_in("srgb"),
        "display-p3": lambda: built_in("p3"),
        "adobe-rgb": adobe_rgb,
    }[to]()
    if colours(image) == 3 and is_srgb(profile) and to == "srgb":
        return image, target
    if colours(image) == 1 and profile is None:
        image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
        if to == "srgb":
            return image, target
    return through(image, profile or built_in("srgb"), target), target


def colours(image: Picture) -> int:
    """Bands without alpha."""
    return int(image.bands) - (1 if image.hasalpha() else 0)


def standard(image: Picture) -> Picture:
    """Floating-point and Lab pixels as RGB or gray of 16 bits (Lab that was one of bytes: of 8), everything else as it is."""
    if image.interpretation == "lab":
        return image.colourspace("srgb")
    if image.interpretation in ("labs", "scrgb", "xyz"):
        return image.colourspace("rgb16")
    if image.format in ("float", "double"):
        return (
            (image * 65_535)
            .rint()
            .cast("ushort")
            .copy(interpretation="grey16" if image.bands < 3 else "rgb16")
        )
    return image


def _gray(image: Picture, profile: bytes | None) -> Picture:
    deep = image.format == "ushort"
    if colours(image) == 1 and profile is None:
        return image
    if not is_srgb(profile) or colours(image) == 4:
        image = through(image, profile or built_in("srgb"), built_in("srgb"))
    return image.colourspace("grey16" if deep else "b-w")


def through(image: Picture, source: bytes, target: bytes) -> Picture:
    """Between two profiles by the Lab connection space, relative colorimetric with black point compensation."""
    depth = 16 if image.format == "ushort" else 8
    options = {"intent": "relative", "black_point_compensation": True}
    connected = tagged(image, source).icc_import(embedded=True, pcs="lab", **options)
    return tagged(connected, target).icc_export(depth=depth, pcs="lab", **options)


def tagged(image: Picture, profile: bytes | None) -> Picture:
    """``image`` with ``profile`` as its only metadata of that kind."""
    image = image.copy()
    image.remove(_PROFILE)
    if profile is not None:
        image.set_type(vips().GValue.blob_type, _PROFILE, profile)
    return image
