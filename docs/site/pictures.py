"""Makes the pictures of docs/pictures and the outputs that the tutorial prints, from real runs.

    python docs/site/pictures.py [FOLDER]

runs the commands of docs/tutorial.md in FOLDER, which is new or empty; writes what they print into
the page; and takes pictures of the report in Chromium. It takes a few minutes and needs the packages
of ``make test``. The pictures are committed, because they are small and seldom change.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, sync_playwright

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PICTURES = DOCS / "pictures"
TUTORIAL = DOCS / "tutorial.md"
GALLERY = DOCS / "gallery.md"

MOST_BYTES = 60_000
"""A picture has at most so many bytes."""

WIDTH = 1100
"""Width of the browser's window in pixels."""

YEAR = "2016"
"""The year of the tutorial whose contact sheet is shown."""

STEP_OF_REPORT = 1
"""The command of the tutorial, counted from 0, that makes the report that it shows."""

STEP = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
"""A command of the tutorial, and the output that may follow."""

BEGIN_CHARTS = "<!-- made by docs/site/pictures.py -->\n"
END_CHARTS = "<!-- end of what is made -->\n"


def main() -> None:
    """Make everything."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        record_tutorial(folder)
        picture_groups(folder)
        picture_charts(folder)


def record_tutorial(folder: Path) -> None:
    """Run the tutorial's commands, and write what they print below them."""
    text = TUTORIAL.read_text()
    parts = []
    end = 0
    for number, step in enumerate(STEP.finditer(text)):
        printed = _printed(step[1], folder)
        if number == STEP_OF_REPORT:
            picture_report(folder / "look")
        parts.append(text[end : step.start()])
        parts.append(f"```sh\n{step[1]}```\n")
        if step[2] is not None:
            parts.append(f"\n```text\n{printed}```\n")
        end = step.end()
    TUTORIAL.write_text("".join(parts) + text[end:])


def _printed(command: str, folder: Path) -> str:
    """What ``command`` prints, without the time that it took and without the name of ``folder``."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("seconds ")]
    return "".join(f"{line.rstrip()}\n" for line in lines).replace(f"{folder.resolve()}/", "")


def picture_report(out: Path) -> None:
    """Take pictures of parts of the report of ``out``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto((out / "report.html").absolute().as_uri())
        page.wait_for_selector(".plot[data-state=drawn], .plot svg")
        top = page.locator("section.hero")
        _shoot(page, top, top, "report")
        findings = page.locator("#insights article")
        _shoot(page, findings.nth(0), findings.nth(1), "findings")
        duplicates = page.locator("#duplicates")
        _shoot(page, duplicates, duplicates, "duplicates", 620)
        page.locator("#finding-located img").nth(1).click()
        page.wait_for_selector("#viewer[open]")
        _save(page.locator("#viewer").screenshot(), "viewer")
        browser.close()


def _shoot(page: Page, first: Locator, last: Locator, name: str, most: int = 900) -> None:
    """Take a picture of the page from the top of ``first`` to the end of ``last``, ``most`` pixels
    high at most."""
    top = _box(first)["y"] - 12
    end = _box(last)["y"] + _box(last)["height"] + 12
    clip = {"x": 0, "y": max(top, 0), "width": WIDTH, "height": min(end - top, most)}
    _save(page.screenshot(full_page=True, clip=clip), name)


def _box(part: Locator) -> FloatRect:
    box = part.bounding_box()
    assert box
    return box


def picture_groups(folder: Path) -> None:
    """Copy what the group reducers of the tutorial made; the mean is of the pictures of a year."""
    sheet = folder / f"web/groups/{YEAR}/contact-sheet.jpg"
    _save(sheet.read_bytes(), "contact-sheet", width=900)
    _printed("mrimage run photos/trips mean --key folder --group mean --fresh", folder)
    means = sorted((folder / "mean/groups").rglob("mean.png"))
    with Image.open(means[0]) as first:
        row = Image.new("RGB", (len(means) * 200, round(200 * first.height / first.width)))
    for number, path in enumerate(means):
        with Image.open(path) as mean:
            row.paste(mean.convert("RGB").resize((200, row.height)), (200 * number, 0))
    buffer = BytesIO()
    row.save(buffer, "png")
    _save(buffer.getvalue(), "mean")


def picture_charts(folder: Path) -> None:
    """Draw the charts of the report, and write the table of them into the gallery."""
    # Imported late: the commands above are the tutorial's own.
    from mrimage import report
    from mrimage.report.charts.sections import make_charts

    _printed(
        "mrimage run photos charts --key color_space --extract content --to srgb --resize 256x256 "
        "--format webp --fresh; mrimage report charts --places",
        folder,
    )
    made = report.build(folder / "charts", places=True)
    drawn = folder / "drawn"
    made.write_pngs(drawn)
    charts = make_charts(made.figures).all
    for chart in charts:
        _save((drawn / f"{chart.name}.png").read_bytes(), f"chart-{chart.name}", width=840)
    before, _, rest = GALLERY.read_text().partition(BEGIN_CHARTS)
    after = rest.partition(END_CHARTS)[2]
    table = "".join(_described(chart.name, chart.title, chart.about) for chart in charts)
    GALLERY.write_text(f"{before}{BEGIN_CHARTS}{table}{END_CHARTS}{after}")


def _described(name: str, title: str, about: str) -> str:
    return f"### {title}\n\n`{name}`: {about}\n\n![{title}](pictures/chart-{name}.webp)\n\n"


def _save(data: bytes, name: str, width: int = WIDTH) -> None:
    """Save a picture as WebP, at the best quality that is not too large."""
    with Image.open(BytesIO(data)) as opened:
        image = opened.convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.LANCZOS)
    for quality in (82, 70, 58, 46, 34):
        buffer = BytesIO()
        image.save(buffer, "webp", quality=quality, method=6)
        if len(buffer.getvalue()) <= MOST_BYTES:
            break
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.webp").write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
