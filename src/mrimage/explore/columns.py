"""Which columns of the catalogue the page filters by, what it calls them, and how each is binned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from mrimage.image.finding_names import MEASURED, OF_PILE

Kind = Literal["category", "number", "date", "many"]

UNFILTERED = frozenset(
    {
        "uri",
        "path",
        "version",
        "file",
        "sha256",
        "phash",
        "descriptor",
        "embedding",
        "mean_color",
        "dominant_colors",
        "facts_from",
        "taken_at_offset",
        "camera_make",
        "confidence",
        # Where the map has the image.
        "x",
        "y",
        # Each has a share or a score in the table of findings.
        *MEASURED,
        *OF_PILE,
    }
)
"""Columns that are no filter: names, hashes, vectors, and what another column says better."""

_TITLES = {
    "size": "File size",
    "color_space": "Color space",
    "bit_depth": "Bits per sample",
    "has_alpha": "Alpha",
    "icc_profile": "ICC profile",
    "dpi": "DPI",
    "taken_at": "Taken",
    "iso": "ISO",
    "exposure_time": "Exposure time",
    "f_number": "F-number",
    "focal_length": "Focal length",
    "gain_map": "HDR gain map",
    "gain_map_kept": "Gain map kept",
    "keys": "Group",
    "reason": "Reason for quarantine",
    "labels": "Labels",
}

_UNITS = {
    "size": "bytes",
    "width": "pixels",
    "height": "pixels",
    "exposure_time": "seconds",
    "focal_length": "mm",
    "taken_at": "date",
}

FOLDER = "CASE WHEN contains(path, '/') THEN regexp_replace(path, '/[^/]*$', '') ELSE '' END"
"""The folder of an image below its source, in SQL."""

DUPLICATE = (
    "CASE WHEN uri IN (SELECT uri FROM duplicates WHERE keep) THEN 'keep' "
    "WHEN uri IN (SELECT uri FROM duplicates) THEN 'drop' END"
)
"""Whether an image is the one to keep of its duplicates, in SQL."""

_FIRST = (
    "keys",
    "format",
    "color_space",
    "folder",
    "taken_at",
    "camera",
    "label",
    "labels",
    "findings",
    "duplicate",
    "cluster",
    "status",
    "reason",
    "width",
    "height",
    "size",
    "lens",
)
"""The order of the first filters; all others follow in the order of the catalogue."""


@dataclass(frozen=True)
class Column:
    """A column to filter by. ``sql`` is its expression over the catalogue, for ``--where``."""

    name: str
    title: str
    kind: Kind
    sql: str
    unit: str = ""

    @property
    def sortable(self) -> bool:
        return self.kind != "many"


def columns_of(schema: pa.Schema, tables: Sequence[str]) -> list[Column]:
    """Return the filters of a catalogue with this schema, in the order of the page.

    ``tables`` names the other tables that the run wrote.
    """
    found = [
        Column(field.name, title_of(field.name), kind, _quoted(field.name), _unit(field.name))
        for field in schema
        for kind in _kinds(field)
    ]
    if "path" in schema.names:
        found.append(Column("folder", "Folder", "category", FOLDER))
    if "findings" in tables:
        found.append(Column("findings", "Findings", "many", "findings"))
    if "duplicates" in tables:
        # Copies within groups are in files of their own, which SQL does not see.
        sql = DUPLICATE if "all duplicates" in tables else ""
        found.append(Column("duplicate", "Duplicate", "category", sql))
    places = {name: place for place, name in enumerate(_FIRST)}
    return sorted(found, key=lambda column: places.get(column.name, len(places)))


def title_of(name: str) -> str:
    """Return what the page calls a column."""
    words = name.replace("_", " ")
    return _TITLES.get(name, words[:1].upper() + words[1:])


def _unit(name: str) -> str:
    return _UNITS.get(name, "")


def _quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def _kinds(field: Any) -> list[Kind]:
    """The kind of the column's filter; none if it has no filter."""
    if field.name in UNFILTERED:
        return []
    if field.name == "cluster":
        # Numbers that only name something.
        return ["category"]
    type_ = field.type
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_boolean(type_):
        return ["category"]
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return ["number"]
    if pa.types.is_timestamp(type_):
        return ["date"]
    if pa.types.is_list(type_) and pa.types.is_string(type_.value_type):
        return ["many"]
    return []
