"""The columns of every table of a run. Their names are part of the contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import pyarrow as pa

from mrimage.image import EXTRACTORS, Metadata
from mrimage.tables.column_types import Columns

ARROW_TYPES: Mapping[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int32(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("ms"),
    list[str]: pa.list_(pa.string()),
}
"""Arrow types of the values of Metadata and of the extractors."""


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


PLACE = pa.struct(
    [
        ("archive", pa.string()),
        ("size", pa.int64()),
        ("version", pa.string()),
        ("offset", pa.int64()),
        ("packed", pa.int64()),
        ("method", pa.int32()),
        ("checksum", pa.int64()),
        ("column", pa.string()),
    ]
)
"""Where an archive keeps a member (``types.MemberPlace``); null for any other entry."""

FAULT = pa.struct([("reason", pa.string()), ("message", pa.string())])
"""Why an entry cannot be read (``types.Fault``); null if no reason is known."""

LISTING = _schema(
    uri=pa.string(),
    path=pa.string(),
    size=pa.int64(),
    version=pa.string(),
    place=PLACE,
    fault=FAULT,
    file=pa.string(),
    is_link=pa.bool_(),
    fields=pa.string(),
)
"""The source as it was listed: one row per ``types.Entry``."""

GAIN_MAPS = _schema(gain_map_kept=pa.bool_())
"""The catalogue column that says whether the edited image still has its source's gain map."""

KNOWN = _schema(uri=pa.string(), size=pa.int64(), version=pa.string(), file=pa.string())
"""The catalogue columns that identify an entry and its version, and names of the same file."""

IDENTITY = KNOWN.append(pa.field("fields", pa.string()))
"""KNOWN with the source's own columns, as JSON. The tables of map have them in this form, because
the types of the columns may change when the source grows. (See ``source_columns``.)"""

COUNTED = KNOWN.append(pa.field("status", pa.string()))
"""KNOWN with the status. The tables of map also have rows for files that turned out not to be
images; their status is ``ignored``."""

RECORDS = _schema(
    key=pa.string(),
    uri=pa.string(),
    seq=pa.int32(),
    value=pa.binary(),
    # These columns let a reducer read exactly the version of the image that was mapped.
    path=pa.string(),
    size=pa.int64(),
    version=pa.string(),
    place=PLACE,
    # The shuffle plan adds these up per key.
    images=pa.int64(),
    bytes=pa.int64(),
    pixels=pa.int64(),
    digest=pa.uint64(),
)
"""What map emits: one row per value of a key."""

OUTPUTS = _schema(
    uri=pa.string(),
    key=pa.string(),
    output=pa.string(),
    width=pa.int32(),
    height=pa.int32(),
    bytes=pa.int64(),
    sha256=pa.string(),
)
"""The lineage: one row per output (``types.OutputRow``)."""

REMOVED = _schema(output=pa.string())
"""Outputs that were deleted because their images are gone or have changed."""

QUARANTINE = _schema(uri=pa.string(), stage=pa.string(), reason=pa.string(), message=pa.string())
"""Images that failed (``types.Failure``)."""

GROUPS = _schema(
    key=pa.string(),
    images=pa.int64(),
    bytes=pa.int64(),
    pixels=pa.int64(),
    records=pa.int64(),
)
"""One row per key, with sizes."""

WEIGHED = _schema(
    key=pa.string(),
    images=pa.int64(),
    bytes=pa.int64(),
    pixels=pa.int64(),
    records=pa.int64(),
    fingerprint=pa.string(),
)
"""GROUPS before reduce. The fingerprint is a hash of the key's records: it changes with them."""

DONE_GROUPS = _schema(key=pa.string(), fingerprint=pa.string())
"""Keys that a reduce task has reduced, with the fingerprints of their records at that time."""

MEMBERS = _schema(key=pa.string(), uri=pa.string())
"""The images of each group."""

MAPPED_MEMBERS = _schema(key=pa.string(), uri=pa.string(), bytes=pa.int64(), pixels=pa.int64())
"""MEMBERS with sizes. Map writes them before a combiner merges the values of several images."""

DUPLICATES = _schema(
    cluster=pa.int32(),
    uri=pa.string(),
    keep=pa.bool_(),
    kind=pa.string(),
    distance=pa.int32(),
    pixels=pa.int64(),
    bytes=pa.int64(),
)
"""One row per image that has a duplicate in its group. ``reducers.duplicates`` describes the
columns."""

THUMBNAILS = _schema(
    uri=pa.string(), width=pa.int32(), height=pa.int32(), jpeg=pa.binary(), webp=pa.int64()
)
"""Pictures for the report. Where ``webp`` is set, there is no picture: it is the size in bytes of
the whole image in that format."""


def catalogue_schema(extract: Sequence[str], more: Columns = ()) -> pa.Schema:
    """The catalogue's columns: those of the entry and the header, ``gain_map_kept``, those of
    the extractors in the given order, and ``more``.

    ``gain_map_kept`` is null if the source has no gain map, or if the job has no edits.
    """
    return _catalogue_schema(tuple(extract), more)


def mapped_schema(extract: Sequence[str], more: Columns = ()) -> pa.Schema:
    """The columns of the catalogue's parts that map commits."""
    return catalogue_schema(extract, more).append(IDENTITY.field("fields"))


@lru_cache(maxsize=8)
def schema_of_columns(columns: Columns) -> pa.Schema:
    """The schema of columns whose types have names."""
    return pa.schema([(name, _arrow_type_named(kind)) for name, kind in columns])


def _arrow_type_named(kind: str) -> pa.DataType:
    if kind.startswith("list<"):
        return pa.list_(_NAMED_TYPES[kind.removeprefix("list<").removesuffix(">")])
    return _NAMED_TYPES[kind]


_NAMED_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp[ms]": pa.timestamp("ms"),
}


@lru_cache(maxsize=8)
def _catalogue_schema(extract: tuple[str, ...], more: Columns) -> pa.Schema:
    columns: dict[str, pa.DataType] = {field.name: field.type for field in KNOWN}
    columns["path"] = pa.string()
    columns["keys"] = pa.list_(pa.string())
    columns["status"] = pa.string()
    columns["reason"] = pa.string()
    hints = get_type_hints(Metadata)
    for field in dataclasses.fields(Metadata):
        columns[field.name] = _arrow_type(hints[field.name])
    columns["gain_map_kept"] = pa.bool_()
    for name in extract:
        for column, hint in EXTRACTORS[name].columns.items():
            columns[column] = _arrow_type(hint)
    return pa.schema([*columns.items(), *schema_of_columns(more)])


def _arrow_type(hint: Any) -> pa.DataType:
    if hint in ARROW_TYPES:
        return ARROW_TYPES[hint]
    # Any other hint is an optional one, such as ``int | None``: every column can hold nulls.
    (type_if_present,) = [arg for arg in get_args(hint) if arg is not type(None)]
    return ARROW_TYPES[type_if_present]
