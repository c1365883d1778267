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
"""Schemes of remote stores, each with its module, class, library, and the extra that installs
the library."""

_VARIABLES = ("AWS_", "AZURE_", "GOOGLE_", "HADOOP_", "MRIMAGE_", "STORAGE_EMULATOR_HOST")
"""Prefixes of the environment variables that a remote store reads."""


def open_store(url: str, settings: StoreSettings = DEFAULT, *, create: bool = False) -> Store:
    """Open the store at ``url``: a folder (``photos/``, ``file:///...``), ``s3://bucket/prefix``,
    ``gs://...``, ``az://...`` or ``hdfs://host/folder``.

    ``create`` creates a missing folder. Buckets are never created.

    Raises UsageError for an unknown scheme and JobError if the back-end is not installed.
    """
    store = _store_at(url, settings)
    if create:
        store.prepare()
    return store


def _store_at(url: str, settings: StoreSettings) -> Store:
    url_scheme = scheme(url)
    if url_scheme == "file":
        return LocalStore(url)
    if url_scheme in ("http", "https"):
        raise UsageError(
            f'"{redact(url)}" can neither be listed nor written: http can only be read. '
            "Use a folder, s3://, gs://, az:// or hdfs://."
        )
    if url_scheme not in BACKENDS:
        raise unknown("the scheme of a store", url_scheme, ["file", "s3", "gs", "az", "hdfs"])
    folder_url = url if url.endswith("/") else f"{url}/"
    return _open_remote(os.getpid(), folder_url, settings, _environment())


def open_uri(uri: str, settings: StoreSettings = DEFAULT) -> ByteSource:
    """Open any uri that an Entry can have. Nothing is read before the first ``read``.

    Raises NotFoundError for a missing archive member; ``read`` raises every other error.
    """
    listed = split_listed(uri)
    if listed:
        list_uri, row = listed
        return _open_row(uri, list_uri, row, settings)
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
    """Open the archive at ``uri``, as it was listed with ``size`` and ``version`` if known.

    The last few archives stay open in this process: a gzipped one would otherwise be inflated
    from its beginning for each member.
    """
    return _open_container(os.getpid(), uri, settings, size, version)


def open_listed(uri: str, settings: StoreSettings, size: int, version: str) -> ByteSource:
    """Open the file ``uri`` as it was listed.

    If the store reports the version with each read, reading another version raises
    ImageError("changed"), and reading a missing file raises ImageError("vanished").
    """
    if not version or split_listed(uri):
        return open_uri(uri, settings)
    path = path_if_local(uri)
    if path is not None:
        return LocalSource(uri, path, (size, version))
    _, object_path = split_object(uri)
    return open_object(uri, Item(object_path, size, version), settings)


def open_object(uri: str, expected: Item | None, settings: StoreSettings) -> ByteSource:
    """Open one remote file. With ``expected``, reads fail if it is not the listed version."""
    if scheme(uri) in ("http", "https"):
        from mrimage.storage.http import HttpSource

        return HttpSource(uri, settings)
    top, path = split_object(uri)
    return StoreSource(open_store(top, settings), path, uri, expected)


def _by_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Run ``function`` in one thread at a time.

    ``lru_cache`` alone lets threads that start together all create the object that they should
    share.
    """
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
    uri_scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    return f"{uri_scheme}://{authority}", path


def _open_row(uri: str, list_uri: str, row: int, settings: StoreSettings) -> ByteSource:
    """Open the url in ``row`` of a list, which alone knows the url's credentials."""
    from mrimage.storage.http import HttpSource

    url = _secret_rows(os.getpid(), list_uri, settings).get(row)
    _, _, listed_url = uri.partition(f"!/{row}/")
    if url is None or redact(url) != listed_url:
        raise UsageError(
            f"Row {row} of {list_uri} is not the row that was listed: the list has changed. "
            "Run the job again."
        )
    return HttpSource(url, settings, uri)


@lru_cache(maxsize=2)
def _secret_rows(process: int, list_uri: str, settings: StoreSettings) -> dict[int, str]:
    from mrimage.storage.lists import secret_rows, split_column

    file_uri, column = split_column(list_uri)
    return secret_rows(open_uri(file_uri, settings), column)


def _environment() -> tuple[tuple[str, str], ...]:
    variables = os.environ.items()
    return tuple((name, value) for name, value in variables if name.startswith(_VARIABLES))


@_by_one_thread
@lru_cache(maxsize=64)
def _open_remote(
    process: int, url: str, settings: StoreSettings, environment: tuple[tuple[str, str], ...]
) -> Store:
    # The cache holds one store per location, settings, credentials and process: connections are
    # reused, but never shared with a forked child or another run's settings or credentials.
    module, name, library, extra = BACKENDS[scheme(url)]
    if find_spec(library) is None:
        raise JobError(
            f"{scheme(url)}:// needs {library}, but it is not installed: "
            f'pip install "mrimage[{extra}]"'
        )
    store_class = getattr(import_module(module), name)
    store: Store = store_class(url, settings)
    return store
