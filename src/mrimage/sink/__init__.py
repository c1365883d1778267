"""Where results go: sinks for outputs, task commits, the run's state and its published tables."""

from mrimage.errors import unknown
from mrimage.job import Job
from mrimage.sink.files import FileSink, Sink
from mrimage.storage import Store

__all__ = ["SINKS", "Sink", "open_sink"]

SINKS = ("files",)
"""Names that ``--output`` accepts."""


def open_sink(job: Job, store: Store, task: str) -> Sink:
    """The sink that the job's ``output`` names, for one attempt of ``task``."""
    if job.output == "files":
        return FileSink(store)
    raise unknown("--output", job.output, SINKS)
