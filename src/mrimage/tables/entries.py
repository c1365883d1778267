"""Conversion between entries and rows of tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from mrimage.storage.fields import decode_fields, encode_fields
from mrimage.tables.schemas import FAULT, LISTING, PLACE
from mrimage.types import Entry, Fault, MemberPlace


def to_listing(entries: list[Entry]) -> pa.Table:
    """The entries as a table with the schema LISTING."""
    faults = [asdict(entry.fault) if entry.fault else None for entry in entries]
    columns: dict[str, Any] = {
        "uri": [entry.uri for entry in entries],
        "path": [entry.path for entry in entries],
        "size": [entry.size for entry in entries],
        "version": [entry.version for entry in entries],
        "place": places_of(entries),
        "fault": pa.array(faults, FAULT),
        "file": [entry.file for entry in entries],
        "is_link": [entry.is_link for entry in entries],
        "fields": [encode_fields(entry.fields) for entry in entries],
    }
    return pa.table(columns, LISTING)


def from_listing(row: Mapping[str, Any]) -> Entry:
    """The entry in a row of a LISTING table."""
    fault = Fault(**row["fault"]) if row["fault"] else None
    return Entry(
        uri=row["uri"],
        path=row["path"],
        size=row["size"],
        version=row["version"],
        place=place_of(row["place"]),
        fault=fault,
        file=row["file"],
        is_link=row["is_link"],
        fields=decode_fields(row["fields"]),
    )


def places_of(entries: Iterable[Entry]) -> pa.Array[Any]:
    """The column ``place`` for the entries; null for an entry that is not an archive's member."""
    places = [asdict(entry.place) if entry.place else None for entry in entries]
    return pa.array(places, PLACE)


def place_of(value: Mapping[str, Any] | None) -> MemberPlace | None:
    """The place in a cell of the column ``place``; None if the cell is null."""
    return MemberPlace(**value) if value else None
