"""Containers: tar, zip and Parquet files whose members are read without unpacking anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from mrimage.errors import ImageError, NotFoundError
from mrimage.storage.archives.member import Archive, Broken, Member
from mrimage.storage.archives.parquet import ParquetArchive
from mrimage.storage.archives.tar import TarArchive
from mrimage.storage.archives.zip import ZipArchive
from mrimage.storage.names import printable
from mrimage.types import ByteSource

__all__ = ["Archive", "Broken", "Member", "find_member", "members_of", "open_archive"]


def open_archive(source: ByteSource) -> Archive:
    """Open the archive in ``source``; the suffix of its uri determines the format."""
    name = source.uri.lower()
    if name.endswith((".tar.gz", ".tgz")):
        return TarArchive(source, gzipped=True)
    if name.endswith(".tar"):
        return TarArchive(source)
    if name.endswith(".zip"):
        return ZipArchive(source)
    return ParquetArchive(source)


def members_of(archive: Archive) -> Iterator[Member]:
    """Yield the archive's members under unique names.

    A repeated name gets ``~2``, ``~3``... before its extension. A leading ``./``, which
    ``tar c .`` writes, is dropped. A member without a name is called ``unnamed``.
    """
    seen: dict[str, int] = {}
    for member in archive.members():
        name = printable(member.name).removeprefix("./") or "unnamed"
        if not member.ignored:
            name = _unique(name, seen)
        yield member if name == member.name else replace(member, name=name)


def _unique(name: str, seen: dict[str, int]) -> str:
    """``name``, or a name derived from it if an earlier member has it, by itself or derived.

    ``seen`` counts the uses of each name.
    """
    count = seen.get(name, 0) + 1
    seen[name] = count
    if count == 1:
        return name
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - a name in an archive is no path here
    derived = f"{stem}~{count}{extension}"
    while derived in seen:
        count += 1
        derived = f"{stem}~{count}{extension}"
    seen[name] = count
    seen[derived] = 1
    return derived


@lru_cache(maxsize=4)
def _index_of(archive: Archive) -> dict[str, Member]:
    """The archive's members by name.

    A few indexes are enough: an archive member that is an entry is opened without its index.
    """
    index: dict[str, Member] = {}
    try:
        for member in members_of(archive):
            if not member.ignored:
                index[member.name] = member
    except ImageError:
        # A damaged archive still has its intact members.
        if not index:
            raise
    return index


def find_member(archive: Archive, uri: str, name: str) -> ByteSource:
    """Open the member ``name`` of the archive at ``uri``. Raises NotFoundError if it is missing."""
    member = _index_of(archive).get(name)
    if member is None:
        raise NotFoundError(
            f"Cannot read {uri}!/{name}: the archive has no intact file of this name."
        )
    if member.fault:
        return Broken(f"{uri}!/{name}", member.fault)
    return archive.open(member)
