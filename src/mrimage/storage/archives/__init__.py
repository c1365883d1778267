"""Containers as places for bytes: tar, zip and Parquet, whose members are read without unpacking anything."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from threading import Lock

from mrimage.errors import ImageError, NotFoundError
from mrimage.storage.archives.member import Archive, Broken, Member
from mrimage.storage.archives.parquet import ParquetArchive
from mrimage.storage.archives.tar import TarArchive
from mrimage.storage.archives.zip import ZipArchive
from mrimage.storage.names import printable
from mrimage.types import ByteSource

__all__ = ["Archive", "Broken", "Member", "find_member", "members_of", "open_archive"]

_KEPT = 4
"""Indexes that are kept: what is opened by its entry needs none."""

_indexes: OrderedDict[tuple[int, str], dict[str, Member]] = OrderedDict()
_lock = Lock()


def open_archive(source: ByteSource) -> Archive:
    """The archive in ``source``, told by the ending of its uri."""
    name = source.uri.lower()
    if name.endswith((".tar.gz", ".tgz")):
        return TarArchive(source, gzipped=True)
    if name.endswith(".tar"):
        return TarArchive(source)
    if name.endswith(".zip"):
        return ZipArchive(source)
    return ParquetArchive(source)


def members_of(archive: Archive) -> Iterator[Member]:
    """The archive's members under unique names: a name that comes again gets ``~2``, ``~3``... before its extension.
    A leading ``./``, which ``tar c .`` writes, is left out."""
    seen: dict[str, int] = {}
    for member in archive.members():
        name = printable(member.name).removeprefix("./")
        count = seen.get(name, 0) + 1
        seen[name] = count
        if count == 1 or member.ignored:
            yield member if name == member.name else replace(member, name=name)
        else:
            stem, extension = os.path.splitext(name)  # noqa: PTH122 - a name in an archive is no path here
            yield replace(member, name=f"{stem}~{count}{extension}")


def _index_of(archive: Archive, uri: str) -> dict[str, Member]:
    """The members of the archive at ``uri`` by name; the last few indexes are kept in this process."""
    key = (os.getpid(), uri)
    with _lock:
        if key in _indexes:
            _indexes.move_to_end(key)
            return _indexes[key]
    index: dict[str, Member] = {}
    try:
        for member in members_of(archive):
            if not member.ignored:
                index[member.name] = member
    except ImageError:
        if not index:
            raise
    with _lock:
        _indexes[key] = index
        while len(_indexes) > _KEPT:
            _indexes.popitem(last=False)
    return index


def find_member(archive: Archive, uri: str, name: str) -> ByteSource:
    """The member ``name`` of the archive at ``uri``, looked up in its index."""
    member = _index_of(archive, uri).get(name)
    if member is None:
        raise NotFoundError(
            f"Cannot read {uri}!/{name}: the archive has no whole file of this name."
        )
    return archive.open(member.name, member.place, member.size)
