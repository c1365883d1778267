"""What the report costs: to choose thumbnails, to build, to hold and to open, by the number of images.

Run with ``python -m benchmarks.report [ROWS ...]``; the tables are fabricated as the tests do it.
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
REPEATS = 3


def fabricate(folder: Path, rows: int, groups: int) -> None:
    """Write a run's tables below ``folder``."""
    spec = importlib.util.spec_from_file_location("fabricate", FABRICATE)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {FABRICATE}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.fabricate(folder, rows, groups=groups, pictures=rows <= 10_000)


def measure(folder: Path) -> tuple[float, float, int, int]:
    """Seconds to choose thumbnails and to build, bytes of the page, and the peak of resident memory in bytes.

    Meant for a process of its own, so that the peak is the report's.
    """
    from mrimage import report

    start = time.perf_counter()
    report.choose_thumbnails(folder)
    chosen = time.perf_counter()
    made = report.build(folder)
    built = time.perf_counter()
    (folder / "report.html").write_bytes(made.html)
    return chosen - start, built - chosen, len(made.html), peak_memory()


def peak_memory() -> int:
    """Bytes of this process's resident peak; ``ru_maxrss`` would count the parent's, which it inherits."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(
        int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")
    )


def open_page(path: Path) -> tuple[float, float]:
    """Seconds from navigation to the load event, and until all charts are drawn, in Debian's Chromium."""
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
    """Print one line for each number of images, medians of REPEATS."""
    if sys.argv[1:2] == ["--measure"]:
        print(*measure(Path(sys.argv[2])))
        return
    print("   images  choose s  build s  page MB  peak MB  loaded s  drawn s")
    for rows in [int(argument) for argument in sys.argv[1:]] or [2_000, 100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "out"
            fabricate(folder, rows, 6 if rows < 10_000 else 5000)
            command = [sys.executable, __file__, "--measure", str(folder)]
            runs = [
                subprocess.run(command, capture_output=True, text=True, check=True).stdout
                for _ in range(REPEATS)
            ]
            choose, build, size, peak = (
                median(map(float, column)) for column in zip(*map(str.split, runs), strict=True)
            )
            loaded, drawn = open_page(folder / "report.html")
        print(
            f"{rows:9,} {choose:9.2f} {build:8.2f} {size / 1e6:8.2f} {peak / 1e6:8.0f} {loaded:9.2f} {drawn:8.2f}"
        )


if __name__ == "__main__":
    main()
