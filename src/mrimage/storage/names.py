"""Uris: how files, objects and archive members are named, and which names are safe."""

from __future__ import annotations

import os
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from mrimage.errors import StoreError

SHARD_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip", ".parquet")
"""Suffixes of the containers whose members are entries."""

_UNSUPPORTED_CONTAINER = re.compile(
    r"\.(xz|bz2|zst|lz4|lzma|gz|txz|tbz2?|tzst|7z|rar"
    r"|json|arrow|feather|avro|orc|tfrecord|hdf5|h5|mdb)$",
    re.IGNORECASE,
)

_MEMBER = re.compile(r"^(.*?\.(?:tar|tar\.gz|tgz|zip|parquet))!/(.*)$", re.IGNORECASE | re.DOTALL)
_LISTED = re.compile(r"^(.*?)!/(\d+)/(https?://.*)$", re.IGNORECASE | re.DOTALL)
# A scheme has at least two letters: one letter and a colon is a drive of Windows.
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
    """The container's uri and the member's name, or None if ``uri`` is not an archive member.

    >>> split_member("/data/x.tar!/a/b.jpg")
    ('/data/x.tar', 'a/b.jpg')
    >>> split_member("/data/b.jpg")
    ('/data/b.jpg', None)
    """
    match = _MEMBER.match(uri)
    return (match[1], match[2]) if match else (uri, None)


def split_listed(uri: str) -> tuple[str, int] | None:
    """The list and the row of a url whose credentials only the list contains.

    None for any other uri.

    >>> split_listed("/data/urls.txt!/7/https://host/a.jpg?sig=***")
    ('/data/urls.txt', 7)
    """
    match = _LISTED.match(uri)
    return (match[1], int(match[2])) if match else None


def is_shard(path: str) -> bool:
    """Whether ``path`` has the suffix of a supported container.

    >>> is_shard("a/train-000.TAR"), is_shard("a/b.jpg")
    (True, False)
    """
    return path.lower().endswith(SHARD_SUFFIXES)


def is_unread_container(path: str) -> bool:
    """Whether ``path`` has the suffix of an archive or table that mrimage cannot read.

    >>> is_unread_container("photos.tar.xz"), is_unread_container("photos.tar.gz")
    (True, False)
    >>> is_unread_container("a/b.jpg")
    False
    """
    return bool(_UNSUPPORTED_CONTAINER.search(path)) and not is_shard(path)


def local_uri(path: str) -> str:
    """The uri of the absolute local ``path`` (as ``os.fsdecode`` returns it).

    This is the path itself, or ``file:///...`` percent-encoded if the name is not valid UTF-8 or
    looks like an archive member.

    >>> local_uri("/data/a b.jpg"), local_uri(os.fsdecode(b"/data/caf\\xe9.jpg"))
    ('/data/a b.jpg', 'file:///data/caf%E9.jpg')
    """
    # Cheap checks come first: this runs for each file of a listing.
    has_mark = "!/" in path
    looks_like_member = has_mark and (".tar" in path or split_member(path)[1] is not None)
    if not looks_like_member and is_unicode(path):
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
        raise StoreError(f'A file url must look like file:///path, but got "{url}".')
    return os.fsdecode(unquote_to_bytes(slash + path))


def path_if_local(uri: str) -> str | None:
    """The path on this machine that ``uri`` names, or None if it names a remote location.

    >>> path_if_local("file:///data/a%20b"), path_if_local("photos/"), path_if_local("s3://photos/")
    ('/data/a b', 'photos/', None)
    """
    return local_path(uri) if scheme(uri) == "file" else None


def printable(path: str) -> str:
    """``path`` as valid UTF-8: each invalid byte becomes ``%XX``, everything else stays.

    >>> printable(os.fsdecode(b"caf\\xe9.jpg"))
    'caf%E9.jpg'
    """
    if path.isascii():
        return path
    return "".join(_printable_character(character) for character in path)


def _printable_character(character: str) -> str:
    # os.fsdecode represents an invalid byte 0xNN by the lone surrogate U+DCNN (PEP 383).
    is_invalid_byte = "\udc80" <= character <= "\udcff"
    return f"%{ord(character) - 0xDC00:02X}" if is_invalid_byte else character


def is_unicode(text: str) -> bool:
    """Whether ``text`` can be written as UTF-8; lone surrogates cannot.

    >>> is_unicode("café"), is_unicode(chr(0xD800))
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain_path(path: str) -> str:
    """The name of an entry, in valid UTF-8, for the local ``path`` relative to the source.

    A name that had to be changed begins with ``./``. No listed path does, so it cannot be the
    name of another file.

    >>> plain_path("a/b.jpg"), plain_path(os.fsdecode(b"caf\\xe9.jpg")), plain_path("x.tar!/b.jpg")
    ('a/b.jpg', './caf%E9.jpg', './x.tar!/b.jpg')
    """
    if path.isascii() and "!/" not in path:
        return path
    shown = printable(path)
    is_unchanged = shown == path and split_member(path)[1] is None
    return shown if is_unchanged else f"./{shown}"


def unsafe(path: str) -> str | None:
    """The reason why the relative ``path`` could leave its root, or None if it cannot.

    >>> unsafe("a/../b"), unsafe("a/b")
    ('it has a ".." part', None)
    """
    if not path or path.endswith("/"):
        return "it is not the name of a file"
    if "\0" in path:
        return "it has a NUL character"
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        return "it is absolute"
    if ".." in path and ".." in path.replace("\\", "/").split("/"):
        return 'it has a ".." part'
    return None


def require_safe(path: str) -> None:
    """Raise StoreError if the relative ``path`` could leave its root."""
    reason = unsafe(path)
    if reason:
        raise StoreError(f"A path must stay below the store's root, but got {path!r}: {reason}.")


def suffix(path: str) -> str:
    """The last extension of ``path`` in lower case with its dot, or an empty string.

    >>> suffix("a.b/c.JPG"), suffix("a/.hidden"), suffix("a/b")
    ('.jpg', '', '')
    """
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    has_extension = 0 < dot < len(name) - 1
    return name[dot:].lower() if has_extension else ""
