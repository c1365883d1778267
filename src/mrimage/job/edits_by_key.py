"""What happens to an image under a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrimage.errors import ImageError, StoreError, UsageError, brief
from mrimage.job.faults import bad_result_error, code_error
from mrimage.job.functions import name_function
from mrimage.job.job import EditsFunction, Job, checked_edits
from mrimage.job.rules import NoEdit, first_match
from mrimage.types import Edits

if TYPE_CHECKING:
    from mrimage.image import Metadata


def edits_for(job: Job, key: str, metadata: Metadata) -> Edits | NoEdit | None:
    """Return what ``job`` does to an image with ``metadata`` under ``key``.

    The first rule that matches the key decides. If there is none, the job's own edits do. None
    means that there are no edits for the key, so that the image has no output there. Raises
    CodeError if the job's own function fails or returns something else.
    """
    if job.edits_function is not None:
        return _from_function(job.edits_function, key, metadata)
    index = first_match(job.rules, key)
    if index is None:
        return job.plain_edits
    return job.rules[index].applied_to(job.plain_edits)


def _from_function(function: EditsFunction, key: str, metadata: Metadata) -> Edits | None:
    who = f"the edits {name_function(function)}"
    try:
        found: object = function(key, metadata)
    except (ImageError, StoreError, MemoryError, KeyboardInterrupt):
        raise
    # Not only Exception: SystemExit too, and the panics of libraries written in Rust.
    except BaseException as error:
        raise code_error(who, error) from error
    if found is None:
        return None
    if not isinstance(found, Edits):
        raise bad_result_error(
            f"{who} to return mrimage.Edits(...) or None", f"it returned {brief(found)}", function
        )
    try:
        return checked_edits(found)
    except UsageError as error:
        problem = str(error).removesuffix(".")
        raise bad_result_error(f"{who} to return valid edits", problem, function) from None
