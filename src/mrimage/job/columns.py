"""The columns of the catalogue that an extractor computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import lru_cache

from mrimage.errors import UsageError, quoted
from mrimage.image import EXTRACTORS, Metadata
from mrimage.tables.column_types import Columns
from mrimage.tables.found_names import found_columns
from mrimage.tables.source_columns import PREFIX

CONTRACT = (
    "uri",
    "path",
    "size",
    "version",
    "file",
    "keys",
    "status",
    "reason",
    "gain_map_kept",
    *(field.name for field in fields(Metadata)),
)
"""The columns that every catalogue has."""


_IN_SHARDS = ("image", "key", "uri", "width", "height", "sha256")
"""What shards say about each image."""


@lru_cache(maxsize=8)
def taken_names(
    extractors: tuple[str, ...], own: Columns, programs: tuple[str, ...] = ()
) -> frozenset[str]:
    """Return the names that a column of the source cannot have, because the job's catalogue or
    its shards have them."""
    names = [*CONTRACT, *_IN_SHARDS, *columns_of(extractors), *(name for name, _ in own)]
    for found in found_columns(programs):
        names += found.columns
    return frozenset(name.lower() for name in names)


def carried_name(name: str) -> str:
    """The name that a column of the catalogue has in a shard: what the shard says about the edited
    image has its own name already.

    >>> carried_name("sharpness"), carried_name("width")
    ('sharpness', 'source_width')
    """
    return f"{PREFIX}{name}" if name in _IN_SHARDS else name


def check_own_columns(extractors: Iterable[str], own: Columns) -> None:
    """Raise UsageError if a column of a job's own extractor is in the catalogue already."""
    taken = {*CONTRACT, *columns_of(extractors)}
    for name, _ in own:
        if name in taken:
            raise UsageError(
                f"An extractor's column {quoted(name)} is in the catalogue already. "
                "Give it another name."
            )
        taken.add(name)


def columns_of(extractors: Iterable[str]) -> Iterator[str]:
    """Yield the columns of ``extractors``, in the order of the catalogue.

    >>> list(columns_of(["hash"]))
    ['phash', 'sha256']
    """
    for name in extractors:
        if name == "header":
            yield from (field.name for field in fields(Metadata))
        yield from EXTRACTORS[name].columns
