"""A small hostile pile, its explorer on a real port, and one Chromium for all tests of a worker."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import mrimage as mr
from mrimage.explore.marks import marks_of
from mrimage.explore.pile import Pile
from mrimage.explore.server import Explorer, open_explorer
from mrimage.flow.results import read_facts
from mrimage.storage import open_store
from mrimage.storage.settings import DEFAULT

HOSTILE = (
    '<img src=x onerror="document.title=1">.png',
    'it\'s "quoted" & <b>bold.png',
    "two\nlines.png",
    "right\u202eto left.png",
)
"""Names of files that attack the page, and the commands that it gives."""


@dataclass
class Opened:
    """A page, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OUT of a run over 24 small images, with edits, duplicates, descriptors and a bad file."""
    folder = tmp_path_factory.mktemp("explore")
    photos = folder / "photos it's"
    (photos / "small").mkdir(parents=True)
    for number, name in enumerate(HOSTILE):
        Image.new("RGB", (40, 30), (60 * number, 20, 200)).save(photos / name)
    for number in range(16):
        picture = Image.linear_gradient("L").resize((48, 36)).rotate(20 * number)
        kind = "RGB" if number % 4 else "L"
        picture.convert(kind).save(photos / f"picture {number}.jpg", quality=90)
    for number in range(3):
        Image.new("RGB", (12, 12), (0, 90 * number, 0)).save(photos / "small" / f"s{number}.png")
    shutil.copy(photos / "picture 5.jpg", photos / "copy of 5.jpg")
    (photos / "broken.jpg").write_bytes((photos / "picture 1.jpg").read_bytes()[:400])
    job = mr.Job(
        key=("format",),
        extract=("content", "hash", "descriptor"),
        group=("duplicates",),
        edits=mr.Edits(resize=(16, 16), format="png"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mrimage.flow.phases.write_report", lambda *_, **__: None)
        mr.run(job, photos, folder / "out", workers=1, thumbnails=False)
    return folder / "out"


@pytest.fixture(scope="session")
def pile(out: Path) -> Iterator[Pile]:
    with closing(Pile(out, read_facts(open_store(str(out))))) as opened:
        yield opened


@pytest.fixture(scope="session")
def explorer(out: Path, pile: Pile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """The explorer of ``out``, on a free port of loopback."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        store = open_store(str(out))
        served = open_explorer(stack, pile, store, marks_of(str(out), DEFAULT), DEFAULT)
        thread = threading.Thread(target=served.run)
        thread.start()
        yield served
        served.stop()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    binary = shutil.which("chromium")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and CI is set")
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Open a url, wait until it is drawn, and watch."""
    contexts = []

    def opened(url: str, *, width: int = 1280, scheme: str = "light") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        this = Opened(context.new_page())
        this.page.on("console", lambda message: this.problems.append(message.text))
        this.page.on("pageerror", lambda error: this.problems.append(str(error)))
        this.page.on("request", lambda request: this.requests.append(request.url))
        this.page.on("dialog", lambda dialog: (this.problems.append("a dialog"), dialog.dismiss()))
        this.page.goto(url)
        this.page.wait_for_selector("html[data-ready]", timeout=60_000)
        return this

    yield opened
    for context in contexts:
        context.close()
