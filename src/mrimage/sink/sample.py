"""One image of a shard with its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mrimage.types import OutputRow

FACTS = ("uri", "key", "width", "height", "sha256")
"""What a shard says about each image: the columns of the lineage, except name and size."""


NO_EXTRAS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sample:
    """An image read back from a shard.

    ``name`` is unique in the shard; in the lineage it follows ``!/``. ``path`` is
    ``<key>/<name>.<ext>``. ``facts`` is None if the shard has none for this image. ``extras`` are
    the values that came along from the source or the catalogue, without nulls.
    """

    name: str
    path: str
    data: bytes
    facts: Mapping[str, object] | None
    extras: Mapping[str, object] = field(default_factory=dict)


def facts_of(row: OutputRow) -> dict[str, object]:
    """The facts that a shard stores with the image."""
    return {name: getattr(row, name) for name in FACTS}
