"""The edited copies of one image: one for each of its keys, and each different one made once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mrimage.image import Image
from mrimage.job.edits_by_key import edits_for
from mrimage.job.job import Job
from mrimage.job.rules import NoEdit
from mrimage.sink.naming import source_extension
from mrimage.types import Edits

if TYPE_CHECKING:
    from mrimage.image import Encoded


def edit_image(job: Job, image: Image, keys: Iterable[str]) -> dict[str, Encoded]:
    """Return the output of ``image`` under each of ``keys``. A key without an output is left out.

    Keys with the same edits share one result. Raises ImageError, or CodeError if the job's own
    function of edits fails.
    """
    outputs: dict[str, Encoded] = {}
    done: list[tuple[Edits | NoEdit, Encoded]] = []
    for key in keys:
        edits = edits_for(job, key, image.metadata)
        if edits is None or edits is NoEdit.SKIP:
            continue
        made = next((result for same, result in done if same == edits), None)
        if made is None:
            made = image.edited(edits) if isinstance(edits, Edits) else _copied(image)
            done.append((edits, made))
        outputs[key] = made
    return outputs


def gain_map_kept(outputs: Iterable[Encoded]) -> bool | None:
    """Whether every output has the HDR gain map of its source; None if there is none to have."""
    kept = {output.gain_map_kept for output in outputs} - {None}
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
