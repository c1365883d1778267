"""Splits: lists of entries, each of which is the work of one map task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from mrimage.storage.fields import encode_fields
from mrimage.types import Entry, Split

UNKNOWN = 256 << 10
"""Bytes that count for an image of unknown size."""


def cut_splits(entries: Iterable[Entry], max_bytes: int, max_count: int) -> Iterator[Split]:
    """Yield consecutive ``entries`` in splits of at most ``max_count`` entries and ``max_bytes``
    bytes.

    An entry larger than ``max_bytes`` is a split of its own. The same entries in the same order
    always give the same splits.
    """
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        weight = entry.size if entry.version else UNKNOWN
        if batch and (len(batch) >= max_count or size + weight > max_bytes):
            yield _split(batch)
            batch = []
            size = 0
        batch.append(entry)
        size += weight
    if batch:
        yield _split(batch)


def _split(entries: list[Entry]) -> Split:
    digest = blake2b(digest_size=16)
    for entry in entries:
        texts = [entry.uri, str(entry.size), entry.version]
        if entry.fields:
            texts.append(encode_fields(entry.fields))
        for text in texts:
            data = text.encode()
            # The length in front keeps "ab", "c" apart from "a", "bc".
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
    return Split(digest.hexdigest(), tuple(entries))
