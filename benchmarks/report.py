"""The cost of the report by the number of images: to choose thumbnails, to build and to open it.

    python -m benchmarks.report [ROWS ...]

The tables of the run are made up, by the same code as in the tests.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

FABRICATE = Path(__file__).parents[1] / "tests" / "report" / "fabricate.py"
"""The script of the tests that writes the tables of a run."""

REPEATS = 3


def fabricate(folder: Path, rows: int, groups: int) -> None:
    """Write the tables of a run of ``rows`` images into ``folder``."""
    spec = importlib.util.spec_from_file_location("fabricate", FABRICATE)
    if spec is None or spec.loader is None:
        raise ImportError(f"{FABRICATE} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.fabricate(folder, rows, groups=groups, pictures=rows <= 10_000)


def measure(folder: Path) -> tuple[float, float, int, int]:
    """Seconds to choose thumbnails, seconds to build, and the bytes of the page and of peak memory.

    Call it in a process of its own, so that the peak is that of the report.
    """
    from mrimage import report

    start = time.perf_counter()
    report.choose_thumbnails(folder)
    chosen = time.perf_counter()
    made = report.build(folder)
    built = time.perf_counter()
    (folder / "report.html").write_bytes(made.html)
    choosing = chosen - start
    building = built - chosen
    return choosing, building, len(made.html), peak_memory()


def peak_memory() -> int:
    """The peak of this process's resident memory, in bytes (Linux).

    ``ru_maxrss`` would include the peak of the parent, which a child inherits.
    """
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(peak.split()[1])


def open_page(path: Path) -> tuple[float, float]:
    """Seconds until the load event, and until all charts are drawn, in Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn=all]")
        drawn = time.perf_counter() - start
        loaded: float = page.evaluate(
            "() => performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
        )
        browser.close()
    return loaded, drawn


def main() -> None:
    """Print a line of medians of REPEATS for each number of images."""
    if sys.argv[1:2] == ["--measure"]:
        print(*measure(Path(sys.argv[2])))
        return
    print("   images  choose s  build s  page MB  peak MB  loaded s  drawn s")
    sizes = [int(argument) for argument in sys.argv[1:]] or [2_000, 100_000, 1_000_000]
    for rows in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "out"
            fabricate(folder, rows, 6 if rows < 10_000 else 5000)
            choose, build, size, peak = medians(folder)
            loaded, drawn = open_page(folder / "report.html")
        print(
            f"{rows:9,} {choose:9.2f} {build:8.2f} {size / 1e6:8.2f} {peak / 1e6:8.0f} "
            f"{loaded:9.2f} {drawn:8.2f}"
        )


def medians(folder: Path) -> list[float]:
    """The median of each figure of ``measure``, over REPEATS processes."""
    command = [sys.executable, __file__, "--measure", str(folder)]
    repeats = []
    for _ in range(REPEATS):
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        repeats.append([float(figure) for figure in ended.stdout.split()])
    return [median(figures) for figures in zip(*repeats, strict=True)]


if __name__ == "__main__":
    main()
