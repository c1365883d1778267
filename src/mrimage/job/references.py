"""The reference images of a job's edits, read once when a run begins."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from mrimage.errors import CodeError, ImageError, StoreError, UsageError
from mrimage.image import Image
from mrimage.job.job import Job, absolute
from mrimage.storage import open_uri
from mrimage.storage.settings import StoreSettings
from mrimage.types import Edits

if TYPE_CHECKING:
    from mrimage.image.group.picture import Matching


def with_references(job: Job, stores: StoreSettings) -> Job:
    """Return the job as tasks get it: with the statistics of the reference images that it names.

    Raises UsageError if one cannot be read, or does not go with the other edits.
    """
    statistics: dict[str, tuple[int, ...]] = {}
    for edits in job.known_edits:
        if edits.reference is not None:
            statistics[edits.reference] = _statistic(job, edits, stores)
    return replace(job, references=tuple(sorted(statistics.items())))


def _statistic(job: Job, edits: Edits, stores: StoreSettings) -> tuple[int, ...]:
    reference = edits.reference
    assert reference
    if edits.correct != "match-histogram":
        raise UsageError(
            f"--reference needs --correct match-histogram, but got {edits.correct or 'none'}. "
            "Add it, or leave out --reference."
        )
    measured = Edits(to=edits.to, correct=edits.correct)
    try:
        image = Image(open_uri(absolute(os.path.expanduser(reference)), stores), job.limits)  # noqa: PTH111 - it may be a url
        return tuple(image.group_statistic(measured))
    except (ImageError, StoreError) as error:
        raise UsageError(
            f"--reference needs an image that can be read, but {reference}: {error}"
        ) from error


def matching_of(job: Job, reference: str) -> Matching:
    """Return what an image is to match: the statistic of the reference image.

    Raises CodeError if the reference was not known when the run began, because the job's own
    function of edits named it.
    """
    from mrimage.image.group.picture import Matching

    known = dict(job.references)
    if reference not in known:
        raise CodeError(
            f"A reference is read when a run begins, but the function of edits named {reference!r} "
            "later. Use rules instead.",
            "a reference that is not known",
        )
    return Matching(None, known[reference])
