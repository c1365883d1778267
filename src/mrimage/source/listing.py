"""Listing a source: a folder, a bucket, a list or an archive becomes a stream of entries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mrimage.errors import (
    DeniedError,
    ImageError,
    NotFoundError,
    SourceError,
    StoreError,
    UsageError,
)
from mrimage.source.earlier import EarlierRuns, OnEarlier, nobody
from mrimage.source.rows import list_rows
from mrimage.source.selection import EXTENSIONS, Selection
from mrimage.source.shards import list_shard
from mrimage.storage import open_object, open_store, redact
from mrimage.storage.lists import is_list
from mrimage.storage.local import LocalStore, file_version
from mrimage.storage.names import (
    SHARD_SUFFIXES,
    is_shard,
    local_path,
    local_uri,
    plain_path,
    scheme,
    suffix,
)
from mrimage.types import Entry

OnIgnored = Callable[[str], None]


def list_entries(
    source: str, selection: Selection, on_ignored: OnIgnored, on_earlier: OnEarlier = nobody
) -> Iterator[Entry]:
    """Every image of ``source``, streamed in no promised order; ``on_ignored`` hears each file that is no entry, and
    ``on_earlier`` the folder of each file that an earlier run wrote there.

    A source is a folder, an object store's prefix, an HDFS directory, a list, an archive, or a single image. An
    archive that lies in a folder is like a folder itself: its members are entries.

    Raises SourceError where the source is missing or a part of it cannot be listed: an image that cannot be seen
    would be lost without a trace otherwise.
    """
    if redact(source) != source:
        advice = "Set them in the environment"
        if scheme(source) in ("http", "https"):
            advice = "Put the url into a list (urls.txt) and name that"
        elif scheme(source) in ("az", "azure", "abfs", "abfss"):
            advice = "Name the container as az://container/folder, and its account in AZURE_STORAGE_ACCOUNT_NAME"
        raise UsageError(
            f"Expected SOURCE without credentials, but received {redact(source)}: it would be kept in OUT. {advice}."
        )
    try:
        yield from _list(source, selection, on_ignored, on_earlier)
    except (StoreError, ImageError) as error:
        advice = (
            " Leave it out with --exclude, or make it readable."
            if isinstance(error, DeniedError)
            else ""
        )
        raise SourceError(f"Cannot list the source: {error}{advice}") from error


def _list(
    source: str, selection: Selection, on_ignored: OnIgnored, on_earlier: OnEarlier
) -> Iterator[Entry]:
    kind = scheme(source)
    if kind == "file" and not is_list(source):
        yield from _list_local(local_path(source), selection, on_ignored, on_earlier)
    elif kind == "file" and Path(local_path(source)).is_dir():  # a folder may be called photos.txt
        yield from _list_folder(
            os.path.abspath(local_path(source)), selection, on_ignored, on_earlier
        )  # noqa: PTH100
    elif is_list(source):
        yield from list_rows(source, selection, on_ignored)
    elif kind in ("http", "https"):
        yield from _single(Entry(source, _last(source), 0, ""), selection, on_ignored)
    else:
        yield from _list_remote(source, selection, on_ignored, on_earlier)


def _list_local(
    source: str, selection: Selection, on_ignored: OnIgnored, on_earlier: OnEarlier
) -> Iterator[Entry]:
    place = os.path.abspath(source)  # noqa: PTH100 - resolve() would follow links
    if Path(place).is_file():
        status = Path(place).stat()
        entry = Entry(
            local_uri(place), plain_path(_last(place)), status.st_size, file_version(status)
        )
        yield from _single(entry, selection, on_ignored)
    else:
        yield from _list_folder(place, selection, on_ignored, on_earlier)


def _list_folder(
    place: str, selection: Selection, on_ignored: OnIgnored, on_earlier: OnEarlier
) -> Iterator[Entry]:
    prefix = "" if place == "/" else place
    store = LocalStore(place)
    earlier = EarlierRuns(store, on_earlier)
    for item in store.walk(enter=selection.enters, skipped=on_ignored):
        if earlier.wrote(item.path):
            continue
        if item.path.endswith(SHARD_SUFFIXES) or is_shard(item.path):
            entry = Entry(
                local_uri(f"{prefix}/{item.path}"), plain_path(item.path), item.size, item.version
            )
            yield from _enter(entry, selection, on_ignored)
        elif selection.takes(item.path):
            yield Entry(
                local_uri(f"{prefix}/{item.path}"), plain_path(item.path), item.size, item.version
            )
        else:
            on_ignored(item.path)


def _list_remote(
    source: str, selection: Selection, on_ignored: OnIgnored, on_earlier: OnEarlier
) -> Iterator[Entry]:
    """A prefix or a directory; or a single object, which is looked for first where the name is like one's."""
    if suffix(source) in EXTENSIONS or is_shard(source):
        try:
            entry = _stat(source)
        except NotFoundError:
            pass
        else:
            yield from _single(entry, selection, on_ignored)
            return
    store = open_store(source)
    earlier = EarlierRuns(store, on_earlier)
    for item in store.list():
        if selection.reaches(item.path) and earlier.wrote(item.path):
            continue
        entry = Entry(store.uri(item.path), item.path, item.size, item.version)
        if is_shard(item.path) and selection.reaches(item.path):
            yield from _enter(entry, selection, on_ignored)
        elif selection.admits(item.path):
            yield entry
        elif selection.reaches(item.path):
            on_ignored(item.path)


def _stat(source: str) -> Entry:
    folder, _, name = source.rpartition("/")
    if folder.endswith("/"):  # s3://photos.zip is a bucket
        raise NotFoundError(f"{source} names no object.")
    item = open_store(folder).stat(name)
    return Entry(source, name, item.size, item.version)


def _single(entry: Entry, selection: Selection, on_ignored: OnIgnored) -> Iterator[Entry]:
    """A source that is one file: an image by any name, or an archive, whose members' names begin at its own top."""
    if scheme(entry.uri) in ("http", "https"):
        open_object(entry.uri, None).read(
            0, 1
        )  # a wrong url is told as such, and not as a bad image or archive
    if not is_shard(entry.uri):
        yield entry
        return
    empty = True
    for found in list_shard(entry, "", selection, on_ignored):
        empty = False
        yield found
    if empty and entry.uri.lower().endswith(".parquet"):
        raise SourceError(
            f"Expected images in {entry.uri}, but it has no rows with bytes. If a column names images, say which: "
            f"{entry.uri}#COLUMN."
        )


def _enter(entry: Entry, selection: Selection, on_ignored: OnIgnored) -> Iterator[Entry]:
    """An archive in a folder, unless --exclude or its hidden name keeps it out."""
    if selection.enters(entry.path):
        yield from list_shard(entry, entry.path, selection, on_ignored)
    else:
        on_ignored(entry.path)


def _last(source: str) -> str:
    return source.rstrip("/").rpartition("/")[2]
