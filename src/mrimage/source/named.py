"""The entry for a name that a list or a table holds: a file of this machine, an object, or a url."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urljoin

from mrimage.storage import BACKENDS, redact
from mrimage.storage.local import fault_of, file_identity, file_version
from mrimage.storage.names import (
    is_unread_container,
    local_path,
    local_uri,
    path_if_local,
    plain_path,
    printable,
    scheme,
)
from mrimage.types import Entry, Fault

_WEB = ("http", "https")


def named_entry(place: str, column: str | None, number: int, text: str) -> Entry:
    """What ``text`` names in row ``number`` of the list or table at ``place``; a name without a scheme is taken from
    the folder where that lies. Size and version of what is elsewhere are not asked for: 0 and empty.

    A name that cannot be an image's is an entry with a fault.
    """
    if "\0" in text:
        return _refused(
            f"{place}!/{number}", "a name has no NUL character", text.replace("\0", "\\0")
        )
    if is_unread_container(text):
        return _refused(
            f"{place}!/{number}", "archives of this kind are not read", text, "unsupported"
        )
    if path_if_local(text) is None:
        return _remote(place, column, number, text)
    if scheme(place) in _WEB:
        if text.lower().startswith("file:"):
            return _refused(
                f"{place}!/{number}", "a list from the web may not name files of this machine", text
            )
        return _remote(place, column, number, urljoin(place, text))
    list_path = path_if_local(place)
    if list_path is not None:
        return _local(text, os.path.dirname(list_path))  # noqa: PTH120 - a name, byte for byte
    if text.startswith(("/", "file:")):
        return _local(text, "")
    return _remote(place, column, number, f"{place.rpartition('/')[0]}/{text}")


def broken(uri: str, path: str, version: str, fault: Fault) -> Entry:
    """An entry that cannot be read; its version tells it from what it is once it can be."""
    return Entry(uri, path, 0, f"{version}!{fault.reason}", fault=fault)


def _remote(place: str, column: str | None, number: int, url: str) -> Entry:
    kind = scheme(url)
    shown = printable(redact(url))
    if kind in _WEB:
        name = shown.replace("://", ":", 1)
        if redact(url) == url:
            return Entry(shown, name, 0, "")
        # The secret stays in the list: the entry says which row has it.
        where = f"{place}#{column}" if column else place
        return Entry(f"{where}!/{number}/{shown}", f"{number}:{name}", 0, "")
    bucket = url.partition("://")[2].partition("/")[0]
    if kind in BACKENDS and kind not in ("hdfs", "viewfs") and (not bucket or "@" in bucket):
        return _refused(f"{place}!/{number}", f"an object is named {kind}://bucket/name", shown)
    if kind in BACKENDS:
        return Entry(shown, shown.replace("://", ":", 1), 0, "")
    return _refused(f"{place}!/{number}", f"{kind} is no scheme of a place for images", shown)


def _local(text: str, folder: str) -> Entry:
    path = os.path.normpath(os.path.join(folder, local_path(text)))  # noqa: PTH118
    inside = bool(folder) and path.startswith(folder.rstrip("/") + "/")
    name = plain_path(path[len(folder.rstrip("/")) + 1 :]) if inside else f"file:{printable(path)}"
    if ":" in name.partition("/")[0] and inside:
        name = f"./{name}"  # not to be taken for a url's
    uri = local_uri(path)
    try:
        status = Path(path).stat()
        is_link = Path(path).is_symlink()
    except OSError as error:
        return broken(uri, name, "", fault_of(error, uri))
    return Entry(
        uri, name, status.st_size, file_version(status), file=file_identity(status), is_link=is_link
    )


def _refused(uri: str, why: str, text: str, reason: str = "unreadable") -> Entry:
    return broken(
        uri, uri.rpartition("/")[2], "", Fault(reason, f"{printable(redact(text))}: {why}.")
    )
