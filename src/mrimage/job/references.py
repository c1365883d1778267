"""The pictures that a job's edits name, read once when a run begins: references and watermarks."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from mrimage.errors import CodeError, ImageError, StoreError, UsageError, brief
from mrimage.image import Image
from mrimage.job.edit_facts import Watermark
from mrimage.job.job import Job, absolute
from mrimage.storage import open_uri
from mrimage.storage.settings import StoreSettings
from mrimage.types import Edits

if TYPE_CHECKING:
    from mrimage.image.group.picture import Matching


def with_references(job: Job, stores: StoreSettings) -> Job:
    """Return the job as tasks get it: with the statistics of the reference images and with the
    watermarks that it names.

    Raises UsageError if one cannot be read, or does not go with the other edits.
    """
    statistics: dict[str, tuple[int, ...]] = {}
    watermarks: dict[str, Watermark] = {}
    for edits in job.known_edits:
        if edits.reference is not None:
            statistics[edits.reference] = _statistic(job, edits, stores)
        if edits.watermark is not None and edits.watermark not in watermarks:
            watermarks[edits.watermark] = _watermark(job, edits.watermark, stores)
    found = tuple(watermarks[name] for name in sorted(watermarks))
    return replace(job, references=tuple(sorted(statistics.items())), watermarks=found)


def _watermark(job: Job, name: str, stores: StoreSettings) -> Watermark:
    try:
        image = _image_of(job, name, stores)
        return Watermark(name, hashlib.sha256(image.data).hexdigest(), image.watermark())
    except (ImageError, StoreError) as error:
        raise UsageError(
            f"--watermark needs an image that can be read, but {name}: {error}"
        ) from error


def _image_of(job: Job, name: str, stores: StoreSettings) -> Image:
    place = absolute(os.path.expanduser(name))  # noqa: PTH111 - it may be a url
    return Image(open_uri(place, stores), job.limits)


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
        return tuple(_image_of(job, reference, stores).group_statistic(measured))
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


def require_watermark(job: Job, edits: Edits) -> None:
    """Raise CodeError if the watermark of ``edits`` was not known when the run began, because the
    job's own function of edits named it."""
    if edits.watermark is None or edits.watermark in job.watermark_files:
        return
    raise CodeError(
        "A watermark is read when a run begins, but the function of edits named "
        f"{brief(edits.watermark)} later. Use rules instead.",
        "a watermark that is not known",
    )
