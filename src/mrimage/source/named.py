"""The entry for a name in a list or a table: a file of this machine, an object, or a url."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from mrimage.storage import BACKENDS, redact
from mrimage.storage.fields import plain_fields
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


def named_entry(list_uri: str, column: str | None, number: int, text: str) -> Entry:
    """The entry that ``text`` names in row ``number`` of the list or table at ``list_uri``.

    A name without a scheme is relative to the folder of the list. Remote files are not looked up:
    their size is 0 and their version empty. A name that cannot be an image's becomes an entry
    with a fault.
    """
    row_uri = f"{list_uri}!/{number}"
    if "\0" in text:
        return _refused(row_uri, "a name cannot contain a NUL character", text.replace("\0", "\\0"))
    if is_unread_container(text):
        return _refused(
            row_uri, "archives of this kind are not supported", text, reason="unsupported"
        )
    if path_if_local(text) is None:
        return _remote(list_uri, column, number, text)
    if scheme(list_uri) in _WEB:
        # Otherwise a list from the web could read any file of this machine.
        if text.lower().startswith("file:"):
            return _refused(row_uri, "a list from the web may not name files on this machine", text)
        return _remote(list_uri, column, number, urljoin(list_uri, text))
    list_path = path_if_local(list_uri)
    if list_path is not None:
        return _local(text, os.path.dirname(list_path))  # noqa: PTH120 - a name, byte for byte
    if text.startswith(("/", "file:")):
        return _local(text, "")
    list_folder = list_uri.rpartition("/")[0]
    return _remote(list_uri, column, number, f"{list_folder}/{text}")


def public_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row as fields of an entry, without the credentials in urls."""
    fields = plain_fields(values)
    for name, value in fields.items():
        if isinstance(value, str) and "://" in value:
            fields[name] = redact(value)
    return fields


def broken(uri: str, path: str, version: str, fault: Fault) -> Entry:
    """An entry that cannot be read.

    Its version includes the fault, so that the entry counts as changed once it can be read.
    """
    return Entry(uri, path, 0, f"{version}!{fault.reason}", fault=fault)


def _remote(list_uri: str, column: str | None, number: int, url: str) -> Entry:
    url_scheme = scheme(url)
    shown = printable(redact(url))
    path = shown.replace("://", ":", 1)
    row_uri = f"{list_uri}!/{number}"
    if url_scheme in _WEB:
        if redact(url) == url:
            return Entry(shown, path, 0, "")
        # The credentials stay in the list; the entry says in which row.
        list_and_column = f"{list_uri}#{column}" if column else list_uri
        return Entry(f"{list_and_column}!/{number}/{shown}", f"{number}:{path}", 0, "")
    if url_scheme not in BACKENDS:
        return _refused(row_uri, f"{url_scheme}:// is not a supported scheme", shown)
    bucket = url.partition("://")[2].partition("/")[0]
    is_object = url_scheme not in ("hdfs", "viewfs")
    if is_object and (not bucket or "@" in bucket):
        return _refused(row_uri, f"an object must be named {url_scheme}://bucket/name", shown)
    return Entry(shown, path, 0, "")


def _local(text: str, list_folder: str) -> Entry:
    path = os.path.normpath(os.path.join(list_folder, local_path(text)))  # noqa: PTH118
    uri = local_uri(path)
    name = _local_name(path, list_folder.rstrip("/") if list_folder else None)
    try:
        status = Path(path).stat()
        is_link = Path(path).is_symlink()
    except OSError as error:
        return broken(uri, name, "", fault_of(error, uri))
    return Entry(
        uri, name, status.st_size, file_version(status), file=file_identity(status), is_link=is_link
    )


def _local_name(path: str, folder: str | None) -> str:
    """The entry's path: relative for a file in the list's folder, ``file:...`` for any other."""
    if folder is None or not path.startswith(f"{folder}/"):
        return f"file:{printable(path)}"
    name = plain_path(path[len(folder) + 1 :])
    # A first part with a colon would look like the path of a url's entry.
    first_part = name.partition("/")[0]
    return f"./{name}" if ":" in first_part else name


def _refused(uri: str, why: str, text: str, reason: str = "unreadable") -> Entry:
    row = uri.rpartition("/")[2]
    shown = printable(redact(text))
    return broken(uri, row, "", Fault(reason, f"{shown}: {why}."))
