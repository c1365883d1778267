"""The source against what is committed: which images are to be mapped, and which are gone.

Everything here works on tables on disk, so that neither a listing nor a catalogue need fit in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.entries import from_listing, to_listing
from mrimage.tables.schemas import KNOWN, LISTING
from mrimage.types import Entry

BATCH = 10_000


class Inventory:
    """The listing of one run on disk, and questions about it."""

    def __init__(self, scratch: Path, catalogue_parts: list[str]) -> None:
        self._scratch, self._known = scratch, catalogue_parts
        self._path = scratch / "listing.parquet"
        self._kept = scratch / "kept.parquet"
        self._kept.unlink(missing_ok=True)

    def update_catalogue(self, catalogue_parts: list[str]) -> None:
        """What is committed has changed: these are its parts now."""
        self._known = catalogue_parts

    def write(self, entries: Iterable[Entry]) -> None:
        """Stream the listing to disk."""
        with pq.ParquetWriter(self._path, LISTING, compression="zstd") as writer:
            batch: list[Entry] = []
            for entry in entries:
                batch.append(entry)
                if len(batch) == BATCH:
                    writer.write_table(to_listing(batch))
                    batch = []
            writer.write_table(to_listing(batch))

    def rows(self) -> int:
        """Entries that were listed, each time that they were."""
        return pq.read_metadata(self._path).num_rows

    def listed_now(self) -> int:
        """Images that were listed, each uri once, without those kept from an earlier run."""
        return self._sum(self._grouped([self._path]))[0]

    def keep_below(self, folders: list[str]) -> None:
        """Take for listed what is committed of the images below ``folders``, uris of folders that could not be looked
        into: nobody knows that they are gone, and their outputs must not go."""
        if not folders or not self._known:
            return
        known = read_parquet(self._known, KNOWN)
        below = " OR ".join("starts_with(uri, ?)" for _ in folders)
        query = f"SELECT uri, '' AS path, size, version FROM {known} WHERE {below}"
        values = tuple(f"{folder.rstrip('/')}/" for folder in folders)
        with connect(self._scratch) as connection, pq.ParquetWriter(self._kept, LISTING) as writer:
            for batch in batches(connection, query, values):
                writer.write_table(to_listing([Entry(**row) for row in batch.to_pylist()]))

    def totals(self) -> tuple[int, int]:
        """Images listed, each uri once, and their bytes."""
        return self._sum(self._listing)

    def totals_to_map(self) -> tuple[int, int]:
        """Images that no committed split holds as they are now, and their bytes."""
        return self._sum(self._new)

    def to_map(self) -> Iterator[Entry]:
        """Those images, sorted by uri, streamed."""
        with connect(self._scratch) as connection:
            query = f"SELECT {', '.join(LISTING.names)} FROM {self._new} ORDER BY uri"
            for batch in batches(connection, query):
                yield from map(from_listing, batch.to_pylist())

    def gone(self) -> list[tuple[str, list[str]]]:
        """Committed images that the source no longer holds as they were: (catalogue part, uris) pairs."""
        if not self._known:
            return []
        with connect(self._scratch) as connection:
            known = read_parquet(self._known, KNOWN, filename=True)
            query = f"""
                SELECT filename, list(uri ORDER BY uri) FROM
                (SELECT filename, uri, size, version FROM {known}) k
                ANTI JOIN {self._listing} l USING (uri, size, version) GROUP BY filename ORDER BY filename"""
            return connection.execute(query).fetchall()

    @property
    def _listing(self) -> str:
        return self._grouped([self._path, self._kept] if self._kept.exists() else [self._path])

    @staticmethod
    def _grouped(paths: list[Path]) -> str:
        listing = read_parquet([str(path) for path in paths], LISTING)
        # A list may name an image twice; the rest of both rows is the same, but for what changed in between.
        rest = ", ".join(
            f"max({name}) AS {name}" for name in LISTING.names if name not in ("uri", "path")
        )
        return f"(SELECT uri, min(path) AS path, {rest} FROM {listing} GROUP BY uri)"

    @property
    def _new(self) -> str:
        if not self._known:
            return self._listing
        known = f"(SELECT uri, size, version FROM {read_parquet(self._known, KNOWN)})"
        return f"(SELECT l.* FROM {self._listing} l ANTI JOIN {known} k USING (uri, size, version))"

    def _sum(self, table: str) -> tuple[int, int]:
        with connect(self._scratch) as connection:
            row = connection.execute(
                f"SELECT count(*), coalesce(sum(size), 0)::BIGINT FROM {table}"
            ).fetchone()
        assert row
        return int(row[0]), int(row[1])
