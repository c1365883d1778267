"""Which columns of the catalogue an extractor makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from mrimage.image import EXTRACTORS, Metadata


def columns_of(extractors: Iterable[str]) -> Iterator[str]:
    """The columns of ``extractors``, in the catalogue's order.

    >>> list(columns_of(["hash"]))
    ['phash', 'sha256']
    """
    for name in extractors:
        if name == "header":
            yield from (field.name for field in fields(Metadata))
        yield from EXTRACTORS[name].columns
