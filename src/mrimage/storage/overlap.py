"""Where two places are, compared: one may be spelled in several ways."""

from __future__ import annotations

import os
import posixpath
from urllib.parse import unquote

from mrimage.storage.names import local_path, scheme

_SAME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az", "abfs": "az", "abfss": "az"}
_NAMENODE_PORT = ":8020"
"""The port of a NameNode whose url names none."""


def contains(outer: str, inner: str) -> bool:
    """Whether ``inner`` is ``outer``, or lies in it. Where a store might read a name in two ways, as with ``..`` and ``%20``,
    either will do.

    >>> contains("s3://photos/2024/", "S3A://photos//2024/out"), contains("s3://photos/2024", "s3://photos/2024-out")
    (True, False)
    """
    if scheme(outer) != "file" and scheme(inner) != "file":
        return any(_contains(read(outer), read(inner)) for read in (str, unquote))
    if scheme(outer) != scheme(inner):
        return False
    real = [
        os.path.realpath(local_path(place)) for place in (outer, inner)
    ]  # Path.resolve() fails on loops
    return _below(*(["/", *(part for part in place.split("/") if part)] for place in real))


def _contains(outer: str, inner: str) -> bool:
    outer_kind, outer_server, outer_parts = _plain(outer)
    inner_kind, inner_server, inner_parts = _plain(inner)
    # An hdfs url without a server means the configured one, which may be any.
    same_server = outer_server == inner_server or "" in (outer_server, inner_server)
    return outer_kind == inner_kind and same_server and _below(outer_parts, inner_parts)


def _below(outer: list[str], inner: list[str]) -> bool:
    return inner[: len(outer)] == outer


def _plain(place: str) -> tuple[str, str, list[str]]:
    """Kind, server or bucket, and folders of a remote place, as they are spelled most plainly."""
    authority, _, path = place.split("://", 1)[1].partition("/")
    kind = _SAME.get(scheme(place), scheme(place))
    server = authority.lower().removesuffix(_NAMENODE_PORT)
    return kind, server, [part for part in posixpath.normpath(f"/{path}").split("/") if part]
