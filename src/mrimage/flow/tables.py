"""Tables of records as a program reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from mrimage.commit.ledger import Committed, localize
from mrimage.job.catalogue import mapped_catalogue_of
from mrimage.job.job import Job, Value
from mrimage.rounds.table import IMAGES, MAPPED, Part, Table, content_id
from mrimage.shuffle.planning import sort_records, sum_digests
from mrimage.shuffle.records import Record, from_batch
from mrimage.storage import Store
from mrimage.tasks.image_batches import describe_images, sorted_images
from mrimage.tasks.round_records import with_values

BATCH = 10_000
"""Records that are decoded at once."""


@dataclass
class Tables:
    """Makes tables of what is committed, and reads them for a program.

    A table is sorted into ``scratch`` when it is first read. ``damage`` is the error of a table
    that could not be read, since a program may catch it.
    """

    store: Store
    scratch: Path
    job: Job
    damage: Exception | None = None

    def mapped(self) -> Table:
        """The records that map has emitted."""
        names = Committed(self.store, "map").tables("records")
        return self.table(MAPPED, self.parts(names))

    def images(self, columns: tuple[str, ...]) -> Table:
        """The images that map has processed, with ``columns`` of the catalogue."""
        names = Committed(self.store, "map").tables("catalogue")
        paths = localize(self.store, names, self.scratch)
        described = describe_images(paths, self.scratch)
        parts = []
        for name, path in zip(names, paths, strict=True):
            if path in described:
                parts.append(Part(name, *described[path]))
        return Table(content_id(parts), tuple(parts), IMAGES, self.read, columns)

    def table(self, origin: str, parts: tuple[Part, ...]) -> Table:
        """The table of these parts, made by the round ``origin``."""
        return Table(content_id(parts), parts, origin, self.read)

    def parts(self, names: list[str]) -> tuple[Part, ...]:
        """Describe the files ``names`` below OUT; those without records are left out."""
        paths = localize(self.store, names, self.scratch)
        if not paths:
            return ()
        sums = sum_digests(paths, self.scratch)
        found = []
        for name, path in zip(names, paths, strict=True):
            if path in sums:
                records, digest = sums[path]
                found.append(Part(name, records, digest))
        return tuple(found)

    def read(self, table: Table) -> Iterator[tuple[str, Value]]:
        """Stream the pairs of a table, sorted."""
        try:
            if table.columns:
                yield from self._batches(table)
                return
            path = self._sorted(table)
            records = with_values(self.job, _records(path), table.origin == MAPPED)
            for record, value in records:
                yield record.key, value
        except Exception as error:
            self.damage = error
            raise

    def _batches(self, table: Table) -> Iterator[tuple[str, Value]]:
        names = [part.path for part in table.parts]
        paths = localize(self.store, names, self.scratch)
        schema = mapped_catalogue_of(self.job)
        for batch in sorted_images(paths, table.columns, schema, self.scratch):
            yield "", batch

    def _sorted(self, table: Table) -> Path:
        """A local file with the records of the table, sorted."""
        path = self.scratch / "tables" / f"{table.origin}-{table.id}.parquet"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            names = [part.path for part in table.parts]
            unfinished = path.with_suffix(".part")
            sort_records(localize(self.store, names, self.scratch), unfinished, self.scratch)
            unfinished.replace(path)
        return path


def _records(path: Path) -> Iterator[Record]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH):
            yield from from_batch(batch)
