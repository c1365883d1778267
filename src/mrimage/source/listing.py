"""Listing a source: turns a folder, bucket, list or archive into a stream of entries."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
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
from mrimage.source.rows import list_names, list_rows
from mrimage.source.scan import OnIgnored, Scan
from mrimage.source.selection import EXTENSIONS, Selection
from mrimage.source.shards import list_shard
from mrimage.source.sidecars import sidecar_fields, with_sidecars
from mrimage.storage import Item, Store, open_object, open_store, redact
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

_WEB = ("http", "https")
_AZURE = ("az", "azure", "abfs", "abfss")


def list_entries(
    source: str,
    selection: Selection,
    on_ignored: OnIgnored,
    settings: StoreSettings = DEFAULT,
    on_unlisted: OnUnlisted | None = None,
    on_earlier: OnEarlier = ignore_earlier,
    names: Iterable[str] | None = None,
) -> Iterator[Entry]:
    """Yield every image of ``source``, in no particular order; with ``names``, those that they
    name, relative to the folder of ``source``.

    A source is a folder, an object store's prefix, an HDFS directory, a list, an archive, or a
    single image. An archive in a folder counts as a folder itself: its members are entries.

    Calls ``on_ignored`` for each file that is not an entry, and ``on_earlier`` for each file that
    an earlier run wrote.

    Raises SourceError if the source is missing or a part of it cannot be listed: its images would
    otherwise be lost without a trace. With ``on_unlisted``, a folder below the source that
    disappears or is locked is passed to it instead, and the listing continues. Raises UsageError
    for a file of an unsupported kind.
    """
    _require_no_credentials(source)
    try:
        scan = Scan(selection, on_ignored, settings, on_unlisted, on_earlier)
        if names is None:
            yield from _list(source, scan)
        else:
            yield from list_names(source, names, scan)
    except (StoreError, ImageError) as error:
        advice = ""
        if isinstance(error, DeniedError):
            advice = " Leave it out with --exclude, or make it readable."
        raise SourceError(f"Cannot list the source: {error}{advice}") from error


def _require_no_credentials(source: str) -> None:
    if redact(source) == source:
        return
    advice = "Set them in the environment"
    if scheme(source) in _WEB:
        advice = "Put the url into a list (urls.txt) and use the list as SOURCE"
    elif scheme(source) in _AZURE:
        advice = (
            "Name the container as az://container/folder, and its account in "
            "AZURE_STORAGE_ACCOUNT_NAME"
        )
    raise UsageError(
        f"SOURCE must not contain credentials, since OUT would keep them, but got "
        f"{redact(source)}. {advice}."
    )


def _list(source: str, scan: Scan) -> Iterator[Entry]:
    path = path_if_local(source)
    # A folder may be called photos.txt.
    if path is not None and (Path(path).is_dir() or not is_list(source)):
        yield from _list_local(path, scan)
    elif is_list(source):
        yield from list_rows(source, scan)
    elif scheme(source) in _WEB:
        yield from _list_single(Entry(source, _last_part(source), 0, ""), scan)
    else:
        yield from _list_remote(source, scan)


def names_its_images(source: str) -> bool:
    """Whether the user named each image: in a list, as a url or as a single file.

    False for a folder and for an archive.
    """
    path = path_if_local(source)
    if path is not None and Path(path).is_dir():
        return False
    if is_list(source):
        return True
    is_single = scheme(source) in _WEB or (path is not None and Path(path).is_file())
    return is_single and not is_shard(source)


def _list_local(source: str, scan: Scan) -> Iterator[Entry]:
    path = os.path.abspath(source)  # noqa: PTH100 - resolve() would follow links
    if not Path(path).is_file():
        yield from _list_folder(path, scan)
        return
    status = Path(path).stat()
    entry = Entry(
        local_uri(path),
        plain_path(_last_part(path)),
        status.st_size,
        file_version(status),
        file=file_identity(status),
        is_link=Path(path).is_symlink(),
    )
    yield from _list_single(entry, scan)


def _list_folder(folder: str, scan: Scan) -> Iterator[Entry]:
    prefix = "" if folder == "/" else folder
    store = LocalStore(folder)
    earlier = EarlierRuns(store, scan.on_earlier)

    def skipped(path: str) -> None:
        scan.on_ignored(path, "special file")

    found = store.walk(enter=scan.selection.enters, skipped=skipped, unlisted=scan.on_unlisted)
    kept = (item for item in found if not earlier.wrote(item.path))
    for item, sidecar in with_sidecars(kept, by_folder=True):
        entry = _entry(item, local_uri(f"{prefix}/{item.path}"), plain_path(item.path))
        yield from _list_file(entry, sidecar, store, scan)


def _list_file(entry: Entry, sidecar: Item | None, store: Store, scan: Scan) -> Iterator[Entry]:
    """List a file of a folder or a store: an image with its sidecar, an archive, or neither."""
    if is_shard(entry.path):
        yield from _enter_shard(entry, scan)
    elif scan.selection.takes(entry.path):
        fields = {} if sidecar is None else sidecar_fields(sidecar, store.read)
        yield replace(entry, fields=fields) if fields else entry
    else:
        scan.on_ignored(entry.path, scan.selection.why_not(entry.path))
        if sidecar is not None:
            scan.on_ignored(sidecar.path, scan.selection.why_not(sidecar.path))
        return
    if sidecar is not None:
        scan.on_ignored(sidecar.path, "sidecar")


def _list_remote(source: str, scan: Scan) -> Iterator[Entry]:
    """List a prefix or a directory, or a single object.

    A source that is named like a file is looked up as an object first.
    """
    if suffix(source) in EXTENSIONS or is_shard(source) or is_unread_container(source):
        try:
            entry = _stat(source, scan.settings)
        except NotFoundError:
            pass
        else:
            yield from _list_single(entry, scan)
            return
    yield from _list_prefix(source, scan)


def _list_prefix(source: str, scan: Scan) -> Iterator[Entry]:
    store = open_store(source, scan.settings)
    selection = scan.selection
    earlier = EarlierRuns(store, scan.on_earlier)
    # Object stores list everything below a prefix, so what is in a folder that the selection
    # excludes is skipped here, and not reported file by file.
    kept = (
        item
        for item in store.list(unlisted=scan.on_unlisted)
        if selection.reaches(item.path) and not earlier.wrote(item.path)
    )
    for item, sidecar in with_sidecars(kept, by_folder=False):
        entry = _entry(item, store.uri(item.path), item.path)
        yield from _list_file(entry, sidecar, store, scan)


def _stat(source: str, settings: StoreSettings) -> Entry:
    folder, _, name = source.rpartition("/")
    if folder.endswith("/"):  # s3://photos.zip is a bucket
        raise NotFoundError(f"{source} is a bucket, not an object.")
    item = open_store(folder, settings).stat(name)
    return Entry(source, name, item.size, item.version)


def _list_single(entry: Entry, scan: Scan) -> Iterator[Entry]:
    """List a source that is one file: an image with any name, or an archive.

    The paths of an archive's members are then relative to its top.
    """
    if is_unread_container(entry.uri):
        raise UsageError(
            f"SOURCE must be a folder, an image, a list ({', '.join(TEXT_SUFFIXES)}) or an archive "
            f"({', '.join(SHARD_SUFFIXES)}), but got {entry.uri}, whose kind is not read. "
            "Unpack it into a folder, or pack it as one of these."
        )
    if scheme(entry.uri) in _WEB:
        # Report a wrong url as such, and not as a bad image or archive.
        open_object(entry.uri, None, scan.settings).read(0, 1)
    if not is_shard(entry.uri):
        yield entry
        return
    is_empty = True
    for found in list_shard(entry, "", scan):
        is_empty = False
        yield found
    if is_empty and entry.uri.lower().endswith(".parquet"):
        raise SourceError(
            f"{entry.uri} has no images: none of its rows has bytes. If a column names images, "
            f"add it: {entry.uri}#COLUMN."
        )


def _enter_shard(entry: Entry, scan: Scan) -> Iterator[Entry]:
    """List an archive in a folder, unless --exclude or its hidden name keeps it out."""
    if entry.fault:
        yield entry
    elif scan.selection.enters(entry.path):
        yield from list_shard(entry, entry.path, scan)
    else:
        scan.on_ignored(entry.path, scan.selection.why_not(entry.path))


def _entry(item: Item, uri: str, path: str) -> Entry:
    version = f"{item.version}!{item.fault.reason}" if item.fault else item.version
    return Entry(uri, path, item.size, version, None, item.fault, item.file, item.is_link)


def _last_part(source: str) -> str:
    return source.rstrip("/").rpartition("/")[2]
