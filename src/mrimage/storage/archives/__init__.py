"""Containers as places for bytes: tar, zip and Parquet, whose members are read without unpacking anything."""

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
    A leading ``./``, which ``tar c .`` writes, is left out. A member without a name is called ``unnamed``."""
    seen: dict[str, int] = {}
    for member in archive.members():
        name = printable(member.name).removeprefix("./") or "unnamed"
        if not member.ignored:
            name = _unused(name, seen)
        yield member if name == member.name else replace(member, name=name)


def _unused(name: str, seen: dict[str, int]) -> str:
    """``name``, or one made from it that nobody has: neither a member that had it in truth nor one that was given it."""
    count = seen.get(name, 0) + 1
    seen[name] = count
    if count == 1:
        return name
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - a name in an archive is no path here
    made = f"{stem}~{count}{extension}"
    while made in seen:
        count += 1
        made = f"{stem}~{count}{extension}"
    seen[name] = count
    seen[made] = 1
    return made


@lru_cache(maxsize=4)
def _index_of(archive: Archive) -> dict[str, Member]:
    """The archive's members by name. Few indexes are kept: what is opened by its entry needs none."""
    index: dict[str, Member] = {}
    try:
        for member in members_of(archive):
            if not member.ignored:
                index[member.name] = member
    except ImageError:
        if not index:
            raise
    return index


def find_member(archive: Archive, uri: str, name: str) -> ByteSource:
    """The member ``name`` of the archive at ``uri``, looked up in its index."""
    member = _index_of(archive).get(name)
    if member is None:
        raise NotFoundError(
            f"Cannot read {uri}!/{name}: the archive has no whole file of this name."
        )
    return Broken(f"{uri}!/{name}", member.fault) if member.fault else archive.open(member)
