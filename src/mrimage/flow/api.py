"""``mrimage.run``: a job from Python."""

from __future__ import annotations

import os
from typing import Any

from mrimage.flow.run import How
from mrimage.flow.run import run as run_job
from mrimage.flow.summary import Summary
from mrimage.job.job import Job
from mrimage.storage.settings import SETTINGS, Settings


def run(
    job: Job, source: str | os.PathLike[str], out: str | os.PathLike[str], **how: Any
) -> Summary:
    """Do ``job`` on every image of ``source``, into ``out``, and answer with a Summary.

    Keywords are those of ``flow.How``: ``engine`` ("local" or "spark"), ``workers``, ``retries``, ``speculate``,
    ``fresh``, ``max_failures`` ("10" or "5%"), ``quiet`` (True here), ``thumbnails``, and for
    stores ``replication``, ``allow_private``, ``endpoint``, ``addressing``. What an earlier run of the
    same job did in ``out`` is kept. Raises UsageError or JobError (see ``errors``).
    """
    given = {name: how.pop(name) for name in SETTINGS if name in how}
    return run_job(job, os.fspath(source), os.fspath(out), How(**how, stores=Settings(**given)))
