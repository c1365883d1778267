"""Checks a job before anything is read or written."""

from __future__ import annotations

from mrimage.errors import UsageError
from mrimage.job.job import Job
from mrimage.mappers.keys import by_keys
from mrimage.reducers import with_needs
from mrimage.sink import check_sink
from mrimage.types import Edits


def prepare_job(job: Job) -> Job:
    """Check the job, and return it as tasks get it: its records have the columns that its reducers
    need.

    Raises UsageError for an unknown name and for options that cannot be combined.
    """
    by_keys(job.key)
    check_sink(job)
    if job.edits:
        _check_fit(job.edits)
    if job.combine:
        _check_combine(job)
    if job.needs and not (job.reduce or job.program):
        raise UsageError(
            "needs sends columns to the job's own reduce or program, but there is none. "
            "Add one, or use extract."
        )
    return with_needs(job)


def _check_fit(edits: Edits) -> None:
    """Raise UsageError for an option that has no effect without --resize."""
    if edits.resize is not None:
        return
    unused = None
    if edits.fit != "contain":
        unused = f"--fit {edits.fit}"
    elif not edits.enlarge:
        unused = "--no-enlarge"
    if unused:
        raise UsageError(
            f"{unused} needs --resize, but there is none. Add --resize, or leave out {unused}."
        )


def _check_combine(job: Job) -> None:
    if not job.reduce:
        raise UsageError(
            "combine needs a reduce for the values that it shrinks, but there is none. Add reduce."
        )
    if job.program:
        raise UsageError(
            "combine cannot be used with program: the program gets the records as map emits them. "
            "Give the combine to its rounds instead."
        )
    if job.needs:
        raise UsageError(
            "combine cannot be used with needs: combined values no longer say which images they "
            "come from. Leave out one of the two."
        )
