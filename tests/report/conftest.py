"""Fabricated runs, their reports, Debian's Chromium and axe-core."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fabricate import fabricate
from opened import Open, Opened
from playwright.sync_api import Browser, sync_playwright

from mrimage import report

AXE = "4.14.1"
CACHE = Path(__file__).parents[2] / ".cache"


def missing(what: str) -> None:
    """A missing part skips on a laptop, with its reason, and fails where CI promised to have it."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI is set")
    pytest.skip(what)


@pytest.fixture(autouse=True)
def plain_report() -> None:
    """Runs of these tests write the real report."""


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 800 images whose names, keys and EXIF attack the page."""
    folder = tmp_path_factory.mktemp("hostile") / "run [1] it's *"
    fabricate(folder, 800, hostile=True)
    return folder


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 600 ordinary images in 60 groups."""
    folder = tmp_path_factory.mktemp("plain") / "out"
    fabricate(folder, 600, groups=60)
    return folder


@pytest.fixture(scope="session")
def made(hostile: Path) -> report.Report:
    """The report of the hostile run, with its places."""
    return report.build(hostile, places=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a worker."""
    binary = shutil.which("chromium")
    if binary is None:
        missing("Chromium is not installed (apt-get install chromium)")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a report's HTML as a file, wait until all is drawn, and watch."""
    contexts = []

    def opened(html: bytes, *, width: int = 1280, scheme: str = "light") -> Opened:
        path = tmp_path / "report.html"
        path.write_bytes(html)
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        this = Opened(context.new_page())
        this.page.on(
            "console", lambda message: this.problems.append(f"{message.type}: {message.text}")
        )
        this.page.on("pageerror", lambda error: this.problems.append(str(error)))
        this.page.on(
            "dialog", lambda dialog: (this.problems.append("a dialog opened"), dialog.dismiss())
        )
        this.page.on("request", lambda request: this.requests.append(request.url))
        this.page.goto(path.as_uri())
        this.page.wait_for_selector("html[data-drawn=all]", timeout=60_000)
        return this

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script, fetched once by npm into a folder that git ignores."""
    folder = CACHE / f"axe-core-{AXE}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            missing("npm is not installed, so axe-core cannot be fetched")
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            str(npm),
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            f"axe-core@{AXE}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode or not script.exists():
            missing(f"npm could not fetch axe-core: {done.stderr[-200:]}")
    return script.read_text(encoding="utf-8")
