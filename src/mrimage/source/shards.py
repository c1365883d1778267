"""Archives as sources: each member is an entry, opened by the place that the listing found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mrimage.errors import DeniedError, ImageError, NotFoundError, StoreError
from mrimage.source.selection import Selection
from mrimage.storage import open_container
from mrimage.storage.archives import Broken, members_of
from mrimage.storage.names import scheme, split_member
from mrimage.types import ByteSource, Entry

_PACKED = re.compile(r"([^@]*)@(-?\d+)@(.*)", re.DOTALL)
_BROKEN = re.compile(r"!([\w-]+)!([^!]*)!(.*)", re.DOTALL)


def list_shard(
    shard: Entry, path: str, selection: Selection, on_ignored: Callable[[str], None]
) -> Iterator[Entry]:
    """The members of ``shard`` that are images, named ``shard.tar!/a/b.jpg``; ``path`` is the shard's own name below
    the source, empty where it is the source.

    Where it cannot be read any further, its whole members are followed by one entry for the rest: reading that one
    raises the reason, and so the rest is accounted for by a row of the quarantine. A shard without a single column
    or file is heard of by ``on_ignored``.
    """
    size = shard.size if shard.version else -1
    found = False
    try:
        for member in members_of(open_container(shard.uri, size, shard.version)):
            found = True
            if not member.ignored and selection.admits(
                f"{path}/{member.name}" if path else member.name
            ):
                name = f"{path}!/{member.name}" if path else member.name
                version = _pack(shard.version, size, member.place)
                yield Entry(f"{shard.uri}!/{member.name}", name, member.size, version)
            else:
                on_ignored(f"{shard.path}!/{member.name}")
    except (ImageError, StoreError) as error:
        yield _rest(shard, error)
    else:
        if not found:
            on_ignored(shard.path)


def open_member(entry: Entry) -> ByteSource | None:
    """The bytes of an entry that ``list_shard`` made; None for any other entry."""
    if match := _BROKEN.fullmatch(entry.version):
        return Broken(entry.uri, ImageError(match[1], match[3]))
    match = _PACKED.fullmatch(entry.version)
    container, member = split_member(entry.uri)
    if not match or member is None:
        return None
    version, size, place = match.groups()
    archive = open_container(container, int(size), version.replace("%40", "@").replace("%25", "%"))
    return archive.open(member, place, entry.size)


def is_sequential(entry: Entry) -> bool:
    """Whether ``entry`` is the member of an archive that is best read from its beginning to its end."""
    container, member = split_member(entry.uri)
    return member is not None and container.lower().endswith((".gz", ".tgz", ".parquet"))


def is_at_hand(entry: Entry) -> bool:
    """Whether the bytes of ``entry`` are on this machine, and a read of them is a plain one."""
    return scheme(entry.uri) == "file" and not is_sequential(entry) and "://" not in entry.uri


def broken(uri: str, path: str, reason: str, version: str, message: str) -> Entry:
    """An entry that cannot be read, for a ``reason`` of errors.REASONS that is known already."""
    return Entry(uri, path, 0, f"!{reason}!{version.replace('!', '%21')}!{message}")


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
    return broken(shard.uri, shard.path, reason, shard.version, str(error))


def _pack(version: str, size: int, place: str) -> str:
    """The shard's version and size with the member's place in it: all that is needed to open the member again."""
    return f"{version.replace('%', '%25').replace('@', '%40')}@{size}@{place}"
