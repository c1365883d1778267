"""Whether a job makes sense, before anything is read or written."""

from __future__ import annotations

from mrimage.errors import UsageError
from mrimage.job.job import Job
from mrimage.mappers.keys import by_keys
from mrimage.reducers import with_needs
from mrimage.sink import check_sink
from mrimage.types import Edits


def prepare_job(job: Job) -> Job:
    """The job as tasks get it: its records carry what its reducers need.

    Raises UsageError for a job that names what does not exist or whose parts do not go together.
    """
    by_keys(job.key)
    check_sink(job)
    if job.edits:
        _check_fit(job.edits)
    if job.combine:
        _check_combine(job)
    if job.needs and not job.reduce:
        raise UsageError(
            "needs sends columns to the job's own reduce, but there is none. Add reduce, or use extract."
        )
    return with_needs(job)


def _check_fit(edits: Edits) -> None:
    """Raise UsageError for words about the box of --resize where there is no box."""
    if edits.resize is not None:
        return
    idle = None
    if edits.fit != "contain":
        idle = f"--fit {edits.fit}"
    elif not edits.enlarge:
        idle = "--no-enlarge"
    if idle:
        raise UsageError(
            f"{idle} needs --resize, but there is none. Add --resize, or leave out {idle}."
        )


def _check_combine(job: Job) -> None:
    if not job.reduce:
        raise UsageError(
            "combine needs a reduce for the values that it shrinks, but there is none. Add reduce."
        )
    if job.needs:
        raise UsageError(
            "combine cannot go with needs: combined values no longer say which images they come from. "
            "Leave out one of the two."
        )
