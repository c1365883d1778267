"""Color conversion: the profile of an image, and LittleCMS in libvips between profiles."""

from __future__ import annotations

from functools import cache, lru_cache

from mrimage.image.color.cicp import gray_profile_of, profile_of
from mrimage.image.color.curves import ADOBE_EXPONENT
from mrimage.image.color.primaries import ADOBE_RGB
from mrimage.image.color.profile_names import profile_named
from mrimage.image.color.profiles import gray_exponent_profile, matrix_profile
from mrimage.image.decode.arrays import COLORS, Picture, interpretation_of
from mrimage.image.decode.vips import vips
from mrimage.image.header.model import Header
from mrimage.image.tags.exif import TagFacts

_SIGNATURES = {
    "rgb": "RGB",
    "palette": "RGB",
    "ycbcr": "RGB",
    "gray": "GRAY",
    "cmyk": "CMYK",
    "lab": "Lab",
}
"""The signature of the profiles that describe each color model (ICC.1:2022, table 19)."""

_INTERPRETATIONS = {1: "b-w", 3: "srgb", 4: "cmyk"}
"""libvips' interpretation of 8-bit pixels by their number of bands."""

_PROFILE = "icc-profile-data"
"""The metadata field of a libvips image that holds its profile."""


def source_profile(header: Header, facts: TagFacts) -> bytes | None:
    """The profile that gives the pixels their meaning; None if they are sRGB, plain gray or Lab.

    An embedded profile comes first, if it fits the color model and LittleCMS can use it, and then
    the color space named by code points, PNG chunks or EXIF. CMYK without a profile gets the one
    that is built into libvips, a free profile similar to SWOP coated.
    """
    if header.model == "lab":
        return None  # Lab means the same everywhere, so its profiles add nothing.
    embedded = _usable_embedded(header)
    if embedded is not None:
        return embedded
    if header.model == "cmyk":
        return built_in("cmyk")
    if header.cicp is not None and header.space != "display-p3":
        primaries, transfer = header.cicp
        if header.model == "gray":
            return gray_profile_of(transfer)
        return profile_of(primaries, transfer)
    if header.colorants is not None and facts.color_space is None:
        return _profile_of_chunks(header.model, header.colorants)
    if header.model == "gray":
        return None
    return _profile_of_space(header, facts)


def _usable_embedded(header: Header) -> bytes | None:
    """The embedded profile, unless code points override it or it cannot be used."""
    if header.cicp is not None:
        return None
    icc = header.icc or header.decoded_icc
    if icc is None or profile_named(icc).model != _SIGNATURES[header.model]:
        return None
    return icc if _is_convertible(icc, COLORS[header.model]) else None


def _profile_of_space(header: Header, facts: TagFacts) -> bytes | None:
    """The profile of the color space that the container or EXIF names; None if that is sRGB."""
    named_by_container = header.space if header.colorants is None else None
    space = named_by_container or facts.color_space
    if space == "adobe-rgb":
        return adobe_rgb()
    return built_in("p3") if space == "display-p3" else None


def _profile_of_chunks(model: str, colorants: tuple[float, ...]) -> bytes:
    """A profile of the primaries (eight numbers) and the gamma (the ninth) of a PNG.

    The primaries do not matter for a gray image.
    """
    exponent = 1 / colorants[8]
    if model == "gray":
        return gray_exponent_profile("PNG gAMA", exponent)
    return matrix_profile("PNG gAMA and cHRM", colorants[:8], exponent)


@lru_cache(maxsize=64)
def _is_convertible(profile: bytes, bands: int) -> bool:
    """Return whether LittleCMS can convert from ``profile``.

    Tries it on one black pixel, because only LittleCMS knows what it refuses.
    """
    if is_srgb(profile):
        return True
    try:
        black = vips().Image.black(1, 1, bands=bands)
        pixel = black.copy(interpretation=_INTERPRETATIONS[bands])
        icc_transformed(pixel, profile, built_in("srgb")).avg()  # libvips computes only on demand.
    except vips().Error:
        return False
    return True


@cache
def built_in(name: str) -> bytes:
    """One of the profiles that are built into libvips: ``srgb``, ``p3`` or ``cmyk``."""
    return bytes(vips().Operation.call("profile_load", name))


def adobe_rgb() -> bytes:
    """A profile with the primaries and the exponent of Adobe RGB (1998)."""
    return matrix_profile("Compatible with Adobe RGB (1998)", ADOBE_RGB, ADOBE_EXPONENT)


def is_srgb(profile: bytes | None) -> bool:
    """Return whether ``profile`` describes sRGB. So does None."""
    return profile is None or profile_named(profile).space == "srgb"


def converted(image: Picture, profile: bytes | None, to: str) -> tuple[Picture, bytes | None]:
    """``image`` in the color space ``to``, and the profile to embed with it.

    ``to`` is ``gray``, ``srgb``, ``display-p3`` or ``adobe-rgb``. Alpha and bit depth stay.
    """
    image = standard(image)
    if to == "gray":
        return _gray(image, profile), None
    target = embedded_profile(to)
    assert target
    if colors_of(image) == 3 and is_srgb(profile) and to == "srgb":
        return image, target
    if colors_of(image) == 1 and profile is None:
        image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
        if to == "srgb":
            return image, target
    return icc_transformed(image, profile or built_in("srgb"), target), target


def embedded_profile(space: str) -> bytes | None:
    """The profile that ``converted`` has embedded in an image of this color space."""
    if space == "gray":
        return None
    if space == "adobe-rgb":
        return adobe_rgb()
    return built_in({"srgb": "srgb", "display-p3": "p3"}[space])


def colors_of(image: Picture) -> int:
    """The number of bands without alpha."""
    return int(image.bands) - (1 if image.hasalpha() else 0)


def standard(image: Picture) -> Picture:
    """``image`` in the forms that the conversion handles: RGB, gray or CMYK of uchar or ushort.

    Floating-point and Lab pixels become RGB or gray of 16 bits, except that Lab from bytes becomes
    RGB of 8 bits.
    """
    if image.interpretation == "lab":
        return image.colourspace("srgb")
    if image.interpretation in ("labs", "scrgb", "xyz"):
        return image.colourspace("rgb16")
    if image.format in ("float", "double"):
        integers = (image * 65_535).rint().cast("ushort")
        interpretation = interpretation_of(image.bands, sixteen_bits=True)
        return integers.copy(interpretation=interpretation)
    return image


def _gray(image: Picture, profile: bytes | None) -> Picture:
    sixteen_bits = image.format == "ushort"
    if colors_of(image) == 1 and profile is None:
        return image
    if not is_srgb(profile) or colors_of(image) == 4:
        image = icc_transformed(image, profile or built_in("srgb"), built_in("srgb"))
    return image.colourspace("grey16" if sixteen_bits else "b-w")


def icc_transformed(image: Picture, source: bytes, target: bytes) -> Picture:
    """``image`` converted from the profile ``source`` to ``target``.

    Goes through Lab, relative colorimetric with black point compensation.
    """
    depth = 16 if image.format == "ushort" else 8
    options = {"intent": "relative", "black_point_compensation": True}
    connected = tagged(image, source).icc_import(embedded=True, pcs="lab", **options)
    return tagged(connected, target).icc_export(depth=depth, pcs="lab", **options)


def tagged(image: Picture, profile: bytes | None) -> Picture:
    """``image`` with ``profile`` as its embedded profile, or with none."""
    image = image.copy()
    image.remove(_PROFILE)
    if profile is not None:
        image.set_type(vips().GValue.blob_type, _PROFILE, profile)
    return image
