"""Whether a job makes sense, before anything is read or written."""

from __future__ import annotations

from mrimage.errors import UsageError, unknown
from mrimage.image import EXTRACTORS
from mrimage.job.job import Job
from mrimage.job.values import check_values
from mrimage.mappers.keys import by_keys
from mrimage.sink import check_sink


def check_job(job: Job) -> None:
    """Raise UsageError for a job that names what does not exist or asks for what excludes itself."""
    check_values(job)
    by_keys(job.key)
    for name in job.extract:
        if name not in EXTRACTORS:
            raise unknown("--extract", name, EXTRACTORS)
    check_sink(job)
    if (
        job.edits
        and job.edits.resize is None
        and (job.edits.fit != "contain" or not job.edits.enlarge)
    ):
        idle = "--no-enlarge" if job.edits.fit == "contain" else f"--fit {job.edits.fit}"
        raise UsageError(
            f"Expected --resize for {idle} to apply to, but received none. Add it, or leave {idle} out."
        )
    if job.combine and not job.reduce:
        raise UsageError(
            "Expected a reduce for the values that combine shrinks, but received combine alone. Add reduce."
        )
    if job.combine and job.group:
        raise UsageError(
            f"Expected either combine or a group reducer, but received combine and {', '.join(job.group)}: combined "
            "values no longer tell which images they come from. Leave out one of them."
        )
