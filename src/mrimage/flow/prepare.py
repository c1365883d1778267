"""Checks a job before anything is read or written."""

from __future__ import annotations

from dataclasses import replace

from mrimage.errors import UsageError
from mrimage.image import EXTRACTORS
from mrimage.image.network import ModelOptions
from mrimage.job.fields import JOB_FIELDS
from mrimage.job.job import MODEL_FIELDS, Job
from mrimage.mappers.keys import EXTRACTOR_OF_KEY, by_keys
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
    if job.needs and not job.reduce:
        raise UsageError(
            "needs sends columns to the job's own reduce, but there is none. "
            "Add reduce, or use extract."
        )
    return _with_network(with_needs(_with_extractors_of_keys(job)))


def _with_extractors_of_keys(job: Job) -> Job:
    """Return the job with the extractors that its keys need."""
    needed = [EXTRACTOR_OF_KEY[name] for name in job.key if name in EXTRACTOR_OF_KEY]
    return replace(job, extract=(*job.extract, *needed))


def _with_network(job: Job) -> Job:
    """Return the job with its model, which is read here once. Raises UsageError."""
    wanted = [name for name in job.extract if EXTRACTORS[name].model]
    if not wanted:
        _check_unused_model(job)
        return job
    options = ModelOptions(
        size=job.model_size,
        layout=job.model_layout,
        channels=job.model_channels,
        mean=job.model_mean,
        deviation=job.model_deviation,
    )
    # Imported late: it needs numpy, and most jobs have no model.
    from mrimage.image.network.reading import read_network

    return replace(job, network=read_network(job.model, options, wanted, job.labels))


def _check_unused_model(job: Job) -> None:
    """Raise UsageError for an option about a model that the job does not use."""
    defaults = Job()
    for name in MODEL_FIELDS:
        if getattr(job, name) != getattr(defaults, name):
            flag = JOB_FIELDS[name].flag
            raise UsageError(
                f"{flag} needs --extract embedding or labels, but there is neither. "
                f"Add one, or leave out {flag}."
            )


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
    if job.needs:
        raise UsageError(
            "combine cannot be used with needs: combined values no longer say which images they "
            "come from. Leave out one of the two."
        )
