"""Listing a source: a folder, a bucket, a list or an archive becomes a stream of entries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mrimage.errors import (
    DeniedError,
    ImageError,
    NotFoundError,
    SourceError,
    StoreError,
    UsageError,
)
from mrimage.source.earlier import EarlierRuns, OnEarlier, ignore_earlier
from mrimage.source.rows import list_rows
from mrimage.source.scan import OnIgnored, Scan
from mrimage.source.selection import EXTENSIONS, Selection
from mrimage.source.shards import list_shard
from mrimage.storage import Item, open_object, open_store, redact
from mrimage.storage.lists import TEXT_SUFFIXES, is_list
from mrimage.storage.local import LocalStore, file_identity, file_version
from mrimage.storage.names import (
    SHARD_SUFFIXES,
    is_shard,
    is_unread_container,
    local_uri,
    path_if_local,
    plain_path,
    scheme,
    suffix,
)
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.storage.store import OnUnlisted
from mrimage.types import Entry


def list_entries(
    source: str,
    selection: Selection,
    on_ignored: OnIgnored,
    settings: StoreSettings = DEFAULT,
    on_unlisted: OnUnlisted | None = None,
    on_earlier: OnEarlier = ignore_earlier,
) -> Iterator[Entry]:
    """Every image of ``source``, streamed in no promised order. ``on_ignored`` gets each file that is not an entry, and
    ``on_earlier`` the folder of each file that an earlier run wrote there.

    A source is a folder, an object store's prefix, an HDFS directory, a list, an archive, or a single image. An
    archive that lies in a folder is like a folder itself: its members are entries.

    Raises SourceError where the source is missing or a part of it cannot be listed: an image that cannot be seen
    would be lost without a trace otherwise. With ``on_unlisted``, a folder of it that goes away or is locked is
    heard of there, and the listing goes on. Raises UsageError for a file of a kind that is not read.
    """
    _require_no_credentials(source)
    try:
        yield from _list(source, Scan(selection, on_ignored, settings, on_unlisted, on_earlier))
    except (StoreError, ImageError) as error:
        advice = (
            " Leave it out with --exclude, or make it readable."
            if isinstance(error, DeniedError)
            else ""
        )
        raise SourceError(f"Cannot list the source: {error}{advice}") from error


def _require_no_credentials(source: str) -> None:
    if redact(source) == source:
        return
    advice = "Set them in the environment"
    if scheme(source) in ("http", "https"):
        advice = "Put the url into a list (urls.txt) and name that"
    elif scheme(source) in ("az", "azure", "abfs", "abfss"):
        advice = "Name the container as az://container/folder, and its account in AZURE_STORAGE_ACCOUNT_NAME"
    raise UsageError(
        f"Expected SOURCE without credentials, but received {redact(source)}: it would be kept in OUT. {advice}."
    )


def _list(source: str, scan: Scan) -> Iterator[Entry]:
    path = path_if_local(source)
    if path is not None and (
        Path(path).is_dir() or not is_list(source)
    ):  # a folder may be called photos.txt
        yield from _list_local(path, scan)
    elif is_list(source):
        yield from list_rows(source, scan)
    elif scheme(source) in ("http", "https"):
        yield from _single(Entry(source, _last(source), 0, ""), scan)
    else:
        yield from _list_remote(source, scan)


def names_its_images(source: str) -> bool:
    """Whether SOURCE itself says what its images are: a list, a url or a single image, and no folder or archive."""
    path = path_if_local(source)
    if path is not None and Path(path).is_dir():
        return False
    if is_list(source):
        return True
    alone = scheme(source) in ("http", "https") or (path is not None and Path(path).is_file())
    return alone and not is_shard(source)


def _list_local(source: str, scan: Scan) -> Iterator[Entry]:
    place = os.path.abspath(source)  # noqa: PTH100 - resolve() would follow links
    if Path(place).is_file():
        status = Path(place).stat()
        name = plain_path(_last(place))
        is_link = Path(place).is_symlink()
        entry = Entry(
            local_uri(place),
            name,
            status.st_size,
            file_version(status),
            file=file_identity(status),
            is_link=is_link,
        )
        yield from _single(entry, scan)
    else:
        yield from _list_folder(place, scan)


def _list_folder(place: str, scan: Scan) -> Iterator[Entry]:
    prefix = "" if place == "/" else place
    store = LocalStore(place)
    earlier = EarlierRuns(store, scan.on_earlier)

    def skipped(path: str) -> None:
        scan.on_ignored(path, "special file")

    found = store.walk(enter=scan.selection.enters, skipped=skipped, unlisted=scan.on_unlisted)
    for item in found:
        if earlier.wrote(item.path):
            continue
        entry = _entry(item, local_uri(f"{prefix}/{item.path}"), plain_path(item.path))
        if item.path.endswith(SHARD_SUFFIXES) or is_shard(item.path):
            yield from _enter(entry, scan)
        elif scan.selection.takes(item.path):
            yield entry
        else:
            scan.on_ignored(item.path, scan.selection.why_not(item.path))


def _list_remote(source: str, scan: Scan) -> Iterator[Entry]:
    """A prefix or a directory; or a single object, which is looked for first where the name is like one's."""
    if suffix(source) in EXTENSIONS or is_shard(source) or is_unread_container(source):
        try:
            entry = _stat(source, scan.settings)
        except NotFoundError:
            pass
        else:
            yield from _single(entry, scan)
            return
    store = open_store(source, scan.settings)
    selection = scan.selection
    earlier = EarlierRuns(store, scan.on_earlier)
    for item in store.list(unlisted=scan.on_unlisted):
        if selection.reaches(item.path) and earlier.wrote(item.path):
            continue
        entry = _entry(item, store.uri(item.path), item.path)
        if is_shard(item.path) and selection.reaches(item.path):
            yield from _enter(entry, scan)
        elif selection.admits(item.path):
            yield entry
        elif selection.reaches(item.path):
            scan.on_ignored(item.path, selection.why_not(item.path))


def _stat(source: str, settings: StoreSettings) -> Entry:
    folder, _, name = source.rpartition("/")
    if folder.endswith("/"):  # s3://photos.zip is a bucket
        raise NotFoundError(f"{source} names no object.")
    item = open_store(folder, settings).stat(name)
    return Entry(source, name, item.size, item.version)


def _single(entry: Entry, scan: Scan) -> Iterator[Entry]:
    """A source that is one file: an image by any name, or an archive, whose members' names begin at its own top."""
    if is_unread_container(entry.uri):
        raise UsageError(
            f"Expected SOURCE as a folder, an image, a list ({', '.join(TEXT_SUFFIXES)}) or an archive "
            f"({', '.join(SHARD_SUFFIXES)}), but received {entry.uri}, whose kind is not read. "
            "Unpack it into a folder, or pack it as one of these."
        )
    if scheme(entry.uri) in ("http", "https"):
        # A wrong url is reported as such, and not as a bad image or archive.
        open_object(entry.uri, None, scan.settings).read(0, 1)
    if not is_shard(entry.uri):
        yield entry
        return
    empty = True
    for found in list_shard(entry, "", scan):
        empty = False
        yield found
    if empty and entry.uri.lower().endswith(".parquet"):
        raise SourceError(
            f"Expected images in {entry.uri}, but it has no rows with bytes. If a column names images, say which: "
            f"{entry.uri}#COLUMN."
        )


def _enter(entry: Entry, scan: Scan) -> Iterator[Entry]:
    """An archive in a folder, unless --exclude or its hidden name keeps it out."""
    if entry.fault:
        yield entry
    elif scan.selection.enters(entry.path):
        yield from list_shard(entry, entry.path, scan)
    else:
        scan.on_ignored(entry.path, scan.selection.why_not(entry.path))


def _entry(item: Item, uri: str, path: str) -> Entry:
    version = f"{item.version}!{item.fault.reason}" if item.fault else item.version
    return Entry(uri, path, item.size, version, None, item.fault, item.file, item.is_link)


def _last(source: str) -> str:
    return source.rstrip("/").rpartition("/")[2]
