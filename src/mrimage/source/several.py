"""Several sources of one run: the names of their entries, which never meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from mrimage.errors import SourceError
from mrimage.source.sidecars import SIDECAR
from mrimage.storage.overlap import contains
from mrimage.types import Entry


def labels_of(sources: Sequence[str]) -> list[str]:
    """Return the name of each source, by which the paths of its entries begin: as much of the end
    of its own name as it takes to tell it from the others.

    >>> labels_of(["/a/photos", "s3://b/photos/", "/a/scans"])
    ['a_photos', 'b_photos', 'scans']
    """
    parts = [[part for part in source.split("/") if part] or ["root"] for source in sources]
    labels = [_label(parts, index) for index in range(len(parts))]
    # Names with an underscore of their own may still meet.
    while len(set(labels)) < len(labels):
        labels = [
            f"{label}_{number}" if labels.count(label) > 1 else label
            for number, label in enumerate(labels)
        ]
    return labels


def _label(parts: list[list[str]], index: int) -> str:
    own = parts[index]
    others = [other for number, other in enumerate(parts) if number != index]
    for count in range(1, len(own)):
        if all(other[-count:] != own[-count:] for other in others):
            return "_".join(own[-count:])
    return "_".join(own)


def below(label: str, entry: Entry) -> Entry:
    """Return ``entry`` with the source's ``label`` before its path."""
    fields = entry.fields
    if SIDECAR in fields:
        fields = {**fields, SIDECAR: f"{label}/{fields[SIDECAR]}"}
    return replace(entry, path=f"{label}/{entry.path}", fields=fields)


def check_sources(sources: Sequence[str]) -> None:
    """Raise SourceError if a source contains another: its images would be listed twice."""
    for one, other in combinations(sources, 2):
        if contains(one, other) or contains(other, one):
            raise SourceError(
                f"Several SOURCEs must be apart from each other, but one of {one!r} and {other!r} "
                "contains the other. Leave out one of them."
            )
