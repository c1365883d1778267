"""The edited copies of one image: one for each of its keys, and each different one made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from mrimage.image import Image
from mrimage.job.edit_facts import edits_of_each_size
from mrimage.job.edits_by_key import edits_for
from mrimage.job.job import Job
from mrimage.job.references import matching_of, require_watermark
from mrimage.job.rules import NoEdit
from mrimage.sink.naming import source_extension
from mrimage.tasks.statistics import MemberStatistic, group_member, own_members
from mrimage.types import Edits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mrimage.image import Encoded


@dataclass(frozen=True, slots=True)
class ImageOutput:
    """What was made of an image under a key. ``size`` names one of several sizes."""

    key: str
    made: Encoded
    size: str = ""


Keep = Callable[[Edits, "NDArray[Any]"], None]
"""Keeps the pixels that the edits make of an image, for the second pass."""


@dataclass
class EditedImage:
    """The outputs of an image, and what the second pass needs to edit it under other
    keys, where the result depends on the group."""

    outputs: list[ImageOutput] = field(default_factory=list)
    members: list[MemberStatistic] = field(default_factory=list)


def edit_image(job: Job, image: Image, keys: Iterable[str], keep: Keep) -> EditedImage:
    """Edit ``image`` under each of ``keys``. A key may have no output.

    Keys with the same edits share one result. Raises ImageError, or CodeError if the job's own
    function of edits or its statistic fails.
    """
    edited = EditedImage()
    if job.each is not None:
        edited.members = own_members(job, image, keys)
        return edited
    if not job.edits_images:
        return edited
    wanted: list[tuple[str, str, Edits | NoEdit]] = []
    for key in keys:
        edits = edits_for(job, key, image.metadata)
        if edits is None and job.copies_originals:
            edits = NoEdit.COPY
        if edits is None or edits is NoEdit.SKIP:
            continue
        if not isinstance(edits, Edits):
            wanted.append((key, "", edits))
            continue
        require_watermark(job, edits)
        if edits.sees_group:
            edited.members.append(group_member(image, key, edits, partial(keep, edits)))
        else:
            wanted += [(key, size, one) for size, one in edits_of_each_size(edits)]
    made = _made_each(job, image, list(dict.fromkeys(edits for _, _, edits in wanted)))
    edited.outputs = [ImageOutput(key, made[edits], size) for key, size, edits in wanted]
    return edited


def _made_each(
    job: Job, image: Image, wanted: list[Edits | NoEdit]
) -> dict[Edits | NoEdit, Encoded]:
    """Return what each of ``wanted``, all different, makes of the image."""
    made: dict[Edits | NoEdit, Encoded] = {}
    plain: list[Edits] = []
    for edits in wanted:
        if not isinstance(edits, Edits):
            made[edits] = _copied(image)
        elif edits.reference is not None:
            made[edits] = image.matched(edits, matching_of(job, edits.reference))
        else:
            plain.append(edits)
    if plain:
        made |= zip(plain, image.edited_each(plain), strict=True)
    return made


def gain_map_kept(image: Image, edited: EditedImage) -> bool | None:
    """Whether every output has the HDR gain map of its source; None if there is none to have."""
    kept = {output.made.gain_map_kept for output in edited.outputs}
    if any(member.method for member in edited.members) and image.metadata.gain_map:
        # It does not go with other colors, so a group correction drops it.
        kept.add(False)
    kept -= {None}
    return False not in kept if kept else None


def _copied(image: Image) -> Encoded:
    """Return the image as it is, under the extension of its own name."""
    from mrimage.image import Encoded

    metadata = image.metadata
    return Encoded(
        image.data,
        metadata.width,
        metadata.height,
        source_extension(image.path, metadata.format),
        gain_map_kept=True if metadata.gain_map else None,
    )
