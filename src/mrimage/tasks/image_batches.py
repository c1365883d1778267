"""Tables of images: columns of the catalogue, as map has committed them, in batches."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.rounds.table import BATCH
from mrimage.shuffle.records import Record
from mrimage.storage import Store
from mrimage.tables.duck import batches, connect, quoted_name, read_parquet
from mrimage.tables.schemas import COUNTED
from mrimage.types import Entry

BATCH_OF_IMAGES = Record("", Entry("", "", 0, ""), 0, b"", 0, 0, 0)
"""The record that a batch of images is the value of."""

PROCESSED = "processed"


def read_images(
    store: Store, paths: Iterable[str], columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yield ``uri`` and ``columns`` of the processed images in the catalogue's parts ``paths``.

    Small parts are put together, and no batch has more than BATCH images.
    """
    held: list[pa.Table] = []
    rows = 0
    for path in paths:
        table = _read_processed(store, path, columns)
        if rows and rows + table.num_rows > BATCH:
            yield from _in_batches(held)
            held = []
            rows = 0
        held.append(table)
        rows += table.num_rows
    yield from _in_batches(held)


def _read_processed(store: Store, path: str, columns: Sequence[str]) -> pa.Table:
    import pyarrow.compute as pc

    names = _with_uri(columns)
    read = list(dict.fromkeys([*names, "status"]))
    table = pq.read_table(io.BytesIO(store.read(path)), columns=read)
    return table.filter(pc.field("status") == PROCESSED).select(names)


def _in_batches(tables: list[pa.Table]) -> Iterator[pa.RecordBatch]:
    if tables:
        whole = pa.concat_tables(tables).combine_chunks()
        yield from whole.to_batches(max_chunksize=BATCH)


def sorted_images(
    paths: list[str], columns: Sequence[str], schema: pa.Schema, scratch: Path
) -> Iterator[pa.RecordBatch]:
    """Yield the same for local files, sorted by uri. ``schema`` is that of the files."""
    names = _with_uri(columns)
    wanted = pa.schema([schema.field(name) for name in names])
    query = f"""SELECT {", ".join(map(quoted_name, names))} FROM {read_parquet(paths, schema)}
        WHERE status = '{PROCESSED}' ORDER BY uri"""
    with connect(scratch) as connection:
        for batch in batches(connection, query):
            yield batch.cast(wanted)


def describe_images(paths: list[str], scratch: Path) -> dict[str, tuple[int, int]]:
    """The number of processed images and the sum of their digests, by local file.

    A file without such images is left out. The digest of an image depends on its uri and version:
    the columns follow from these and the job.
    """
    source = read_parquet(paths, COUNTED, filename=True)
    query = f"""SELECT filename, count(*), sum(md5_number_lower(concat(uri, chr(0), version)))::VARCHAR
        FROM {source} WHERE status = '{PROCESSED}' GROUP BY filename"""
    with connect(scratch) as connection:
        found = connection.execute(query).fetchall()
    return {str(name): (int(images), int(digest)) for name, images, digest in found}


def _with_uri(columns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(["uri", *columns]))
