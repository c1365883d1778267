"""Lists as sources: each row names an image, or an archive of images, somewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin

from mrimage.source.selection import Selection
from mrimage.source.shards import broken, list_shard
from mrimage.storage import BACKENDS, open_uri, redact
from mrimage.storage.lists import read_rows, split_column
from mrimage.storage.local import file_version
from mrimage.storage.names import is_shard, local_path, local_uri, plain_path, printable, scheme
from mrimage.types import Entry

_WEB = ("http", "https")


def list_rows(
    source: str, selection: Selection, on_ignored: Callable[[str], None]
) -> Iterator[Entry]:
    """The entries of a list. A name without a scheme is taken from the list's own folder.

    Whoever wrote a name into a list meant it, so every row is an entry, whatever its extension; ``--include`` and
    ``--exclude`` still hold. Size and version of what is not on this machine are not asked for: 0 and empty.
    """
    place, column = split_column(source)
    file = open_uri(os.path.abspath(local_path(place)) if scheme(place) == "file" else place)  # noqa: PTH100
    for number, text in read_rows(file, column):
        entry = _entry(file.uri, column, number, text)
        if not selection.allows(entry.path):
            on_ignored(entry.path)
        elif is_shard(entry.uri):
            yield from list_shard(entry, entry.path, selection, on_ignored)
        else:
            yield entry


def _entry(place: str, column: str | None, number: int, text: str) -> Entry:
    kind = scheme(text)
    if kind != "file":
        return _remote(place, column, number, text)
    if scheme(place) in _WEB:
        if text.lower().startswith("file:"):
            return _refused(
                f"{place}!/{number}", "a list from the web may not name files of this machine", text
            )
        return _remote(place, column, number, urljoin(place, text))
    if scheme(place) != "file":
        if text.startswith(("/", "file:")):
            return _local(text, "")
        return _remote(place, column, number, f"{place.rpartition('/')[0]}/{text}")
    return _local(text, os.path.dirname(local_path(place)))  # noqa: PTH120 - a name, byte for byte


def _remote(place: str, column: str | None, number: int, url: str) -> Entry:
    kind = scheme(url)
    shown = printable(redact(url))
    if kind in _WEB:
        name = shown.replace("://", ":", 1)
        if redact(url) == url:
            return Entry(shown, name, 0, "")
        # The secret stays in the list: the entry says which row has it.
        where = f"{place}#{column}" if column else place
        return Entry(f"{where}!/{number}/{shown}", f"{number}:{name}", 0, "")
    bucket = url.partition("://")[2].partition("/")[0]
    if kind in BACKENDS and kind not in ("hdfs", "viewfs") and (not bucket or "@" in bucket):
        return _refused(f"{place}!/{number}", f"an object is named {kind}://bucket/name", shown)
    if kind in BACKENDS:
        return Entry(shown, shown.replace("://", ":", 1), 0, "")
    return _refused(f"{place}!/{number}", f"{kind} is no scheme of a place for images", shown)


def _local(text: str, folder: str) -> Entry:
    path = os.path.normpath(os.path.join(folder, local_path(text)))  # noqa: PTH118
    inside = bool(folder) and path.startswith(folder.rstrip("/") + "/")
    name = plain_path(path[len(folder.rstrip("/")) + 1 :]) if inside else f"file:{printable(path)}"
    if ":" in name.partition("/")[0] and inside:
        name = f"./{name}"  # not to be taken for a url's
    try:
        status = Path(path).stat()
    except OSError:
        return Entry(local_uri(path), name, 0, "missing")
    return Entry(local_uri(path), name, status.st_size, file_version(status))


def _refused(uri: str, why: str, text: str) -> Entry:
    return broken(
        uri, uri.rpartition("/")[2], "unreadable", "", f"{printable(redact(text))}: {why}."
    )
