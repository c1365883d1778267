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
    title: str = "",
    owner: str = "",
    endpoint: str | None = None,
    addressing: str | None = None,
    replication: int | None = None,
    allow_private: bool = False,
) -> Summary:
    """Do ``job`` on every image of ``source``, and write the results to ``out``.

    ``source`` and ``out`` are paths or urls; ``~`` is the home folder. The results of an earlier
    run of the same job in ``out`` are kept and reused.

    - ``engine``: ``local``, ``spark``, ``ray``, a Spark master such as ``spark://HOST:PORT``, or
      ``ray://HOST:PORT``.
    - ``workers``: number of processes, from 1 to 4096, by default one per core; 1 uses this
      process only.
    - ``retries``: how many times a failed task is tried again, from 0 to 100.
    - ``speculate``: start a second attempt at a slow task.
    - ``max_failures``: how many quarantined images to tolerate, a number or a share such as
      ``"5%"``; by default any number.
    - ``fresh``: start over, and remove the results of an earlier run from ``out``.
    - ``quiet``: print no progress.
    - ``thumbnails``: make thumbnails for the report.
    - ``strict``: stop if a folder of ``source`` cannot be listed.
    - ``title``: the title of the report.
    - ``owner``: whose report it is, such as a name or a team.
    - ``endpoint``: url of an S3 server, by default AWS_ENDPOINT_URL or Amazon's.
    - ``addressing``: how S3 buckets are addressed, ``path`` (the default) or ``virtual``.
    - ``replication``: number of copies of each file written to HDFS, from 1 to 512.
    - ``allow_private``: allow urls of a list that lead to private addresses.

    During the run, ``print`` in the job's functions writes to standard error. Raises UsageError
    for a wrong keyword or value and for options that cannot be combined, and JobError if the job
    fails (see ``errors``).
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
        title=title,
        owner=owner,
        stores=StoreSettings(**stores),
    )
    source = _path_or_url("source", source)
    out = _path_or_url("out", out)
    with restored_signals(), prints_to_stderr():
        return run_job(job, source, out, options)


def _checked(**given: object) -> dict[str, Any]:
    """Return the settings of stores that are given. Raises UsageError for a value of the wrong
    type."""
    return {
        name: RUN_FIELDS[name].type.from_python(name, value)
        for name, value in given.items()
        if value is not None
    }


def _path_or_url(name: str, given: object) -> str:
    """Return a path or a url as text. Raises UsageError for anything else."""
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if isinstance(given, str):
        # Path.expanduser() would turn s3://bucket into s3:/bucket.
        return os.path.expanduser(given)  # noqa: PTH111
    advice = ""
    if isinstance(given, list | tuple | set):
        advice = " Name several in a list such as images.txt, or run once for each."
    raise UsageError(f"{name} needs one path or url, but got {brief(given)}.{advice}")
