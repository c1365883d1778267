"""What the report shows of the images themselves: pictures of findings, duplicates, files of reducers, lists."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fabricate import fabricate
from opened import Open

from mrimage import report
from mrimage.report.figures import evidence
from mrimage.report.figures.facts import read_facts
from mrimage.report.figures.figures import Insight, RunRecord
from mrimage.report.figures.galleries import select
from mrimage.report.figures.history import read_history, write_history
from mrimage.report.figures.prices import TOO_LARGE
from mrimage.report.tables.views import open_tables
from mrimage.tables.schemas import DUPLICATES


def change(out: Path, sql: str) -> None:
    """Replace columns of the catalogue: ``sql`` is the list of a REPLACE."""
    part = out / "catalogue" / "part-00000.parquet"
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT * REPLACE ({sql}) FROM '{part}'")
    connection.execute(f"COPY (FROM t ORDER BY uri) TO '{part}'")


def insights_of(out: Path) -> dict[str, Insight]:
    return {insight.name: insight for insight in report.build(out).figures.insights}


def test_hidden_pixels_are_not_judged(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fabricate(out, 200, pictures=False)
    change(out, "true AS has_alpha, 0.97 AS brightness, 0.001 AS contrast")
    assert not {"bright", "flat", "dark", "blurred"} & set(insights_of(out))
    with open_tables(out) as tables:
        assert "brightest" not in {gallery.name for gallery in select(tables)[0].extremes}
    change(out, "uri LIKE '%5.%' AS has_alpha")
    found = insights_of(out)
    with open_tables(out) as tables:
        visible = tables.row("SELECT count(*) FROM image WHERE NOT has_alpha")[0]
    assert found["bright"].count == found["flat"].count == visible
    assert "alpha channel are not judged" in found["bright"].rule


def test_a_finding_has_its_first_pictures_and_its_whole_list(plain: Path) -> None:
    made = report.build(plain)
    for insight in made.figures.insights:
        if insight.listing is None:
            continue
        rows = list(csv.reader(io.StringIO(made.lists[insight.listing.name])))[1:]
        assert len(rows) == insight.listing.rows == insight.count, insight.name
        uris = [picture.uri for picture in insight.pictures]
        assert len(uris) <= evidence.PICTURES
        assert set(uris) <= {row[0] for row in rows}, insight.name
    located = insights_of(plain)["located"]
    assert not any("°" in one.note or "latitude" in one.note for one in located.pictures)
    assert len(insights_of(plain)["lookalikes"].pictures) >= 6


def test_the_largest_image_has_a_frame_if_it_is_too_large_to_show(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fabricate(out, 60, pictures=False)
    change(
        out,
        "if(uri LIKE '%0000007.%', 20990, width)::INTEGER AS width, "
        "if(uri LIKE '%0000007.%', 29700, height)::INTEGER AS height",
    )
    with open_tables(out) as tables:
        (largest,) = (one for one in select(tables)[0].extremes if one.name == "largest")
    first = largest.pictures[0]
    assert (first.note, first.unseen) == ("20990 × 29700", TOO_LARGE)
    assert first.uri not in {wish.uri for wish in report.choose_thumbnails(out)}


def test_a_list_too_long_for_the_page_is_a_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    fabricate(out, 200, pictures=False)
    change(out, "'=cmd' || uri AS uri")
    monkeypatch.setattr(evidence, "INLINE_ROWS", 5)
    made = report.build(out)
    (tmp_path / "lists").mkdir()
    written = report.write_lists(out, made.figures, tmp_path / "lists")
    long = {
        insight.listing.path: insight.count
        for insight in made.figures.insights
        if insight.listing and insight.count > 5
    }
    assert set(written) == set(long)
    for name, path in written.items():
        assert name.startswith("lists/")
        rows = list(csv.reader(path.open(encoding="utf-8")))
        assert len(rows) == long[name] + 1
    rows = list(csv.reader(written["lists/lookalikes.csv"].open(encoding="utf-8")))
    assert all(row[0].startswith("'=cmd/") for row in rows[1:])
    assert b'href="./lists/lookalikes.csv"' in made.html


def test_findings_are_in_the_order_of_action_and_empty_ones_are_none(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fabricate(out, 400, groups=3, pictures=False)
    names = [insight.name for insight in report.build(out).figures.insights]
    assert names[0] == "quarantined"
    assert names.index("copies") < names.index("animated")
    assert names[-1] == "stragglers"
    # One group of three has most of the images, which says nothing.
    assert report.build(out).figures.groups.largest >= 0.5
    assert "dominant_group" not in names


def _with_files(out: Path) -> None:
    """Add files of reducers to OUT: two clusters of duplicates, tables, and hostile paths."""
    connection = duckdb.connect()
    uris = [
        row[0]
        for row in connection.execute(
            f"SELECT uri FROM '{out}/catalogue/*.parquet' WHERE status = 'processed' ORDER BY uri LIMIT 5"
        ).fetchall()
    ]
    folder = out / "groups" / "Alps"
    folder.mkdir(parents=True)
    rows = [
        (0, uris[0], True, None, 0, 900, 9000),
        (0, uris[1], False, "near", 3, 800, 7000),
        (0, uris[2], False, "same-file", 0, 900, 9000),
        (1, uris[3], True, None, 0, 500, 5000),
        (1, uris[4], False, "exact", 0, 500, 5000),
    ]
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    table = pa.Table.from_arrays(columns, DUPLICATES.names).cast(DUPLICATES)
    pq.write_table(table, folder / "duplicates.parquet")
    (folder / "counts.json").write_text(json.dumps([{"a": n, "b": "<b>"} for n in range(9)]))
    (folder / "notes.txt").write_text("first\nsecond\n")
    (folder / "broken.json").write_text("{")
    (out.parent / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(out.parent / "secret.txt")
    names = [
        *(path.name for path in sorted(folder.iterdir())),
        "../../../secret.txt",
    ]
    listed = pa.Table.from_pylist(
        [
            {"uri": None, "key": "Alps", "output": f"groups/Alps/{name}", "bytes": 100}
            for name in names
        ]
    )
    pq.write_table(listed, out.parent / "more.parquet")
    connection.execute(
        f"CREATE TABLE t AS FROM '{out}/outputs.parquet' UNION ALL BY NAME FROM '{out.parent}/more.parquet'"
    )
    connection.execute(f"COPY t TO '{out}/outputs.parquet'")


def test_duplicates_and_files_of_reducers_are_shown_and_no_other_file(
    tmp_path: Path, open_page: Open
) -> None:
    out = tmp_path / "out"
    fabricate(out, 60)
    _with_files(out)
    made = report.build(out)
    found = made.figures.duplicates
    assert found is not None
    # The second name of a file is no copy: deleting it frees nothing.
    assert (found.total, found.extra, found.saved) == (2, 2, 12_000)
    assert [(c.total, c.saved) for c in found.clusters] == [(3, 7000), (2, 5000)]
    assert [image.keep for image in found.clusters[0].images] == [True, False, False]
    shown = {table.output.rpartition("/")[2]: table for table in made.figures.made}
    assert set(shown) == {"counts.json", "notes.txt", "broken.json"}
    assert (shown["counts.json"].columns, shown["counts.json"].total) == (("a", "b"), 9)
    assert shown["notes.txt"].rows == (("first",), ("second",))
    assert shown["broken.json"].note == "It could not be read."
    assert b"secret" not in made.html
    this = open_page(made.html)
    assert this.page.locator(".cluster").count() == 2
    assert this.page.locator(".cluster .badge").all_inner_texts() == [
        *("keep", "same file", "drop"),
        *("keep", "drop"),
    ]
    assert this.page.locator(".made td").first.inner_text() == "0"
    assert this.problems == []


def test_the_history_keeps_each_run_once_and_shows_those_of_the_source(tmp_path: Path) -> None:
    out = tmp_path / "out"
    facts = fabricate(out, 100, pictures=False)
    first = report.build(out, facts)
    history = report.next_history(b"", first.figures)
    assert report.next_history(history, first.figures) == history
    later = replace(facts, started=facts.started + 60, quarantined=facts.quarantined + 1)
    (alien,) = read_history(history)
    alien = replace(alien, source="/elsewhere", started=facts.started + 1)
    history = write_history(read_history(history), alien) + b"{cut of"
    shown = report.build(out, later, history=history).figures.history
    assert [record.started for record in shown] == [facts.started, later.started]
    assert shown[1].quarantined == shown[0].quarantined + 1
    assert isinstance(shown[0], RunRecord)
    html = report.build(out, later, history=history).html.decode()
    assert "(this one)" in html
    assert "the same findings" in html


def test_two_piles_are_called_two_piles(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        fabricate(folder, 80, pictures=False)
    change(new, "replace(uri, '/data/photos', '/data/other') || '.x' AS uri")
    facts = replace(read_facts(new), source="/data/other")
    (new / "_run" / "facts.json").write_bytes(msgspec.json.encode(facts))
    made = report.build(new, against=old)
    assert made.figures.comparison is not None
    assert made.figures.comparison.unrelated
    assert "These are different piles" in made.html.decode()
    assert "Newly quarantined" not in made.html.decode()
    # The same source later is one pile, however much has changed.
    (new / "_run" / "facts.json").write_bytes((old / "_run" / "facts.json").read_bytes())
    changed = report.build(new, against=old).figures.comparison
    assert changed is not None
    assert not changed.unrelated


def test_pictures_bars_and_groups_open(plain: Path, open_page: Open) -> None:
    made = report.build(plain, replace(read_facts(plain), title="Trees", owner="Forest office"))
    this = open_page(made.html)
    page = this.page
    assert page.title() == "Trees: 600 images: mrimage report"
    assert "Forest office" in page.locator(".sub").inner_text()
    assert page.locator(".typical img").count() == 12
    hidden = "() => [...document.images].filter(one => !one.naturalWidth).length"
    assert page.evaluate(hidden) == 0

    page.locator("#finding-blurred .open").first.click()
    (blurred,) = (one for one in made.figures.insights if one.name == "blurred")
    assert page.locator("#viewer .path").inner_text() == blurred.pictures[0].uri
    assert page.locator("#viewer .large-picture img").is_visible()
    facts = page.locator("#viewer .facts-list li").all_inner_texts()
    described = {image.uri: image for image in made.figures.images}[blurred.pictures[0].uri]
    assert facts[: len(described.facts)] == list(described.facts)
    page.keyboard.press("ArrowRight")
    assert page.locator("#viewer .path").inner_text() == blurred.pictures[1].uri
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()

    formats = made.figures.data.distributions[0]
    page.locator("#format .plot .role-mark path").first.click()
    assert page.locator("#viewer-title").inner_text() == f"Formats: {formats.bars[0].label}"
    names = page.locator("#viewer .picture bdi").all_inner_texts()
    assert names == [uri.rpartition("/")[2] for uri in formats.bars[0].examples]
    page.keyboard.press("Escape")

    page.locator("#group-table .quiet").first.click()
    assert page.locator("#viewer-title").inner_text() == made.figures.groups.rows[0].key
    assert page.locator("#viewer .picture").count() == len(made.figures.groups.rows[0].examples)
    page.locator("#close").click()

    link = page.locator("#finding-blurred .more a")
    assert link.get_attribute("download") == "blurred.csv"
    address = link.get_attribute("href") or ""
    assert unquote(address.partition(",")[2]) == made.lists["blurred.csv"]
    assert this.problems == []


def test_under_a_filter_all_else_is_marked(plain: Path, open_page: Open) -> None:
    page = open_page(report.build(plain, places=True).html).page
    marked = """() => [...document.querySelectorAll('#data .of-all')].every(one => {
        const where = one.classList.contains('card') ? one.querySelector('figcaption') : one;
        return getComputedStyle(where, '::after').content.includes('of all groups'); })"""
    assert not page.evaluate(marked)
    chip = page.locator("[data-key]").nth(1)
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    assert page.evaluate(marked)
    assert "of-all" in (page.locator("#density_by_format").get_attribute("class") or "")
    assert "of-all" not in (page.locator("#places").get_attribute("class") or "")
    fill = "() => document.querySelector('#format .role-mark path').getAttribute('fill')"
    page.wait_for_function(f"({fill})() === 'var(--k2)'")
    chip.click()
    assert page.locator("#filter").input_value() == ""


def test_on_paper_the_words_of_a_chart_have_the_size_of_others(
    plain: Path, open_page: Open
) -> None:
    page = open_page(report.build(plain).html, width=1280).page
    page.emulate_media(media="print")
    sizes = """() => [...document.querySelectorAll('.plot svg')].filter(svg => svg.clientWidth).map(
        svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"""
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": 700, "height": 900})
    found = page.evaluate(sizes)
    assert len(found) > 20
    assert min(found) > 9
    assert max(found) < 16
