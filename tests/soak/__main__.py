"""A soak: seeded disturbances of runs, and seeded damage of files, until something gives.

python -m tests.soak --schedules 100 --files 1000 --seed 7
python -m tests.soak --seed 7 --replay 31
python -m tests.soak --seed 7 --replay file-512
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.soak.places import ANY
from tests.soak.soak import Soak


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--schedules", type=int, default=0, help="how many schedules to run")
    parser.add_argument("--files", type=int, default=0, help="how many mutated files to run on")
    parser.add_argument("--seed", type=int, default=1, help="what everything is derived from")
    parser.add_argument("--replay", help="one schedule by NUMBER, or one file by file-NUMBER")
    parser.add_argument(
        "--engine", default=ANY, help="the engine of the runs; by default the seed chooses it"
    )
    options = parser.parse_args()
    # Ends like Ctrl-C, which ends the runs that are still going on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # In memory where possible, because every commit waits for the disk.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=memory))
    soak = Soak(folder, options.seed, options.engine)
    try:
        if options.replay:
            soak.replay(options.replay)
        for number in range(options.schedules):
            soak.run_schedule(number)
        soak.run_files(range(options.files))
    finally:
        soak.close()
    if soak.failures:
        print(f"{len(soak.failures)} failed; their folders are in {folder}. Replay them by:")
        print(*soak.failures, sep="\n")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
