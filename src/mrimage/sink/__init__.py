"""Where outputs go: their names, files of their own, and shards."""

import pyarrow as pa

from mrimage.errors import UsageError
from mrimage.job.job import Job
from mrimage.sink.files import FileSink, Sink
from mrimage.sink.shards import SHARD_FORMATS, SHARD_SIZE, ShardSink
from mrimage.storage import Store

__all__ = ["Sink", "check_sink", "describe_sink", "open_sink"]


def open_sink(job: Job, store: Store, task: str, extras: pa.Schema | None = None) -> Sink:
    """The sink that the job's ``output`` names, for one attempt at the task of this id.

    ``extras`` are the columns of what comes along with the images.
    """
    if job.output == "files":
        return FileSink(store, keyed_by_folder(job))
    limit = job.shard_size or SHARD_SIZE
    return ShardSink(store, SHARD_FORMATS[job.output], task, limit, extras, keyed_by_folder(job))


def keyed_by_folder(job: Job) -> bool:
    """Whether the key of each image is its folder, which its name then need not repeat."""
    return job.map is None and job.key == ("folder",)


def check_sink(job: Job) -> None:
    """Raise UsageError for shards without edits, or for options of shards without shards."""
    if job.output == "files":
        for option, value in (("--carry", job.carry or None), ("--shuffle", job.shuffle)):
            if value is not None:
                raise UsageError(
                    f"{option} needs --output {' or '.join(SHARD_FORMATS)}, but got --output files."
                    f" Choose one of them, or leave out {option}."
                )
    if job.output == "files" and job.shard_size is not None:
        raise UsageError(
            f"--shard-size needs --output {' or '.join(SHARD_FORMATS)}, but got --output files. "
            "Choose one of them, or leave out --shard-size."
        )
    if job.output != "files" and not job.makes_images:
        raise UsageError(
            f"--output {job.output} needs edits, because its shards hold edited images, but the "
            "job has no edits. Add one, for example --resize 512x512 or --format keep, or leave "
            "out --output."
        )


def describe_sink(job: Job) -> str:
    """Where the edited images go, as a text for people."""
    if not job.makes_images:
        return "no images"
    if job.output == "files":
        return "images/<key>/<name>, one file per image"
    suffix = SHARD_FORMATS[job.output].suffix
    megabytes = (job.shard_size or SHARD_SIZE) / 1e6
    return f"images/*{suffix}, shards of at most {megabytes:g} MB"
