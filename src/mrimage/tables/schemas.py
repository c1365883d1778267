"""The tables of a run, column by column. Names are part of the contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args, get_type_hints

import pyarrow as pa

from mrimage.image import EXTRACTORS, Metadata

ARROW_TYPES: Mapping[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int32(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("ms"),
    list[str]: pa.list_(pa.string()),
}


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


LISTING = _schema(uri=pa.string(), path=pa.string(), size=pa.int64(), version=pa.string())

KNOWN = _schema(uri=pa.string(), size=pa.int64(), version=pa.string())
"""What of a catalogue row says whether an entry is the one that was mapped."""

RECORDS = _schema(
    key=pa.string(),
    uri=pa.string(),
    seq=pa.int32(),
    value=pa.binary(),
    # Below: what the plan adds up per key, and what a reducer needs to read the very image that was mapped.
    path=pa.string(),
    size=pa.int64(),
    version=pa.string(),
    images=pa.int64(),
    bytes=pa.int64(),
    pixels=pa.int64(),
    digest=pa.uint64(),
)

OUTPUTS = _schema(
    uri=pa.string(),
    key=pa.string(),
    output=pa.string(),
    width=pa.int32(),
    height=pa.int32(),
    bytes=pa.int64(),
    sha256=pa.string(),
)

REMOVED = _schema(output=pa.string())

QUARANTINE = _schema(uri=pa.string(), stage=pa.string(), reason=pa.string(), message=pa.string())

GROUPS = _schema(
    key=pa.string(),
    images=pa.int64(),
    bytes=pa.int64(),
    pixels=pa.int64(),
    records=pa.int64(),
)

WEIGHED = _schema(
    key=pa.string(),
    images=pa.int64(),
    bytes=pa.int64(),
    pixels=pa.int64(),
    records=pa.int64(),
    fingerprint=pa.string(),
)
"""A key before it is reduced; the fingerprint names the content of its records."""

DONE_GROUPS = _schema(key=pa.string(), fingerprint=pa.string())

MEMBERS = _schema(key=pa.string(), uri=pa.string())

DUPLICATES = _schema(
    cluster=pa.int32(),
    uri=pa.string(),
    keep=pa.bool_(),
    kind=pa.string(),
    distance=pa.int32(),
    pixels=pa.int64(),
    bytes=pa.int64(),
)
"""A row for each image of a group that has a duplicate there; what each column says stands at its reducer."""

THUMBNAILS = _schema(
    uri=pa.string(), width=pa.int32(), height=pa.int32(), jpeg=pa.binary(), webp=pa.int64()
)
"""Pictures for the report; or, with ``webp``, the bytes that an image takes in that format at its full size."""


def catalogue_schema(extract: Sequence[str]) -> pa.Schema:
    """The catalogue's columns: the entry's, the header's, then those of the extractors in the order given."""
    hints = get_type_hints(Metadata)
    columns: dict[str, pa.DataType] = {
        "uri": pa.string(),
        "size": pa.int64(),
        "version": pa.string(),
    }
    columns |= {"status": pa.string(), "reason": pa.string()}
    columns |= {
        field.name: _arrow_type(hints[field.name]) for field in dataclasses.fields(Metadata)
    }
    for name in extract:
        columns |= {column: _arrow_type(kind) for column, kind in EXTRACTORS[name].columns.items()}
    return _schema(**columns)


def _arrow_type(hint: Any) -> pa.DataType:
    if hint in ARROW_TYPES:
        return ARROW_TYPES[hint]
    (kind,) = [arg for arg in get_args(hint) if arg is not type(None)]
    return ARROW_TYPES[kind]
