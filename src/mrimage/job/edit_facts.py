"""Edits as plain data, and the pictures that they name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

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
