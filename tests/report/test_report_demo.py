"""The report of a real run on real photographs, from the command's own code to the reader's browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from opened import DRAWN, Open
from PIL import Image

import mrimage as mr
from mrimage import demo, report
from mrimage.flow.summary import Summary as Ended
from mrimage.report.figures.figures import Figures


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The demo's colours, damaged files, formats and turns, edited and grouped by two worker processes."""
    folder = tmp_path_factory.mktemp("demo")
    folders = ("color/", "damaged/", "formats/", "orientation/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "FILES", [f for f in demo.FILES if f.path.startswith(folders)])
        demo.build(folder / "photos")
    job = mr.Job(
        key=("color_space",),
        extract=("content", "hash"),
        edits=mr.Edits(resize=(256, 256), fit="cover", to="srgb", format="webp"),
        group=("contact-sheet", "mean"),
    )
    return mr.run(job, folder / "photos", folder / "out", workers=2)


@pytest.fixture(scope="module")
def figures(ended: Ended) -> Figures:
    return report.load(Path(ended.facts.out))


def test_the_page_of_a_real_run_is_whole(ended: Ended, open_page: Open) -> None:
    this = open_page((Path(ended.facts.out) / "report.html").read_bytes())
    assert this.problems == []
    assert [url for url in this.requests if not url.startswith("data:")] == [this.page.url]
    this.page.click("#engine > summary")
    this.page.wait_for_selector("#tasks [data-state=drawn]")
    drawn = this.page.evaluate(DRAWN)
    assert {"format", "color_space", "dimensions", "orientation", "brightness", "tasks"} <= {
        row[0] for row in drawn
    }
    assert [name for name, state, marks in drawn if state != "drawn" or not marks] == []
    unseen = (
        "() => [...document.images].filter(image => !image.complete || !image.naturalWidth).length"
    )
    assert this.page.evaluate(unseen) == 0
    assert this.page.locator(".pair").count() == 6
    assert this.page.locator(".strip.large img").count() >= 4


def test_what_the_page_links_to_is_there(ended: Ended, open_page: Open) -> None:
    out = Path(ended.facts.out)
    page = open_page((out / "report.html").read_bytes()).page
    links = page.eval_on_selector_all(
        "#pictures a", "links => links.map(link => link.getAttribute('href'))"
    )
    assert len(links) >= 10
    assert [link for link in links if not (out / link).is_file()] == []


def test_the_figures_of_a_real_run_agree_with_its_tables(ended: Ended, figures: Figures) -> None:
    assert (
        figures.totals.listed
        == ended.images
        == figures.totals.processed + figures.totals.quarantined
    )
    assert {reason.reason: reason.images for reason in figures.quarantine.reasons} == ended.failures
    assert sum(group.images for group in figures.groups.rows) == ended.processed
    again = report.build(Path(ended.facts.out)).figures
    for section in ("run", "insights", "data", "groups", "galleries", "quarantine"):
        assert getattr(figures, section) == getattr(again, section), section


def test_the_health_of_a_real_run_comes_from_its_tasks(ended: Ended, figures: Figures) -> None:
    health = figures.health
    assert {phase.name for phase in health.phases} >= {
        "list",
        "map",
        "plan",
        "reduce",
        "publish",
        "thumbnails",
    }
    assert {task.phase for task in health.timeline} == {"map", "reduce", "thumbnails"}
    assert sum(worker.tasks for worker in health.workers) == health.tasks == len(ended.facts.tasks)
    assert health.peak_memory > 20_000_000
    assert health.skew is not None
    assert health.skew.keys == pytest.approx(
        max(g.images for g in figures.groups.rows) * figures.groups.total / ended.processed
    )


def test_a_notebook_shows_a_real_run_with_charts(ended: Ended) -> None:
    assert ended._repr_html_().count("data:image/svg+xml") >= 4


def test_a_task_that_was_tried_again_is_told_with_what_happened(
    tmp_path: Path, open_page: Open
) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(6):
        Image.new("RGB", (30, 20), (40 * number, 0, 0)).save(tmp_path / f"photos/{number}.png")
    marker = str(tmp_path / "died")

    def die_once(image: mr.Image) -> Iterator[tuple[str, int]]:
        if not Path(marker).exists():
            Path(marker).touch()
            os._exit(9)
        yield image.metadata.format, 1

    job = mr.Job(map=die_once)
    ended = mr.run(job, tmp_path / "photos", tmp_path / "out", workers=2, thumbnails=False)
    assert ended.quarantined == 0
    health = report.load(tmp_path / "out").health
    assert health.retries >= 1
    (task,) = health.troubled
    assert task.attempts == 2
    assert task.errors
    this = open_page((tmp_path / "out" / "report.html").read_bytes())
    this.page.click("#engine > summary")
    assert task.errors[0][:20] in this.page.locator("#job").inner_text()
