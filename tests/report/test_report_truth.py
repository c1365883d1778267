"""Every figure against a second computation: from the rows of the tables in plain Python, without the report's SQL."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from fabricate import fabricate
from opened import Open

from mrimage import report
from mrimage.report import text
from mrimage.report.figures.facts import read_facts
from mrimage.report.figures.schema import summary_schema

Row = dict[str, Any]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth") / "out"
    fabricate(folder, 2000, groups=30)
    return folder


@pytest.fixture(scope="module")
def truth(out: Path) -> report.Report:
    return report.build(out, places=True)


@pytest.fixture(scope="module")
def images(out: Path) -> list[Row]:
    """The processed images."""
    rows: list[Row] = pq.read_table(out / "catalogue").to_pylist()
    return [row for row in rows if row["status"] == "processed"]


@pytest.fixture(scope="module")
def outputs(out: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(out / "outputs.parquet").to_pylist()
    return rows


def test_the_totals_are_those_of_the_tables(
    truth: report.Report, out: Path, images: list[Row], outputs: list[Row]
) -> None:
    totals, facts = truth.figures.totals, read_facts(out)
    listed, size = pq.read_table(out / "catalogue").num_rows, facts.bytes
    pixels = sum(row["width"] * row["height"] for row in images)
    assert (totals.listed, totals.processed, totals.quarantined) == (
        listed,
        len(images),
        listed - len(images),
    )
    assert (totals.pixels, totals.source_bytes) == (pixels, size)
    assert (totals.outputs, totals.output_bytes) == (
        len(outputs),
        sum(row["bytes"] for row in outputs),
    )
    assert totals.processed_share == pytest.approx(len(images) / listed)
    assert totals.bytes_per_image == pytest.approx(size / listed)
    assert totals.pixels_per_image == pytest.approx(pixels / len(images))
    assert totals.seconds == pytest.approx(sum(phase.seconds for phase in facts.phases))
    assert totals.images_per_second == pytest.approx(listed / totals.seconds)


def test_the_groups_and_what_was_made_of_them(
    truth: report.Report, out: Path, images: list[Row], outputs: list[Row]
) -> None:
    sizes = {row["uri"]: (row["size"], row["width"] * row["height"]) for row in images}
    members = defaultdict(list)
    for row in pq.read_table(out / "_run" / "members.parquet").to_pylist():
        members[row["key"]].append(sizes[row["uri"]])
    made, held = Counter(row["key"] for row in outputs), Counter[str]()
    for row in outputs:
        held[row["key"]] += row["bytes"]
    groups = truth.figures.groups
    assert [
        (g.key, g.images, g.bytes, g.pixels, g.outputs, g.output_bytes) for g in groups.rows
    ] == [
        (
            key,
            len(found),
            sum(size for size, _ in found),
            sum(pixels for _, pixels in found),
            made[key],
            held[key],
        )
        for key, found in sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    assert groups.total == len(members)
    assert groups.largest == pytest.approx(max(map(len, members.values())) / len(images))


NUMBERS = {
    "megapixels": lambda row: row["width"] * row["height"] / 1e6,
    "size": lambda row: row["size"],
    "density": lambda row: 8 * row["size"] / (row["width"] * row["height"]),
    "iso": lambda row: row["iso"],
    "focal_length": lambda row: row["focal_length"],
    "brightness": lambda row: row["brightness"],
    "contrast": lambda row: row["contrast"],
    "sharpness": lambda row: row["sharpness"],
    "entropy": lambda row: row["entropy"],
    "colorfulness": lambda row: row["colorfulness"],
    "taken_at": lambda row: (
        row["taken_at"] and (row["taken_at"] - type(row["taken_at"])(1970, 1, 1)).total_seconds()
    ),
}


def test_each_bar_holds_the_images_of_its_range(truth: report.Report, images: list[Row]) -> None:
    histograms = {d.name: d for d in truth.figures.data.distributions if d.kind != "category"}
    assert set(histograms) == set(NUMBERS)
    for name, value in NUMBERS.items():
        known = [(float(value(row)), row["size"]) for row in images if value(row) is not None]
        bars = histograms[name].bars
        for bar, following in zip(bars, [*bars[1:], None], strict=True):
            # A month is as long as the average one on the axis; it ends where the next one begins.
            high = following.low if following and name == "taken_at" else bar.high
            assert bar.low is not None
            assert high is not None
            inside = [
                size
                for number, size in known
                if bar.low <= number * (1 + 1e-12) < high * (1 + 1e-12)
            ]
            assert (bar.images, bar.bytes) == (len(inside), sum(inside)), f"{name}: {bar.label}"
        assert histograms[name].missing == len(images) - len(known), name


CATEGORIES = {
    "format": lambda row: row["format"],
    "color_space": lambda row: row["color_space"],
    "camera": lambda row: row["camera"],
    "lens": lambda row: row["lens"],
    "software": lambda row: row["software"],
    "icc_profile": lambda row: row["icc_profile"],
    "bit_depth": lambda row: f"{row['bit_depth']} bit",
    "frames": lambda row: (
        "over 10" if row["frames"] > 10 else "2 to 10" if row["frames"] > 1 else "1"
    ),
    "orientation": lambda row: row["orientation"],
    "progressive": lambda row: {True: "progressive", False: "baseline", None: None}[
        row["progressive"]
    ],
}


def test_each_name_is_counted(truth: report.Report, images: list[Row]) -> None:
    found = {d.name: d for d in truth.figures.data.distributions if d.kind == "category"}
    assert set(found) == {*CATEGORIES, "aspect", "bands"}
    for name, value in CATEGORIES.items():
        counted = Counter(value(row) for row in images if value(row) is not None)
        bars = [bar.images for bar in found[name].bars if bar.label != "other values"]
        assert bars == sorted(counted.values(), reverse=True)[:9], name
        assert found[name].missing == len(images) - counted.total(), name
        if name != "orientation":  # whose numbers are written out
            assert {bar.label: bar.images for bar in found[name].bars} == counted, name


def test_dimensions_spreads_swatches_and_places(truth: report.Report, images: list[Row]) -> None:
    data = truth.figures.data
    sizes = Counter((row["width"], row["height"]) for row in images)
    assert data.dimensions is not None
    assert [(s.width, s.height, s.images) for s in data.dimensions.common] == [
        (w, h, n) for (w, h), n in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:12]
    ]
    assert data.dimensions.distinct == len(sizes)
    for cell in data.dimensions.cells:
        inside = sum(
            n for (w, h), n in sizes.items() if cell.x <= w < cell.x2 and cell.y <= h < cell.y2
        )
        assert cell.images == inside
    for spread in data.spreads[0].rows:
        costs = sorted(
            round(8 * row["size"] / (row["width"] * row["height"]), 2)
            for row in images
            if row["format"] == spread.label
        )
        ranks = {
            0.05: spread.p5,
            0.25: spread.p25,
            0.5: spread.median,
            0.75: spread.p75,
            0.95: spread.p95,
        }
        for share, value in ranks.items():
            assert value == pytest.approx(costs[math.ceil(share * len(costs)) - 1], abs=0.011), (
                spread.label
            )
    cells = Counter(
        cell for row in images for cell in {tuple(int(c[i : i + 2], 16) // 32 for i in (1, 3, 5)) for c in row["dominant_colors"]}
    )  # fmt: skip
    assert {
        tuple(int(s.color[i : i + 2], 16) // 32 for i in (1, 3, 5)): s.images for s in data.swatches
    } == {
        cell: cells[cell]
        for cell in [
            tuple(int(s.color[i : i + 2], 16) // 32 for i in (1, 3, 5)) for s in data.swatches
        ]
    }
    assert min(s.images for s in data.swatches) >= sorted(cells.values(), reverse=True)[:36][-1]
    assert sum(s.share for s in data.swatches) == pytest.approx(1)
    places = Counter(
        (math.floor(row["longitude"]), math.floor(row["latitude"]))
        for row in images
        if row["latitude"] is not None
    )
    assert {(cell.x, cell.y): cell.images for cell in data.places or ()} == places
    assert data.located == places.total()


def test_the_findings_say_what_is_in_the_tables(
    truth: report.Report, out: Path, images: list[Row], outputs: list[Row]
) -> None:
    expected = {name: found for name, found in _findings(images, outputs) if found[0]}
    assert {"blurred", "copies", "enlarged", "lookalikes"} <= set(expected)
    reported = {insight.name: insight for insight in truth.figures.insights}
    assert {name: reported[name].count for name in expected} == {
        name: count for name, (count, _) in expected.items()
    }
    for name, (_, words) in expected.items():
        assert words in reported[name].text, name
    known = {*expected, "quarantined", "savings_bmp", "savings_tiff", "stragglers", "single_groups"}
    assert set(reported) <= known
    assert f"{read_facts(out).quarantined} images" in reported["quarantined"].text


def _findings(images: list[Row], outputs: list[Row]) -> Iterator[tuple[str, tuple[int, str]]]:
    """What each finding counts, and words of it."""
    size = sum(row["size"] for row in images)

    def share(part: float, whole: float) -> str:
        return text.percent(part / whole)

    def of(found: list[Row]) -> tuple[int, str]:
        return len(found), f"{text.number(len(found))} image"

    yield "located", of([r for r in images if r["latitude"] is not None])
    yield "cmyk", of([r for r in images if r["color_space"] == "cmyk"])
    yield "wide_gamut", of([r for r in images if r["color_space"] in ("adobe-rgb", "display-p3")])
    yield (
        "blurred",
        of(
            [
                r
                for r in images
                if r["contrast"] >= 0.05 and r["sharpness"] < 0.06 * (255 * r["contrast"]) ** 2
            ]
        ),
    )
    yield "dark", of([r for r in images if r["brightness"] < 0.12])
    yield "turned", of([r for r in images if 2 <= (r["orientation"] or 1) <= 8])
    yield "animated", of([r for r in images if r["frames"] > 1])
    long = [r for r in images if max(r["width"], r["height"]) > 5 * min(r["width"], r["height"])]
    yield "elongated", of(long)
    yield "transparent", of([r for r in images if r["has_alpha"]])
    deep = [r for r in images if r["bit_depth"] > 8]
    yield "deep", (len(deep), f"hold {share(sum(r['size'] for r in deep), size)} of the bytes")
    large = [r for r in images if r["width"] * r["height"] > 12e6]
    held = share(sum(r["size"] for r in large), size)
    words = f"{share(len(large), len(images))} of the images are larger than 12 megapixels and hold {held} of the bytes"
    yield "large", (len(large), words)
    limit = sorted(r["size"] for r in images)[math.ceil(0.99 * len(images)) - 1]
    heavy = [r for r in images if r["size"] > limit]
    held = share(sum(r["size"] for r in heavy), size)
    yield (
        "heaviest",
        (len(heavy), f"{share(len(heavy), len(images))} of all, hold {held} of the bytes"),
    )
    digests = Counter(r["sha256"] for r in images)
    copies = sum(n - 1 for n in digests.values())
    wasted = sum(
        (n - 1) * min(r["size"] for r in images if r["sha256"] == digest)
        for digest, n in digests.items()
    )
    yield "copies", (copies, f"would free {text.size(wasted)}")
    looks = {r["phash"]: {s["sha256"] for s in images if s["phash"] == r["phash"]} for r in images}
    yield (
        "lookalikes",
        (sum(len(found) - 1 for found in looks.values()), "look the same as another"),
    )
    cameras = Counter(r["camera"] for r in images if r["camera"])
    taken = list(accumulate(count for _, count in cameras.most_common()))
    place = next(
        place for place, held_by in enumerate(taken, 1) if held_by >= 0.9 * cameras.total()
    )
    held = share(taken[place - 1], cameras.total())
    words = f"account for {held} of the {text.number(cameras.total())}"
    yield "cameras", (place if place < len(cameras) else 0, words)
    sources = {r["uri"]: r for r in images}
    edited = [r for r in outputs if r["uri"]]
    after = sum(r["bytes"] for r in edited)
    before = sum(sources[r["uri"]]["size"] for r in edited)
    yield "smaller", (len(edited), f"take {text.size(after)}, {before / after:.1f} times less")
    grown = [
        r for r in edited if all(r[side] > sources[r["uri"]][side] for side in ("width", "height"))
    ]
    yield "enlarged", (len(grown), f"{text.number(len(grown))} output")


def test_the_job_s_health_is_that_of_its_tasks(truth: report.Report, out: Path) -> None:
    facts, health = read_facts(out), truth.figures.health
    for phase, reported in zip(facts.phases, health.phases, strict=True):
        mine = [task for task in facts.tasks if task.phase == phase.name]
        assert reported.task_seconds == pytest.approx(sum(task.seconds for task in mine))
        assert reported.share == pytest.approx(
            phase.seconds / sum(one.seconds for one in facts.phases)
        )
        rate = sum(
            m.images_per_second * m.seconds for m in health.throughput if m.phase == phase.name
        )
        assert rate == pytest.approx(sum(task.images for task in mine), rel=1e-6)
        counted = [
            bar for d in health.durations if d.name == f"durations_{phase.name}" for bar in d.bars
        ]
        for bar in counted:
            assert bar.images == sum(
                (bar.low or 0) <= task.seconds < (bar.high or 0) for task in mine
            )
    assert health.peak_memory == max(task.peak_memory for task in facts.tasks)
    assert {w.worker: (w.tasks, w.images, w.peak_memory) for w in health.workers} == {
        name: (len(mine), sum(t.images for t in mine), max(t.peak_memory for t in mine))
        for name in {task.worker for task in facts.tasks}
        for mine in [[task for task in facts.tasks if task.worker == name]]
    }


def test_the_schema_has_a_place_for_every_figure(truth: report.Report) -> None:
    schema = summary_schema()
    definitions = schema["$defs"]

    def check(value: object, kind: Mapping[str, Any], where: str) -> None:
        if "$ref" in kind:
            kind = definitions[kind["$ref"].rpartition("/")[2]]
        if value is None or "anyOf" in kind:
            choices = kind.get("anyOf", [kind])
            assert value is not None or {"type": "null"} in choices, where
            kind = next((choice for choice in choices if choice.get("type") != "null"), kind)
            return check(value, kind, where) if value is not None else None
        if isinstance(value, dict):
            properties = kind.get("properties")
            if properties is not None:
                assert set(value) == set(properties), where
            if "additionalProperties" not in kind and properties is None:
                return None  # any JSON: the settings of a job
            for name, inner in value.items():
                check(
                    inner,
                    properties[name] if properties else kind["additionalProperties"],
                    f"{where}.{name}",
                )
        elif isinstance(value, list):
            for inner in value:
                check(inner, kind["items"], where) if "items" in kind else None
        else:
            names = {str: "string", bool: "boolean", int: "integer", float: "number"}
            assert "enum" in kind or kind["type"] in (names[type(value)], "number"), where
        return None

    check(msgspec.json.decode(msgspec.json.encode(truth.summary)), schema, "summary")


def test_the_page_shows_the_figures_of_the_summary(truth: report.Report, open_page: Open) -> None:
    figures, page = truth.figures, open_page(truth.html).page
    totals = figures.totals
    tiles = dict(page.eval_on_selector_all(".hero .tiles > div", "all => all.map(tile => [tile.children[0].textContent, tile.children[1].childNodes[0].textContent])"))  # fmt: skip
    assert tiles == {
        "Processed": text.number(totals.processed),
        "Quarantined": text.number(totals.quarantined),
        "Bytes": text.size(totals.source_bytes),
        "Pixels": text.short(totals.pixels),
        "Groups": text.number(totals.groups),
        "Outputs": text.number(totals.outputs),
    }
    page.click(".did summary")
    assert page.locator(".steps li").all_inner_texts() == list(figures.run.steps)
    on_images = [insight for insight in figures.insights if insight.about == "images"]
    assert page.locator(".insight").count() == len(on_images)
    assert {insight.name for insight in figures.insights if insight.about == "run"} <= {
        "stragglers"
    }
    for distribution in figures.data.distributions:
        if len(distribution.bars) > 1:
            rows = page.eval_on_selector_all(f"#{distribution.name} tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")  # fmt: skip
            assert [row[:2] for row in rows] == [
                [bar.label, text.number(bar.images)] for bar in distribution.bars
            ]
    reasons = page.locator("#quarantine .reasons h3").all_inner_texts()
    assert [re.sub(r"\s", " ", reason) for reason in reasons] == [
        f"{reason.reason} {reason.images}" for reason in figures.quarantine.reasons
    ]
