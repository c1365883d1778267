"""Gathers all figures of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mrimage.report import text
from mrimage.report.figures import galleries
from mrimage.report.figures.corrections import list_corrections
from mrimage.report.figures.describe import describe
from mrimage.report.figures.figures import (
    SCHEMA_VERSION,
    Figures,
    GroupFigures,
    Groups,
    RuleFigures,
    Totals,
)
from mrimage.report.figures.health import examine
from mrimage.report.figures.insights import find_insights
from mrimage.report.figures.job import RunFigures
from mrimage.report.figures.quarantine import list_quarantine
from mrimage.report.figures.steps import describe_steps
from mrimage.report.tables.views import Tables
from mrimage.report.thumbnails import PageThumbnail, read_thumbnails
from mrimage.types import RunFacts

GROUP_LIMIT = 5000
"""Groups listed on the page and in the summary: the largest ones. ``groups.parquet`` has all."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The figures of a run, and the thumbnails that their galleries name, by uri."""

    figures: Figures
    thumbnails: Mapping[str, PageThumbnail]


def gather(tables: Tables, facts: RunFacts, *, places: bool) -> Gathered:
    """Compute every figure once; ``places`` adds the map of GPS positions."""
    thumbnails = read_thumbnails(tables)
    pictures = galleries.EMPTY
    samples: Mapping[str, str] = {}
    if thumbnails:
        pictures, samples = galleries.select(tables)
        pictures = galleries.only_available(pictures, frozenset(thumbnails))
    groups = _groups(tables, samples, thumbnails)
    health = examine(facts, groups)
    figures = Figures(
        schema_version=SCHEMA_VERSION,
        run=_run(facts),
        totals=count_totals(tables, facts),
        insights=find_insights(tables, facts, groups, health),
        data=describe(tables, places=places),
        groups=groups,
        galleries=pictures,
        quarantine=list_quarantine(tables, facts),
        health=health,
        corrections=list_corrections(tables),
        rules=tuple(
            RuleFigures(text.cut(count.rule), count.images, count.outputs) for count in facts.rules
        ),
    )
    return Gathered(figures, thumbnails)


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
    tables: Tables, samples: Mapping[str, str], thumbnails: Mapping[str, PageThumbnail]
) -> Groups:
    """Return the largest groups; ``samples`` are the uris of their typical images, by key."""
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
        sample = samples.get(key)
        group = GroupFigures(
            key=text.cut(key),
            images=int(images or 0),
            bytes=int(size or 0),
            pixels=int(pixels or 0),
            outputs=files,
            output_bytes=int(made),
            sample=sample if sample in thumbnails else None,
        )
        rows.append(group)
    total, members = found[0][6:8]
    largest = _over(rows[0].images, int(members or 0))
    return Groups(total, tuple(rows), largest)
