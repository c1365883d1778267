"""What group reducers made that is no picture: the clusters of ``duplicates``, and any other file
as a small table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from mrimage.report import text
from mrimage.report.figures.figures import (
    Cluster,
    DuplicateImage,
    Duplicates,
    DuplicatesFile,
    MadeTable,
)
from mrimage.report.figures.found_duplicates import IMAGES, find_in_source
from mrimage.report.figures.galleries import named
from mrimage.report.figures.prices import look_up
from mrimage.report.tables.files import is_nameable, parquet_files
from mrimage.report.tables.views import Tables

FILES = 60
"""The most files that are read: those of the largest groups."""

MOST_BYTES = 50_000_000
"""The most bytes of all these files together. A file of a remote OUT is copied to be read."""

TABLES = 12
"""The most files that the page shows as tables."""

ROWS = 6
"""The most rows of such a table."""

COLUMNS = 8
"""The most columns of such a table."""

CLUSTERS = 8
"""The most clusters of duplicates that the page shows: those that free the most bytes."""

LONGEST_TEXT = 200_000
"""The most bytes of a JSON or text file that are parsed."""

_READABLE = "regexp_matches(lower(output), '\\.(parquet|json|jsonl|csv|tsv|txt|md)$')"

_KINDS = {None: "the best", "exact": "same bytes", "near": "alike", "same-file": "same file"}
"""Kinds of duplicates in words."""


def wanted_files(tables: Tables) -> list[tuple[str, str]]:
    """Return the paths below OUT and the keys of the files to read, those of the largest groups
    first."""
    if not tables.has_outputs:
        return []
    found = tables.rows(
        f"""SELECT output, key, outputs.bytes FROM outputs LEFT JOIN groups USING (key)
        WHERE outputs.uri IS NULL AND {_READABLE}
        ORDER BY images DESC NULLS LAST, key, output LIMIT {FILES}"""
    )
    wanted = []
    left = MOST_BYTES
    for output, key, size in found:
        left -= size
        if left >= 0 and _is_below_groups(output):
            wanted.append((output, key))
    return wanted


def _is_below_groups(output: str) -> bool:
    """Whether the path leads into OUT. Someone else may have written the table of outputs."""
    parts = PurePosixPath(output).parts
    return parts[:1] == ("groups",) and ".." not in parts and is_nameable(output)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a reducer: where it is, its path below OUT, and the key of its group."""

    path: Path
    output: str
    key: str


def _local_files(tables: Tables) -> Iterator[_File]:
    """Yield each wanted file that is there."""
    root = tables.results.resolve()
    for output, key in wanted_files(tables):
        path = root / output
        # A link could lead to a file of the reader's own.
        if path.is_file() and path.resolve() == path:
            yield _File(path, output, key)


def find_duplicates(tables: Tables) -> Duplicates | None:
    """Return what ``--find duplicates`` found, or else the reducer ``duplicates``; None if the job had
    neither."""
    whole = find_in_source(tables)
    if whole:
        return whole
    name = "duplicates.parquet"
    found = [file for file in _local_files(tables) if file.output.endswith(f"/{name}")]
    if not found:
        return None
    files = tables.row(
        f"SELECT count(*) FROM outputs WHERE uri IS NULL AND ends_with(output, '/{name}')"
    )[0]
    try:
        return _read_duplicates(tables, found, files)
    except duckdb.Error:
        # A reducer of the user's own may call its file so.
        return None


def _read_duplicates(tables: Tables, found: Sequence[_File], files: int) -> Duplicates:
    paths = {str(file.path): file.key for file in found}
    source = parquet_files(list(paths), filename=True)
    sums = f"""SELECT filename, cluster, count(*) AS images,
        count(*) FILTER (NOT keep AND kind <> 'same-file') AS extra,
        coalesce(sum(bytes) FILTER (NOT keep AND kind <> 'same-file'), 0)::BIGINT AS saved
        FROM {source} GROUP BY ALL"""
    total, extra, saved = tables.row(
        f"SELECT count(*), coalesce(sum(extra), 0)::BIGINT, coalesce(sum(saved), 0)::BIGINT "
        f"FROM ({sums})"
    )
    best = tables.rows(
        f"SELECT filename, cluster, images, saved FROM ({sums}) "
        f"ORDER BY saved DESC, filename, cluster LIMIT {CLUSTERS}"
    )
    clusters = []
    for path, cluster, images, freed in best:
        members = tables.rows(
            f"""SELECT uri, keep, kind, distance, pixels, bytes FROM {parquet_files([path])}
            WHERE cluster = ? ORDER BY keep DESC, pixels DESC, bytes DESC, uri LIMIT {IMAGES}""",
            [cluster],
        )
        shown = _images(tables, members)
        clusters.append(Cluster(text.cut(paths[path], 80), shown, images, freed))
    read = tuple(DuplicatesFile(file.output, text.cut(file.key, 80)) for file in found)
    return Duplicates(tuple(clusters), total, extra, saved, read, files)


def _images(tables: Tables, members: Sequence[tuple[Any, ...]]) -> tuple[DuplicateImage, ...]:
    looks = look_up(tables, [row[0] for row in members])
    images = []
    for uri, keep, kind, distance, pixels, size in members:
        words = _KINDS.get(kind, text.cut(kind, 20))
        if kind == "near":
            words += f" ({text.plural(distance, 'bit')})"
        note = f"{text.short(pixels)}\u00a0px · {text.size(size)}"
        unseen = looks[uri].unseen if uri in looks else "no picture"
        images.append(DuplicateImage(named(uri, note, unseen), bool(keep), words, size))
    return tuple(images)


def show_tables(tables: Tables, duplicates: Duplicates | None) -> tuple[MadeTable, ...]:
    """Return the beginnings of the files that group reducers made, those of the largest groups
    first, without the files that are shown as ``duplicates``."""
    shown: list[MadeTable] = []
    others = {file.output for file in duplicates.read} if duplicates else set()
    for file in _local_files(tables):
        if len(shown) == TABLES:
            break
        if file.output in others:
            continue
        try:
            columns, rows, total, note = _read(tables, file.path)
        except (duckdb.Error, OSError, ValueError, csv.Error, RecursionError):
            # The file is not what its name says. verify says whether it has changed.
            columns, rows, total, note = (), [], None, "It could not be read."
        cells = tuple(tuple(_cell(value) for value in row[:COLUMNS]) for row in rows[:ROWS])
        names = tuple(text.cut(name, 40) for name in columns[:COLUMNS])
        if len(columns) > COLUMNS:
            note = f"{note} {COLUMNS} of its {len(columns)} columns.".strip()
        shown.append(MadeTable(file.output, text.cut(file.key, 80), names, cells, total, note))
    return tuple(shown)


_Read = tuple[Sequence[str], list[Sequence[object]], int | None, str]


def _read(tables: Tables, path: Path) -> _Read:
    """Return columns, first rows, the number of all rows, and a note on a file."""
    if path.suffix == ".parquet":
        source = parquet_files([str(path)])
        cursor = tables.connection.execute(f"SELECT * {source[1:-1]} LIMIT {ROWS}")
        columns = [column[0] for column in cursor.description]
        rows: list[Sequence[object]] = list(cursor.fetchall())
        return columns, rows, tables.row(f"SELECT count(*) {source[1:-1]}")[0], ""
    with path.open("rb") as file:
        data = file.read(LONGEST_TEXT + 1)
    is_whole = len(data) <= LONGEST_TEXT
    content = data[:LONGEST_TEXT].decode("utf-8", "replace")
    if path.suffix == ".json" and is_whole:
        return _json_table(json.loads(content))
    if path.suffix in (".csv", ".tsv"):
        delimiter = "\t" if path.suffix == ".tsv" else ","
        lines = csv.reader(io.StringIO(content), delimiter=delimiter)
        return next(lines, []), list(islice(lines, ROWS)), None, ""
    lines_of_text = content.splitlines()
    total = len(lines_of_text) if is_whole else None
    return ("Text",), [(line,) for line in lines_of_text[:ROWS]], total, ""


def _json_table(value: object) -> _Read:
    """Return a list of objects as a table, an object as names and values, and any other as is."""
    if isinstance(value, dict):
        return ("Name", "Value"), list(value.items()), len(value), ""
    if not isinstance(value, list):
        return ("Value",), [(value,)], 1, ""
    if value and all(isinstance(row, dict) for row in value):
        columns = list(dict.fromkeys(name for row in value[:ROWS] for name in row))
        rows = [[row.get(name) for name in columns] for row in value[:ROWS]]
        return columns, list(rows), len(value), ""
    return ("Value",), [(one,) for one in value[:ROWS]], len(value), ""


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | dict):
        return text.cut(json.dumps(value, default=str), 80)
    if isinstance(value, bytes):
        return text.size(len(value))
    return text.cut(value, 80)
