"""The columns of the catalogue that an extractor computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from mrimage.image import EXTRACTORS, Metadata


def columns_of(extractors: Iterable[str]) -> Iterator[str]:
    """Yield the columns of ``extractors``, in the order of the catalogue.

    >>> list(columns_of(["hash"]))
    ['phash', 'sha256']
    """
    for name in extractors:
        if name == "header":
            yield from (field.name for field in fields(Metadata))
        yield from EXTRACTORS[name].columns
