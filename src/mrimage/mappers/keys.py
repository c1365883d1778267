"""The keys that ``--key`` can group by. To add one, write a function and register it here.

A key function reads the image's header, or the columns of an extractor that EXTRACTOR_OF_KEY
names, and returns a short text. If the image does not have the fact, the text is ``unknown``, never
empty. One that also looks at the job's edits is in KEYS_OF_EDITS.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from mrimage.errors import UsageError
from mrimage.image.geometry import chosen_size
from mrimage.image.sizes import show_size
from mrimage.job.job import Mapper, Value
from mrimage.job.option_types import require_known
from mrimage.types import ASPECT_TOLERANCE, ASPECTS, LONG_ASPECT, Edits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrimage.image import Image

UNKNOWN = "unknown"


def everything(image: Image) -> str:
    """``all``: one group of all images."""
    return "all"


def dimensions(image: Image) -> str:
    """``1920x1080``: width and height in pixels as displayed."""
    return f"{image.metadata.width}x{image.metadata.height}"


def orientation(image: Image) -> str:
    """``landscape``, ``portrait`` or ``square``, as displayed."""
    width, height = image.metadata.width, image.metadata.height
    if width == height:
        return "square"
    return "landscape" if width > height else "portrait"


def aspect(image: Image) -> str:
    """A common aspect ratio within 1.5 percent, ``16x9`` or upright ``9x16``; for any other ratio
    ``long-landscape``, ``long-portrait`` (over 5 to 2), ``other-landscape`` or ``other-portrait``."""
    width, height = image.metadata.width, image.metadata.height
    longer = max(width, height)
    shorter = min(width, height)
    for name, (long, short) in ASPECTS.items():
        expected = shorter * long
        if abs(longer * short - expected) * 1000 <= ASPECT_TOLERANCE * expected:
            return name if width >= height else "x".join(reversed(name.split("x")))
    long, short = LONG_ASPECT
    kind = "long" if longer * short > shorter * long else "other"
    return f"{kind}-{orientation(image)}"


def folder(image: Image) -> str:
    """The folder of the image, relative to the source. ``.`` is the source itself."""
    return posixpath.dirname(image.path) or "."


def megapixels(image: Image) -> str:
    """The size in whole megapixels, rounded down: ``0``, ``12``."""
    pixels = image.metadata.width * image.metadata.height
    return str(pixels // 1_000_000)


def year(image: Image) -> str:
    """The year the photograph was taken: ``2024``."""
    taken_at = image.metadata.taken_at
    return f"{taken_at:%Y}" if taken_at else UNKNOWN


def month(image: Image) -> str:
    """The month the photograph was taken: ``2024-06``."""
    taken_at = image.metadata.taken_at
    return f"{taken_at:%Y-%m}" if taken_at else UNKNOWN


def label(image: Image) -> str:
    """The most probable label of the job's model, or ``unsure``."""
    return str(image.features(["labels"])["label"])


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
        "label": label,
        "lens": _column("lens"),
        "megapixels": megapixels,
        "month": month,
        "orientation": orientation,
        "software": _column("software"),
        "year": year,
    }
)


EXTRACTOR_OF_KEY: Mapping[str, str] = MappingProxyType({"label": "labels"})
"""The extractor that a key needs, for keys that do not come from the header."""


def size_class(image: Image, edits: Edits) -> str:
    """``1152x896``: the size, of those of ``--resize``, that the image is resized to."""
    size = chosen_size(image.metadata.width, image.metadata.height, edits)
    assert size  # by_keys requires sizes
    return show_size(size)


KEYS_OF_EDITS: Mapping[str, Callable[[Image, Edits], str]] = MappingProxyType(
    {"size-class": size_class}
)
"""The keys that depend on the sizes of the job's edits."""

KEY_NAMES = tuple(sorted((*KEYS, *KEYS_OF_EDITS)))
"""The names that ``--key`` accepts."""


def by_keys(names: Sequence[str], edits: Edits | None = None) -> Mapper:
    """Return a mapper that emits one record per image, under the key of ``names``. ``edits`` are
    those of the job that apply whatever the key is.

    Several names make a compound key, which joins its parts with commas: ``srgb,landscape``. A
    comma or percent sign inside a part is percent-encoded, so that different parts never make the
    same key. Raises UsageError for an unknown name, and for a key of sizes without sizes.
    """
    require_known("key", names, KEY_NAMES)
    functions = [_function_of(name, edits) for name in names]

    def mapper(image: Image) -> Iterator[tuple[str, Value]]:
        parts = [function(image) for function in functions]
        # A single part stays readable: nothing in it has to be escaped.
        key = parts[0] if len(parts) == 1 else ",".join(map(_escape, parts))
        yield key, None

    return mapper


def _function_of(name: str, edits: Edits | None) -> Callable[[Image], str]:
    """Return the function that makes the key ``name`` of an image."""
    if name in KEYS:
        return KEYS[name]
    if edits is None or edits.resize is None:
        raise UsageError(
            f"The key {name} needs the sizes of --resize, but there are none. Add --resize, for "
            "example --resize sdxl, or choose another key. Sizes of a rule do not count, because a "
            "rule applies to a key."
        )
    function = KEYS_OF_EDITS[name]
    return lambda image: function(image, edits)


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace(",", "%2C")
