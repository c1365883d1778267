"""Which columns the catalogue takes from the tables of programs, without loading pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundColumns:
    """Columns that the catalogue takes from the table ``table``, which has a row for an image."""

    table: str
    columns: tuple[str, ...]


FOUND_COLUMNS: Mapping[str, FoundColumns] = {
    "clusters": FoundColumns("clusters", ("cluster", "x", "y")),
    "neighbors": FoundColumns("neighbors", ("outlier",)),
}
"""By the name of the program."""


def found_columns(programs: Iterable[str]) -> list[FoundColumns]:
    """Return what the catalogue of a job with these programs takes from their tables."""
    return [FOUND_COLUMNS[name] for name in programs if name in FOUND_COLUMNS]
