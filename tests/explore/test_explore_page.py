"""The explorer in a real browser: filter, look, select, act; served, and as files."""

from __future__ import annotations

import shlex
from pathlib import Path

import duckdb
from playwright.sync_api import expect

from mrimage.cli.main import main
from mrimage.explore.exported import export_to
from mrimage.explore.pile import Pile
from mrimage.explore.server import Explorer
from mrimage.flow.results import read_facts
from mrimage.storage import open_store
from mrimage.storage.settings import DEFAULT


def test_a_filter_leaves_its_images_and_back_brings_all(explorer: Explorer, open_page) -> None:
    opened = open_page(explorer.url)
    page = opened.page
    expect(page.locator("#found")).to_have_text("25 images")
    page.locator('[data-filter="format"] label', has_text="png").click()
    expect(page.locator("#found")).to_have_text("7 of 25 images")
    # Other filters count what is left.
    counts = page.locator('[data-filter="keys"] label').all_text_contents()
    assert counts == ["png7"]
    expect(page.locator(".tile img").first).to_be_visible()
    assert page.locator(".tile").count() == 7
    page.go_back()
    expect(page.locator("#found")).to_have_text("25 images")
    assert opened.problems == []
    origin = explorer.url.partition("?")[0]
    assert {url for url in opened.requests if not url.startswith((origin, "data:"))} == set()


def test_a_view_is_a_url_and_its_command_runs_on_the_same_images(
    explorer: Explorer, out: Path, tmp_path: Path, plain_report: None, open_page, capsys
) -> None:
    view = "#words=picture&f.format=jpeg&f.width=48&sort=-size"
    page = open_page(f"{explorer.url}{view}").page
    found = int(page.locator("#found").inner_text().split()[0])
    assert 0 < found < 25
    page.click("#use")
    run, query = map(shlex.split, page.locator("#dialog code").all_inner_texts())
    assert run[:2] == ["mrimage", "run"]
    run[run.index("OUT2")] = str(tmp_path / "out2")
    assert main([*run[1:], "--quiet", "--workers", "1"]) == 0
    assert len(duckdb.sql(f"FROM '{tmp_path}/out2/catalogue/*.parquet'").fetchall()) == found
    assert main([*query[1:], "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + found


def test_marks_are_a_condition_too(explorer: Explorer, out: Path, open_page, capsys) -> None:
    page = open_page(f"{explorer.url}#words=small").page
    page.click("#tag")
    page.fill("#new-tag", "it's <small>")
    page.keyboard.press("Enter")
    page.click("#clear")
    page.locator('[data-filter="tags"] label', has_text="it's <small>").click()
    expect(page.locator("#found")).to_have_text("3 of 25 images")
    page.click("#use")
    query = shlex.split(page.locator("#dialog code").last.inner_text())
    assert main([*query[1:], "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 3


def test_hostile_names_are_text(explorer: Explorer, open_page) -> None:
    opened = open_page(explorer.url)
    page = opened.page
    page.fill("#query", "onerror")
    expect(page.locator("#found")).to_have_text("1 of 25 images")
    page.locator(".tile").click()
    expect(page.locator("#viewer-title")).to_have_text('<img src=x onerror="document.title=1">.png')
    expect(page.locator("#stage img")).to_be_visible()
    page.keyboard.press("Escape")
    page.fill("#query", "two")
    expect(page.locator(".caption").first).to_have_text("two\\u000alines.png")
    assert page.title().endswith("mrimage")
    assert opened.problems == []


def test_the_keyboard_walks_selects_marks_and_searches(
    explorer: Explorer, out: Path, open_page
) -> None:
    opened = open_page(explorer.url)
    page = opened.page
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#selected")).to_have_text("2 images selected")
    page.keyboard.press("a")
    expect(page.locator('.tile[data-mark="accept"]')).to_have_count(2)
    page.click("#only-selected")
    expect(page.locator("#found")).to_have_text("2 of 25 images")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    marks = duckdb.sql(f"FROM '{out.parent}/out.marks.parquet' WHERE mark = 'accept'")
    assert len(marks.fetchall()) == 2
    assert opened.problems == []


def test_sql_is_a_search_and_its_errors_are_words(explorer: Explorer, open_page) -> None:
    page = open_page(explorer.url).page
    page.select_option("#mode", "sql")
    page.type("#query", "wid")
    expect(page.locator("#completions li").first).to_have_text("width")
    page.keyboard.press("Tab")
    page.type("#query", " < 20")
    page.keyboard.press("Enter")
    expect(page.locator("#found")).to_have_text("3 of 25 images")
    page.fill("#query", "widht < 20")
    page.keyboard.press("Enter")
    expect(page.locator("#query-error")).to_contain_text("widht")


def test_every_view_shows_its_images(explorer: Explorer, open_page) -> None:
    opened = open_page(explorer.url)
    page = opened.page
    expected = {
        "Map": "canvas.map",
        "Timeline": "#section .muted",
        "Groups": "#section .card .strip img",
        "Duplicates": "#section .cluster .kept img",
        "Before and after": "#section .pair img",
        "Quarantine": "#section .failed",
    }
    for view, selector in expected.items():
        page.get_by_role("button", name=view).click()
        expect(page.locator(selector).first).to_be_visible()
    assert opened.problems == []


def test_the_lasso_selects_what_is_inside(explorer: Explorer, open_page) -> None:
    page = open_page(f"{explorer.url}#view=map").page
    box = page.locator("canvas.map").bounding_box()
    assert box is not None
    expect(page.locator("canvas.map")).to_be_visible()
    page.click("#lasso")
    corners = [
        (2, 2),
        (2, box["height"] - 2),
        (box["width"] - 2, box["height"] - 2),
        (box["width"] - 2, 2),
    ]
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.up()
    # All but the broken image have a place on the map.
    expect(page.locator("#found")).to_have_text("24 of 25 images")
    assert "lasso=" in page.url


def test_the_exported_page_needs_no_server(
    out: Path, pile: Pile, tmp_path: Path, open_page
) -> None:
    page_file = export_to(pile, open_store(str(out)), DEFAULT, tmp_path / "page")
    assert read_facts(open_store(str(out))).listed == 25
    opened = open_page(page_file.as_uri(), width=390, scheme="dark")
    page = opened.page
    expect(page.locator("#found")).to_have_text("25 images")
    expect(page.locator(".tile canvas").first).to_be_visible()
    page.fill("#query", "small")
    expect(page.locator("#found")).to_have_text("3 of 25 images")
    page.locator(".tile").first.click()
    expect(page.locator("#viewer-facts")).to_contain_text("12")
    assert opened.problems == []
    assert all(url.startswith(("file:", "data:")) for url in opened.requests)
