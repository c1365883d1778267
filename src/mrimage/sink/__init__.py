"""Where outputs go: their names, files of their own, and shards."""

import pyarrow as pa

from mrimage.errors import UsageError, quoted
from mrimage.job.edit_facts import makes_several
from mrimage.job.job import Job
from mrimage.job.name_template import template_of
from mrimage.sink.files import FileSink, Sink
from mrimage.sink.shards import SHARD_FORMATS, SHARD_SIZE, ShardSink
from mrimage.storage import Store

__all__ = ["Sink", "check_sink", "describe_sink", "open_sink"]


def open_sink(job: Job, store: Store, task: str, extras: pa.Schema | None = None) -> Sink:
    """The sink that the job's ``output`` names, for one attempt at the task of this id.

    ``extras`` are the columns of what comes along with the images.
    """
    if not job.in_shards:
        return FileSink(store, keyed_by_folder(job), template_of(job.output_name))
    limit = job.shard_size or SHARD_SIZE
    return ShardSink(store, SHARD_FORMATS[job.output], task, limit, extras, keyed_by_folder(job))


def keyed_by_folder(job: Job) -> bool:
    """Whether the key of each image is its folder, which its name then need not repeat."""
    return job.map is None and job.key == ("folder",)


def check_sink(job: Job) -> None:
    """Raise UsageError for shards without edits, or for options of shards without shards."""
    if job.copies_originals:
        _check_originals(job)
    _check_name(job)
    if not job.in_shards:
        for option, value in (("--carry", job.carry or None), ("--shuffle", job.shuffle)):
            if value is not None:
                raise UsageError(
                    f"{option} needs --output {' or '.join(SHARD_FORMATS)}, but got --output {job.output}."
                    f" Choose one of them, or leave out {option}."
                )
    if not job.in_shards and job.shard_size is not None:
        raise UsageError(
            f"--shard-size needs --output {' or '.join(SHARD_FORMATS)}, but got --output "
            f"{job.output}. Choose one of them, or leave out --shard-size."
        )
    if job.in_shards and not job.makes_images:
        raise UsageError(
            f"--output {job.output} needs edits, because its shards hold edited images, but the "
            "job has no edits. Add one, for example --resize 512x512 or --format keep, or leave "
            "out --output."
        )


def _check_originals(job: Job) -> None:
    """Raise UsageError for edits of images that are to stay as they are."""
    is_edited = job.edits is not None or any(not (rule.skip or rule.copy) for rule in job.rules)
    if is_edited or job.each is not None:
        raise UsageError(
            "--output originals copies images as they are, but the job has edits. Leave out "
            "--output originals, or the edits; rules with skip=true may stay."
        )


def _check_name(job: Job) -> None:
    """Raise UsageError for a template of names that is of no use, or that gives one name to two
    outputs."""
    template = template_of(job.output_name)
    if template is None:
        return
    if job.in_shards:
        raise UsageError(
            f"--name is for files, but got --output {job.output}, whose shards name their images "
            "after their keys. Leave out one of the two."
        )
    if not job.makes_images:
        raise UsageError(
            "--name needs images to name, but the job makes none. Add --output originals or an "
            "edit, or leave out --name."
        )
    if any(map(makes_several, job.known_edits)) and not template.names("size"):
        raise UsageError(
            "--name needs {size} for images of several sizes, but got "
            f'{quoted(str(job.output_name))}. Add it, for example "{{size}}/{{stem}}".'
        )
    if job.map is not None and not template.names("key"):
        raise UsageError(
            "--name needs {key} in a job with its own map, which may give an image several keys, "
            f"but got {quoted(str(job.output_name))}. Add it, for example "
            '"{key}/{stem}".'
        )


def describe_sink(job: Job) -> str:
    """Where the edited images go, as a text for people."""
    if not job.makes_images:
        return "no images"
    if not job.in_shards:
        sizes = "~<size>/" if any(map(makes_several, job.known_edits)) else ""
        name = f"images/{job.output_name or f'{sizes}<key>/<name>'}"
        kind = (
            "the originals, with their sidecars" if job.copies_originals else "one file per image"
        )
        return f"{name}, {kind}"
    suffix = SHARD_FORMATS[job.output].suffix
    megabytes = (job.shard_size or SHARD_SIZE) / 1e6
    return f"images/*{suffix}, shards of at most {megabytes:g} MB"
