"""A group's records without those of images that failed in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from mrimage.job.job import Value
from mrimage.shuffle.records import Record, make_record

_GONE = object()
"""Stands for a value of which nothing is left."""


def without_images(
    records: Iterable[Record], uris: set[str], *, combined: bool
) -> Iterator[Record]:
    """``records`` without the values of the images ``uris``, and without values that name one of them.

    What a combiner made (``combined``) bears the name of one of several images, so that only what it says counts:
    of a list of images, those that failed are taken out.
    """
    if not uris:
        yield from records
        return
    for record in records:
        if record.entry.uri in uris and not combined:
            continue
        value = record.value
        left = _without(value, uris)
        if left is _GONE:
            continue
        yield record if left == value else _with_value(record, left)


def _with_value(record: Record, value: Value) -> Record:
    made = make_record(
        record.key, record.entry, record.seq, value, record.pixels, record.images, record.columns
    )
    return replace(made, digest=record.digest)


def _without(value: Any, uris: set[str]) -> Any:
    """``value`` without what is said of ``uris`` in it; _GONE where nothing else is.

    A text is one of them or not. A dictionary that has one as a value is about that image, and goes as a whole; as a
    key, that item goes. A list of texts, or of lists and dictionaries, loses those items; any other list is a tuple
    about the image, such as (uri, score), and goes as a whole.
    """
    if isinstance(value, str):
        return _GONE if value in uris else value
    if isinstance(value, list):
        return _list_without(value, uris)
    if isinstance(value, dict):
        return _dict_without(value, uris)
    return value


def _list_without(items: list[Any], uris: set[str]) -> Any:
    left = [_without(item, uris) for item in items]
    kept = [item for item in left if item is not _GONE]
    if len(kept) == len(items):
        return left
    is_list_of_images = all(isinstance(item, str) for item in items) or all(
        isinstance(item, list | dict) for item in items
    )
    return kept if kept and is_list_of_images else _GONE


def _dict_without(items: dict[Any, Any], uris: set[str]) -> Any:
    left = {name: _without(item, uris) for name, item in items.items() if name not in uris}
    if any(item is _GONE for item in left.values()):
        return _GONE
    return left if left or not items else _GONE
