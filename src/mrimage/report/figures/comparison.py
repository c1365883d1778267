"""What changed between two runs: images new, gone and changed, totals, and distributions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from mrimage.report import text
from mrimage.report.figures.data import Distribution
from mrimage.report.figures.distributions import OTHER, count_all
from mrimage.report.figures.facts import read_facts
from mrimage.report.figures.figures import Change, Comparison, Moved, SideBySide, Totals, Unit
from mrimage.report.figures.gather import count_totals
from mrimage.report.tables.views import Tables, open_tables

EXAMPLES = 10
LABELS = 12

BESIDE = (
    "format",
    "color_space",
    "aspect",
    "megapixels",
    "size",
    "orientation",
    "camera",
    "bit_depth",
)
"""Distributions that are drawn side by side where the runs differ; their labels do not depend on the run."""

_TOTALS: tuple[tuple[str, str, Unit], ...] = (
    ("listed", "Images listed", "images"),
    ("processed", "Processed", "images"),
    ("quarantined", "Quarantined", "images"),
    ("source_bytes", "Bytes in the source", "bytes"),
    ("pixels", "Pixels", "pixels"),
    ("groups", "Groups", "groups"),
    ("outputs", "Outputs", "files"),
    ("output_bytes", "Bytes of outputs", "bytes"),
    ("seconds", "Time", "seconds"),
)


def compare(results: Path, other: Path) -> Comparison:
    """What changed from the run in the folder ``other`` to the one in ``results``."""
    with open_tables(results) as tables:
        return compare_tables(tables, other)


def compare_tables(tables: Tables, other: Path, name: str = "") -> Comparison:
    """As ``compare``, with the tables of the newer run open; ``name`` is what to call the other one."""
    facts, earlier = read_facts(tables.results), read_facts(other)
    with open_tables(other) as others:
        before, after = count_totals(others, earlier), count_totals(tables, facts)
        sides = _side_by_side(count_all(others, ()), count_all(tables, ()))
    columns = Tables(other, tables.connection, prefix="other_").columns
    _match(tables, columns)
    kinds: dict[str, int] = dict(tables.rows("SELECT kind, count(*) FROM moved GROUP BY kind"))
    return Comparison(
        other=text.cut(name or other),
        other_started=earlier.started,
        changes=_changes(before, after),
        new=kinds.get("new", 0),
        gone=kinds.get("gone", 0),
        changed=kinds.get("changed", 0),
        same=kinds.get("same", 0),
        newly_quarantined=tables.row("SELECT count(*) FROM moved WHERE fell")[0],
        recovered=tables.row("SELECT count(*) FROM moved WHERE rose")[0],
        examples={
            title: _examples(tables, condition)
            for title, condition in (
                ("New", "kind = 'new'"), ("Gone", "kind = 'gone'"), ("Changed", "kind = 'changed'"),
                ("Newly quarantined", "fell"), ("Recovered", "rose"),
            )
        },
        distributions=sides,
    )  # fmt: skip


def _match(tables: Tables, other_columns: frozenset[str]) -> None:
    """The view ``moved``: one row for each image of either run, with its ``kind`` and what is different.

    Images are matched by uri; where two runs have not one uri in common (another disk, another bucket), by the
    path below the folder that all images of a run are in. Versions are only compared of the same uri.
    """
    same_place = tables.rows("SELECT 1 FROM catalogue JOIN other_catalogue USING (uri) LIMIT 1")
    cuts = (
        [0, 0]
        if same_place
        else [_common_folder(tables, name) for name in ("other_catalogue", "catalogue")]
    )
    differences = ["o.size IS DISTINCT FROM n.size"]
    if same_place:
        differences.append("o.version IS DISTINCT FROM n.version")
    both = tables.columns & other_columns
    differences += [
        f"o.{name} IS DISTINCT FROM n.{name}"
        for name in ("width", "height", "sha256")
        if name in both
    ]
    tables.connection.execute(
        f"""CREATE TEMP TABLE moved AS SELECT
            coalesce(n.path, o.path) AS path, o.size AS before, n.size AS after,
            CASE WHEN o.path IS NULL THEN 'new' WHEN n.path IS NULL THEN 'gone'
                 WHEN {" OR ".join(differences)} THEN 'changed' ELSE 'same' END AS kind,
            coalesce(n.status = 'quarantined' AND o.status IS DISTINCT FROM 'quarantined', false) AS fell,
            coalesce(o.status = 'quarantined' AND n.status = 'processed', false) AS rose, n.reason AS reason
        FROM (SELECT *, substr(uri, {cuts[0] + 1}) AS path FROM other_catalogue) o
        FULL JOIN (SELECT *, substr(uri, {cuts[1] + 1}) AS path FROM catalogue) n USING (path)"""
    )


def _common_folder(tables: Tables, view: str) -> int:
    """The length of the folder that all uris begin with: the first and the last in order share what all share."""
    first, last = tables.row(f"SELECT min(uri), max(uri) FROM {view}")
    if first is None:
        return 0
    shared = "".join(
        a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    )
    return shared.rfind("/") + 1


def _examples(tables: Tables, condition: str) -> tuple[Moved, ...]:
    found = tables.rows(
        f"SELECT path, before, after, reason FROM moved WHERE {condition} ORDER BY path LIMIT {EXAMPLES}"
    )
    return tuple(
        Moved(text.cut(path), _what(before, after, reason)) for path, before, after, reason in found
    )


def _what(before: int | None, after: int | None, reason: str | None) -> str:
    if reason:
        return text.cut(reason, 40)
    if before is None or after is None:
        return text.size(before or after or 0)
    return (
        f"{text.size(before)} to {text.size(after)}"
        if before != after
        else "other content, same size"
    )


def _changes(before: Totals, after: Totals) -> tuple[Change, ...]:
    """The totals of both runs."""
    pairs = [(name, unit, getattr(before, key), getattr(after, key)) for key, name, unit in _TOTALS]
    return tuple(
        Change(name, unit, was, now, (now - was) / was if was else None)
        for name, unit, was, now in pairs
    )


def _side_by_side(
    before: Sequence[Distribution], after: Sequence[Distribution]
) -> tuple[SideBySide, ...]:
    """The distributions that differ, with the labels of both."""
    old = {distribution.name: distribution for distribution in before}
    new = {distribution.name: distribution for distribution in after}
    sides = []
    for name in BESIDE:
        found = [distribution for distribution in (new.get(name), old.get(name)) if distribution]
        if not found:
            continue
        counts = [
            {bar.label: bar.images for bar in d.bars} if d else {}
            for d in (old.get(name), new.get(name))
        ]
        if counts[0] == counts[1]:
            continue
        ordered = sorted(
            (bar for d in found for bar in d.bars),
            key=lambda bar: (bar.low if bar.low is not None else 0, bar.label == OTHER),
        )
        labels = tuple(dict.fromkeys(bar.label for bar in ordered))[:LABELS]
        sides.append(
            SideBySide(
                name,
                found[0].title,
                labels,
                tuple(counts[0].get(label, 0) for label in labels),
                tuple(counts[1].get(label, 0) for label in labels),
            )
        )
    return tuple(sides)
