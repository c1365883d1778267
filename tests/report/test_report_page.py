"""The page in a real browser: it needs nothing else, draws every chart, can be used by all, and cannot be scripted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from fabricate import HOSTILE, fabricate
from opened import DRAWN, Open

from mrimage import report
from mrimage.report import text


def test_the_page_needs_nothing_but_itself_and_draws_every_chart(
    made: report.Report, open_page: Open
) -> None:
    this = open_page(made.html)
    this.page.click("#engine > summary")
    this.page.wait_for_selector("#tasks [data-state=drawn]")
    drawn = this.page.evaluate(DRAWN)
    assert this.problems == []
    assert [url for url in this.requests if not url.startswith("data:")] == [this.page.url]
    assert len(drawn) >= 25
    assert [name for name, state, marks in drawn if state != "drawn" or not marks] == []


def test_hostile_text_is_shown_and_never_run(made: report.Report, open_page: Open) -> None:
    this = open_page(made.html)
    assert this.page.title() == "800 images: mrimage report"
    assert this.page.locator("main script, main iframe, main object, img[onerror]").count() == 0
    keys = this.page.locator("#group-table bdi").all_inner_texts()
    assert HOSTILE[0] in keys
    assert HOSTILE[1] in keys
    assert max(map(len, keys)) < 200
    assert not any("\u202e" in key for key in keys)


def test_the_policy_stops_a_script_that_got_into_the_page(
    made: report.Report, open_page: Open
) -> None:
    this = open_page(made.html)
    this.page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.owned = 1';"
        "document.body.append(script);"
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.owned = 2\">'); }"
    )
    this.page.wait_for_timeout(200)
    assert this.page.evaluate("() => window.owned") is None
    assert all("Content Security Policy" in problem for problem in this.problems)
    assert this.problems


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious(
    made: report.Report, open_page: Open, axe: str, scheme: str, width: int
) -> None:
    this = open_page(made.html, width=width, scheme=scheme)
    this.page.evaluate(axe)
    found = this.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"][:3]
    ]
    assert serious == []


def test_hovering_a_bar_tells_its_figures(made: report.Report, open_page: Open) -> None:
    page = open_page(made.html).page
    bar = page.locator("#format .plot .role-mark path").first
    bar.scroll_into_view_if_needed()
    bar.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    text = page.locator("#vg-tooltip-element").inner_text()
    assert "jpeg" in text
    assert "Share" in text


def test_narrowing_to_a_group_changes_the_charts(plain: Path, open_page: Open) -> None:
    made = report.build(plain)
    page = open_page(made.html).page
    widths = "() => [...document.querySelectorAll('#format .role-mark path')].map(path => path.getBBox().width)"
    texts = "() => [...document.querySelectorAll('#format .role-mark text')].map(text => Number(text.textContent))"
    before = page.evaluate(texts)
    key = made.figures.data.filters[3]
    page.select_option("#filter", key)
    page.wait_for_function(
        f"before => JSON.stringify(({texts})()) !== JSON.stringify(before)", arg=before
    )
    assert page.evaluate(texts) == list(made.figures.data.distributions[0].groups[key])
    assert max(page.evaluate(widths)) > 0
    assert "of this group" in page.locator("#filtered").inner_text()
    page.click("#format summary")
    rows = page.locator("#format tbody tr").all_inner_texts()
    counts = made.figures.data.distributions[0].groups[key]
    assert [row.split("\t")[1] for row in rows] == [text.number(count) for count in counts]
    page.select_option("#filter", "")
    whole = page.locator("#format tbody tr").all_inner_texts()
    bars = made.figures.data.distributions[0].bars
    assert [row.split("\t")[1:] for row in whole] == [
        [
            text.number(bar.images),
            text.percent(bar.images / made.figures.totals.processed),
            text.size(bar.bytes),
        ]
        for bar in bars
    ]


def test_a_script_writes_the_groups_as_the_page_without_one_does(
    plain: Path, open_page: Open
) -> None:
    made = report.build(plain)
    page = open_page(made.html).page
    shown = [row.split("\t")[2:] for row in page.locator("#group-table tbody tr").all_inner_texts()]
    assert shown == [
        [
            text.number(g.images),
            text.size(g.bytes),
            text.short(g.pixels),
            text.number(g.outputs),
            text.size(g.output_bytes),
        ]
        for g in made.figures.groups.rows[:25]
    ]


def test_groups_are_found_sorted_and_paged(plain: Path, open_page: Open) -> None:
    page = open_page(report.build(plain).html).page
    first = page.locator("#group-table tbody tr").first
    assert page.locator("#group-table tbody tr").count() == 25
    page.click("#next")
    assert page.locator("#range").inner_text().startswith("26")
    page.click("#group-table th[data-column='0'] button")
    assert first.inner_text().strip().startswith("group 00000")
    page.fill("#find", "group 0003")
    assert page.locator("#group-table tbody tr").count() == 10
    page.fill("#find", "<script>")
    assert page.locator("#range").inner_text() == "none"


FOCUS = """() => { const at = document.activeElement, look = getComputedStyle(at);
    return [at.id || at.className || at.textContent.trim(), look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0]; }"""


def test_the_keyboard_goes_through_the_page_and_shows_where_it_is(
    plain: Path, open_page: Open
) -> None:
    page = open_page(report.build(plain).html).page
    stops = []
    for _ in range(30):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUS))
    assert [stop[0] for stop in stops[:8]] == [
        "skip",
        "Insights",
        "Data",
        "Groups",
        "Pictures",
        "Quarantine 7",
        "Job",
        "theme",
    ]
    assert all(shown for _, shown in stops)
    page.locator("[data-key]").last.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent").startswith(
        "Table and query of Formats"
    )
    page.keyboard.press("Enter")
    assert page.locator("#format table").is_visible()
    page.keyboard.press("Tab")
    assert (
        page.evaluate("() => document.activeElement.getAttribute('aria-label')")
        == "Table of Formats"
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#viewer-title").inner_text().startswith("Formats: ")
    page.keyboard.press("Escape")
    page.locator("#group-table th[data-column='0'] button").focus()
    page.keyboard.press("Enter")
    assert (
        page.locator("#group-table tbody tr").first.inner_text().strip().startswith("group 00000")
    )


def test_a_name_that_runs_from_right_to_left_turns_nothing_around_it(
    tmp_path: Path, open_page: Open
) -> None:
    out = tmp_path / "out"
    fabricate(out, 60, pictures=False)
    groups = f"'{out}/groups.parquet'"
    renamed = "if(key = 'Alps', 'צילומים 7', key) AS key, if(key = 'Alps', 500, images) AS images"
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT * REPLACE ({renamed}) FROM {groups}")
    connection.execute(f"COPY t TO {groups}")
    made = report.build(out)
    told = {insight.name: insight.text for insight in made.figures.insights}["dominant_group"]
    assert told.startswith('One group, "\u2068צילומים 7\u2069", holds')
    page = open_page(made.html).page
    looks = "all => all.map(one => getComputedStyle(one).unicodeBidi)"
    assert set(page.eval_on_selector_all(".name", looks)) == {"isolate"}
    assert page.locator("#group-table bdi").first.inner_text() == "צילומים 7"


def test_light_and_dark_can_be_chosen_and_paper_is_light(
    made: report.Report, open_page: Open
) -> None:
    page = open_page(made.html, scheme="dark").page
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.click("#theme")
    light = page.evaluate(ground)
    assert dark != light
    page.click("#theme")
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_a_phone_needs_no_sideways_scrolling(made: report.Report, open_page: Open) -> None:
    page = open_page(made.html, width=390).page
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_a_run_without_any_image_still_has_a_page(tmp_path: Path, open_page: Open) -> None:
    facts = fabricate(tmp_path / "out", 1, pictures=False)
    (tmp_path / "out" / "catalogue" / "part-00000.parquet").unlink()
    for table in ("groups", "outputs", "quarantine"):
        (tmp_path / "out" / f"{table}.parquet").unlink()
    this = open_page(report.build(tmp_path / "out", facts).html)
    assert this.problems == []
    sections = this.page.eval_on_selector_all(
        "main > section", "found => found.map(section => section.id)"
    )
    assert sections == ["", "insights", "job"]
    assert this.page.locator("nav a").all_inner_texts() == ["Insights", "Job"]


def test_what_was_ignored_is_told_in_words(tmp_path: Path) -> None:
    facts = fabricate(tmp_path / "out", 1, pictures=False)
    for reasons, told in (
        ({"extension": 1}, "1 more in the source was ignored (by its extension)."),
        (
            {"extension": 1, "empty row": 2},
            "3 more in the source were ignored (2 empty rows, 1 by its extension).",
        ),
    ):
        counted = replace(facts, ignored=sum(reasons.values()), ignored_reasons=reasons)
        assert told in report.build(tmp_path / "out", counted).html.decode()


def test_one_image_is_told_in_words_and_not_drawn(tmp_path: Path, open_page: Open) -> None:
    fabricate(tmp_path / "out", 1)
    this = open_page(report.build(tmp_path / "out").html)
    assert this.problems == []
    assert this.page.locator("#data .chart").count() == 0
    told = this.page.locator("#data .same").all_inner_texts()
    assert any("Dimensions\n300 × 200" in part for part in told)
    assert any("Megapixels\n0.06\u00a0MP" in part for part in told)
    assert this.page.locator("#quarantine, .whole, #find").count() == 0
    page = this.page
    page.click("#group-table th[data-column='0'] button")
    assert page.locator("#group-table tbody tr").count() == 1
    assert this.problems == []


def test_a_large_pile_makes_a_small_page_that_opens_whole(tmp_path: Path, open_page: Open) -> None:
    folder = tmp_path / "large"
    fabricate(folder, 60_000, groups=5000, edits=False, pictures=False)
    made = report.build(folder)
    assert len(made.html) < 3_000_000
    assert made.figures.groups.total == 5000
    assert (
        sum(bar.images for bar in made.figures.data.distributions[0].bars)
        == made.figures.totals.processed
    )
    this = open_page(made.html)
    assert this.problems == []
    assert [
        name for name, state, marks in this.page.evaluate(DRAWN) if state != "drawn" or not marks
    ] == []
