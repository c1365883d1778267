"""Uris: how a file, an object or an archive member is named, and which names are safe."""

from __future__ import annotations

import os
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from mrimage.errors import StoreError

SHARD_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip", ".parquet")
"""Endings of the containers whose members are entries."""

_UNREAD = re.compile(
    r"\.(xz|bz2|zst|lz4|lzma|gz|txz|tbz2?|tzst|7z|rar|json|arrow|feather|avro|orc|tfrecord|hdf5|h5|mdb)$",
    re.IGNORECASE,
)

_MEMBER = re.compile(r"^(.*?\.(?:tar|tar\.gz|tgz|zip|parquet))!/(.*)$", re.IGNORECASE | re.DOTALL)
_LISTED = re.compile(r"^(.*?)!/(\d+)/(https?://.*)$", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")
_DRIVE = re.compile(r"^[A-Za-z]:")


def scheme(url: str) -> str:
    """The scheme of ``url`` in lower case; ``file`` for a plain path.

    >>> scheme("S3://bucket/a"), scheme("photos/")
    ('s3', 'file')
    """
    match = _SCHEME.match(url)
    return match[1].lower() if match else "file"


def split_member(uri: str) -> tuple[str, str | None]:
    """The container's uri and the member's name, which is None where ``uri`` is no archive member.

    >>> split_member("/data/x.tar!/a/b.jpg")
    ('/data/x.tar', 'a/b.jpg')
    >>> split_member("/data/b.jpg")
    ('/data/b.jpg', None)
    """
    match = _MEMBER.match(uri)
    return (match[1], match[2]) if match else (uri, None)


def split_listed(uri: str) -> tuple[str, int] | None:
    """The list and the row of a url whose credentials stay in the list that named it; None for any other uri.

    >>> split_listed("/data/urls.txt!/7/https://host/a.jpg?sig=***")
    ('/data/urls.txt', 7)
    """
    match = _LISTED.match(uri)
    return (match[1], int(match[2])) if match else None


def is_shard(path: str) -> bool:
    """Whether ``path`` has the ending of a container.

    >>> is_shard("a/train-000.TAR"), is_shard("a/b.jpg")
    (True, False)
    """
    return path.lower().endswith(SHARD_SUFFIXES)


def is_unread_container(path: str) -> bool:
    """Whether ``path`` is named like an archive or a table of a kind that is not read: it is no image in any case.

    >>> is_unread_container("a/photos.tar.xz"), is_unread_container("a/photos.tar.gz"), is_unread_container("a/b.jpg")
    (True, False, False)
    """
    return bool(_UNREAD.search(path)) and not is_shard(path)


def local_uri(path: str) -> str:
    """The uri of the absolute local ``path`` (as ``os.fsdecode`` gives it).

    It is the path itself, or ``file:///...`` percent-encoded where the name is not valid UTF-8 or looks like an
    archive member.

    >>> local_uri("/data/a b.jpg"), local_uri(os.fsdecode(b"/data/caf\\xe9.jpg"))
    ('/data/a b.jpg', 'file:///data/caf%E9.jpg')
    """
    if "!/" not in path or (".tar" not in path and split_member(path)[1] is None):
        try:
            path.encode()
        except UnicodeEncodeError:
            pass
        else:
            return path
    return "file://" + quote_from_bytes(os.fsencode(path), safe="/")


def local_path(url: str) -> str:
    """The local path that ``url`` (a plain path or ``file://...``) names.

    >>> local_path("file:///a%20b"), local_path("a b")
    ('/a b', 'a b')
    """
    if scheme(url) != "file" or not _SCHEME.match(url):
        return url
    rest = url.split("://", 1)[1]
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost"):
        raise StoreError(f'Expected a file url as file:///path, but received "{url}".')
    return os.fsdecode(unquote_to_bytes(slash + path))


def path_if_local(place: str) -> str | None:
    """The path on this machine that ``place`` names; None for a place elsewhere.

    >>> path_if_local("file:///data/a%20b"), path_if_local("photos/"), path_if_local("s3://photos/")
    ('/data/a b', 'photos/', None)
    """
    return local_path(place) if scheme(place) == "file" else None


def printable(path: str) -> str:
    """``path`` as valid UTF-8: bytes that are none become ``%XX``, everything else stays.

    >>> printable(os.fsdecode(b"caf\\xe9.jpg"))
    'caf%E9.jpg'
    """
    if path.isascii():
        return path
    return "".join(f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in path)


def is_unicode(text: str) -> bool:
    """Whether ``text`` can be written as UTF-8, which lone surrogates cannot.

    >>> is_unicode("café"), is_unicode(chr(0xD800))
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain_path(path: str) -> str:
    """The local ``path``, relative to the source, as an entry's name in valid UTF-8. What had to be changed begins with
    ``./``, as no listed path does, so that it is not the name of another file too.

    >>> plain_path("a/b.jpg"), plain_path(os.fsdecode(b"caf\\xe9.jpg")), plain_path("x.tar!/b.jpg")
    ('a/b.jpg', './caf%E9.jpg', './x.tar!/b.jpg')
    """
    if path.isascii() and "!/" not in path:
        return path
    shown = printable(path)
    return shown if shown == path and split_member(path)[1] is None else f"./{shown}"


def unsafe(path: str) -> str | None:
    """Why the relative ``path`` could leave its root, or None if it cannot.

    >>> unsafe("a/../b"), unsafe("a/b")
    ('it has a ".." part', None)
    """
    if not path or path.endswith("/"):
        return "it names no file"
    if "\0" in path:
        return "it has a NUL character"
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        return "it is absolute"
    if ".." in path and ".." in path.replace("\\", "/").split("/"):
        return 'it has a ".." part'
    return None


def require_safe(path: str) -> None:
    """Raise StoreError if the relative ``path`` could leave its root."""
    why = unsafe(path)
    if why:
        raise StoreError(f"Expected a path below the store's root, but received {path!r}: {why}.")


def suffix(path: str) -> str:
    """The last extension of ``path`` in lower case with its dot, or an empty string.

    >>> suffix("a.b/c.JPG"), suffix("a/.hidden"), suffix("a/b")
    ('.jpg', '', '')
    """
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""
