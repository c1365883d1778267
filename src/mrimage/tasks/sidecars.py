"""The sidecars that are copied with the originals."""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.errors import NotFoundError
from mrimage.job.job import Plan
from mrimage.source import SIDECAR, sidecar_uri
from mrimage.storage import open_uri
from mrimage.types import Entry


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The ``path`` of a sidecar below the source, and its content."""

    path: str
    data: bytes


def sidecar_of(plan: Plan, entry: Entry) -> Sidecar | None:
    """Return the sidecar of ``entry``, if the job copies originals and there is one.

    One that has disappeared since the listing is left out: the next run finds that its image has
    changed. Raises StoreError if it cannot be read now but perhaps later.
    """
    uri = sidecar_uri(entry) if plan.job.copies_originals else ""
    if not uri:
        return None
    try:
        data = open_uri(uri, plan.stores).read()
    except NotFoundError:
        return None
    return Sidecar(str(entry.fields[SIDECAR]), data)
