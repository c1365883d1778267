"""The figures: they add up, their queries answer what they say, and they come from whatever tables there are."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import duckdb
import msgspec
import pytest
from fabricate import fabricate
from hypothesis import given
from hypothesis import strategies as st

from mrimage import report
from mrimage.cli.arguments import make_parser
from mrimage.errors import REASONS, SinkError
from mrimage.report import text
from mrimage.report.charts.sections import SUBSECTIONS
from mrimage.report.figures.distributions import nice_step
from mrimage.report.figures.facts import read_facts
from mrimage.report.figures.figures import Figures
from mrimage.report.figures.galleries import PictureKind, select
from mrimage.report.figures.measures import MEASURES
from mrimage.report.figures.prices import MAX_COST
from mrimage.report.figures.quarantine import ADVICE
from mrimage.report.figures.schema import summary_schema
from mrimage.report.reporter import THUMBNAIL_LIMIT
from mrimage.report.tables.views import open_tables
from mrimage.types import RuleCount


def test_every_distribution_accounts_for_every_processed_image(made: report.Report) -> None:
    processed = made.figures.totals.processed
    for distribution in made.figures.data.distributions:
        assert sum(bar.images for bar in distribution.bars) + distribution.missing == processed, (
            distribution.name
        )


def test_the_counts_of_a_group_add_up_to_its_images(plain: Path) -> None:
    figures = report.build(plain).figures
    sizes = {group.key: group.images for group in figures.groups.rows}
    formats = figures.data.distributions[0]
    assert formats.name == "format"
    assert len(formats.groups) > 10
    assert {key: sum(counts) for key, counts in formats.groups.items()} == {
        key: sizes[key] for key in formats.groups
    }


def test_each_insight_counts_what_its_query_lists(made: report.Report, hostile: Path) -> None:
    listed = {
        insight.name: (insight.count, len(json.loads(report.query(hostile, insight.sql, "json"))))
        for insight in made.figures.insights
        if insight.sql
    }
    assert {name: counts for name, counts in listed.items() if counts[0] != counts[1]} == {}
    assert {
        "quarantined",
        "located",
        "cmyk",
        "blurred",
        "large",
        "copies",
        "lookalikes",
        "cameras",
    } <= set(listed)
    assert {"savings_bmp", "savings_tiff", "smaller"} <= set(listed)


def test_every_query_of_a_chart_runs(made: report.Report, hostile: Path) -> None:
    for distribution in made.figures.data.distributions:
        rows = json.loads(report.query(hostile, distribution.sql, "json"))
        assert sum(row["images"] for row in rows) == made.figures.totals.processed, (
            distribution.name
        )


def test_the_summary_is_the_figures_and_reads_back(made: report.Report, hostile: Path) -> None:
    (hostile / "summary.json").write_bytes(msgspec.json.encode(made.summary))
    assert report.load(hostile) == made.figures
    assert msgspec.convert(made.summary, Figures) == made.figures


def test_names_in_the_summary_are_bounded(made: report.Report) -> None:
    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [found for inner in value.values() for found in texts(inner)]
        if isinstance(value, list):
            return [found for inner in value for found in texts(inner)]
        return [value] if isinstance(value, str) else []

    assert max(map(len, texts(made.summary["groups"]) + texts(made.summary["quarantine"]))) <= 200


def test_thumbnails_are_bounded_distinct_and_cheap(hostile: Path) -> None:
    wanted = report.choose_thumbnails(hostile, 30)
    assert len(wanted) == 30
    assert len({wish.uri for wish in wanted}) == 30
    assert {wish.kind for wish in wanted} >= {"typical", "before", "after", "sheet"}
    wanted = report.choose_thumbnails(hostile)
    assert len(wanted) <= THUMBNAIL_LIMIT
    assert {wish.kind for wish in wanted} == set(get_args(PictureKind)) - {"copy", "map"}
    assert all(wish.uri.startswith(("images/", "groups/")) == wish.is_output for wish in wanted)
    assert report.choose_thumbnails(hostile, 0) == []
    with open_tables(hostile) as tables:
        costs = dict(tables.rows("SELECT uri, pixels * 25e-9 FROM image"))
    heavy = [wish for wish in wanted if not wish.is_output and costs[wish.uri] > 25 * MAX_COST]
    assert heavy == []


def test_a_catalogue_run_weighs_a_few_images_of_each_wasteful_format(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fabricate(out, 2000, edits=False)
    weighed = report.choose_conversion_samples(out)
    rows = json.loads(
        report.query(
            out, "SELECT uri, format, size, width, height, frames, bit_depth FROM image", "json"
        )
    )
    images = {row["uri"]: row for row in rows}
    chosen = [images[uri] for uri in weighed]
    assert {row["format"] for row in chosen} == {"bmp", "tiff"}
    assert all(row["bit_depth"] == 8 for row in chosen)
    assert len(weighed) == len(set(weighed)) <= 10
    assert all(row["width"] * row["height"] <= 4_000_000 and row["frames"] == 1 for row in chosen)
    assert sum(row["width"] * row["height"] for row in chosen) <= 12_000_000
    found = {insight.name: insight for insight in report.build(out).figures.insights}
    sample = [row["size"] for row in chosen if row["format"] == "bmp"]
    every = [row["size"] for row in rows if row["format"] == "bmp"]
    saved = sum(every) * (1 - 100_000 * len(sample) / sum(sample))
    assert f"save about {text.size(saved)} of {text.size(sum(every))}" in found["savings_bmp"].text
    assert f"{len(sample)} of them" in found["savings_bmp"].text
    assert found["savings_bmp"].count == len(every)
    shallow, deep = (
        [row for row in rows if row["format"] == "tiff" and row["bit_depth"] == bits]
        for bits in (8, 16)
    )
    assert found["savings_tiff"].count == len(shallow)
    assert f"{len(shallow)} of {len(shallow) + len(deep)} TIFF files" in found["savings_tiff"].text


def test_formats_that_the_run_converted_are_not_weighed_again(plain: Path) -> None:
    assert report.choose_conversion_samples(plain) == []
    assert {"savings_bmp", "savings_tiff"} <= {
        insight.name for insight in report.build(plain).figures.insights
    }


def test_pictures_are_only_shown_where_there_is_a_thumbnail(tmp_path: Path) -> None:
    facts = fabricate(tmp_path / "out", 200, pictures=False)
    assert report.build(tmp_path / "out", facts).figures.galleries.pairs == ()


def test_tables_without_extractors_members_or_outputs_are_enough(tmp_path: Path) -> None:
    out = tmp_path / "out"
    facts = fabricate(out, 100, pictures=False)
    part = out / "catalogue" / "part-00000.parquet"
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT uri, size, version, status, reason FROM '{part}'")
    connection.execute(f"COPY t TO '{part}'")
    for gone in ("outputs.parquet", "groups.parquet", "_run/members.parquet"):
        (out / gone).unlink()
    figures = report.build(out, facts).figures
    assert [distribution.name for distribution in figures.data.distributions] == ["size"]
    assert figures.data.dimensions is None
    assert report.choose_thumbnails(out) == []


def test_places_are_left_out_unless_asked_for(hostile: Path, made: report.Report) -> None:
    assert made.figures.data.places
    quiet = report.build(hostile)
    assert quiet.figures.data.places is None
    assert quiet.figures.data.located > 0
    assert all(cell.x == int(cell.x) and cell.x2 - cell.x == 1 for cell in made.figures.data.places)


def test_the_report_s_own_pictures_are_no_stragglers_and_all_that_are_count(plain: Path) -> None:
    facts = read_facts(plain)
    task = next(task for task in facts.tasks if task.phase == "map")
    odd = [
        replace(
            task, task=f"odd-{n}", seconds=9.0 + n, errors=("its process was ended by SIGSEGV",)
        )
        for n in range(18)
    ]
    own = [
        replace(task, task=f"own-{n}", phase="thumbnails", seconds=9.0 if n == 5 else 1.0)
        for n in range(6)
    ]
    health = report.build(plain, replace(facts, tasks=(*facts.tasks, *odd, *own))).figures.health
    assert (health.straggling, len(health.stragglers)) == (19, 15)
    assert (health.troubles, len(health.troubled)) == (20, 15)
    assert {task.phase for task in health.stragglers} == {"map"}
    assert health.stragglers[0].story == "its process was ended by SIGSEGV (a decoder crashed)"
    assert {moment.phase for moment in health.throughput} == {"map", "reduce"}


def test_a_finding_that_the_edits_settled_is_reported_as_such(tmp_path: Path) -> None:
    facts = fabricate(tmp_path / "out", 600, pictures=False)

    def advised(**edits: object) -> dict[str, tuple[str, str]]:
        job = {**facts.job, "edits": edits or None}
        figures = report.build(tmp_path / "out", replace(facts, job=job)).figures
        return {insight.name: (insight.level, insight.next) for insight in figures.insights}

    bare, made = advised(), advised(to="srgb", metadata="copyright")
    assert {bare[name][0] for name in ("located", "cmyk")} == {"warning"}
    assert {made[name][0] for name in ("located", "cmyk", "turned", "wide_gamut")} == {"info"}
    assert (
        made["located"][1]
        == "Their GPS position is removed from outputs unless you pass --metadata keep."
    )
    assert advised(metadata="keep")["located"] == bare["located"]

    # With rules by key, each that applies to an image has to settle it.
    srgb, kept = {"to": "srgb"}, {"to": "srgb", "metadata": "keep"}

    def under(*rules: tuple[int, dict[str, str] | None]) -> dict[str, str]:
        counts = tuple(RuleCount("k", "k", images, images, edits) for images, edits in rules)
        figures = report.build(tmp_path / "out", replace(facts, rules=counts)).figures
        return {insight.name: insight.level for insight in figures.insights}

    one_keeps = under((3, srgb), (4, kept))
    assert (one_keeps["cmyk"], one_keeps["located"]) == ("info", "warning")
    assert under((3, srgb), (0, kept))["located"] == "info"
    assert under((3, srgb), (4, None))["cmyk"] == "warning"
    assert all(advice for level, advice in bare.values() if level in ("warning", "notice"))


def test_a_reason_s_command_is_one_that_the_command_line_takes(made: report.Report) -> None:
    assert set(ADVICE) == set(REASONS)
    commands = {reason.reason: reason.command for reason in made.figures.quarantine.reasons}
    assert (commands["truncated"], commands["not-an-image"]) == ("", "")
    options = make_parser().parse_args(shlex.split(commands["timed-out"])[1:])
    assert (options.out, options.reason, options.deadline) == (
        made.figures.run.out,
        ["timed-out"],
        "300",
    )


def test_every_figure_about_the_images_has_a_section() -> None:
    shown = [name for names in SUBSECTIONS.values() for name in names]
    assert sorted(shown) == sorted(
        [*(measure.name for measure in MEASURES), "dimensions", "density_by_format", "places"]
    )


def test_extremes_are_left_out_of_a_handful_and_do_not_repeat_a_look(tmp_path: Path) -> None:
    fabricate(tmp_path / "few", 5, pictures=False)
    fabricate(tmp_path / "many", 60, pictures=False)
    part = tmp_path / "many" / "catalogue" / "part-00000.parquet"
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS FROM '{part}'")
    looks = ["00000000000000ff", "00000000000000fe", "0fff0000000000ff"]  # 1 bit apart, and 12
    connection.execute("UPDATE t SET phash = ?[1 + (hash(uri) % 3)::INTEGER]", [looks])
    connection.execute(f"COPY t TO '{part}'")
    shown = []
    for name in ("few", "many"):
        with open_tables(tmp_path / name) as tables:
            shown.append(select(tables)[0].extremes)
    assert shown[0] == ()
    assert {len(gallery.pictures) for gallery in shown[1]} == {2}


def test_health_finds_the_straggler_the_retry_and_the_skew(made: report.Report) -> None:
    health = made.figures.health
    assert [task.task for task in health.stragglers] == ["map-0031"]
    assert {task.task for task in health.troubled} == {"map-0012", "map-0040"}
    assert (health.retries, health.speculative, health.tasks) == (1, 1, 56)
    assert health.skew is not None
    assert health.skew.keys > health.skew.tasks >= 1
    assert health.stragglers[0].times_bytes == pytest.approx(1.0)


def test_a_comparison_names_what_is_new_gone_changed_and_fallen(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        fabricate(folder, 300, pictures=False)
    part = new / "catalogue" / "part-00000.parquet"
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT * FROM '{part}' ORDER BY uri")
    uris = [
        row[0]
        for row in connection.execute(
            "SELECT uri FROM t WHERE status = 'processed' LIMIT 6"
        ).fetchall()
    ]
    connection.execute("DELETE FROM t WHERE uri IN (?, ?)", uris[:2])
    connection.execute("UPDATE t SET size = size + 7, version = 'later' WHERE uri = ?", [uris[2]])
    connection.execute(
        "UPDATE t SET status = 'quarantined', reason = 'truncated' WHERE uri = ?", [uris[3]]
    )
    connection.execute(
        "INSERT INTO t SELECT * REPLACE ('/data/photos/new.jpg' AS uri) FROM t WHERE uri = ?",
        [uris[4]],
    )
    connection.execute(f"COPY (FROM t ORDER BY uri) TO '{part}'")
    found = report.compare(new, old)
    assert (found.new, found.gone, found.changed, found.newly_quarantined, found.recovered) == (
        1,
        2,
        1,
        1,
        0,
    )
    assert [moved.path for moved in found.examples["Gone"]] == uris[:2]
    assert found.same == 297
    named = report.build(new, against=old, against_name="s3://bucket/old").figures.comparison
    assert named is not None
    assert named.other == "s3://bucket/old"
    itself = report.compare(old, old)
    assert (itself.new, itself.gone, itself.changed, itself.distributions) == (0, 0, 0, ())


def test_runs_of_two_places_are_matched_by_path(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        fabricate(folder, 120, pictures=False)
    part = new / "catalogue" / "part-00000.parquet"
    connection = duckdb.connect()
    connection.execute(
        f"CREATE TABLE t AS SELECT * REPLACE (replace(uri, '/data/photos', 's3://b') AS uri) FROM '{part}'"
    )
    connection.execute(f"COPY (FROM t ORDER BY uri) TO '{part}'")
    assert report.compare(new, old).same == 120


def test_a_folder_without_a_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="Run the job to its end first"):
        report.build(tmp_path)


def test_the_report_costs_nothing_until_it_is_built() -> None:
    code = "import sys, mrimage.report; print([m for m in ('duckdb', 'jinja2', 'vl_convert', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.text(max_size=400), st.integers(min_value=10, max_value=200))
def test_cut_text_is_bounded_and_can_be_written_anywhere(anything: str, limit: int) -> None:
    shown = text.cut(anything, limit)
    assert len(shown) <= limit
    shown.encode("utf-8")
    assert not any(
        ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F or char in "\u061c\u200e\u200f\u202e\u2028"
        for char in shown
    )


def test_a_name_that_is_no_utf8_can_be_shown() -> None:
    assert text.cut(b"caf\xe9.jpg".decode("utf-8", "surrogateescape")) == "caf\ufffd.jpg"


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_a_step_cuts_a_range_into_a_readable_number_of_bins(low: float, spread: float) -> None:
    step = nice_step(low, low + spread)
    assert spread / step <= 24.001
    assert spread / step >= 4 or spread < 1e-5


def test_a_decade_bin_holds_its_values(plain: Path) -> None:
    with open_tables(plain) as tables:
        rows = tables.rows(
            "SELECT x, decade_bin(x) FROM (SELECT 10 ** (i / 97.0 - 5) AS x FROM range(1000) r(i))"
        )
        exact = tables.rows(
            "SELECT x, decade_bin(x) FROM (SELECT unnest([1, 2, 5, 10, 20, 50, 0.1, 0.2]) AS x)"
        )

    def edge(bin_: int) -> float:
        return (1, 2, 5)[bin_ % 3] * 10.0 ** (bin_ // 3)

    assert all(edge(bin_) * (1 - 1e-6) <= x < edge(bin_ + 1) for x, bin_ in rows)
    assert [bin_ for _, bin_ in exact] == [0, 1, 2, 3, 4, 5, -3, -2]


def test_the_schema_describes_every_field_of_the_summary(made: report.Report) -> None:
    schema = summary_schema()
    fields = schema["$defs"]["Figures"]["properties"]
    assert set(made.summary) == set(fields)
    assert set(schema["$defs"]["Totals"]["properties"]) == set(
        msgspec.to_builtins(made.figures.totals)
    )
