"""Edits as plain data, the pictures that they name, and the edits of each size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from mrimage.errors import UsageError
from mrimage.image.sizes import each_size, show_resize
from mrimage.types import Edits

ADDED = ("reference", "sharpen", "watermark", "watermark_corner", "watermark_share")
"""Fields that an OUT of an earlier version does not describe."""

_DEFAULTS = Edits()


@dataclass(frozen=True, slots=True)
class Watermark:
    """A picture that edits name, read when a run begins. ``digest`` is the SHA-256 of the file, and
    ``png`` the picture as every task gets it."""

    name: str
    digest: str
    png: bytes = field(repr=False)


def describe_edits(edits: Edits) -> dict[str, object]:
    """Return ``edits`` as plain data. The fields in ADDED are left out if they have their defaults,
    so that an OUT that was made before them still belongs to its job."""
    facts = asdict(edits)
    for name in ADDED:
        if facts[name] == getattr(_DEFAULTS, name):
            del facts[name]
    return facts


def edits_of_each_size(edits: Edits) -> Iterator[tuple[str, Edits]]:
    """Yield the edits of each result with the name of its size, which is empty if there is one
    alone."""
    sizes = () if edits.resize is None else each_size(edits.resize)
    if len(sizes) < 2:
        yield "", edits
        return
    for size in sizes:
        yield show_resize(size), replace(edits, resize=size)


def makes_several(edits: Edits) -> bool:
    """Whether ``edits`` make a result of each of several sizes."""
    return edits.resize is not None and len(each_size(edits.resize)) > 1


def require_one_size(edits: Edits) -> None:
    """Raise UsageError for several sizes of a result that depends on its group."""
    if makes_several(edits) and edits.sees_group:
        raise UsageError(
            f"--correct {edits.correct} makes one result of each image, but --resize {edits.resize} "
            "makes one of each size. Leave out one of the two, or use a run for each size."
        )
