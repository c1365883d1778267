"""Opening entries: plain calls for local files, bounded reading ahead for remote ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mrimage.storage import open_uri
from mrimage.storage.local import LocalSource
from mrimage.storage.names import local_path, scheme
from mrimage.types import ByteSource, Entry


def open_entry(entry: Entry) -> ByteSource:
    """The bytes of ``entry``; where the store tells for free, a read of another version than the listed one raises
    ImageError("changed"), and of a missing one ImageError("vanished")."""
    if scheme(entry.uri) == "file":
        return LocalSource(entry.uri, local_path(entry.uri), (entry.size, entry.version))
    return open_uri(entry.uri)


def read_ahead(entries: Iterable[Entry], whole: bool) -> Iterator[tuple[Entry, ByteSource]]:
    """Each entry with its bytes, in the same order. ``whole`` says that the caller will read all of each, not only
    the header."""
    for entry in entries:
        yield entry, open_entry(entry)
