"""Keys by name: what ``--key`` can group by. To add one, write a function and register it here.

A key function sees the image's header only and answers with a short text; what an image does not
tell is ``unknown``, never empty.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from mrimage.job.job import Mapper, Value
from mrimage.job.option_types import require_known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrimage.image import Image

UNKNOWN = "unknown"

COMMON_ASPECTS = ("1:1", "5:4", "4:3", "3:2", "16:10", "16:9", "2:1", "21:9")
"""Named aspect ratios, long side first; an image within one percent of one bears its name."""


def everything(image: Image) -> str:
    """``all``: one group of all images, whatever they are."""
    return "all"


def dimensions(image: Image) -> str:
    """``1920x1080``: width and height in pixels as displayed."""
    return f"{image.metadata.width}x{image.metadata.height}"


def orientation(image: Image) -> str:
    """``landscape``, ``portrait`` or ``square``, as displayed."""
    width, height = image.metadata.width, image.metadata.height
    return "square" if width == height else "landscape" if width > height else "portrait"


def aspect(image: Image) -> str:
    """The nearest common aspect ratio within one percent (``16:9``, upright ``9:16``), else the
    exact one in lowest terms (``683:384``)."""
    width, height = image.metadata.width, image.metadata.height
    ratio = Fraction(max(width, height), min(width, height))
    for name in COMMON_ASPECTS:
        long, short = map(int, name.split(":"))
        if abs(ratio / Fraction(long, short) - 1) <= Fraction(1, 100):
            break
    else:
        long, short = ratio.numerator, ratio.denominator
    return f"{long}:{short}" if width >= height else f"{short}:{long}"


def folder(image: Image) -> str:
    """The folder of the image below the source, ``.`` for the source itself."""
    return posixpath.dirname(image.path) or "."


def megapixels(image: Image) -> str:
    """The size class in whole megapixels, rounded down: ``0``, ``12``."""
    return str(image.metadata.width * image.metadata.height // 1_000_000)


def year(image: Image) -> str:
    """The year the photograph was taken: ``2024``."""
    return f"{taken:%Y}" if (taken := image.metadata.taken_at) else UNKNOWN


def month(image: Image) -> str:
    """The month the photograph was taken: ``2024-06``."""
    return f"{taken:%Y-%m}" if (taken := image.metadata.taken_at) else UNKNOWN


def _column(name: str) -> Callable[[Image], str]:
    def key(image: Image) -> str:
        value = getattr(image.metadata, name)
        return UNKNOWN if value is None else str(value)

    key.__doc__ = f"The catalogue's column ``{name}``."
    return key


def _flag(name: str, yes: str, no: str) -> Callable[[Image], str]:
    def key(image: Image) -> str:
        return yes if getattr(image.metadata, name) else no

    key.__doc__ = f"``{yes}`` or ``{no}``."
    return key


KEYS: Mapping[str, Callable[[Image], str]] = MappingProxyType(
    {
        "all": everything,
        "alpha": _flag("has_alpha", "alpha", "opaque"),
        "aspect": aspect,
        "bit_depth": _column("bit_depth"),
        "camera": _column("camera"),
        "camera_make": _column("camera_make"),
        "color_space": _column("color_space"),
        "dimensions": dimensions,
        "folder": folder,
        "format": _column("format"),
        "icc_profile": _column("icc_profile"),
        "iso": _column("iso"),
        "lens": _column("lens"),
        "megapixels": megapixels,
        "month": month,
        "orientation": orientation,
        "software": _column("software"),
        "year": year,
    }
)


def by_keys(names: Sequence[str]) -> Mapper:
    """The mapper that emits one record per image under the key that ``names`` make together.

    A compound key joins its parts with commas (``srgb,landscape``); a comma or percent sign
    inside a part is percent-encoded, so different parts never make the same key. Raises
    UsageError for a name that is no key.
    """
    require_known("key", names, KEYS)
    functions = [KEYS[name] for name in names]

    def mapper(image: Image) -> Iterator[tuple[str, Value]]:
        parts = [function(image) for function in functions]
        yield (parts[0] if len(parts) == 1 else ",".join(map(_escape, parts))), None

    return mapper


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace(",", "%2C")
