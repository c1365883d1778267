"""``mrimage.run``: a job from Python."""

from __future__ import annotations

import os
from typing import Any

from mrimage.errors import UsageError, brief
from mrimage.flow.process import prints_to_stderr, restored_signals
from mrimage.flow.run import run as run_job
from mrimage.flow.summary import Summary
from mrimage.job.fields import RUN_FIELDS, require_instance
from mrimage.job.job import Job, RunOptions
from mrimage.job.keywords import checks_keywords
from mrimage.storage.settings import StoreSettings


@checks_keywords("mrimage.run")
def run(
    job: Job,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    engine: str = "local",
    workers: int | None = None,
    retries: int = 3,
    speculate: bool = True,
    max_failures: int | str | None = None,
    fresh: bool = False,
    quiet: bool = True,
    thumbnails: bool = True,
    strict: bool = False,
    endpoint: str | None = None,
    addressing: str | None = None,
    replication: int | None = None,
    allow_private: bool = False,
) -> Summary:
    """Do ``job`` on every image of ``source``, into ``out``, and answer with a Summary.

    ``source`` and ``out`` are paths or urls; ``~`` is the home folder. What an earlier run of
    the same job did in ``out`` is kept.

    - ``engine``: ``local``, ``spark``, ``ray``, a Spark master such as ``spark://HOST:PORT``, or
      ``ray://HOST:PORT``.
    - ``workers``: processes, from 1 to 4096, by default one per core; 1 stays in this process.
    - ``retries``: how often a failed task is tried again, from 0 to 100.
    - ``speculate``: race a second attempt against a slow task.
    - ``max_failures``: quarantined images to tolerate, a number or a share such as ``"5%"``; by
      default any number.
    - ``fresh``: start over, and remove what an earlier run left in ``out``.
    - ``quiet``: print no progress.
    - ``thumbnails``: draw pictures for the report.
    - ``strict``: stop if a folder of ``source`` cannot be listed.
    - ``endpoint``: url of an S3 server, by default AWS_ENDPOINT_URL or Amazon's.
    - ``addressing``: how S3 buckets are addressed, ``path`` (the default) or ``virtual``.
    - ``replication``: DataNodes that keep each file written to HDFS, from 1 to 512.
    - ``allow_private``: let the urls of a list lead to private addresses.

    While it runs, ``print`` in the job's functions writes to standard error. Raises UsageError
    for a wrong keyword or value and for a job that makes no sense, and JobError for a job that
    cannot be done (see ``errors``).
    """
    require_instance("mrimage.run", job, Job)
    stores = _checked(
        endpoint=endpoint,
        addressing=addressing,
        replication=replication,
        allow_private=allow_private,
    )
    options = RunOptions(
        engine=engine,
        workers=workers,
        retries=retries,
        speculate=speculate,
        max_failures=max_failures,
        fresh=fresh,
        quiet=quiet,
        thumbnails=thumbnails,
        strict=strict,
        stores=StoreSettings(**stores),
    )
    places = _place("source", source), _place("out", out)
    with restored_signals(), prints_to_stderr():
        return run_job(job, *places, options)


def _checked(**given: object) -> dict[str, Any]:
    """The settings of stores that are not left out. Raises UsageError for a value of the wrong
    kind."""
    return {
        name: RUN_FIELDS[name].type.from_python(name, value)
        for name, value in given.items()
        if value is not None
    }


def _place(name: str, given: object) -> str:
    """A path or a url as text. Raises UsageError for anything else."""
    place = os.fspath(given) if isinstance(given, str | os.PathLike) else given
    if isinstance(place, str):
        return os.path.expanduser(place)  # noqa: PTH111  # a url would not survive as a Path
    several = isinstance(given, list | tuple | set)
    advice = " Name several in a list such as images.txt, or run once for each." if several else ""
    raise UsageError(f"{name} needs one path or url, but got {brief(given)}.{advice}")
