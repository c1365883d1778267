"""Where bytes live: one Store interface over local folders, object stores, HDFS and http."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache, wraps
from importlib import import_module
from importlib.util import find_spec
from threading import RLock
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mrimage.errors import JobError, UsageError, unknown
from mrimage.storage.local import LocalSource, LocalStore
from mrimage.storage.names import path_if_local, scheme, split_listed, split_member
from mrimage.storage.redact import redact
from mrimage.storage.retry import retry_count
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.storage.store import Item, Store, StoreSource
from mrimage.types import ByteSource

if TYPE_CHECKING:
    from mrimage.storage.archives import Archive

__all__ = [
    "Item",
    "Store",
    "StoreSettings",
    "StoreSource",
    "open_container",
    "open_listed",
    "open_object",
    "open_store",
    "open_uri",
    "redact",
    "retry_count",
]

P = ParamSpec("P")
T = TypeVar("T")

_OBJECTS = ("mrimage.storage.objects", "ObjectStore", "obstore", "objects")
_HDFS = ("mrimage.storage.hdfs", "HdfsStore", "hdfs_native", "hdfs")
BACKENDS = {
    **dict.fromkeys(("s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss"), _OBJECTS),
    **dict.fromkeys(("hdfs", "viewfs"), _HDFS),
}
"""Schemes of remote stores: module, class, library, and the extra that installs it."""


def open_store(url: str, settings: StoreSettings = DEFAULT, *, create: bool = False) -> Store:
    """The store at ``url``: a folder (``photos/``, ``file:///...``), ``s3://bucket/prefix``, ``gs://...``, ``az://...``
    or ``hdfs://host/folder``. ``create`` makes a missing folder; buckets are never made.

    Raises UsageError for an unknown scheme and JobError where the back-end is not installed.
    """
    store = _store_at(url, settings)
    if create:
        store.prepare()
    return store


def _store_at(url: str, settings: StoreSettings) -> Store:
    kind = scheme(url)
    if kind == "file":
        return LocalStore(url)
    if kind not in BACKENDS:
        if kind in ("http", "https"):
            raise UsageError(
                f'Expected a place to list or to write, but received "{redact(url)}": http can only be read.'
            )
        raise unknown("the scheme of a store", kind, ["file", "s3", "gs", "az", "hdfs"])
    return _open_remote(
        os.getpid(), url if url.endswith("/") else f"{url}/", settings, _environment()
    )


def open_uri(uri: str, settings: StoreSettings = DEFAULT) -> ByteSource:
    """The bytes behind any uri that an Entry can have. Nothing is read before the first ``read``.

    Raises NotFoundError for an archive member that is not there; everything else is told by ``read``.
    """
    listed = split_listed(uri)
    if listed:
        return _open_row(uri, *listed, settings)
    container, member = split_member(uri)
    if member is not None:
        from mrimage.storage.archives import find_member

        return find_member(open_container(container, settings), container, member)
    path = path_if_local(uri)
    if path is not None:
        return LocalSource(uri, path)
    return open_object(uri, None, settings)


def open_container(
    uri: str, settings: StoreSettings = DEFAULT, size: int = -1, version: str = ""
) -> Archive:
    """The archive at ``uri``, as listed with ``size`` and ``version`` where they are given. The last few stay open in
    this process: a gzipped one would be inflated from its beginning for each member otherwise."""
    return _open_container(os.getpid(), uri, settings, size, version)


def open_listed(uri: str, settings: StoreSettings, size: int, version: str) -> ByteSource:
    """The file ``uri`` as it was listed: where the store tells for free, a read of another version raises
    ImageError("changed"), and of a missing one ImageError("vanished")."""
    if not version or split_listed(uri):
        return open_uri(uri, settings)
    path = path_if_local(uri)
    if path is not None:
        return LocalSource(uri, path, (size, version))
    return open_object(uri, Item(split_object(uri)[1], size, version), settings)


def open_object(uri: str, expected: Item | None, settings: StoreSettings) -> ByteSource:
    """The bytes behind the uri of one remote file; with ``expected``, reads tell when it is not the listed one."""
    if scheme(uri) in ("http", "https"):
        from mrimage.storage.http import HttpSource

        return HttpSource(uri, settings)
    top, path = split_object(uri)
    return StoreSource(open_store(top, settings), path, uri, expected)


def _by_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """``function`` in one thread at a time: a cache alone lets all threads that begin together make what each of them
    could share."""
    lock = RLock()

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with lock:
            return function(*args, **kwargs)

    return call


@_by_one_thread
@lru_cache(maxsize=8)
def _open_container(
    process: int, uri: str, settings: StoreSettings, size: int, version: str
) -> Archive:
    from mrimage.storage.archives import open_archive

    return open_archive(open_listed(uri, settings, size, version))


def split_object(uri: str) -> tuple[str, str]:
    """The bucket or NameNode of a remote uri, and the path in it.

    >>> split_object("s3://photos/a/b.jpg")
    ('s3://photos', 'a/b.jpg')
    """
    start, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    return f"{start}://{authority}", path


def _open_row(uri: str, place: str, row: int, settings: StoreSettings) -> ByteSource:
    from mrimage.storage.http import HttpSource

    url = _secret_rows(os.getpid(), place, settings).get(row)
    if url is None or redact(url) != uri.split(f"!/{row}/", 1)[1]:
        raise UsageError(
            f"Expected row {row} of {place} as it was listed, but the list has changed. Run the job again."
        )
    return HttpSource(url, settings, uri)


@lru_cache(maxsize=2)
def _secret_rows(process: int, place: str, settings: StoreSettings) -> dict[int, str]:
    from mrimage.storage.lists import secret_rows, split_column

    where, column = split_column(place)
    return secret_rows(open_uri(where, settings), column)


def _environment() -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in os.environ.items() if name.startswith(_VARIABLES))


_VARIABLES = ("AWS_", "AZURE_", "GOOGLE_", "HADOOP_", "MRIMAGE_", "STORAGE_EMULATOR_HOST")


@_by_one_thread
@lru_cache(maxsize=64)
def _open_remote(
    process: int, url: str, settings: StoreSettings, environment: tuple[tuple[str, str], ...]
) -> Store:
    # One store for each place, settings and process: connections are reused, but never shared with a forked child,
    # another run's settings, or other credentials.
    module, name, library, extra = BACKENDS[scheme(url)]
    if find_spec(library) is None:
        raise JobError(
            f'Expected {library} for {scheme(url)}://, but it is not installed: pip install "mrimage[{extra}]"'
        )
    store: Store = getattr(import_module(module), name)(url, settings)
    return store
