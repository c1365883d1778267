"""Lists as sources: each row names an image, or an archive of images, somewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mrimage.source.named import broken, named_entry
from mrimage.source.scan import Scan
from mrimage.source.shards import list_shard
from mrimage.storage import open_uri
from mrimage.storage.lists import read_rows, split_column
from mrimage.storage.names import is_shard, path_if_local
from mrimage.types import Entry


def list_rows(source: str, scan: Scan) -> Iterator[Entry]:
    """The entries of a list. A name without a scheme is taken from the list's own folder.

    Whoever wrote a name into a list meant it, so every row is an entry, whatever its extension; ``--include`` and
    ``--exclude`` still hold. Empty rows and comments are ignored. A row that cannot be read is an entry too, with a
    fault.
    """
    place, column = split_column(source)
    path = path_if_local(place)
    file = open_uri(place if path is None else os.path.abspath(path), scan.settings)  # noqa: PTH100 - keeps links
    for row in read_rows(file, column):
        uri = f"{file.uri}!/{row.number}"
        if row.ignored:
            scan.on_ignored(uri, row.ignored)
            continue
        if row.fault:
            yield broken(uri, str(row.number), "", row.fault)
            continue
        entry = named_entry(file.uri, column, row.number, row.text)
        if not scan.selection.allows(entry.path):
            scan.on_ignored(entry.path, "excluded")
        elif is_shard(entry.uri) and not entry.fault:
            yield from list_shard(entry, entry.path, scan)
        else:
            yield entry
