"""The source compared with what is committed: which images have to be mapped, and which are gone.

Everything works on tables on disk, so that neither the listing nor the catalogue has to fit in
memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.storage.fields import decode_fields, encode_fields
from mrimage.tables.column_types import Columns
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.entries import from_listing, to_listing
from mrimage.tables.schemas import CHOSEN, IDENTITY, LISTING
from mrimage.tables.source_columns import ColumnTypes, named_columns
from mrimage.types import Entry

BATCH = 10_000
"""Entries that are held in memory at a time."""


class Inventory:
    """The listing of one run, on disk, and queries that compare it with the committed catalogue."""

    def __init__(
        self, scratch: Path, catalogue_parts: list[str], taken: frozenset[str] = frozenset()
    ) -> None:
        """``taken`` holds the names that a column of the source cannot have."""
        self._taken = taken
        self._types = ColumnTypes()
        self._scratch = scratch
        self._catalogue = catalogue_parts
        self._listed = scratch / "listing.parquet"
        self._kept = scratch / "kept.parquet"
        self._kept.unlink(missing_ok=True)

    def update_catalogue(self, catalogue_parts: list[str]) -> None:
        """Use these parts of the catalogue from now on, because what is committed has changed."""
        self._catalogue = catalogue_parts

    def write(self, entries: Iterable[Entry]) -> None:
        """Stream the listing to disk."""
        with pq.ParquetWriter(self._listed, LISTING, compression="zstd") as writer:
            batch: list[Entry] = []
            for entry in entries:
                self._types.add(named_columns(entry.fields, self._taken))
                batch.append(entry)
                if len(batch) == BATCH:
                    writer.write_table(to_listing(batch))
                    batch = []
            writer.write_table(to_listing(batch))

    def select(self, chosen: Path) -> int:
        """Keep only the images that the table ``chosen`` has in their present version, and give
        them its fields. Returns how many are left out.

        The table has the columns of tables.schemas.CHOSEN.
        """
        before, _ = self._totals(self._by_uri([self._listed]))
        selected = self._scratch / "selected.parquet"
        columns = ", ".join(f"l.{name}" for name in LISTING.names)
        query = f"""
            SELECT {columns}, c.fields AS chosen_fields
            FROM {self._by_uri([self._listed])} l
            JOIN {read_parquet([str(chosen)], CHOSEN)} c USING (uri, size, version)
            ORDER BY uri
        """
        self._types = ColumnTypes()
        with (
            connect(self._scratch) as connection,
            pq.ParquetWriter(selected, LISTING, compression="zstd") as writer,
        ):
            for batch in batches(connection, query):
                fields = [self._with_fields(row) for row in batch.to_pylist()]
                place = LISTING.get_field_index("fields")
                table = pa.Table.from_batches([batch]).select(LISTING.names)
                table = table.set_column(place, "fields", pa.array(fields, pa.string()))
                writer.write_table(table.cast(LISTING))
        selected.replace(self._listed)
        return before - self.rows()

    def _with_fields(self, row: Mapping[str, Any]) -> str:
        """The fields of a listed image with those that it was chosen with, which win."""
        fields = decode_fields(row["fields"]) | decode_fields(row["chosen_fields"])
        self._types.add(named_columns(fields, self._taken))
        return encode_fields(fields)

    def narrow(self, sample: str | None, limit: int | None) -> int:
        """Keep only a sample of the listing, and of that the first by uri. Returns how many images
        are left out.

        ``sample`` is a number or a share such as ``5%``. What is in it depends only on the uris, so
        that a source that grows keeps most of its sample.
        """
        if sample is None and limit is None:
            return 0
        before, _ = self._totals(self._by_uri([self._listed]))
        narrowed = self._scratch / "narrowed.parquet"
        query = f"SELECT {', '.join(LISTING.names)} FROM {self._by_uri([self._listed])}"
        if sample is not None:
            query = f"({query} {_in_sample(sample)})"
        query = f"FROM ({query}) ORDER BY uri"
        if limit is not None:
            query += f" LIMIT {limit}"
        with (
            connect(self._scratch) as connection,
            pq.ParquetWriter(narrowed, LISTING, compression="zstd") as writer,
        ):
            for batch in batches(connection, query):
                writer.write_table(pa.Table.from_batches([batch]).cast(LISTING))
        narrowed.replace(self._listed)
        after, _ = self._totals(self._by_uri([self._listed]))
        return before - after

    def columns(self) -> Columns:
        """The source's own columns, with types that hold all that was listed."""
        return self._types.columns()

    def rows(self) -> int:
        """How many entries were listed. One that was listed twice counts twice."""
        return pq.read_metadata(self._listed).num_rows

    def listed_now(self) -> int:
        """How many images were listed, by uri, without those that ``keep_below`` added."""
        images, _ = self._totals(self._by_uri([self._listed]))
        return images

    def keep_below(self, folders: list[str]) -> None:
        """Add to the listing the committed images below ``folders``.

        These are uris of folders that could not be listed: their images may still exist, so their
        outputs must not be removed.
        """
        if not folders or not self._catalogue:
            return
        catalogue = read_parquet(self._catalogue, IDENTITY)
        is_below = " OR ".join("starts_with(uri, ?)" for _ in folders)
        query = f"SELECT uri, '' AS path, size, version, fields FROM {catalogue} WHERE {is_below}"
        prefixes = tuple(f"{folder.rstrip('/')}/" for folder in folders)
        with connect(self._scratch) as connection, pq.ParquetWriter(self._kept, LISTING) as writer:
            for batch in batches(connection, query, prefixes):
                entries = [_kept_entry(row) for row in batch.to_pylist()]
                for entry in entries:
                    self._types.add(named_columns(entry.fields, self._taken))
                writer.write_table(to_listing(entries))

    def totals(self) -> tuple[int, int]:
        """The number of images by uri, and their bytes."""
        return self._totals(self._images)

    def totals_to_map(self) -> tuple[int, int]:
        """The number of images that no committed split has in their present version, and their
        bytes."""
        return self._totals(self._images_to_map)

    def to_map(self, shuffle: int | None = None) -> Iterator[Entry]:
        """Yield the images that no committed split has in their present version, sorted by uri.

        With ``shuffle``, a seed, they come in a random order that depends only on it: that of
        ``source.place_in_order``.
        """
        for batch in self._sorted_to_map(LISTING.names, shuffle):
            yield from map(from_listing, batch.to_pylist())

    def outlines_to_map(self, shuffle: int | None = None) -> Iterator[Entry]:
        """The same images as ``to_map``, with uri, size and version alone: half of the work."""
        for batch in self._sorted_to_map(["uri", "size", "version"], shuffle):
            for row in batch.to_pylist():
                yield Entry(path="", **row)

    def gone(self) -> list[tuple[str, list[str]]]:
        """Committed images that are gone from the source or have changed.

        Returns a path of a part of the catalogue with the uris, for each part that has any.
        """
        if not self._catalogue:
            return []
        catalogue = read_parquet(self._catalogue, IDENTITY, filename=True)
        query = f"""
            SELECT filename, list(uri ORDER BY uri)
            FROM (SELECT filename, uri, size, version, fields FROM {catalogue}) k
            ANTI JOIN {self._images} l USING (uri, size, version, fields)
            GROUP BY filename ORDER BY filename
        """
        with connect(self._scratch) as connection:
            return connection.execute(query).fetchall()

    @property
    def _images(self) -> str:
        paths = [self._listed]
        if self._kept.exists():
            paths.append(self._kept)
        return self._by_uri(paths)

    @staticmethod
    def _by_uri(paths: list[Path]) -> str:
        """The listing with one row per uri.

        The source may name an image twice, in a list for example. Both rows are the same then,
        unless the image changed in between.
        """
        listing = read_parquet([str(path) for path in paths], LISTING)
        others = [name for name in LISTING.names if name not in ("uri", "path")]
        columns = ", ".join(f"max({name}) AS {name}" for name in others)
        return f"(SELECT uri, min(path) AS path, {columns} FROM {listing} GROUP BY uri)"

    @property
    def _images_to_map(self) -> str:
        if not self._catalogue:
            return self._images
        parts = read_parquet(self._catalogue, IDENTITY)
        catalogue = f"(SELECT uri, size, version, fields FROM {parts})"
        return f"""(
            SELECT l.* FROM {self._images} l
            ANTI JOIN {catalogue} k USING (uri, size, version, fields))"""

    def _sorted_to_map(self, columns: list[str], shuffle: int | None) -> Iterator[pa.RecordBatch]:
        order = "uri" if shuffle is None else f"md5('{shuffle} ' || uri), uri"
        query = f"SELECT {', '.join(columns)} FROM {self._images_to_map} ORDER BY {order}"
        with connect(self._scratch) as connection:
            yield from batches(connection, query)

    def _totals(self, table: str) -> tuple[int, int]:
        query = f"SELECT count(*), coalesce(sum(size), 0)::BIGINT FROM {table}"
        with connect(self._scratch) as connection:
            row = connection.execute(query).fetchone()
        assert row
        return int(row[0]), int(row[1])


def _in_sample(sample: str) -> str:
    """The rest of a query that takes a sample of its images."""
    if not sample.endswith("%"):
        return f"ORDER BY md5(uri), uri LIMIT {int(sample)}"
    # The first 15 digits of the hash, as a share of all.
    threshold = Fraction(sample.removesuffix("%")) / 100 * (1 << 60)
    return f"WHERE ('0x' || md5(uri)[1:15])::BIGINT < {int(threshold)}"


def _kept_entry(row: Mapping[str, Any]) -> Entry:
    fields = decode_fields(row["fields"])
    return Entry(row["uri"], row["path"], row["size"], row["version"], fields=fields)
