"""Whether one location contains another, however their names are spelled."""

from __future__ import annotations

import os
import posixpath
from urllib.parse import unquote

from mrimage.storage.names import local_path, scheme

_SAME_SCHEME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az", "abfs": "az", "abfss": "az"}

_NAMENODE_PORT = ":8020"
"""The port of a NameNode whose url names none."""


def contains(outer: str, inner: str) -> bool:
    """Whether ``inner`` is ``outer`` or lies in it.

    Stores may read a name with ``..`` or ``%20`` in two ways: the locations overlap if they do in
    either way.

    >>> contains("s3://photos/2024/", "S3A://photos//2024/out")
    True
    >>> contains("s3://photos/2024", "s3://photos/2024-out")
    False
    """
    if scheme(outer) != "file" and scheme(inner) != "file":
        return _contains_remote(outer, inner) or _contains_remote(unquote(outer), unquote(inner))
    if scheme(outer) != scheme(inner):
        return False
    return _begins_with(_local_parts(inner), _local_parts(outer))


def _local_parts(location: str) -> list[str]:
    # Path.resolve() fails on symbolic links in a circle; realpath does not.
    real = os.path.realpath(local_path(location))
    return ["/", *(part for part in real.split("/") if part)]


def _contains_remote(outer: str, inner: str) -> bool:
    outer_scheme, outer_server = _scheme_and_server(outer)
    inner_scheme, inner_server = _scheme_and_server(inner)
    # An hdfs url without a server means the configured one, which may be any.
    same_server = outer_server == inner_server or "" in (outer_server, inner_server)
    same_store = outer_scheme == inner_scheme and same_server
    return same_store and _begins_with(_remote_parts(inner), _remote_parts(outer))


def _begins_with(parts: list[str], start: list[str]) -> bool:
    return parts[: len(start)] == start


def _scheme_and_server(url: str) -> tuple[str, str]:
    """The scheme, and the server or bucket, of a remote location in their simplest spelling."""
    url_scheme = scheme(url)
    authority = url.split("://", 1)[1].partition("/")[0]
    server = authority.lower().removesuffix(_NAMENODE_PORT)
    return _SAME_SCHEME.get(url_scheme, url_scheme), server


def _remote_parts(url: str) -> list[str]:
    """The folders of a remote location, without empty ones, ``.`` and ``..``."""
    path = url.split("://", 1)[1].partition("/")[2]
    normalized = posixpath.normpath(f"/{path}")
    return [part for part in normalized.split("/") if part]
