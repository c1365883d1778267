"""Gathers all figures of a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mrimage.report import text
from mrimage.report.figures import evidence, galleries, history
from mrimage.report.figures.contents import Contents
from mrimage.report.figures.corrections import list_corrections
from mrimage.report.figures.describe import describe
from mrimage.report.figures.figures import (
    SCHEMA_VERSION,
    Figures,
    GroupFigures,
    Groups,
    RuleFigures,
    RunRecord,
    Totals,
)
from mrimage.report.figures.health import examine
from mrimage.report.figures.insights import find_insights
from mrimage.report.figures.job import RunFigures
from mrimage.report.figures.made import show_tables
from mrimage.report.figures.pile_map import draw_map
from mrimage.report.figures.quarantine import list_quarantine
from mrimage.report.figures.shown import describe_images, pictures_of
from mrimage.report.figures.steps import describe_steps
from mrimage.report.tables.views import Tables
from mrimage.report.thumbnails import PageThumbnail, read_thumbnails
from mrimage.types import RunFacts

GROUP_LIMIT = 5000
"""Groups listed on the page and in the summary: the largest ones. ``groups.parquet`` has all."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The figures of a run, the thumbnails that they name, by uri, and the CSV of lists, by name."""

    figures: Figures
    thumbnails: Mapping[str, PageThumbnail]
    lists: Mapping[str, str]


def gather(
    contents: Contents, facts: RunFacts, *, places: bool, records: Sequence[RunRecord] = ()
) -> Gathered:
    """Compute every figure once.

    ``places`` adds the map of GPS positions, and ``records`` are the earlier runs.
    """
    tables = contents.tables
    thumbnails = read_thumbnails(tables)
    available = frozenset(thumbnails)
    pictures = galleries.EMPTY
    examples: Mapping[str, Sequence[str]] = {}
    duplicates = contents.duplicates
    if thumbnails:
        pictures, examples = contents.selected
        pictures = galleries.only_available(pictures, available)
    groups = _groups(tables, examples, available)
    health = examine(facts, groups)
    insights = find_insights(tables, contents.survey, facts, groups, health)
    if thumbnails:
        illustrated = contents.illustrate(insights)
        insights = tuple(
            replace(one, pictures=galleries.only_seen(one.pictures, available))
            for one in illustrated
        )
    insights, lists = evidence.make_lists(tables, insights)
    data = describe(tables, places=places)
    drawn = draw_map(tables, available)
    shown = [*pictures_of(pictures, insights, duplicates)]
    shown += [one.picture for one in drawn.pictures] if drawn else []
    figures = Figures(
        schema_version=SCHEMA_VERSION,
        run=_run(facts),
        totals=count_totals(tables, facts),
        insights=insights,
        data=data,
        groups=groups,
        galleries=pictures,
        quarantine=list_quarantine(tables, facts),
        health=health,
        corrections=list_corrections(tables),
        rules=tuple(
            RuleFigures(text.cut(count.rule), count.images, count.outputs) for count in facts.rules
        ),
        duplicates=duplicates,
        made=show_tables(tables, duplicates),
        images=describe_images(tables, shown, groups, data),
        map=drawn,
    )
    figures = replace(figures, history=history.shown(records, figures))
    return Gathered(figures, thumbnails, lists)


def _run(facts: RunFacts) -> RunFigures:
    return RunFigures(
        source=facts.source,
        out=facts.out,
        command=facts.command,
        steps=describe_steps(facts.job),
        job=facts.job,
        engine=facts.engine,
        workers=facts.workers,
        plan_hash=facts.plan_hash,
        versions=facts.versions,
        started=facts.started,
        removed_outputs=tuple(text.cut(output) for output in facts.removed_outputs),
        title=text.cut(facts.title),
        owner=text.cut(facts.owner),
    )


def count_totals(tables: Tables, facts: RunFacts) -> Totals:
    """Return the totals of a run, from its facts and from sums over its tables."""
    seconds = sum(phase.seconds for phase in facts.phases)
    pixels = tables.row("SELECT coalesce(sum(pixels), 0)::BIGINT FROM image")[0]
    output_bytes = tables.row("SELECT coalesce(sum(bytes), 0)::BIGINT FROM outputs")[0]
    return Totals(
        listed=facts.listed,
        processed=facts.processed,
        quarantined=facts.quarantined,
        ignored=facts.ignored,
        ignored_reasons=facts.ignored_reasons,
        repeated=facts.repeated,
        reused=facts.reused,
        removed=facts.removed,
        source_bytes=facts.bytes,
        pixels=pixels,
        groups=facts.groups,
        outputs=facts.outputs,
        output_bytes=output_bytes,
        seconds=seconds,
        processed_share=_over(facts.processed, facts.listed),
        bytes_per_image=_over(facts.bytes, facts.listed),
        pixels_per_image=_over(pixels, facts.processed),
        images_per_second=_over(facts.listed - facts.reused, seconds),
        gain_maps_dropped=facts.gain_maps_dropped,
    )


def _over(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _groups(
    tables: Tables, examples: Mapping[str, Sequence[str]], available: frozenset[str]
) -> Groups:
    """Return the largest groups; ``examples`` are the uris of some of their images, by key."""
    found = tables.rows(
        """SELECT key, images, bytes, pixels, coalesce(files, 0), coalesce(made, 0),
            count(*) OVER (), sum(images) OVER ()
        FROM groups LEFT JOIN (
            SELECT key, count(*) AS files, sum(bytes) AS made FROM outputs GROUP BY key
        ) USING (key)
        ORDER BY images DESC, key LIMIT ?""",
        [GROUP_LIMIT],
    )
    if not found:
        return Groups(total=0, rows=(), largest=0.0)
    rows = []
    for key, images, size, pixels, files, made, *_ in found:
        uris = tuple(examples.get(key, ()))
        group = GroupFigures(
            key=text.cut(key),
            images=int(images or 0),
            bytes=int(size or 0),
            pixels=int(pixels or 0),
            outputs=files,
            output_bytes=int(made),
            sample=uris[0] if uris and uris[0] in available else None,
            examples=uris,
        )
        rows.append(group)
    total, members = found[0][6:8]
    largest = _over(rows[0].images, int(members or 0))
    return Groups(total, tuple(rows), largest)
