"""Archives as sources: each member is an entry, opened by the place that the listing found."""

from __future__ import annotations

from collections.abc import Iterator

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError
from mrimage.source.named import broken, named_entry
from mrimage.source.scan import Scan
from mrimage.storage import open_container
from mrimage.storage.archives import Broken, Member, members_of
from mrimage.storage.names import split_member
from mrimage.storage.settings import StoreSettings
from mrimage.types import ByteSource, Entry, Fault, MemberPlace


def list_shard(shard: Entry, path: str, scan: Scan) -> Iterator[Entry]:
    """The members of ``shard`` that are images, named ``shard.tar!/a/b.jpg``; ``path`` is the shard's own name below
    the source, empty where it is the source. A row of a table that only names its image is an entry for that one.

    Where it cannot be read any further, its whole members are followed by one entry for the rest: reading that one
    raises the reason, and so the rest is accounted for by a row of the quarantine. A shard without a single column
    or file is ignored as a whole.
    """
    size = shard.size if shard.version else -1
    found = False
    try:
        for member in members_of(open_container(shard.uri, scan.settings, size, shard.version)):
            found = True
            name = f"{path}/{member.name}" if path else member.name
            if member.ignored:
                scan.on_ignored(f"{shard.path}!/{member.name}", member.ignored)
            elif not scan.selection.admits(name):
                scan.on_ignored(f"{shard.path}!/{member.name}", scan.selection.why_not(name))
            elif member.elsewhere:
                yield named_entry(shard.uri, member.column, member.offset, member.elsewhere)
            else:
                yield _member_entry(shard, path, size, member)
    except (ImageError, StoreError) as error:
        yield _rest(shard, error)
    else:
        if not found:
            scan.on_ignored(shard.path, "no images")


def open_member(entry: Entry, settings: StoreSettings) -> ByteSource | None:
    """The bytes of an entry that ``list_shard`` made, or of one with a fault; None for any other entry."""
    if entry.fault:
        return Broken(entry.uri, entry.fault)
    place = entry.place
    if place is None:
        return None
    archive = open_container(place.archive, settings, place.size, place.version)
    name = entry.uri.removeprefix(f"{place.archive}!/")
    return archive.open(
        Member(
            name, entry.size, place.offset, place.packed, place.method, place.checksum, place.column
        )
    )


def is_sequential(entry: Entry) -> bool:
    """Whether ``entry`` is the member of an archive that is best read from its beginning to its end."""
    container, member = split_member(entry.uri)
    return member is not None and container.lower().endswith((".gz", ".tgz", ".parquet"))


def is_at_hand(entry: Entry) -> bool:
    """Whether the bytes of ``entry`` are on this machine, and a read of them is a plain one."""
    return "://" not in entry.uri and not is_sequential(entry)


def _rest(shard: Entry, error: ImageError | StoreError) -> Entry:
    """The entry for what of ``shard`` cannot be read. A store's failure that may pass is raised again."""
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
        shard.uri,
        size,
        shard.version,
        member.offset,
        member.packed,
        member.method,
        member.checksum,
        member.column,
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
