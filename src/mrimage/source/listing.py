"""Listing a source: a folder or a single file becomes a stream of entries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mrimage.errors import SourceError, StoreError
from mrimage.source.selection import Selection
from mrimage.storage.local import LocalStore, file_version
from mrimage.storage.names import local_path, local_uri, printable
from mrimage.types import Entry


def list_entries(source: str, selection: Selection, on_ignored: Callable[[str], None]) -> Iterator[Entry]:
    """Every image of ``source``, streamed in no promised order; ``on_ignored`` hears each file that is no entry.

    Raises SourceError where the source is missing or a part of it cannot be listed: an image that cannot be seen
    would be lost without a trace otherwise.
    """
    try:
        yield from _list_local(local_path(source), selection, on_ignored)
    except StoreError as error:
        raise SourceError(f"Cannot list the source: {error}") from error


def _list_local(source: str, selection: Selection, on_ignored: Callable[[str], None]) -> Iterator[Entry]:
    place = os.path.abspath(source)  # noqa: PTH100 - resolve() would follow links
    if Path(place).is_file():
        yield _single(place)
        return
    store = LocalStore(place)
    prefix = "" if place == "/" else place
    for item in store.walk(enter=selection.enters, skipped=on_ignored):
        if selection.takes(item.path):
            path = item.path if item.path.isascii() else printable(item.path)
            yield Entry(local_uri(f"{prefix}/{item.path}"), path, item.size, item.version)
        else:
            on_ignored(item.path)


def _single(place: str) -> Entry:
    status = Path(place).stat()
    name = place.rpartition("/")[2]
    return Entry(local_uri(place), printable(name), status.st_size, file_version(status))
