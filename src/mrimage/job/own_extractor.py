"""Extractors of a job's own: functions that add columns to the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrimage.errors import UsageError, brief, quoted
from mrimage.image.extractors import EXTRACTORS
from mrimage.installed import is_installed, load_installed
from mrimage.job.functions import name_function
from mrimage.job.importing import is_object_name, load_object
from mrimage.job.option_types import OptionType
from mrimage.tables.column_types import COLUMN_TYPES, Columns

if TYPE_CHECKING:
    from mrimage.image import Image

Extract = Callable[["Image"], Mapping[str, Any]]
"""``image -> values by column``. A column that is left out is null."""


@dataclass(frozen=True)
class OwnExtractor:
    """A function that computes columns of the catalogue. ``mrimage.extractor`` makes one."""

    function: Extract
    columns: Columns

    @property
    def __wrapped__(self) -> Extract:
        return self.function

    def __call__(self, image: Image) -> Mapping[str, Any]:
        return self.function(image)

    @property
    def name(self) -> str:
        """``module:name`` of the function."""
        return name_function(self.function)


def extractor(
    columns: Mapping[str, Any] | None = None, /, **named: Any
) -> Callable[[Extract], OwnExtractor]:
    """Turn a function of an image into an extractor, for ``Job(extract=...)``.

    The arguments are the columns that it adds to the catalogue, with their types: ``str``,
    ``int``, ``float``, ``bool``, ``datetime``, or ``list[...]`` of text or numbers. The function
    returns a dictionary of values by column; a column that it leaves out is null.

        @mrimage.extractor(sky=float)
        def sky(image):
            return {"sky": float(image.thumbnail(8, 8)[0, :, 2].mean()) / 255}

    Raises UsageError for a column without a name, and for another type.
    """
    given = {**(columns or {}), **named}
    if not given:
        raise UsageError("mrimage.extractor needs columns such as sky=float, but got none.")
    for name, kind in given.items():
        if not isinstance(name, str) or not name:
            raise UsageError(f"A column of mrimage.extractor needs a name, but got {brief(name)}.")
        if kind not in COLUMN_TYPES:
            types = ", ".join(getattr(kind, "__name__", str(kind)) for kind in COLUMN_TYPES)
            raise UsageError(
                f"Column {quoted(name)} of mrimage.extractor needs a type such as float or "
                f"list[str] ({types}), but got {brief(kind)}."
            )

    def decorate(function: Extract) -> OwnExtractor:
        if not callable(function):
            raise UsageError(f"mrimage.extractor needs a function, but got {brief(function)}.")
        typed = tuple((name, COLUMN_TYPES[kind]) for name, kind in given.items())
        return OwnExtractor(function, typed)

    return decorate


def _parse(value: object) -> tuple[str | OwnExtractor, ...]:
    """Read names separated by commas. One with a colon is ``module:name``."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ValueError
    found: list[str | OwnExtractor] = []
    for item in items:
        if not isinstance(item, str):
            raise ValueError
        names = [name.strip() for name in item.split(",")]
        found += [_named(name) for name in names if name]
    if not found:
        raise ValueError
    return _accept(found)


def _accept(value: object) -> tuple[str | OwnExtractor, ...]:
    if isinstance(value, str | OwnExtractor):
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise ValueError
    found: list[str | OwnExtractor] = []
    for item in value:
        if not isinstance(item, str | OwnExtractor):
            raise ValueError
        extractor = _named(item) if isinstance(item, str) else item
        if extractor not in found:
            found.append(extractor)
    return tuple(found)


def _named(name: str) -> str | OwnExtractor:
    """Return the extractor that a text names; the text if it is built in or unknown."""
    if name in EXTRACTORS:
        return name
    if is_object_name(name):
        found = load_object(name)
    elif is_installed("extractors", name):
        found = load_installed("extractors", name)
    else:
        return name
    if not isinstance(found, OwnExtractor):
        raise UsageError(
            f"extract needs a function with @mrimage.extractor, but {quoted(name)} is {brief(found)}."
        )
    return found


EXTRACT = OptionType(
    _parse,
    _accept,
    "names separated by commas",
    "a name or a function with @mrimage.extractor, or several",
    "NAME[,NAME...]",
    names=tuple(EXTRACTORS),
    installed="extractors",
)
