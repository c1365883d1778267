"""One image of a shard, and the facts that travel with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mrimage.types import OutputRow

FACTS = ("uri", "key", "width", "height", "sha256")
"""What a shard tells of each image: the columns of the lineage without its place."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An image read back from a shard. ``name`` is unique in the shard and what lineage records behind ``!/``,
    ``path`` is ``<key>/<name>.<ext>``; ``facts`` are None where the shard does not tell them."""

    name: str
    path: str
    data: bytes
    facts: Mapping[str, object] | None


def facts_of(row: OutputRow) -> dict[str, object]:
    """The facts that go into a shard beside the image."""
    return {name: getattr(row, name) for name in FACTS}
