"""XMP sidecars: files in which programs for photographs keep what they know about a RAW file.

``IMG_1.xmp`` belongs to the first RAW file of that name, ``IMG_1.CR2``, and ``IMG_1.CR2.xmp`` to
the file ``IMG_1.CR2`` of any format, which is the one that counts if there are both.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from mrimage import image
from mrimage.errors import ImageError, StoreError
from mrimage.image.tags.xmp import properties_of
from mrimage.storage import Item
from mrimage.storage.archives.sidecars import stem_of
from mrimage.storage.fields import number_of, plain_fields, short_values
from mrimage.storage.names import plain_path, suffix
from mrimage.types import Entry

SUFFIX = ".xmp"

SIDECAR = "sidecar"
"""The field with the path of the sidecar below the source."""

DIGEST = "sidecar_sha256"

LARGEST = 4 << 20
"""Bytes of a sidecar at most. Those with many masks and retouches have a megabyte."""

_FACTS = {
    "sidecar_rating": "xmp:Rating",
    "sidecar_label": "xmp:Label",
    "sidecar_title": "dc:title",
    "sidecar_description": "dc:description",
    "sidecar_creator": "dc:creator",
}
"""Columns with one text or number, and their properties."""

_RAW = frozenset(f".{name}" for name in image.RAW_EXTENSIONS)

Paired = tuple[Item, Item | None]
"""A file and its sidecar."""


def with_sidecars(items: Iterable[Item], *, by_folder: bool) -> Iterator[Paired]:
    """Yield each file that is no sidecar with its sidecar, and each sidecar without an image alone.

    The files of a folder come together if ``by_folder``; otherwise they come in the order of their
    names, so that those of one name up to the first dot come together.
    """
    key = _folder_of if by_folder else _stem_of
    for _, group in groupby(items, key):
        found = list(group)
        if any(_is_sidecar(item) for item in found):
            yield from _paired(sorted(found, key=_path_of))
        else:
            for item in found:
                yield item, None


def _paired(items: list[Item]) -> Iterator[Paired]:
    sidecars = {item.path[: -len(SUFFIX)]: item for item in items if _is_sidecar(item)}
    used: set[str] = set()
    for item in items:
        if _is_sidecar(item):
            continue
        own = item.path if item.path in sidecars else ""
        shared = item.path[: -len(suffix(item.path))] if suffix(item.path) in _RAW else ""
        name = own or ("" if shared in used else shared)
        used.add(name)
        yield item, sidecars.get(name) if name else None
    for name, item in sidecars.items():
        if name not in used:
            yield item, None


def sidecar_fields(item: Item, read: Callable[[str], bytes]) -> dict[str, Any]:
    """Return what the sidecar says about its image: its path and SHA-256, rating, label, title,
    description, creator and keywords, as far as it has them.

    ``read`` returns the content of a path.
    """
    fields: dict[str, Any] = {SIDECAR: plain_path(item.path)}
    if item.fault or item.size > LARGEST:
        return fields
    try:
        data = read(item.path)
    except (StoreError, ImageError):
        # The image is there, whatever became of its sidecar.
        return fields
    fields[DIGEST] = hashlib.sha256(data).hexdigest()
    properties = properties_of(data)
    for name, property_name in _FACTS.items():
        for text in properties.get(property_name, ())[:1]:
            fields[name] = number_of(text) if name == "sidecar_rating" else text
    keywords = [text for text in properties.get("dc:subject", ()) if text]
    if keywords:
        fields["sidecar_keywords"] = keywords
    return short_values(plain_fields(fields))


def sidecar_uri(entry: Entry) -> str:
    """Return the uri of the sidecar of ``entry``; empty if it has none."""
    path = entry.fields.get(SIDECAR)
    if not isinstance(path, str) or entry.place is not None:
        return ""
    return beside(entry.uri, entry.path, path)


def beside(name: str, path: str, sidecar: str) -> str:
    """Return the name of the ``sidecar`` of ``path`` beside the file ``name``, which is that of
    ``path`` somewhere else.

    >>> beside("out/IMG_1~7f.CR2", "a/IMG_1.CR2", "a/IMG_1.xmp")
    'out/IMG_1~7f.xmp'
    >>> beside("out/IMG_1~7f.CR2", "a/IMG_1.CR2", "a/IMG_1.CR2.xmp")
    'out/IMG_1~7f.CR2.xmp'
    """
    extension = posixpath.splitext(sidecar)[1]
    if sidecar.startswith(f"{path}."):
        return name + extension
    return posixpath.splitext(name)[0] + extension


def _is_sidecar(item: Item) -> bool:
    return item.path.lower().endswith(SUFFIX)


def _folder_of(item: Item) -> str:
    return posixpath.dirname(item.path)


def _stem_of(item: Item) -> str:
    return stem_of(item.path)


def _path_of(item: Item) -> str:
    return item.path
