"""``mrimage.run``: a job from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mrimage.flow.arguments import path_or_url, paths_or_urls, store_settings
from mrimage.flow.process import prints_to_stderr, restored_signals
from mrimage.flow.run import run as run_job
from mrimage.flow.summary import Summary
from mrimage.job.fields import require_instance
from mrimage.job.job import Job, RunOptions
from mrimage.job.keywords import checks_keywords


@checks_keywords("mrimage.run")
def run(
    job: Job,
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
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

    ``source`` and ``out`` are paths or urls; ``~`` is the home folder. Several sources are a list:
    the paths of their images begin with the names of the sources. The results of an earlier
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
    stores = store_settings(
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
        stores=stores,
    )
    sources = paths_or_urls("source", source)
    out = path_or_url("out", out)
    with restored_signals(), prints_to_stderr():
        return run_job(job, sources, out, options)
