"""The columns of the catalogue that an extractor computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from mrimage.errors import UsageError, quoted
from mrimage.image import EXTRACTORS, Metadata
from mrimage.tables.column_types import Columns

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
