"""Shards as Hugging Face lays images out in Parquet: a struct of bytes and path, and columns with the facts.

A row group holds a few images, so that a reader can fetch some of a shard without all of it. Images are not
compressed again; the same images make the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import IOBase
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.errors import ImageError
from mrimage.sink.sample import FACTS, Sample, facts_of
from mrimage.storage.archives.member import BlockReader
from mrimage.types import ByteSource, OutputRow

ROWS = 100
BYTES = 16 << 20
"""A row group ends after this many images, or with the image that brings it to this many bytes."""

READ = 8 << 20
"""Bytes that one read of a shard asks for at least."""

_HEAD = 4096
_ROW = 256
"""Bytes besides the values: of the schema and the end, and of a row with its share of the row group's index."""

_FEATURES = {
    "image": {"_type": "Image"},
    "key": {"dtype": "string", "_type": "Value"},
    "uri": {"dtype": "string", "_type": "Value"},
    "width": {"dtype": "int32", "_type": "Value"},
    "height": {"dtype": "int32", "_type": "Value"},
    "sha256": {"dtype": "string", "_type": "Value"},
}
SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("key", pa.string()),
        ("uri", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.string()),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)

_FACTS = [name for name in SCHEMA.names if name != "image"]
_COMPRESSION: dict[str, Any] = {"image.bytes": "none"} | dict.fromkeys(
    ["image.path", *_FACTS], "zstd"
)


class ParquetShard:
    """A Parquet file that grows by a row for each image."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(
            file,
            SCHEMA,
            compression=_COMPRESSION,
            use_dictionary=["key"],  # type: ignore[arg-type]  # one of images would be held in memory, and never pay
            write_statistics=_FACTS,
        )
        self._held: list[dict[str, object]] = []
        self._bytes = self._rows = 0
        self.size = _HEAD

    @staticmethod
    def cost(row: OutputRow, data: bytes) -> int:
        return (
            len(data)
            + _ROW
            + sum(len(text.encode()) for text in (row.output, row.uri or "", row.key))
        )

    def add(self, row: OutputRow, data: bytes) -> str:
        name = _row_name(self._rows, row.output)
        self._held.append({"image": {"bytes": data, "path": row.output}, **facts_of(row)})
        self._rows += 1
        self._bytes += len(data)
        self.size += self.cost(row, data)
        if len(self._held) == ROWS or self._bytes >= BYTES:
            self._flush()
        return name

    def finish(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_pylist(self._held, SCHEMA))
            self._held, self._bytes = [], 0


def read_parquet_shard(source: ByteSource) -> Iterator[Sample]:
    """The images of a shard, in one pass, a row group at a time. Raises ImageError where it is damaged."""
    try:
        reader = BlockReader(source, READ)
        # Arrow asks for no more than a readable, seekable file.
        file = pq.ParquetFile(pa.PythonFile(cast("IOBase", reader), mode="r"))
        if file.schema_arrow.names != SCHEMA.names:
            raise ImageError("corrupt", f"{source.uri} has other columns than a shard has.")
        row = 0
        for group in range(file.num_row_groups):
            for values in file.read_row_group(group, use_threads=False).to_pylist():
                image = values["image"] or {}
                data, path = image.get("bytes") or b"", image.get("path") or ""
                yield Sample(
                    _row_name(row, path), path, data, {name: values[name] for name in FACTS}
                )
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise ImageError(
            "corrupt", f"{source.uri} is damaged: {str(error).partition(chr(10))[0][:200]}."
        ) from error


def _row_name(row: int, path: str) -> str:
    """The name by which a reader of archives finds the row: ``srgb/00000017-a~png.webp``."""
    folder, slash, file = path.rpartition("/")
    return f"{folder}{slash}{row:08d}-{file}"
