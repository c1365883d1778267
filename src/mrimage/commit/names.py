"""The names that a run got on standard input, kept in OUT for ``retry`` and ``verify --repair``.

A name may have any character but NUL, so NUL goes between them, as ``find -print0`` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from mrimage.errors import NotFoundError
from mrimage.storage import Store
from mrimage.storage.layout import NAMES


def split_names(data: bytes) -> tuple[str, ...]:
    """Split standard input into names: at each NUL if it has any, otherwise at line ends. Bytes
    that are not valid UTF-8 become surrogate escapes, as in file names.

    >>> split_names(b"a b.jpg\\nc.jpg\\n"), split_names(b"a\\nb.jpg\\0")
    (('a b.jpg', 'c.jpg'), ('a\\nb.jpg',))
    """
    text = data.decode("utf-8", "surrogateescape")
    if "\0" in text:
        return tuple(text.removesuffix("\0").split("\0"))
    lines = text.removesuffix("\n").split("\n")
    return tuple(line.removesuffix("\r") for line in lines)


def write_names(store: Store, names: Sequence[str]) -> None:
    """Keep the names in OUT."""
    store.write(NAMES, "".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape"))


def read_names(store: Store) -> tuple[str, ...] | None:
    """Return the names that OUT keeps; None if it keeps none."""
    try:
        return split_names(store.read(NAMES))
    except NotFoundError:
        return None
