"""``make bench``: run all benchmarks in turn. Each prints its own figures and ratios."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "benchmarks.job",
    "benchmarks.kernel",
    "benchmarks.fidelity",
    "benchmarks.rules",
    "benchmarks.report",
    "benchmarks.faults",
    "benchmarks.remote",
    "benchmarks.spark",
    "benchmarks.rounds",
    "benchmarks.patterns",
)

if __name__ == "__main__":
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, "-m", name], check=True)
