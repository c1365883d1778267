"""The columns of every table of a run. Their names are part of the contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import pyarrow as pa

from mrimage.image import EXTRACTORS, Metadata, Vector
from mrimage.tables.column_types import Columns

ARROW_TYPES: Mapping[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int32(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("ms"),
    list[str]: pa.list_(pa.string()),
    list[float]: pa.list_(pa.float64()),
}
"""Arrow types of the values of Metadata and of the extractors."""

_VECTOR_TYPES: Mapping[str, pa.DataType] = {
    "float16": pa.float16(),
    "float32": pa.float32(),
    "uint8": pa.uint8(),
}
"""Arrow types of the numbers of a Vector."""


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

CHOSEN = _schema(uri=pa.string(), size=pa.int64(), version=pa.string(), fields=pa.string())
"""The images of an earlier run that a job takes, with columns of that run as JSON."""

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

RULE_KEYS = _schema(key=pa.string(), rule=pa.int32())
"""Each key, and the index of the job's rule that applies to it; -1 if none does."""

STATISTICS = _schema(
    key=pa.string(),
    method=pa.string(),
    uri=pa.string(),
    # In time order, where that matters; else empty.
    rank=pa.string(),
    value=pa.binary(),
    # These columns let the second pass read exactly the version of the image that was mapped.
    path=pa.string(),
    size=pa.int64(),
    version=pa.string(),
    place=PLACE,
    # These go with its outputs: the source's own columns as JSON, and the carried ones.
    fields=pa.string(),
    carried=pa.binary(),
    digest=pa.string(),
)
"""What map learns for the second pass: one row per image and key under which it is to be edited
there. ``value`` is what the image contributes to its group's statistic, and ``method`` the
correction, or empty for the job's own ``each``."""

GOALS = _schema(
    key=pa.string(), method=pa.string(), uri=pa.string(), value=pa.binary(), digest=pa.string()
)
"""What the images of a group are to match: the group's statistic, or, with a ``uri``, a value for
this image alone."""

CURRENT_MEMBERS = _schema(
    split=pa.string(),
    key=pa.string(),
    method=pa.string(),
    uri=pa.string(),
    fingerprint=pa.string(),
)
"""What the second pass has to edit. ``split`` is the split of map that has the image, and the
fingerprint a hash of everything that the result depends on."""

SPLIT_GOALS = pa.schema([pa.field("split", pa.string()), *GOALS])
"""The GOALS that the images of each split need."""

EDITED = _schema(
    key=pa.string(),
    method=pa.string(),
    uri=pa.string(),
    fingerprint=pa.string(),
    failed=pa.bool_(),
    # What a group correction did: mean L*, a*, b*, and the share of pixels that it clipped.
    lightness_before=pa.float64(),
    a_before=pa.float64(),
    b_before=pa.float64(),
    lightness_after=pa.float64(),
    a_after=pa.float64(),
    b_after=pa.float64(),
    clipped=pa.float64(),
)
"""What the second pass has done: one row per image and key."""

CORRECTED = pa.schema([field for field in EDITED if field.name not in ("fingerprint", "failed")])
"""What group corrections did: one row per image and key."""

ROUND_PARTS = _schema(part=pa.string())
"""The parts of tables that a map task of a round has mapped."""

PROGRAM_ROUNDS = _schema(round=pa.string())
"""The rounds that a finished program has used, by name."""

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

FOUND_DUPLICATES = _schema(
    cluster=pa.int32(),
    uri=pa.string(),
    keep=pa.bool_(),
    reason=pa.string(),
    kind=pa.string(),
    score=pa.float64(),
    rectangle=pa.list_(pa.int32()),
    width=pa.int32(),
    height=pa.int32(),
    bytes=pa.int64(),
    saved=pa.int64(),
)
"""``duplicates.parquet``: one row per image that has a copy in the source, the one to keep first.

``reason`` says why the kept image is better than this one, or, in its own row, than the next.
``kind`` is how the image relates to the kept one, and null for that one: ``same-file`` (another
name of the file), ``exact``, ``same-pixels``, ``re-encoded``, ``resized``, ``toned``, ``mirrored``,
``turned 90`` and so on, ``cropped`` (a part of the kept one), ``pasted`` (the kept one is a part of
it). ``score`` is the correlation of details, 0..1. ``rectangle`` is left, top, width and height of
the smaller picture in the larger, in pixels. ``saved`` is the bytes that are free without it.
"""

FINDINGS = _schema(
    uri=pa.string(),
    kind=pa.string(),
    score=pa.float64(),
    threshold=pa.float64(),
    evidence=pa.string(),
)
"""What is wrong with images: one row per finding. ``tables.findings`` describes the kinds."""

THUMBNAILS = _schema(
    uri=pa.string(), width=pa.int32(), height=pa.int32(), jpeg=pa.binary(), webp=pa.int64()
)
"""Pictures for the report. Where ``webp`` is set, there is no picture: it is the size in bytes of
the whole image in that format."""


def catalogue_schema(
    extract: Sequence[str], embedding_length: int = 0, more: Columns = ()
) -> pa.Schema:
    """The catalogue's columns: those of the entry and the header, ``gain_map_kept``, those of
    the extractors in the given order, and ``more``.

    ``gain_map_kept`` is null if the source has no gain map, or if the job has no edits. The job's
    model gives embeddings of ``embedding_length`` numbers.
    """
    return _catalogue_schema(tuple(extract), embedding_length, more)


def mapped_schema(
    extract: Sequence[str], embedding_length: int = 0, more: Columns = ()
) -> pa.Schema:
    """The columns of the catalogue's parts that map commits."""
    return catalogue_schema(extract, embedding_length, more).append(IDENTITY.field("fields"))


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
def _catalogue_schema(extract: tuple[str, ...], embedding_length: int, more: Columns) -> pa.Schema:
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
            if isinstance(hint, Vector) and not hint.length:
                hint = Vector(embedding_length, hint.dtype)
            columns[column] = _arrow_type(hint)
    return pa.schema([*columns.items(), *schema_of_columns(more)])


def _arrow_type(hint: Any) -> pa.DataType:
    if isinstance(hint, Vector):
        return pa.list_(_VECTOR_TYPES[hint.dtype], hint.length)
    if hint in ARROW_TYPES:
        return ARROW_TYPES[hint]
    # Any other hint is an optional one, such as ``int | None``: every column can hold nulls.
    (type_if_present,) = [arg for arg in get_args(hint) if arg is not type(None)]
    return ARROW_TYPES[type_if_present]
