"""A table of records below OUT: what a round reads, and what it leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from mrimage.job.job import Value


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table.

    ``path`` is its path below OUT. ``records`` is the number of its records, or of its images, and
    ``digest`` the sum of their digests: the two name the content, in whatever order it is.
    """

    path: str
    records: int
    digest: int


@dataclass(frozen=True)
class Table:
    """Records that are committed below OUT. A program gets tables, and its rounds read them.

    ``for key, value in table`` streams the records, sorted by key, then by the image that a record
    belongs to if it belongs to one, then by value (by the bytes of its MessagePack); ``len`` is
    their number. The order depends on neither the engine nor the number of tasks. ``id`` names the
    content: equal records have an equal id.

    A table of images has ``columns`` of the catalogue. It is read in batches: each value is a
    ``pyarrow.RecordBatch`` of ``uri`` and these columns, a row for each image that map has
    processed, under an empty key, and ``len`` counts images. A mapper gets batches of up to BATCH
    images in no particular order, and how they are cut depends on the number of workers; a program
    that iterates gets them sorted by uri.

    A program cannot make a table of its own; it gets them from the run.
    """

    id: str
    parts: tuple[Part, ...] = field(repr=False)
    origin: str = field(repr=False)
    """The name of the round that made the table, or MAPPED."""
    read: Callable[[Table], Iterator[tuple[str, Value]]] = field(repr=False, compare=False)
    columns: tuple[str, ...] = field(repr=False, default=())

    def __len__(self) -> int:
        return sum(part.records for part in self.parts)

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return self.read(self)


MAPPED = "map"
"""The origin of a program's first table: the records that map has emitted."""

IMAGES = "images"
"""The origin of a table of images."""

BATCH = 50_000
"""Images of a batch, at most."""


def content_id(parts: Iterable[Part]) -> str:
    """The id of a table with these parts: it depends on their records, not on how they are cut."""
    records = 0
    digest = 0
    for part in parts:
        records += part.records
        digest += part.digest
    text = f"{records}-{digest}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
