"""``mrimage run`` with small splits and rounds, so that a few images are many tasks:

python -m tests.soak.victim JOB SOURCE OUT ENGINE WORKERS
"""

from __future__ import annotations

import sys

from tests.soak.soak_jobs import JOBS, MUTANTS

from mrimage.cli import commands
from mrimage.cli.main import main
from mrimage.flow import splitting
from mrimage.rounds import planning


def run(name: str, source: str, out: str, engine: str, workers: str) -> int:
    if name in JOBS:
        splitting.HEADER_SPLIT = (3, 3)
        splitting.PIXEL_SPLIT = (3_000, 3_000)
        planning.FEWEST = 4
    commands.load_job = lambda job: JOBS.get(job, MUTANTS)
    where = ["--engine", engine, "--workers", workers, "--retries", "20"]
    return main(["run", source, out, "--job", name, *where, "--quiet", "--no-thumbnails"])


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
