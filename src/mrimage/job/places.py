"""SOURCE and OUT as places that mean the same everywhere."""

from __future__ import annotations

import os

from mrimage.errors import UsageError
from mrimage.storage.names import local_uri, path_if_local, scheme


def absolute(place: str) -> str:
    """Return a path or url that means the same from any working directory. ``photos``,
    ``photos/`` and ``file:///home/me/photos`` all become ``/home/me/photos``.

    >>> absolute("/a/../photos/"), absolute("s3://bucket/photos/")
    ('/photos', 's3://bucket/photos')
    """
    if not place:
        raise UsageError("SOURCE and OUT need a path or a url, but got an empty text.")
    path = path_if_local(place)
    if path is not None:
        # Path.resolve() would follow links.
        return local_uri(os.path.abspath(path))  # noqa: PTH100
    if scheme(place) in ("http", "https"):
        return place
    return place.rstrip("/")
