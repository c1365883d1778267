"""Memory does not grow with the number of images: headers from a store in memory. The full million is a benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def measured(images: int) -> dict[str, int]:
    """Memory in MB of the driver and of the largest worker of a run over ``images`` headers."""
    command = [sys.executable, "-m", "benchmarks.faults", "--measure", str(images)]
    found: dict[str, int] = json.loads(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    )
    return found


def test_memory_is_bounded_and_the_workers_is_flat() -> None:
    few, many = measured(20_000), measured(60_000)
    assert (few["images"], many["images"]) == (20_000, 60_000)
    assert many["worker"] < 1.1 * few["worker"]
    # The driver's tables fill what they may hold before they go to disk; they hold no more, whatever comes.
    assert many["driver"] < 450
    assert many["driver"] - few["driver"] < 160
