"""The data of an output as a file: the name's extension says which kind.

| data | names |
| --- | --- |
| bytes, text (UTF-8) | any |
| pixels: numpy arrays and Pillow's images | .jpg, .png, .webp, .avif, .tif |
| tables: of pyarrow, pandas, polars, and whatever hands out an Arrow stream; lists of dictionaries | .parquet, .csv, .tsv, .arrow, .feather, .json, .jsonl |
| other plain data | any other; written as JSON |
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.errors import JobError
from mrimage.report.tables.cells import write_csv

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES: Mapping[str, str] = {
    **{"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "webp": "webp", "avif": "avif"},
    **{"tif": "tiff", "tiff": "tiff"},
}
"""Encoders by extension."""

Made = tuple[bytes, int | None, int | None]
"""Bytes to write, and width and height in pixels of what is an image made from pixels."""


def encode_data(name: str, data: Any, *, quote_formulas: bool = True) -> Made:
    """The bytes of the output ``name``. Raises JobError for data that the name's extension does not fit."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data), None, None
    if isinstance(data, str):
        return data.encode(), None, None
    from mrimage.image.pixels import is_pixels

    extension = posixpath.splitext(name)[1].lower().lstrip(".")
    if is_pixels(data):
        return _encode_pixels(name, extension, data)
    if extension in IMAGES:
        raise _unfit(name, "pixels (a numpy array or an image of Pillow's) or bytes", data)
    table = _to_table(data, extension)
    if table is None:
        return _encode_plain(name, data), None, None
    if extension not in TABLES:
        raise JobError(
            f"Expected the name of an output with a table to end in {_listed(TABLES)}, but received {name!r}."
        )
    return TABLES[extension](table, quote_formulas), None, None


def _encode_pixels(name: str, extension: str, data: Any) -> Made:
    from mrimage.image.pixels import encode_pixels

    if extension not in IMAGES:
        raise JobError(
            f"Expected the name of an output with pixels to end in {_listed(IMAGES)}, but received {name!r}."
        )
    try:
        return encode_pixels(data, IMAGES[extension])
    except ValueError as error:
        raise JobError(f"Expected the pixels of output {name!r} as {error}.") from None


def _to_table(data: Any, extension: str) -> pa.Table | None:
    """The data as an Arrow table; None for what is none."""
    import pyarrow as pa

    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, pa.RecordBatchReader):
        return data.read_all()
    if isinstance(data, pa.Table):
        return data
    if type(data).__module__.partition(".")[0] == "pandas":
        return _from_pandas(data)
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    if hasattr(data, "__dataframe__"):
        from pyarrow.interchange.from_dataframe import from_dataframe

        table: pa.Table = from_dataframe(data)
        return table
    is_rows = isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data)
    if is_rows and extension in TABLES and extension != "json":
        return _from_rows(data)
    return None


def _from_pandas(data: Any) -> pa.Table:
    """A frame or a series. An index that counts the rows is left out, any other becomes columns, as in ``reset_index``."""
    import pyarrow as pa

    frame = data if hasattr(data, "columns") else data.to_frame()
    counts = type(frame.index).__name__ == "RangeIndex" and frame.index.name is None
    return pa.Table.from_pandas(frame if counts else frame.reset_index(), preserve_index=False)


def _from_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows with a column for every name that occurs in any of them, in the order of their first occurrence."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    try:
        return pa.table({str(name): [_known(row.get(name)) for row in rows] for name in names})
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise JobError(
            f"Expected rows whose values have one type in each column, but received others ({error})."
        ) from None


def _known(value: Any) -> Any:
    """numpy's scalars and paths as what Arrow knows."""
    return _builtin(value) if isinstance(value, PurePath) or hasattr(value, "dtype") else value


def _parquet(table: pa.Table, quote_formulas: bool) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    # pandas leaves notes about itself in the schema, with its version: other bytes for the same table.
    pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
    return buffer.getvalue()


def _arrow(table: pa.Table, quote_formulas: bool) -> bytes:
    import pyarrow as pa

    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, table.schema.remove_metadata()) as writer:
        writer.write_table(table.replace_schema_metadata(None))
    return buffer.getvalue()


def _csv(table: pa.Table, quote_formulas: bool) -> bytes:
    return write_csv(_cells(table), quote_formulas=quote_formulas).encode()


def _tsv(table: pa.Table, quote_formulas: bool) -> bytes:
    return write_csv(_cells(table), quote_formulas=quote_formulas, delimiter="\t").encode()


def _json(table: pa.Table, quote_formulas: bool) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_rows(table), enc_hook=_builtin)) + b"\n"


def _json_lines(table: pa.Table, quote_formulas: bool) -> bytes:
    return b"".join(msgspec.json.encode(row, enc_hook=_builtin) + b"\n" for row in _rows(table))


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Dictionaries by column; two columns of one name would be one."""
    if len(set(table.column_names)) < table.num_columns:
        raise JobError(
            f"Expected a name of its own for each column of a table, but received {table.column_names}."
        )
    return table.to_pylist()


def _cells(table: pa.Table) -> Iterator[list[object]]:
    yield list(table.column_names)
    for row in _rows(table):
        yield [_cell(value) for value in row.values()]


def _cell(value: object) -> object:
    return (
        msgspec.json.encode(value, enc_hook=_builtin).decode()
        if isinstance(value, list | dict)
        else value
    )


TABLES: Mapping[str, Callable[[pa.Table, bool], bytes]] = {
    **{"parquet": _parquet, "csv": _csv, "tsv": _tsv, "arrow": _arrow, "feather": _arrow},
    **{"json": _json, "jsonl": _json_lines, "ndjson": _json_lines},
}
"""Writers of tables by extension."""


def _encode_plain(name: str, data: Any) -> bytes:
    try:
        text = msgspec.json.encode(data, order="sorted", enc_hook=_builtin)
    except (TypeError, ValueError, RecursionError) as error:
        what = (
            "bytes, text, pixels (numpy or Pillow), a table (pyarrow, pandas, polars) or plain data"
        )
        raise _unfit(name, what, data, f" ({error})") from None
    return msgspec.json.format(text) + b"\n"


def _builtin(value: Any) -> Any:
    """What JSON knows, from what it does not. Raises TypeError for what has no form there."""
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _unfit(name: str, expected: str, data: object, why: str = "") -> JobError:
    return JobError(
        f"Expected the data of output {name!r} as {expected}, but received {type(data).__name__}{why}."
    )


def _listed(extensions: Mapping[str, object]) -> str:
    *most, last = (f".{extension}" for extension in extensions)
    return f"{', '.join(most)} or {last}"
