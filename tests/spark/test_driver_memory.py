"""What goes through the driver is small: split lists in waves, and a report for each task."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
import psutil
from mrimage.engine import EngineOptions, open_engine
from mrimage.source import cut_splits
from mrimage.types import Attempt, Entry, Split, TaskReport

def nothing(split: Split, attempt: Attempt) -> TaskReport:
    return TaskReport(split.id, "map", len(split.entries), split.size, 0, 0, 0.0, 0.0, 0, attempt.worker)

def entries(count):
    return (Entry(f"/data/photographs/{n:09}.jpg", f"{n:09}.jpg", 500_000, str(n * 7919)) for n in range(count))

def images(count):
    return sum(report.images for report in engine.run(nothing, cut_splits(entries(count), 1 << 62, 2000)))

def peak(process):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024

engine = open_engine("local[2]", EngineOptions())
images(10_000)
before = peak("self")
assert images(int(sys.argv[1])) == int(sys.argv[1])
java = next(child for child in psutil.Process().children() if child.name() == "java")
print(before, peak("self"), peak(java.pid))
engine.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads peaks from /proc")
def test_a_driver_holds_a_wave_of_splits_and_no_more(cluster: object) -> None:
    """A quarter of a million entries are 100 MB as objects. ``cluster`` is asked for its check that Spark is here."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "250000"],
        env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, own, java = map(int, done.stdout.split())
    assert own - before < 50
    assert own + java < 1000
