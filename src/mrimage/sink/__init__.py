"""Where results go: sinks for outputs, task commits, the run's state and its published tables."""

from mrimage.errors import UsageError
from mrimage.job.job import Job
from mrimage.sink.files import FileSink, Sink
from mrimage.sink.shards import SHARD_FORMATS, SHARD_SIZE, ShardSink
from mrimage.storage import Store

__all__ = ["Sink", "check_sink", "describe_sink", "open_sink"]


def open_sink(job: Job, store: Store, task: str) -> Sink:
    """The sink that the job's ``output`` names, for one attempt of ``task``."""
    if job.output == "files":
        return FileSink(store)
    return ShardSink(store, SHARD_FORMATS[job.output], task, job.shard_size or SHARD_SIZE)


def check_sink(job: Job) -> None:
    """Raise UsageError for shards in which nothing would be, and for the size of shards where there are none."""
    if job.output == "files" and job.shard_size is not None:
        raise UsageError(
            f"--shard-size needs --output {' or '.join(SHARD_FORMATS)}, but got --output files. "
            "Choose one of them, or leave out --shard-size."
        )
    if job.output != "files" and job.edits is None:
        raise UsageError(
            f"--output {job.output} needs edits, because its shards hold edited images, but there are none. "
            "Add one, for example --resize 512x512 or --format keep, or leave out --output."
        )


def describe_sink(job: Job) -> str:
    """Where the edited images go, for people."""
    if job.edits is None:
        return "no images"
    if job.output == "files":
        return "images/<key>/<name>, a file each"
    return f"images/*{SHARD_FORMATS[job.output].suffix}, shards of at most {(job.shard_size or SHARD_SIZE) / 1e6:g} MB"
