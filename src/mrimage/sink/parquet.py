"""Shards in Hugging Face's Parquet layout for images: a struct of bytes and path, and columns with
the facts.

A row group holds only a few images, so that a reader can fetch part of a shard. Images are not
compressed again. The same images give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from io import IOBase
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.errors import ImageError
from mrimage.sink.sample import FACTS, NO_EXTRAS, Sample, facts_of
from mrimage.storage.archives.member import BlockReader
from mrimage.types import ByteSource, OutputRow

ROWS = 100
"""Most images in a row group."""

BYTES = 16 << 20
"""A row group ends with the image that brings it to this many bytes."""

READ = 8 << 20
"""Fewest bytes per read of a shard."""

_FILE_OVERHEAD = 4096
"""Bytes of a shard's schema and footer."""

_ROW_OVERHEAD = 256
"""Bytes of a row besides its values, with its share of the row group's index."""

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
_COMPRESSED = ["image.path", *_FACTS]
_COMPRESSION: dict[str, Any] = {"image.bytes": "none"} | dict.fromkeys(_COMPRESSED, "zstd")


class ParquetShard:
    """A Parquet file that grows by one row per image."""

    def __init__(self, file: BinaryIO, extras: pa.Schema | None = None) -> None:
        extras = pa.schema([]) if extras is None else extras
        self._schema = with_extras(extras)
        compression = _COMPRESSION | dict.fromkeys(_leaves(extras), "zstd")
        self._writer = pq.ParquetWriter(
            file,
            self._schema,
            compression=compression,
            # A dictionary of images would be held in memory and save nothing.
            use_dictionary=["key"],  # type: ignore[arg-type]
            write_statistics=_FACTS,
        )
        self._rows = 0
        self._pending: list[dict[str, object]] = []
        self._pending_bytes = 0
        self.size = _FILE_OVERHEAD

    @staticmethod
    def cost(row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> int:
        texts = [row.output, row.uri or "", row.key]
        texts += [str(value) for value in extras.values()]
        return len(data) + _ROW_OVERHEAD + sum(len(text.encode()) for text in texts)

    def add(self, row: OutputRow, data: bytes, extras: Mapping[str, object] = NO_EXTRAS) -> str:
        name = _row_name(self._rows, row.output)
        image = {"bytes": data, "path": row.output}
        self._pending.append({**extras, "image": image, **facts_of(row)})
        self._pending_bytes += len(data)
        self._rows += 1
        self.size += self.cost(row, data, extras)
        if len(self._pending) == ROWS or self._pending_bytes >= BYTES:
            self._write_row_group()
        return name

    def finish(self) -> None:
        self._write_row_group()
        self._writer.close()

    def _write_row_group(self) -> None:
        if self._pending:
            self._writer.write_table(pa.Table.from_pylist(self._pending, self._schema))
            self._pending = []
            self._pending_bytes = 0


def with_extras(extras: pa.Schema) -> pa.Schema:
    """The columns of a shard, with those that come along."""
    features = dict(_FEATURES)
    for field in extras:
        features[field.name] = _feature(field.type)
    metadata: dict[bytes | str, bytes | str] = {
        "huggingface": json.dumps({"info": {"features": features}})
    }
    return pa.schema([*SCHEMA, *extras], metadata=metadata)


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """The name that ``datasets`` has for a type."""
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    names = {"double": "float64"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}


def _leaves(schema: pa.Schema) -> list[str]:
    """The paths of the columns in a file: a list's values are one level down."""
    return [
        f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
        for field in schema
    ]


def extras_of_shard(source: ByteSource) -> pa.Schema:
    """The columns of a shard that came along. Raises ImageError if it is damaged."""
    try:
        schema = _open(source).schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _damaged(source, error) from error
    return pa.schema([field for field in schema if field.name not in SCHEMA.names])


def _open(source: ByteSource) -> pq.ParquetFile:
    reader = BlockReader(source, READ)
    # Arrow needs only a file that can be read and seeked, but its type says IOBase.
    return pq.ParquetFile(pa.PythonFile(cast("IOBase", reader), mode="r"))


def _damaged(source: ByteSource, error: Exception) -> ImageError:
    # Arrow's messages may have many lines.
    what, _, _ = str(error).partition("\n")
    return ImageError("corrupt", f"{source.uri} is damaged: {what[:200]}.")


def read_parquet_shard(source: ByteSource) -> Iterator[Sample]:
    """Yield the images of a shard in one pass, a row group at a time.

    Raises ImageError if the shard is damaged.
    """
    try:
        file = _open(source)
        if file.schema_arrow.names[: len(SCHEMA)] != SCHEMA.names:
            raise ImageError("corrupt", f"{source.uri} does not have the columns of a shard.")
        row = 0
        for group in range(file.num_row_groups):
            for values in file.read_row_group(group, use_threads=False).to_pylist():
                yield _sample(row, values)
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise _damaged(source, error) from error


def _sample(row: int, values: dict[str, Any]) -> Sample:
    # Any of these may be null in a file that is not ours or is damaged.
    image = values["image"] or {}
    data = image.get("bytes") or b""
    path = image.get("path") or ""
    facts = {name: values[name] for name in FACTS}
    known = {name: value for name, value in values.items() if value is not None}
    extras = {name: value for name, value in known.items() if name not in SCHEMA.names}
    return Sample(_row_name(row, path), path, data, facts, extras)


def _row_name(row: int, path: str) -> str:
    """The name by which the archive readers address the row: ``srgb/00000017-a~png.webp``."""
    folder, slash, file = path.rpartition("/")
    return f"{folder}{slash}{row:08d}-{file}"
