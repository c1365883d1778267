"""Sidecars of WebDataset: files of a tar that belong to the image of the same name.

Files that follow each other with the same name up to the first dot are one sample. Of its sidecars
these are read: ``.txt`` as text, ``.cls`` as a number, and ``.json`` as an object.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mrimage.storage.fields import number_of, short_values

SIDECARS = ("txt", "cls", "json")
"""Extensions of the sidecars that are read."""

LARGEST = 64 << 10
"""Bytes of a sidecar at most. A longer one is not a caption, and would fill the tables."""


def stem_of(name: str) -> str:
    """The name of the sample: everything up to the first dot after the last slash.

    >>> stem_of("a.b/beach.v2.jpg")
    'a.b/beach'
    """
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def sidecar_kind(name: str) -> str:
    """The extension of a sidecar, or an empty text if the file is none.

    >>> sidecar_kind("a/beach.txt"), sidecar_kind("a/beach.v2.txt"), sidecar_kind("beach.jpg")
    ('txt', '', '')
    """
    extension = name.removeprefix(f"{stem_of(name)}.")
    return extension if extension in SIDECARS else ""


def read_sidecar(kind: str, data: bytes) -> Any:
    """Return the content of a sidecar; None if it cannot be read as its kind."""
    if kind == "json":
        return _object(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return number_of(text.strip()) if kind == "cls" else text


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        return short_values(msgspec.json.decode(data, type=dict[str, Any]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
