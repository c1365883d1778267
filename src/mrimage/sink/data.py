"""Encode the data of an output as a file. The extension of its name decides how.

| data | names |
| --- | --- |
| bytes, text (UTF-8) | any |
| pixels: numpy arrays and Pillow's images | .jpg, .png, .webp, .avif, .tif |
| tables (``_to_table``) | .parquet, .csv, .tsv, .arrow, .feather, .json, .jsonl, .ndjson |
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
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "png": "png",
    "webp": "webp",
    "avif": "avif",
    "tif": "tiff",
    "tiff": "tiff",
}
"""Names of encoders by extension."""

Made = tuple[bytes, int | None, int | None]
"""The bytes to write, and width and height in pixels if they were encoded from pixels."""


def encode_data(name: str, data: Any, *, quote_formulas: bool = True) -> Made:
    """Encode the data of the output ``name``.

    Raises JobError if the data does not fit the name's extension.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data), None, None
    if isinstance(data, str):
        return data.encode(), None, None
    from mrimage.image.pixels import is_pixels

    extension = posixpath.splitext(name)[1].lower().lstrip(".")
    if is_pixels(data):
        return _encode_pixels(name, extension, data)
    if extension in IMAGES:
        raise _unfit(name, "pixels (a numpy array or a Pillow image) or bytes", data)
    table = _to_table(data, extension)
    if table is None:
        return _encode_plain(name, data), None, None
    if extension not in TABLES:
        raise _wrong_extension("a table", TABLES, name)
    return TABLES[extension](table, quote_formulas), None, None


def _encode_pixels(name: str, extension: str, data: Any) -> Made:
    from mrimage.image.pixels import encode_pixels

    if extension not in IMAGES:
        raise _wrong_extension("pixels", IMAGES, name)
    try:
        return encode_pixels(data, IMAGES[extension])
    except ValueError as error:
        raise JobError(f"The pixels of output {name!r} must be {error}.") from None


def _to_table(data: Any, extension: str) -> pa.Table | None:
    """The data as an Arrow table; None if it is not a table.

    Tables are those of pyarrow, pandas and polars, anything else that exports an Arrow stream, and
    lists of dictionaries.
    """
    import pyarrow as pa

    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, pa.RecordBatchReader):
        return data.read_all()
    if isinstance(data, pa.Table):
        return data
    # By the module's name, so that pandas need not be installed.
    if type(data).__module__.partition(".")[0] == "pandas":
        return _from_pandas(data)
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    if hasattr(data, "__dataframe__"):
        from pyarrow.interchange.from_dataframe import from_dataframe

        table: pa.Table = from_dataframe(data)
        return table
    is_rows = isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data)
    # In .json, a list of dictionaries stays plain data: its rows need not have the same types.
    if is_rows and extension in TABLES and extension != "json":
        return _from_rows(data)
    return None


def _from_pandas(data: Any) -> pa.Table:
    """The table of a frame or a series.

    An index without a name that numbers the rows is left out. Any other becomes columns, as in
    ``reset_index``.
    """
    import pyarrow as pa

    frame = data if hasattr(data, "columns") else data.to_frame()
    counts = type(frame.index).__name__ == "RangeIndex" and frame.index.name is None
    if not counts:
        frame = frame.reset_index()
    return pa.Table.from_pandas(frame, preserve_index=False)


def _from_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows as a table, with a column for every name that occurs, in order of occurrence."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    columns = {str(name): [_arrow_value(row.get(name)) for row in rows] for name in names}
    try:
        return pa.table(columns)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise JobError(
            "The rows of a table must have values of one type in each column, but these do not "
            f"({error})."
        ) from None


def _arrow_value(value: Any) -> Any:
    """The value, or what Arrow can store if it is a path or of numpy."""
    if isinstance(value, PurePath) or hasattr(value, "dtype"):
        return _builtin(value)
    return value


def _parquet(table: pa.Table, quote_formulas: bool) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    # The schema's metadata holds the version of pandas: equal tables would have other bytes.
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
    encoded = msgspec.json.encode(_rows(table), enc_hook=_builtin)
    return msgspec.json.format(encoded) + b"\n"


def _json_lines(table: pa.Table, quote_formulas: bool) -> bytes:
    lines = [msgspec.json.encode(row, enc_hook=_builtin) for row in _rows(table)]
    return b"".join(line + b"\n" for line in lines)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as dictionaries by column. Raises JobError if two columns have the same name."""
    if len(set(table.column_names)) < table.num_columns:
        raise JobError(
            "Every column of a table needs a name of its own, but the columns are "
            f"{table.column_names}."
        )
    return table.to_pylist()


def _cells(table: pa.Table) -> Iterator[list[object]]:
    yield list(table.column_names)
    for row in _rows(table):
        yield [_cell(value) for value in row.values()]


def _cell(value: object) -> object:
    """The value as a cell of CSV: lists and structs as JSON."""
    if isinstance(value, list | dict):
        return msgspec.json.encode(value, enc_hook=_builtin).decode()
    return value


TABLES: Mapping[str, Callable[[pa.Table, bool], bytes]] = {
    "parquet": _parquet,
    "csv": _csv,
    "tsv": _tsv,
    "arrow": _arrow,
    "feather": _arrow,
    "json": _json,
    "jsonl": _json_lines,
    "ndjson": _json_lines,
}
"""Encoders of tables by extension; the second argument is ``quote_formulas``."""


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
    """A built-in value for one that JSON does not know. Raises TypeError if there is none."""
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"JSON cannot hold a value of type {type(value).__name__}")


def _unfit(name: str, expected: str, data: object, why: str = "") -> JobError:
    got = f"{type(data).__name__}{why}"
    return JobError(f"The data of output {name!r} must be {expected}, but got {got}.")


def _wrong_extension(data: str, extensions: Mapping[str, object], name: str) -> JobError:
    *most, last = (f".{extension}" for extension in extensions)
    return JobError(
        f"The name of an output with {data} must end in {', '.join(most)} or {last}, "
        f"but got {name!r}."
    )
