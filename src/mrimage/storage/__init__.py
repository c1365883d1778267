"""Where bytes live: one Store interface over local folders, object stores, HDFS and http."""

from __future__ import annotations

from mrimage.errors import UsageError, unknown
from mrimage.storage.local import LocalSource, LocalStore
from mrimage.storage.names import local_path, scheme
from mrimage.storage.store import Item, Store
from mrimage.types import ByteSource

__all__ = ["Item", "Store", "open_store", "open_uri"]


def open_store(url: str, *, create: bool = False) -> Store:
    """The store at ``url``: a folder (``photos/``, ``file:///...``); ``create`` makes a missing folder."""
    kind = scheme(url)
    if kind == "file":
        return LocalStore(url, create=create)
    raise unknown("the scheme of a store", kind, ["file"])


def open_uri(uri: str) -> ByteSource:
    """The bytes behind any uri that an Entry can have. Nothing is read before the first ``read``."""
    kind = scheme(uri)
    if kind == "file":
        return LocalSource(uri, local_path(uri))
    raise UsageError(f'Expected a uri of a known store, but received "{uri}".')
