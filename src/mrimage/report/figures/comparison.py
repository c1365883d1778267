"""What changed between two runs: images new, gone and changed, totals, and distributions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mrimage.report import text
from mrimage.report.figures.data import Bar, Distribution
from mrimage.report.figures.distributions import OTHER, count_all
from mrimage.report.figures.facts import read_facts
from mrimage.report.figures.figures import Change, Comparison, Moved, SideBySide, Totals, Unit
from mrimage.report.figures.gather import count_totals
from mrimage.report.tables.views import Tables, open_tables

EXAMPLE_LIMIT = 10
"""The most images listed for each kind of change."""

LABEL_LIMIT = 12
"""The most labels of a distribution that is shown side by side."""

SAME_PILE = 0.1
"""Two sources are different piles if less than this share (0..1) of the images of the smaller one are
unchanged in the other one."""

COMPARED = (
    "format",
    "color_space",
    "aspect",
    "megapixels",
    "size",
    "orientation",
    "camera",
    "bit_depth",
)
"""Distributions shown side by side if the runs differ. Their labels do not depend on the run."""

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
"""Fields of Totals, what the page calls them, and what they count."""

_CHANGES = {
    "New": "kind = 'new'",
    "Gone": "kind = 'gone'",
    "Changed": "kind = 'changed'",
    "Newly quarantined": "newly_quarantined",
    "Recovered": "recovered",
}
"""What may have happened to an image, with the condition on the table ``moved``."""


def compare(results: Path, other: Path) -> Comparison:
    """Return what changed from the run in the folder ``other`` to the one in ``results``.

    Raises SinkError if either folder has no finished run.
    """
    with open_tables(results) as tables:
        return compare_tables(tables, other)


def compare_tables(tables: Tables, other: Path, name: str = "") -> Comparison:
    """Compare as ``compare`` does, with the tables of the newer run open.

    ``name`` is what to call the other run, if not by the path of its folder.
    """
    facts = read_facts(tables.results)
    other_facts = read_facts(other)
    with open_tables(other) as other_tables:
        before = count_totals(other_tables, other_facts)
        distributions_before = count_all(other_tables, ())
    after = count_totals(tables, facts)
    distributions_after = count_all(tables, ())
    other_columns = Tables(other, tables.connection, prefix="other_").columns
    _match(tables, other_columns)
    kinds: dict[str, int] = dict(tables.rows("SELECT kind, count(*) FROM moved GROUP BY kind"))
    newly_quarantined, recovered = tables.row(
        "SELECT count(*) FILTER (newly_quarantined), count(*) FILTER (recovered) FROM moved"
    )
    same = kinds.get("same", 0)
    fewer = min(before.listed, after.listed)
    unrelated = other_facts.source != facts.source and same < SAME_PILE * fewer
    return Comparison(
        other=text.cut(name or other),
        other_source=text.cut(other_facts.source),
        unrelated=unrelated,
        other_started=other_facts.started,
        changes=_changes(before, after),
        new=kinds.get("new", 0),
        gone=kinds.get("gone", 0),
        changed=kinds.get("changed", 0),
        same=same,
        newly_quarantined=newly_quarantined,
        recovered=recovered,
        examples={title: _examples(tables, condition) for title, condition in _CHANGES.items()},
        distributions=_side_by_side(distributions_before, distributions_after),
    )


def _match(tables: Tables, other_columns: frozenset[str]) -> None:
    """Make the table ``moved``: a row for each image of either run, with its ``kind`` of change.

    Images are matched by uri. If the two runs have no uri in common (another disk, another bucket),
    they are matched by their path below the folder that holds all images of a run. Versions are
    compared only for the same uri, because each store has its own.
    """
    in_both = tables.columns & other_columns
    differences = ["o.size IS DISTINCT FROM n.size"]
    other_cut = 0
    cut = 0
    if tables.rows("SELECT 1 FROM catalogue JOIN other_catalogue USING (uri) LIMIT 1"):
        differences.append("o.version IS DISTINCT FROM n.version")
    else:
        other_cut = _common_folder(tables, "other_catalogue")
        cut = _common_folder(tables, "catalogue")
    columns = [name for name in ("width", "height", "sha256") if name in in_both]
    differences += [f"o.{name} IS DISTINCT FROM n.{name}" for name in columns]
    differs = " OR ".join(differences)
    tables.connection.execute(
        f"""CREATE TEMP TABLE moved AS SELECT
            coalesce(n.path, o.path) AS path, o.size AS before, n.size AS after,
            CASE WHEN o.path IS NULL THEN 'new' WHEN n.path IS NULL THEN 'gone'
                 WHEN {differs} THEN 'changed' ELSE 'same' END AS kind,
            coalesce(n.status = 'quarantined' AND o.status IS DISTINCT FROM 'quarantined', false)
                AS newly_quarantined,
            coalesce(o.status = 'quarantined' AND n.status = 'processed', false) AS recovered,
            n.reason AS reason
        FROM (SELECT *, substr(uri, {other_cut + 1}) AS path FROM other_catalogue) o
        FULL JOIN (SELECT *, substr(uri, {cut + 1}) AS path FROM catalogue) n USING (path)"""
    )


def _common_folder(tables: Tables, view: str) -> int:
    """Return the length of the folder that all uris begin with, with its slash."""
    # What the first and the last uri in order share, all uris between them share too.
    first, last = tables.row(f"SELECT min(uri), max(uri) FROM {view}")
    if first is None:
        return 0
    shared = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        shared += 1
    return str(first[:shared]).rfind("/") + 1


def _examples(tables: Tables, condition: str) -> tuple[Moved, ...]:
    found = tables.rows(
        f"SELECT path, before, after, reason FROM moved WHERE {condition} "
        f"ORDER BY path LIMIT {EXAMPLE_LIMIT}"
    )
    return tuple(
        Moved(text.cut(path), _what_changed(before, after, reason))
        for path, before, after, reason in found
    )


def _what_changed(before: int | None, after: int | None, reason: str | None) -> str:
    """Return the reason for quarantine, or the sizes before and after (None: not in that run)."""
    if reason:
        return text.cut(reason, 40)
    if before is None or after is None:
        return text.size(before or after or 0)
    if before == after:
        return "other content, same size"
    return f"{text.size(before)} to {text.size(after)}"


def _changes(before: Totals, after: Totals) -> tuple[Change, ...]:
    """Return the totals of both runs."""
    changes = []
    for field, name, unit in _TOTALS:
        old = getattr(before, field)
        new = getattr(after, field)
        share = (new - old) / old if old else None
        changes.append(Change(name, unit, old, new, share))
    return tuple(changes)


def _side_by_side(
    before: Sequence[Distribution], after: Sequence[Distribution]
) -> tuple[SideBySide, ...]:
    """Return the distributions that differ, with the labels of both runs."""
    old = {distribution.name: distribution for distribution in before}
    new = {distribution.name: distribution for distribution in after}
    sides = []
    for name in COMPARED:
        side = _side(old.get(name), new.get(name))
        if side:
            sides.append(side)
    return tuple(sides)


def _side(old: Distribution | None, new: Distribution | None) -> SideBySide | None:
    """Return one distribution in both runs, or None if it is the same."""
    newest = new or old
    images_before = _images_by_label(old)
    images_after = _images_by_label(new)
    if newest is None or images_before == images_after:
        return None
    bars: list[Bar] = []
    for distribution in (new, old):
        if distribution:
            bars += distribution.bars
    bars.sort(key=_order)
    labels = tuple(dict.fromkeys(bar.label for bar in bars))[:LABEL_LIMIT]
    return SideBySide(
        name=newest.name,
        title=newest.title,
        labels=labels,
        before=tuple(images_before.get(label, 0) for label in labels),
        after=tuple(images_after.get(label, 0) for label in labels),
    )


def _images_by_label(distribution: Distribution | None) -> dict[str, int]:
    if distribution is None:
        return {}
    return {bar.label: bar.images for bar in distribution.bars}


def _order(bar: Bar) -> tuple[float, bool]:
    """Sort ranges by their lower edge, and the bar of all other values last."""
    low = bar.low if bar.low is not None else 0
    return low, bar.label == OTHER
