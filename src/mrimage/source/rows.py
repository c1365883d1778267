"""Lists as sources: each row names an image or an archive of images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from mrimage.source.named import broken, named_entry, public_fields
from mrimage.source.scan import Scan
from mrimage.source.shards import list_shard
from mrimage.storage import open_uri
from mrimage.storage.lists import Row, read_rows, split_column
from mrimage.storage.names import is_shard, path_if_local
from mrimage.types import Entry


def list_rows(source: str, scan: Scan) -> Iterator[Entry]:
    """Yield the entries of a list. A name without a scheme is relative to the list's folder.

    A person chose each name, so every row is an entry, whatever its extension. Only ``--include``
    and ``--exclude`` apply. Empty rows and comments are ignored. A row that cannot be read is an
    entry with a fault.
    """
    list_uri, column = split_column(source)
    path = path_if_local(list_uri)
    if path is not None:
        list_uri = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
    file = open_uri(list_uri, scan.settings)
    yield from _entries_of(read_rows(file, column), file.uri, column, scan)


def list_names(source: str, names: Iterable[str], scan: Scan) -> Iterator[Entry]:
    """Yield the entries of names on standard input, as of the rows of a list at ``source``."""
    rows = (
        Row(number, name) if name else Row(number, name, ignored="empty row")
        for number, name in enumerate(names)
    )
    yield from _entries_of(rows, source, None, scan)


def _entries_of(
    rows: Iterable[Row], list_uri: str, column: str | None, scan: Scan
) -> Iterator[Entry]:
    for row in rows:
        row_uri = f"{list_uri}!/{row.number}"
        if row.ignored:
            scan.on_ignored(row_uri, row.ignored)
            continue
        if row.fault:
            yield broken(row_uri, str(row.number), "", row.fault)
            continue
        entry = named_entry(list_uri, column, row.number, row.text)
        if not scan.selection.allows(entry.path):
            scan.on_ignored(entry.path, "excluded")
        elif is_shard(entry.uri) and not entry.fault:
            yield from list_shard(entry, entry.path, scan)
        else:
            yield replace(entry, fields=public_fields(row.fields))
