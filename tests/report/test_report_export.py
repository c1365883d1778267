"""The report on paper, its charts as pictures, in a notebook, and the script that is kept between runs."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import duckdb
import msgspec
import psutil
import pytest
from fabricate import fabricate
from PIL import Image

from mrimage import report
from mrimage.errors import SinkError, UsageError
from mrimage.flow.summary import Summary
from mrimage.report import export
from mrimage.report.charts import bundle
from mrimage.report.figures.facts import read_facts


def children() -> set[psutil.Process]:
    """Our child processes; a process that makes the script is one that was not there before."""
    return set(psutil.Process().children())


def test_every_chart_becomes_a_picture_with_something_on_it(plain: Path, tmp_path: Path) -> None:
    paths = report.build(plain).write_pngs(tmp_path / "charts")
    assert {"format.png", "dimensions.png", "groups.png", "throughput_map.png"} <= {
        path.name for path in paths
    }
    for path in paths:
        with Image.open(path) as picture:
            colors = picture.convert("RGB").getcolors(1 << 24) or []
        assert any(abs(r - 15) + abs(g - 122) + abs(b - 128) < 200 for _, (r, g, b) in colors), (
            path.name
        )


def test_a_pdf_has_pages_and_needs_no_browser(made: report.Report) -> None:
    pytest.importorskip("weasyprint", reason="WeasyPrint (the extra pdf) is not installed")
    assert made.to_pdf().startswith(b"%PDF-")


def test_pictures_of_a_pdf_do_not_cover_the_text_below_them(
    made: report.Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WeasyPrint gives buttons the height of a line, whatever is in them, if the style lets it."""
    weasyprint = pytest.importorskip("weasyprint", reason="WeasyPrint is not installed")
    laid_out: list[tuple[float, float]] = []

    def lay_out(document: object) -> bytes:
        for page in document.render().pages:
            for box in page._page_box.descendants():
                if box.element_tag == "button":
                    inner = max((child.height for child in box.children), default=0)
                    laid_out.append((box.height, inner))
        return b"%PDF-"

    monkeypatch.setattr(weasyprint.HTML, "write_pdf", lay_out)
    made.to_pdf()
    assert len(laid_out) > 10
    assert [pair for pair in laid_out if pair[0] < pair[1]] == []


def test_a_pdf_without_weasyprint_says_what_to_install(
    made: report.Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(export, "import_module", refuse)
    with pytest.raises(UsageError, match=r'pip install "mrimage\[pdf\]"'):
        made.to_pdf()


def test_a_notebook_shows_totals_and_charts_without_running_names(made: report.Report) -> None:
    shown = made._repr_html_()
    assert "processed" in shown
    assert shown.count("data:image/svg+xml") >= 5
    assert "<script" not in shown


def test_a_run_shows_itself_in_a_notebook_as_long_as_its_figures_are_there(
    hostile: Path, made: report.Report
) -> None:
    facts = replace(read_facts(hostile), out=str(hostile))
    (hostile / "summary.json").write_bytes(msgspec.json.encode(made.summary))
    shown = Summary(facts)._repr_html_()
    assert shown.count("data:image/svg+xml") >= 5
    assert made.figures.insights[0].text[:20] in shown
    (hostile / "summary.json").unlink()
    assert "800 listed" in Summary(facts)._repr_html_()


def test_the_script_is_made_once_and_a_broken_one_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = bundle.load()
    assert bundle.cache_path().read_text() == made
    before = children()
    with bundle.warm() as wait:
        assert children() <= before
        wait()
    bundle.cache_path().write_text(made[: len(made) // 2])
    assert bundle.load() == made
    assert [path.name for path in bundle.cache_path().parent.iterdir()] == [
        bundle.cache_path().name
    ]


def test_a_job_has_the_script_made_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with bundle.warm() as wait:
        wait()
        assert bundle.cache_path().read_text() == bundle.load()


def test_a_job_that_fails_leaves_no_process_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = children()
    seen: list[psutil.Process] = []

    def fail() -> None:
        with bundle.warm():
            seen.extend(children() - before)
            raise SinkError("the disk is full")

    with pytest.raises(SinkError):
        fail()
    assert [maker.is_running() for maker in seen] == [False]


def test_a_home_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    before = children()
    with bundle.warm() as wait:
        assert children() <= before
        wait()
    assert bundle.END_MARK in bundle.load()


def test_the_same_tables_give_the_same_page_on_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabricate(tmp_path / "out", 12_000, groups=60)
    connect = duckdb.connect
    pages, wishes = set(), set()
    for threads in (1, 8, 8):

        def limited(
            database: str, config: dict[str, object], threads: int = threads
        ) -> duckdb.DuckDBPyConnection:
            return connect(database, config={**config, "threads": threads})  # type: ignore[dict-item]

        monkeypatch.setattr(duckdb, "connect", limited)
        pages.add(report.build(tmp_path / "out").html)
        wishes.add(tuple(report.choose_thumbnails(tmp_path / "out")))
    assert (len(pages), len(wishes)) == (1, 1)


def test_thumbnails_are_in_the_page_as_they_were_made(made: report.Report) -> None:
    assert made.thumbnails
    shot = next(iter(made.thumbnails.values()))
    assert shot.source.encode() in made.html
    assert io.BytesIO(made.html).read(200).lstrip().startswith(b"<!doctype html>")
