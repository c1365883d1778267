"""The explorer on a made catalogue: start, first paint, filters, search, scrolling, memory.

    python -m benchmarks.explore [ROWS]

The tables of the run are made up, by the same code as in the tests; there are no pictures behind
them, so thumbnails fail. The browser is Debian's Chromium, without a graphics card.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from benchmarks.report import fabricate

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

CHANGED = """async (act) => {
    const found = document.getElementById('found');
    const before = found.textContent;
    const start = performance.now();
    act();
    while (found.textContent === before) await new Promise((done) => setTimeout(done, 1));
    return performance.now() - start;
}"""
"""Milliseconds from an action until the number of images in view is another one."""

SCROLLED = """async () => {
    const host = document.getElementById('pictures');
    const times = [];
    return await new Promise((done) => {
        const step = (now) => {
            times.push(now);
            host.dispatchEvent(new WheelEvent('wheel', { deltaY: 120, cancelable: true }));
            if (times.length < 120) requestAnimationFrame(step);
            else done((1000 * (times.length - 1)) / (times.at(-1) - times[0]));
        };
        requestAnimationFrame(step);
    });
}"""
"""Frames a second while the wheel turns by 120 pixels in each of them."""


def changed(page: Page, action: str) -> float:
    """Milliseconds until the page shows the result of ``action``, a statement in JavaScript."""
    milliseconds: float = page.evaluate(f"({CHANGED})(() => {{ {action} }})")
    return milliseconds


def measure(page: Page, url: str, server: psutil.Process) -> dict[str, float]:
    """Open the page, use it, and return the figures by name."""
    page.goto(url)
    page.wait_for_selector("html[data-ready]", timeout=120_000)
    page.wait_for_selector("[data-filter=format] input", timeout=120_000)
    figures = {
        "first contentful paint, ms": page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
    }
    page.wait_for_timeout(3000)
    box = "document.querySelector('[data-filter={}] input').click()"
    figures["filter by a format, ms"] = changed(page, box.format("format"))
    figures["and by a color space, ms"] = changed(page, box.format("color_space"))
    figures["filters cleared, ms"] = changed(page, "document.getElementById('clear').click()")
    for name, (mode, text) in {
        "search for a word, ms": ("words", "img_00012"),
        "search by SQL, ms": ("sql", "iso > 400 AND width > 4000"),
    }.items():
        page.select_option("#mode", mode)
        figures[name] = changed(
            page,
            f"document.getElementById('query').value = '{text}';"
            "document.getElementById('search').requestSubmit()",
        )
        changed(page, "document.getElementById('clear').click()")
    figures["scrolling, frames a second"] = page.evaluate(SCROLLED)
    page.evaluate("document.querySelectorAll('.facet').forEach((one) => { one.open = true; })")
    page.wait_for_timeout(15_000)
    figures["filter with all filters open, ms"] = changed(page, box.format("format"))
    figures["server, MB"] = server.memory_info().rss / 1e6
    figures["page's JavaScript, MB"] = page.evaluate("performance.memory.usedJSHeapSize / 1e6")
    renderers = [
        one.memory_full_info().uss / 1e6
        for one in psutil.Process().children(recursive=True)
        if "--type=renderer" in " ".join(one.cmdline())
    ]
    figures["browser's process of the page, MB"] = max(renderers)
    return figures


def main(rows: int) -> None:
    """Print the figures for a catalogue of ``rows`` images."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "out"
        fabricate(folder, rows, groups=5000)
        start = time.perf_counter()
        command = [sys.executable, "-m", "mrimage", "explore", str(folder)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            print(f"{'start of the command, s':<36} {time.perf_counter() - start:8.2f}")
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=FLAGS
                )
                page = chromium.new_page(viewport={"width": 1280, "height": 900})
                for name, value in measure(page, url, psutil.Process(server.pid)).items():
                    print(f"{name:<36} {value:8.0f}")
                chromium.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
