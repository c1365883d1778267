"""Archives as sources: each member is an entry, opened at the place that the listing found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError
from mrimage.source.named import broken, named_entry, public_fields
from mrimage.source.scan import Scan
from mrimage.storage import open_container
from mrimage.storage.archives import Broken, Member, members_of
from mrimage.storage.archives.sidecars import read_sidecar, sidecar_kind, stem_of
from mrimage.storage.names import split_member
from mrimage.storage.settings import StoreSettings
from mrimage.types import ByteSource, Entry, Fault, MemberPlace

LARGEST_SAMPLE = 64
"""Members of a sample at most. Where all names begin alike, a whole archive would be one."""


def list_shard(shard: Entry, path: str, scan: Scan) -> Iterator[Entry]:
    """Yield the members of ``shard`` that are images, named ``shard.tar!/a/b.jpg``.

    ``path`` is the shard's own name below the source, or empty if the shard is the source. A row
    of a table that only names an image becomes an entry for that image.

    If the shard is damaged, its intact members are followed by one entry for the rest. Reading
    that entry raises the reason, so the rest appears as a row of the quarantine. A shard without
    any columns or files is ignored as a whole.
    """
    size = shard.size if shard.version else -1
    is_empty = True
    try:
        archive = open_container(shard.uri, scan.settings, size, shard.version)
        for sample in samples_of(members_of(archive)):
            is_empty = False
            yield from _entries_of(sample, shard, path, size, scan)
    except (ImageError, StoreError) as error:
        yield _unreadable_rest(shard, error)
    else:
        if is_empty:
            scan.on_ignored(shard.path, "no images")


def _entries_of(
    sample: list[Member], shard: Entry, path: str, size: int, scan: Scan
) -> Iterator[Entry]:
    """Yield the images of one sample, each with what its sidecars or its row say."""
    names = {member.name: f"{path}/{member.name}" if path else member.name for member in sample}
    images = {
        member.name
        for member in sample
        if not member.ignored and scan.selection.admits(names[member.name])
    }
    sidecars = _fields_of(sample) if images else {}
    for member in sample:
        shown = f"{shard.path}!/{member.name}"
        if member.ignored:
            scan.on_ignored(shown, member.ignored)
        elif member.name not in images:
            is_sidecar = member.content is not None and images
            reason = "sidecar" if is_sidecar else scan.selection.why_not(names[member.name])
            scan.on_ignored(shown, reason)
        elif member.elsewhere:
            entry = named_entry(shard.uri, member.column, member.offset, member.elsewhere)
            yield replace(entry, fields=public_fields(member.fields))
        else:
            entry = _member_entry(shard, path, size, member)
            yield replace(entry, fields=public_fields(member.fields) | sidecars)


def samples_of(members: Iterable[Member]) -> Iterator[list[Member]]:
    """Group members that follow each other and have the same name up to the first dot.

    If the archive is damaged, its last intact members come before the error.
    """
    sample: list[Member] = []
    try:
        for member in members:
            is_other = sample and stem_of(member.name) != stem_of(sample[0].name)
            if is_other or len(sample) == LARGEST_SAMPLE:
                yield sample
                sample = []
            sample.append(member)
    except (ImageError, StoreError):
        if sample:
            yield sample
        raise
    if sample:
        yield sample


def _fields_of(sample: list[Member]) -> dict[str, Any]:
    """What the sidecars of a sample say, by their extensions."""
    found = {}
    for member in sample:
        if member.content is not None:
            kind = sidecar_kind(member.name)
            found[kind] = read_sidecar(kind, member.content)
    return public_fields(found)


def open_member(entry: Entry, settings: StoreSettings) -> ByteSource | None:
    """Open an archive member or an entry with a fault; None for any other entry."""
    if entry.fault:
        return Broken(entry.uri, entry.fault)
    place = entry.place
    if place is None:
        return None
    archive = open_container(place.archive, settings, place.size, place.version)
    member = Member(
        name=entry.uri.removeprefix(f"{place.archive}!/"),
        size=entry.size,
        offset=place.offset,
        packed=place.packed,
        method=place.method,
        checksum=place.checksum,
        column=place.column,
    )
    return archive.open(member)


def is_sequential(entry: Entry) -> bool:
    """Whether ``entry`` is in an archive that is best read from its beginning to its end."""
    container, member = split_member(entry.uri)
    return member is not None and container.lower().endswith((".gz", ".tgz", ".parquet"))


def needs_no_reading_ahead(entry: Entry) -> bool:
    """Whether ``entry`` is on this machine and can be read by a plain system call."""
    return "://" not in entry.uri and not is_sequential(entry)


def _unreadable_rest(shard: Entry, error: ImageError | StoreError) -> Entry:
    """The entry for the unreadable rest of ``shard``. Raises a transient error again."""
    if isinstance(error, ImageError):
        reason = error.reason
    elif isinstance(error, NotFoundError):
        reason = "vanished"
    elif isinstance(error, DeniedError) or not error.transient:
        reason = "unreadable"
    else:
        raise error
    return broken(shard.uri, shard.path, shard.version, Fault(reason, str(error)))


def _member_entry(shard: Entry, path: str, size: int, member: Member) -> Entry:
    place = MemberPlace(
        archive=shard.uri,
        size=size,
        version=shard.version,
        offset=member.offset,
        packed=member.packed,
        method=member.method,
        checksum=member.checksum,
        column=member.column,
    )
    return Entry(
        uri=f"{shard.uri}!/{member.name}",
        path=f"{path}!/{member.name}" if path else member.name,
        size=member.size,
        version=f"{shard.version}@{member.column}{member.offset}.{member.checksum}",
        place=place,
        fault=member.fault,
        file=f"{member.column}{member.offset}@{shard.uri}",
        is_link=member.is_link,
    )
