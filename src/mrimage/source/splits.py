"""Splits: lists of entries, each of which is the work of one map task."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b, md5

from mrimage.storage.fields import encode_fields
from mrimage.types import Entry, Split

UNKNOWN = 256 << 10
"""Bytes that count for an image of unknown size."""


def cut_splits(
    entries: Iterable[Entry],
    max_bytes: int,
    max_count: int,
    starts: Sequence[str] = (),
    shuffle: int | None = None,
) -> Iterator[Split]:
    """Yield consecutive ``entries`` in splits of at most ``max_count`` entries and ``max_bytes``
    bytes.

    An entry larger than ``max_bytes`` is a split of its own. The same entries in the same order
    always give the same splits.

    If the entries are those of some of the splits that were cut before, in the order of
    ``place_in_order``, and ``starts`` are those that ``find_starts`` found then, the splits are the
    same again. An entry that has appeared or disappeared since then changes only the split that it
    falls into.
    """
    return map(_split, _cut(entries, max_bytes, max_count, starts, shuffle))


def find_starts(
    entries: Iterable[Entry], max_bytes: int, max_count: int, shuffle: int | None = None
) -> Iterator[str]:
    """Yield the place of the first entry of each split that ``cut_splits`` cuts."""
    for batch in _cut(entries, max_bytes, max_count, (), shuffle):
        yield place_in_order(batch[0].uri, shuffle)


def place_in_order(uri: str, shuffle: int | None) -> str:
    """Return a text by which entries are sorted: their uri or, with a seed, a random place that
    depends only on the seed and the uri."""
    if shuffle is None:
        return uri
    return md5(f"{shuffle} {uri}".encode(), usedforsecurity=False).hexdigest() + uri


def _cut(
    entries: Iterable[Entry],
    max_bytes: int,
    max_count: int,
    starts: Sequence[str],
    shuffle: int | None,
) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    part = 0
    for entry in entries:
        weight = entry.size if entry.version else UNKNOWN
        is_full = len(batch) >= max_count or size + weight > max_bytes
        part_before = part
        # Python's order of strings is that of their UTF-8 bytes, in which the listing is sorted.
        part = bisect_right(starts, place_in_order(entry.uri, shuffle)) if starts else 0
        if batch and (is_full or part != part_before):
            yield batch
            batch = []
            size = 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch


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
