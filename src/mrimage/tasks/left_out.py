"""A group's records without those of images that failed in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from mrimage.job.job import Value
from mrimage.shuffle.records import Record, make_record

GONE = object()
"""Replaces a value of which nothing is left."""


def without_images(
    records: Iterable[Record], uris: set[str], *, combined: bool
) -> Iterator[Record]:
    """Yield ``records`` without the values of the images ``uris``, and without those that name one.

    A value that a combiner made (``combined``) has the uri of only one of its images, so only the
    value itself counts. If it lists images, those that failed are removed.
    """
    if not uris:
        yield from records
        return
    for record in records:
        if record.entry.uri in uris and not combined:
            continue
        value = record.value
        left = without(value, uris)
        if left is GONE:
            continue
        yield record if left == value else _with_value(record, left)


def _with_value(record: Record, value: Value) -> Record:
    """``record`` with another value, but its old digest, to keep the group's fingerprint."""
    made = make_record(
        record.key,
        record.entry,
        record.seq,
        value,
        record.pixels,
        record.images,
        record.columns,
    )
    return replace(made, digest=record.digest)


def without(value: Any, uris: set[str]) -> Any:
    """``value`` without what it says about ``uris``; GONE if nothing else is left.

    - A text is removed if it is one of the uris.
    - A dictionary that has one as a value is about that image, and is removed as a whole. If it has
      one as a key, only that item is removed.
    - A batch of images loses their rows.
    - A list of texts, or of lists and dictionaries, loses the items that are removed. Any other
      list is a tuple about the image, such as (uri, score), and is removed as a whole. So is a
      real tuple.
    """
    import pyarrow.compute as pc

    if isinstance(value, str):
        return GONE if value in uris else value
    if isinstance(value, pa.RecordBatch):
        failed = pc.is_in(value.column("uri"), value_set=pa.array(sorted(uris), pa.string()))
        return value.filter(pc.invert(failed))
    if isinstance(value, list):
        return _list_without(value, uris)
    if isinstance(value, tuple):
        items = tuple(without(item, uris) for item in value)
        return GONE if any(item is GONE for item in items) else items
    if isinstance(value, dict):
        return _dict_without(value, uris)
    return value


def _list_without(items: list[Any], uris: set[str]) -> Any:
    left = [without(item, uris) for item in items]
    kept = [item for item in left if item is not GONE]
    if len(kept) == len(items):
        return left
    are_texts = all(isinstance(item, str) for item in items)
    are_containers = all(isinstance(item, list | dict) for item in items)
    is_list_of_images = are_texts or are_containers
    return kept if kept and is_list_of_images else GONE


def _dict_without(items: dict[Any, Any], uris: set[str]) -> Any:
    left = {name: without(item, uris) for name, item in items.items() if name not in uris}
    if any(item is GONE for item in left.values()):
        return GONE
    # A dictionary that was empty before stays.
    return left if left or not items else GONE
