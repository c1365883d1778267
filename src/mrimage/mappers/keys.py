"""The keys that ``--key`` can group by. To add one, write a function and register it here.

A key function reads the image's header only (see ``reads_content``), or the columns of an extractor
that EXTRACTOR_OF_KEY names, and returns a short text. If the image does not have the fact, the
text is ``unknown``, never empty. One that also looks at the job's edits is in KEYS_OF_EDITS.
"""

from __future__ import annotations

import colorsys
import difflib
import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

from mrimage.errors import UsageError, quoted, unknown
from mrimage.image.geometry import chosen_size
from mrimage.image.sizes import each_size, relative_size, show_size
from mrimage.installed import is_installed, load_installed
from mrimage.types import ASPECT_TOLERANCE, ASPECTS, LONG_ASPECT, Edits, Resize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mrimage.image import Image
    from mrimage.job.job import Mapper, Value

Key = Callable[["Image"], str]
"""``image -> key``: a short text, never empty."""

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


def label_by_example(image: Image) -> str:
    """The label of the job's examples that are most like the image, or ``unsure``."""
    return str(image.features(["examples"])["label"])


def day(image: Image) -> str:
    """The day the photograph was taken: ``2024-06-01``."""
    taken_at = image.metadata.taken_at
    return f"{taken_at:%Y-%m-%d}" if taken_at else UNKNOWN


def place(image: Image) -> str:
    """The place where the photograph was taken, to a tenth of a degree: ``52.5N 13.4E``. That is
    11 km from north to south."""
    latitude, longitude = image.metadata.latitude, image.metadata.longitude
    if latitude is None or longitude is None:
        return UNKNOWN
    north_or_south = "S" if round(latitude, 1) < 0 else "N"
    east_or_west = "W" if round(longitude, 1) < 0 else "E"
    return f"{abs(latitude):.1f}{north_or_south} {abs(longitude):.1f}{east_or_west}"


HUES = (
    (15, "red"),
    (45, "orange"),
    (70, "yellow"),
    (165, "green"),
    (195, "cyan"),
    (255, "blue"),
    (290, "purple"),
    (345, "pink"),
    (360, "red"),
)
"""Names of hues by the angle in degrees at which they end."""


def hue(image: Image) -> str:
    """The name of the most frequent color: ``red``, ``orange``, ``yellow``, ``green``, ``cyan``,
    ``blue``, ``purple``, ``pink``; ``black``, ``gray`` or ``white`` if it has none."""
    colors = image.features(["content"])["dominant_colors"]
    # No color has a percent of the pixels in a picture of noise.
    if not isinstance(colors, list) or not colors:
        return UNKNOWN
    red, green, blue = (int(colors[0][start : start + 2], 16) / 255 for start in (1, 3, 5))
    turn, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    if value < 0.15:
        return "black"
    if saturation < 0.15:
        return "white" if value > 0.9 else "gray"
    return next(name for end, name in HUES if turn * 360 <= end)


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


KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "all": everything,
        "alpha": _flag("has_alpha", "alpha", "opaque"),
        "aspect": aspect,
        "bit_depth": _column("bit_depth"),
        "camera": _column("camera"),
        "camera_make": _column("camera_make"),
        "color_space": _column("color_space"),
        "day": day,
        "dimensions": dimensions,
        "folder": folder,
        "format": _column("format"),
        "hue": hue,
        "icc_profile": _column("icc_profile"),
        "iso": _column("iso"),
        "label": label,
        "lens": _column("lens"),
        "megapixels": megapixels,
        "month": month,
        "orientation": orientation,
        "place": place,
        "software": _column("software"),
        "year": year,
    }
)


KEYS_OF_HEADERS = frozenset(KEYS) - {"folder", "hue", "label"}
"""The keys that need the columns of the header alone."""


EXTRACTOR_OF_KEY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"label": ("labels", "examples")}
)
"""The extractors of which a key is a column. In a job without them, the name is that of a column of the
source: most data sets have a ``label`` of their own."""


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
"""The names that ``--key`` accepts, besides those of columns of the source."""

COLUMN = "column:"
"""Before the name of a column of the source, if it may be taken for something else."""

_TYPING_ERROR = 0.8
"""How similar an unknown name is to a known one that was probably meant."""


SPLIT = "split:"
"""Before the shares of a split into training, validation and test images."""

SPLITS = {2: ("train", "test"), 3: ("train", "validation", "test")}
"""The names of the parts, by their number."""

_HASHES = 1 << 64


def reads_content(names: Iterable[str]) -> bool:
    """Whether one of the keys depends on the whole file."""
    return any(name == "hue" or name.startswith(SPLIT) for name in names)


def _split_key(name: str) -> Key:
    """``split:0.8,0.1,0.1``: by a hash of the file, so that equal files are in the same part."""
    ends = list(accumulate(_shares(name)))
    parts = SPLITS[len(ends)]

    def key(image: Image) -> str:
        digest = hashlib.blake2b(image.data, digest_size=8).digest()
        place = Fraction(int.from_bytes(digest, "big"), _HASHES) * ends[-1]
        return next(part for part, end in zip(parts, ends, strict=True) if place < end)

    return key


def _shares(name: str) -> list[Fraction]:
    """The shares of a split. Raises UsageError."""
    texts = name.removeprefix(SPLIT).split(",")
    are_numbers = all(re.fullmatch(r" *[0-9]{0,9}\.?[0-9]{1,9} *", text) for text in texts)
    shares = [Fraction(text.strip()) for text in texts] if are_numbers else []
    if len(shares) not in SPLITS or not all(shares):
        raise UsageError(
            "key split needs two shares (train, test) or three (train, validation, test) such as "
            f"{SPLIT}0.8,0.1,0.1, but got {quoted(name)}."
        )
    return shares


def check_keys(names: Iterable[str]) -> None:
    """Raise UsageError for a name that is probably a typing error, and for a split without shares.

    Any other unknown name is that of a column of the source, which is known when it is listed.
    """
    names = [name for name in names if name not in EXTRACTOR_OF_KEY]
    for name in names:
        if name.startswith(SPLIT):
            _shares(name)
    for name in columns_among(name for name in names if not name.startswith(COLUMN)):
        if not name or difflib.get_close_matches(name, KEY_NAMES, n=1, cutoff=_TYPING_ERROR):
            raise unknown_key(name, (), f" For a column of the source, write {COLUMN}{name}.")


def needs_extractor(names: Iterable[str], extract: Sequence[str]) -> bool:
    """Whether one of the keys is a column of an extractor, in a job with the extractors
    ``extract``."""
    return any(not set(EXTRACTOR_OF_KEY.get(name, ())).isdisjoint(extract) for name in names)


def columns_among(names: Iterable[str], extract: Sequence[str] = ()) -> list[str]:
    """Return the names that can only be those of columns of the source, in a job with the
    extractors ``extract``."""
    columns = [name for name in names if not _is_known(name, extract)]
    return [name.removeprefix(COLUMN) for name in columns]


def _is_known(name: str, extract: Sequence[str]) -> bool:
    """Whether a key is not a column of the source."""
    if name in EXTRACTOR_OF_KEY:
        return not set(EXTRACTOR_OF_KEY[name]).isdisjoint(extract)
    return name in KEY_NAMES or name.startswith(SPLIT) or is_installed("keys", name)


def unknown_key(name: str, columns: Iterable[str], hint: str = "") -> UsageError:
    """Return the error for a key that is neither known nor one of the source's ``columns``."""
    if name in EXTRACTOR_OF_KEY:
        hint = (
            f" For the {name} of a model, add --extract {EXTRACTOR_OF_KEY[name][0]}, or --examples."
        )
    known = [known for known in KEY_NAMES if known != name]
    return UsageError(f"{unknown('key', name, [*known, *columns])}{hint}")


def key_named(name: str, edits: Edits | None = None, extract: Sequence[str] = ()) -> Key:
    """Return the key function of this name, in a job with these edits and extractors. A name that
    is not known is that of a column.

    Raises UsageError for a key of sizes without sizes.
    """
    if not _is_known(name, extract):
        return partial(_field, name.removeprefix(COLUMN))
    if name == "label" and "labels" not in extract:
        return label_by_example
    if name in KEYS:
        return KEYS[name]
    if name in KEYS_OF_EDITS:
        return _key_of_edits(name, edits)
    if name.startswith(SPLIT):
        return _split_key(name)
    key: Key = load_installed("keys", name)
    return key


def _key_of_edits(name: str, edits: Edits | None) -> Key:
    if edits is None or edits.resize is None or not _has_boxes(edits.resize):
        raise UsageError(
            f"The key {name} needs the sizes of --resize, but there are none. Add --resize, for "
            "example --resize sdxl, or choose another key. Sizes of a rule do not count, because a "
            "rule applies to a key."
        )
    function = KEYS_OF_EDITS[name]
    return lambda image: function(image, edits)


def _has_boxes(resize: Resize) -> bool:
    """Whether each image is fitted to one box, of one size or several."""
    return len(each_size(resize)) == 1 and relative_size(resize) is None


def _field(name: str, image: Image) -> str:
    """The value of a column of the source. A list or an object is written as JSON."""
    value = image.fields.get(name)
    if value is None or value == "":
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def by_keys(
    names: Sequence[str], edits: Edits | None = None, extract: Sequence[str] = ()
) -> Mapper:
    """Return a mapper that emits one record per image, under the key of ``names``.

    ``edits`` are those of the job that apply whatever the key is, and ``extract`` its built-in
    extractors.

    Several names make a compound key, which joins its parts with commas: ``srgb,landscape``. A
    comma or percent sign inside a part is percent-encoded, so that different parts never make the
    same key. Raises UsageError for a key of sizes without sizes.
    """
    functions = [key_named(name, edits, extract) for name in names]

    def mapper(image: Image) -> Iterator[tuple[str, Value]]:
        parts = [function(image) for function in functions]
        # A single part stays readable: nothing in it has to be escaped.
        key = parts[0] if len(parts) == 1 else ",".join(map(_escape, parts))
        yield key, None

    return mapper


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace(",", "%2C")
