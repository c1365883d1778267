"""Checks a job before anything is read or written."""

from __future__ import annotations

from dataclasses import replace

from mrimage.errors import UsageError
from mrimage.image.network import ModelOptions
from mrimage.image.network.network import NETWORK_EXTRACTORS
from mrimage.image.sizes import each_size, relative_size
from mrimage.job.edit_facts import require_one_size
from mrimage.job.fields import JOB_FIELDS
from mrimage.job.job import MODEL_FIELDS, Job
from mrimage.mappers.keys import by_keys
from mrimage.patterns import with_columns
from mrimage.reducers import with_needs
from mrimage.sink import check_sink
from mrimage.types import Edits, Resize


def prepare_job(job: Job) -> Job:
    """Check the job, and return it as tasks get it: its records have the columns that its reducers
    need.

    Raises UsageError for an unknown name and for options that cannot be combined.
    """
    by_keys(job.key, job.plain_edits, job.built_in)
    check_sink(job)
    _check_fits(job)
    _check_watermark(job)
    for edits in job.known_edits:
        require_one_size(edits)
    _check_members(job)
    if job.combine:
        _check_combine(job)
    if job.clusters != Job().clusters and "clusters" not in job.find:
        raise UsageError(
            "--clusters says how many --find clusters makes, but it is not asked for. Add --find "
            "clusters, or leave out --clusters."
        )
    _check_examples(job)
    if job.where and not job.from_out:
        raise UsageError(
            "--where needs the OUT of an earlier run whose columns it is about, but there is none. "
            "Add --from OUT."
        )
    if job.needs and not (job.reduce or job.program):
        raise UsageError(
            "needs sends columns to the job's own reduce or program, but there is none. "
            "Add one, or use extract."
        )
    return _with_network(with_needs(with_columns(job)))


def _with_network(job: Job) -> Job:
    """Return the job with its model, which is read here once. Raises UsageError."""
    wanted = [name for name in job.built_in if name in NETWORK_EXTRACTORS]
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


def _check_examples(job: Job) -> None:
    """Raise UsageError for examples that are not there, and for two ways to label an image."""
    if "examples" in job.built_in and job.examples is None:
        raise UsageError(
            "--extract examples needs examples, but there are none. Add --examples FOLDER."
        )
    if job.examples is not None and "labels" in job.built_in:
        raise UsageError(
            "An image gets its label by --examples or by --extract labels, but got both. Leave out "
            "one of them."
        )


def _check_unused_model(job: Job) -> None:
    """Raise UsageError for an option about a model that the job does not use."""
    defaults = Job()
    for name in MODEL_FIELDS:
        if name == "unsure" and job.examples:
            continue
        if getattr(job, name) != getattr(defaults, name):
            flag = JOB_FIELDS[name].flag
            raise UsageError(
                f"{flag} needs --extract embedding or labels, but there is neither. "
                f"Add one, or leave out {flag}."
            )


def _check_fits(job: Job) -> None:
    """Raise UsageError for options that have no effect without a size to resize to."""
    plain = job.plain_edits
    options = [dict(rule.options) for rule in job.rules]
    rules_resize = any(each.get("resize") for each in options)
    if plain:
        _require_box(plain.fit, plain.resize, "--fit")
    if plain and plain.resize is None and not rules_resize:
        _require_no_fit(plain.fit, plain.enlarge, "--fit", "--no-enlarge", "--resize")
    for rule, given in zip(job.rules, options, strict=True):
        edits = rule.applied_to(plain)
        if "fit" in given and isinstance(edits, Edits):
            _require_box(edits.fit, edits.resize, f'fit in rule "{rule.key}"')
        if isinstance(edits, Edits) and edits.resize is None:
            rule_name = f'rule "{rule.key}"'
            fit = given.get("fit", "contain")
            _require_no_fit(
                fit, given.get("enlarge", True), "fit", "enlarge=false", f"resize in {rule_name}"
            )


def _check_watermark(job: Job) -> None:
    """Raise UsageError for the place of a watermark that nothing lays there."""
    edits = list(job.known_edits)
    if any(found.watermark for found in edits):
        return
    for name in ("watermark_corner", "watermark_share"):
        if any(getattr(found, name) != getattr(Edits(), name) for found in edits):
            flag = JOB_FIELDS[name].flag
            raise UsageError(
                f"{flag} needs --watermark FILE, but there is none. Add it, or leave out {flag}."
            )


def _require_box(fit: str, resize: Resize | None, fit_name: str) -> None:
    """Raise UsageError for a fit to a size that keeps the shape of the image."""
    sizes = each_size(resize) if fit != "contain" and resize is not None else ()
    for size in sizes:
        relative = relative_size(size)
        if relative is None:
            continue
        raise UsageError(
            f"{fit_name} {fit} needs a box such as 512x512, but got the size {relative}, which keeps "
            f"the shape of each image. Leave out {fit_name}, or give both sides."
        )


def _require_no_fit(
    fit: str, enlarge: bool, fit_name: str, enlarge_name: str, resize_name: str
) -> None:
    unused = None
    if fit != "contain":
        unused = f"{fit_name} {fit}"
    elif not enlarge:
        unused = enlarge_name
    if unused:
        raise UsageError(
            f"{unused} needs {resize_name}, but there is none. Add it, or leave out {unused}."
        )


def _check_members(job: Job) -> None:
    """Raise UsageError for a statistic that nothing uses, and for two ways to edit an image."""
    if job.statistic and not job.each:
        raise UsageError(
            "statistic is for the job's own each, but there is none. Add each, or leave out statistic."
        )
    if job.each and job.edits_images:
        raise UsageError(
            "each says what becomes of every image, but the job has edits or rules as well. Leave out "
            "one of them; each may return mrimage.Edits(...)."
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
