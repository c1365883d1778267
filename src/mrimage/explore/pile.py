"""The images of an OUT as the page sees them: rows with numbers, and columns of one byte a row."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.errors import NotFoundError, UsageError
from mrimage.explore.bins import (
    MISSING,
    OTHER,
    ArrowColumn,
    Coded,
    code_categories,
    code_dates,
    code_numbers,
)
from mrimage.explore.columns import Column, columns_of
from mrimage.explore.copies import Copies, read_copies
from mrimage.explore.database import Database, open_database
from mrimage.types import RunFacts

Numbers = np.ndarray[Any, np.dtype[Any]]

VECTORS = ("embedding", "descriptor")
"""Columns that say what a picture looks like, the better one first."""

SEARCHED = ("path", "uri", "camera", "label", "labels", "title", "caption")
"""Columns that a search looks into, where the catalogue has them. ``uri`` only without a path."""


class Pile:
    """The images of the run in the folder ``results``. Row ``i`` is the catalogue's ``i``-th.

    Everything is read when it is first asked for. Methods may be called by several threads.
    """

    def __init__(self, results: Path, facts: RunFacts) -> None:
        """Raises NotFoundError if OUT has no catalogue."""
        self.results = results
        self.facts = facts
        self.files = sorted((results / "catalogue").glob("*.parquet"))
        if not self.files:
            raise NotFoundError(f"{facts.out} has no catalogue.")
        counts = [pq.ParquetFile(file).metadata.num_rows for file in self.files]
        self.starts = [0, *np.cumsum(counts)[:-1].tolist()]
        self.count = sum(counts)
        self.schema = pq.read_schema(self.files[0])
        self._lock = threading.RLock()
        self._coded: dict[str, Coded | None] = {}
        self._many: dict[str, Many] = {}
        self._open = ExitStack()
        # A query of the user's must not keep the page waiting, so it has a connection of its own.
        self.database = self._open_database()
        self._conditions: Database | None = None

    def close(self) -> None:
        """Close the databases."""
        self._open.close()

    def _open_database(self) -> Database:
        opened = open_database(self.results, self.files, self.starts)
        return self._open.enter_context(opened)

    @cached_property
    def columns(self) -> list[Column]:
        """What the page filters by."""
        tables = [name for name in ("findings",) if self.database.wrote(name)]
        if len(self.copies):
            tables.append("duplicates")
        if self.database.wrote("duplicates"):
            tables.append("all duplicates")
        return columns_of(self.schema, tables)

    def column(self, name: str) -> Column:
        """Return the filter ``name``. Raises UsageError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UsageError(f'There is no filter "{name}".')

    @cached_property
    def copies(self) -> Copies:
        """The duplicates that the run found."""
        return read_copies(self.database, self.results, self.uris)

    def coded(self, name: str) -> Coded | None:
        """Return the codes of a column with one value a row; None if it is no use as a filter."""
        with self._lock:
            if name not in self._coded:
                self._coded[name] = self._code(self.column(name))
                # The column itself was far larger than its codes.
                pa.default_memory_pool().release_unused()
            return self._coded[name]

    def many(self, name: str) -> Many:
        """Return a column with any number of values a row."""
        with self._lock:
            if name not in self._many:
                self._many[name] = _code_many(*self._pairs(name))
            return self._many[name]

    def _code(self, column: Column) -> Coded | None:
        if column.name == "duplicate":
            return Coded(self.copies.codes(self.count), self.copies.LABELS)
        values = self._values(column.name)
        if column.kind == "category":
            return code_categories(values)
        return code_dates(values) if column.kind == "date" else code_numbers(values)

    def _values(self, name: str) -> ArrowColumn:
        if name == "folder":
            cut = pc.replace_substring_regex(self.names, r"/?[^/]*$", "")
            return pa.chunked_array(cut)
        return self.read(name)

    def read(self, name: str) -> ArrowColumn:
        """Return a whole column of the catalogue."""
        parts = [pq.read_table(file, columns=[name]).column(0) for file in self.files]
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)

    def batches(self, name: str) -> Iterator[tuple[int, ArrowColumn]]:
        """Yield a column of the catalogue piece by piece, each with its first row."""
        start = 0
        for file in self.files:
            for batch in pq.ParquetFile(file).iter_batches(20_000, columns=[name]):
                yield start, batch.column(0)
                start += batch.num_rows

    def _pairs(self, name: str) -> tuple[Numbers, ArrowColumn]:
        """Return the rows and values of a column with any number of values a row."""
        if name == "findings":
            found = self.database.table("SELECT row, kind FROM rows JOIN findings USING (uri)")
            return found["row"].to_numpy(), found["kind"].combine_chunks()
        lists = self.read(name).combine_chunks()
        rows = np.repeat(np.arange(len(lists)), pc.fill_null(pc.list_value_length(lists), 0))
        return rows, lists.flatten()

    @cached_property
    def uris(self) -> ArrowColumn:
        """The name of every image, which a store can open."""
        return self.read("uri")

    @cached_property
    def names(self) -> ArrowColumn:
        """What the page calls every image: its path below the source."""
        return self.read("path") if "path" in self.schema.names else self.uris

    @cached_property
    def sizes(self) -> tuple[Numbers, Numbers]:
        """Width and height of every image in pixels, 0 where they are unknown."""
        if not {"width", "height"} <= set(self.schema.names):
            nothing = np.zeros(self.count, np.int32)
            return nothing, nothing
        return self._pixels("width"), self._pixels("height")

    def _pixels(self, name: str) -> Numbers:
        values: ArrowColumn = pc.fill_null(self.read(name), 0)
        return np.asarray(values.cast(pa.int32()).combine_chunks())

    def uri(self, row: int) -> str:
        """Return the uri of a row. Raises UsageError if there is no such row."""
        if not 0 <= row < self.count:
            raise UsageError(f"There is no image {row}.")
        return str(self.uris[row].as_py())

    @cached_property
    def _versions(self) -> ArrowColumn:
        return self.read("version")

    def version(self, row: int) -> str:
        """Return the version of a row's file, as it was listed."""
        return str(self._versions[row].as_py())

    def tiles(self, rows: Sequence[int]) -> list[list[object]]:
        """Return [row, name, width, height, reason for quarantine] of each row."""
        reasons = self.coded("reason")
        width, height = self.sizes
        found: list[list[object]] = []
        for row in rows:
            self.uri(row)
            code = int(reasons.codes[row]) if reasons else MISSING
            reason = ""
            if reasons and code < OTHER:
                reason = str(reasons.values[code])
            name = self.names[row].as_py() or ""
            found.append([row, name, int(width[row]), int(height[row]), reason])
        return found

    def details(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return what the tables say about images, without their vectors, sorted by row."""
        vectors = [name for name in VECTORS if name in self.schema.names]
        without = ", ".join(["row", *vectors])
        sql = f"SELECT row, COLUMNS(* EXCLUDE ({without})) FROM rows {{where}} ORDER BY row"
        found: list[dict[str, Any]] = [
            {"row": facts.pop("row"), "facts": facts} for facts in self._of_rows(sql, rows)
        ]
        more = {
            "findings": self._of_rows(
                "SELECT row, kind, score, threshold, evidence FROM rows JOIN findings USING (uri) "
                "{where} ORDER BY row, score DESC",
                rows,
            ),
            "quarantine": self.messages(rows),
            "outputs": self.lineage(rows),
        }
        for name, records in more.items():
            by_row: dict[int, list[dict[str, Any]]] = {}
            for record in records:
                by_row.setdefault(record["row"], []).append(record)
            for one in found:
                one[name] = by_row.get(one["row"], [])
        return found

    def outputs_of(self, row: int) -> list[dict[str, Any]]:
        """Return the lineage of one image, sorted by output."""
        return self.database.records(
            "SELECT key, output, width, height, bytes FROM outputs WHERE uri = ? ORDER BY output",
            [self.uri(row)],
        )

    def lineage(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return the outputs of several images, each with its ``row`` and its ``number`` in
        ``outputs_of``."""
        return self._of_rows(
            "SELECT row, row_number() OVER (PARTITION BY row ORDER BY output) - 1 AS number, key, "
            "output, o.width, o.height, o.bytes FROM rows JOIN outputs o USING (uri) {where} "
            "ORDER BY row, number",
            rows,
        )

    def messages(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return why images are in quarantine."""
        return self._of_rows(
            "SELECT row, stage, q.reason, message FROM rows JOIN quarantine q USING (uri) {where} "
            "ORDER BY row",
            rows,
        )

    def _of_rows(self, sql: str, rows: Sequence[int]) -> list[dict[str, Any]]:
        if not rows:
            return []
        numbers = ", ".join(str(int(row)) for row in rows)
        return self.database.records(sql.format(where=f"WHERE row IN ({numbers})"))

    def order(self, name: str) -> tuple[Numbers, int]:
        """Return all rows, uint32, sorted by a column, and how many at the end have no value."""
        if name == "name":
            values = self.names
        elif self.column(name).sortable and name != "duplicate":
            values = self._values(name)
        else:
            raise UsageError(f"The page cannot sort by {name}.")
        rows = pc.sort_indices(values)
        return np.asarray(rows).astype(np.uint32), values.null_count

    def search(self, words: str) -> Numbers:
        """Return the rows, of which a searched column has every one of ``words``, as flags."""
        found = np.ones(self.count, bool)
        names = [name for name in SEARCHED if name in self.schema.names]
        if "path" in names:
            names.remove("uri")
        for word in words.split():
            here = np.zeros(self.count, bool)
            for name in names:
                here |= self._containing(name, word)
            found &= here
        return found

    def _containing(self, name: str, word: str) -> Numbers:
        if pa.types.is_list(self.schema.field(name).type):
            rows, values = self._pairs(name)
            matched: ArrowColumn = pc.match_substring(values, word, ignore_case=True)
            hits = np.asarray(matched.fill_null(False))
            flags = np.zeros(self.count, bool)
            flags[rows[hits]] = True
            return flags
        column = self.names if name == "path" else self.read(name)
        matches: ArrowColumn = pc.match_substring(column.cast(pa.string()), word, ignore_case=True)
        return np.asarray(matches.fill_null(False).combine_chunks())

    def matching(self, condition: str) -> Numbers:
        """Return the rows that meet an SQL condition, as flags. Raises UsageError."""
        with self._lock:
            if self._conditions is None:
                self._conditions = self._open_database()
        rows = self._conditions.matching(condition)["row"]
        found = np.zeros(self.count, bool)
        found[rows.drop_null().to_numpy()] = True
        return found

    def near(self, row: int, limit: int = 24) -> list[tuple[int, float]]:
        """Return the rows that look most like ``row``, each with the cosine of their vectors."""
        kinds = [name for name in VECTORS if name in self.schema.names]
        if not kinds:
            return []
        name = kinds[0]
        wanted = self._vector(name, row)
        if wanted is None:
            return []
        rows = np.zeros(0, np.int64)
        cosines = np.zeros(0, np.float32)
        for here, vectors in self.vectors(name):
            lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(wanted)
            alike = (vectors @ wanted) / np.maximum(lengths, np.finfo(np.float32).tiny)
            rows = np.concatenate([rows, here])
            cosines = np.concatenate([cosines, alike])
            best = np.lexsort((rows, -cosines))[: limit + 1]
            rows, cosines = rows[best], cosines[best]
        pairs = zip(rows.tolist(), cosines.tolist(), strict=True)
        return [(other, round(cosine, 4)) for other, cosine in pairs if other != row][:limit]

    def all_near(self, limit: int) -> dict[int, list[tuple[int, float]]]:
        """Return ``near`` of every row that has a vector. It needs all vectors in memory."""
        kinds = [name for name in VECTORS if name in self.schema.names]
        pieces = list(self.vectors(kinds[0])) if kinds else []
        if not pieces:
            return {}
        rows = np.concatenate([here for here, _ in pieces])
        vectors = np.concatenate([ours for _, ours in pieces])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(lengths, np.finfo(np.float32).tiny)
        found = {}
        for place, row in enumerate(rows.tolist()):
            cosines = vectors @ vectors[place]
            cosines[place] = -np.inf
            best = np.lexsort((rows, -cosines))[: min(limit, len(rows) - 1)]
            found[row] = [(int(rows[other]), round(float(cosines[other]), 4)) for other in best]
        return found

    def _vector(self, name: str, row: int) -> Numbers | None:
        """Return the vector of a row, or None if it has none."""
        place = bisect_right(self.starts, row) - 1
        column = pq.read_table(self.files[place], columns=[name], memory_map=True).column(0)
        value = column[row - self.starts[place]].as_py()
        return None if value is None else np.array(value, np.float32)

    def vectors(self, name: str) -> Iterator[tuple[Numbers, Numbers]]:
        """Yield the vectors of the images that have one, float32 N x D, with their rows."""
        for start, column in self.batches(name):
            known = np.flatnonzero(np.asarray(column.is_valid()))
            if not len(known):
                continue
            values = column.drop_null().flatten().cast(pa.float32()).to_numpy()
            yield start + known, values.reshape(len(known), -1)


class Many:
    """A column with any number of values a row, as pairs: ``codes[i]`` is a value of ``rows[i]``."""

    def __init__(self, rows: Numbers, codes: Numbers, values: tuple[str, ...]) -> None:
        self.rows = rows.astype(np.uint32)
        self.codes = codes
        self.values = values


def _code_many(rows: Numbers, values: ArrowColumn) -> Many:
    coded = code_categories(pa.chunked_array([values]))
    if coded is None:
        return Many(rows[:0], np.zeros(0, np.uint8), ())
    known = coded.codes != MISSING
    return Many(rows[known], coded.codes[known], tuple(map(str, coded.values)))
