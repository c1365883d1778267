"""Color spaces: which profile an image's numbers mean, and conversion between them by LittleCMS in libvips."""

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
_PROFILE = "icc-profile-data"


def source_profile(header: Header, facts: TagFacts) -> bytes | None:
    """The profile that gives the pixels their meaning, or None when they are sRGB, plain gray or Lab.

    The embedded one if it is of the image's kind and LittleCMS can use it; else the one that EXIF or PNG chunks
    name. Untagged CMYK means libvips' built-in CMYK profile (a free SWOP-like coated one).
    """
    if header.model == "lab":
        return None  # Lab means the same everywhere; a profile of it adds nothing
    icc = header.icc or header.decoded_icc if header.cicp is None else None
    if (
        icc is not None
        and profile_named(icc).model == _SIGNATURES[header.model]
        and _links(icc, COLORS[header.model])
    ):
        return icc
    if header.model == "cmyk":
        return built_in("cmyk")
    if header.cicp is not None and header.space != "display-p3":
        return (
            gray_profile_of(header.cicp[1]) if header.model == "gray" else profile_of(*header.cicp)
        )
    if header.colorants is not None and facts.color_space is None:
        return _profile_of_chunks(header.model, header.colorants)
    if header.model == "gray":
        return None
    space = header.space if header.colorants is None and header.space else facts.color_space
    if space == "adobe-rgb":
        return adobe_rgb()
    return built_in("p3") if space == "display-p3" else None


def _profile_of_chunks(model: str, colorants: tuple[float, ...]) -> bytes:
    """A profile of a PNG's own primaries and gamma, the ninth number. A gray picture has no use for primaries."""
    exponent = 1 / colorants[8]
    if model == "gray":
        return gray_exponent_profile("PNG gAMA", exponent)
    return matrix_profile("PNG gAMA and cHRM", colorants[:8], exponent)


@lru_cache(maxsize=64)
def _links(profile: bytes, bands: int) -> bool:
    """Can LittleCMS convert from ``profile``? Tried on one black pixel, since only it knows what it refuses."""
    if is_srgb(profile):
        return True
    try:
        black = vips().Image.black(1, 1, bands=bands)
        through(black.copy(interpretation=_INTERPRETATIONS[bands]), profile, built_in("srgb")).avg()
    except vips().Error:
        return False
    return True


_INTERPRETATIONS = {1: "b-w", 3: "srgb", 4: "cmyk"}


@cache
def built_in(name: str) -> bytes:
    """A profile that libvips carries: ``srgb``, ``p3`` or ``cmyk``."""
    return bytes(vips().Operation.call("profile_load", name))


def adobe_rgb() -> bytes:
    """A profile with Adobe RGB (1998)'s colorants and exponent."""
    return matrix_profile("Compatible with Adobe RGB (1998)", ADOBE_RGB, ADOBE_EXPONENT)


def is_srgb(profile: bytes | None) -> bool:
    """Does ``profile`` mean sRGB? No profile does."""
    return profile is None or profile_named(profile).space == "srgb"


def converted(image: Picture, profile: bytes | None, to: str) -> tuple[Picture, bytes | None]:
    """``image`` in the color space ``to``, and the profile to tag it with. Alpha passes through, depth stays."""
    image = standard(image)
    if to == "gray":
        return _gray(image, profile), None
    target = {
        "srgb": lambda: built_in("srgb"),
        "display-p3": lambda: built_in("p3"),
        "adobe-rgb": adobe_rgb,
    }[to]()
    if colors_of(image) == 3 and is_srgb(profile) and to == "srgb":
        return image, target
    if colors_of(image) == 1 and profile is None:
        image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
        if to == "srgb":
            return image, target
    return through(image, profile or built_in("srgb"), target), target


def colors_of(image: Picture) -> int:
    """Bands without alpha."""
    return int(image.bands) - (1 if image.hasalpha() else 0)


def standard(image: Picture) -> Picture:
    """Floating-point and Lab pixels as RGB or gray of 16 bits (Lab of bytes: of 8), everything else as it is."""
    if image.interpretation == "lab":
        return image.colourspace("srgb")
    if image.interpretation in ("labs", "scrgb", "xyz"):
        return image.colourspace("rgb16")
    if image.format in ("float", "double"):
        whole = (image * 65_535).rint().cast("ushort")
        return whole.copy(interpretation=interpretation_of(image.bands, sixteen_bits=True))
    return image


def _gray(image: Picture, profile: bytes | None) -> Picture:
    sixteen_bits = image.format == "ushort"
    if colors_of(image) == 1 and profile is None:
        return image
    if not is_srgb(profile) or colors_of(image) == 4:
        image = through(image, profile or built_in("srgb"), built_in("srgb"))
    return image.colourspace("grey16" if sixteen_bits else "b-w")


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
