"""Gathers all figures of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mrimage.errors import REASONS
from mrimage.report import galleries, text
from mrimage.report.describe import describe
from mrimage.report.figures import SCHEMA_VERSION, Casualty, Group, Groups, Quarantine, Reason, Summary, Totals
from mrimage.report.health import examine
from mrimage.report.insights import find_insights
from mrimage.report.job_figures import Run
from mrimage.report.tables import Tables
from mrimage.report.thumbnails import Shot, read_thumbnails
from mrimage.types import RunFacts

GROUP_LIMIT = 5000
"""Groups listed on the page and in the summary: the largest ones. ``groups.parquet`` has all."""

EXAMPLES = 20
"""Images shown for each reason for quarantine."""

ADVICE = {
    "not-an-image": "Leave them out with --exclude, or see what sent them here.",
    "truncated": "Fetch them again from where they came; --allow-truncated keeps what decodes.",
    "corrupt": "Fetch them again from where they came.",
    "too-large": "Raise --max-pixels and run the same command again.",
    "unsupported": "See mrimage doctor for the extra that reads this format; install it and run again.",
    "empty": "Fetch them again; a copy was probably broken off.",
    "vanished": "Run again: what is back will be mapped, what is gone will be dropped.",
    "changed": "Run again when nothing writes to the source.",
    "unreadable": "Check the permissions and the store, then run again.",
    "crashed": "Keep them away from other decoders too: a file that kills one may be an attack.",
    "timed-out": "Raise --deadline and run the same command again.",
    "out-of-memory": "Lower --max-pixels or give the workers more memory.",
    "mapper-failed": "Correct the job's own code, then run again.",
}
"""What to do about each reason."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The figures and the pictures that go with them."""

    summary: Summary
    shots: Mapping[str, Shot]


def gather(tables: Tables, facts: RunFacts, *, places: bool) -> Gathered:
    """Compute every figure once."""
    shots = read_thumbnails(tables)
    pictures, samples = galleries.select(tables) if shots else (None, {})
    groups = _groups(tables, samples, shots)
    data = describe(tables, places=places)
    health = examine(facts, groups)
    summary = Summary(
        schema_version=SCHEMA_VERSION,
        run=_run(facts),
        totals=count_totals(tables, facts),
        insights=find_insights(tables, facts, data, groups, health),
        data=data,
        groups=groups,
        galleries=galleries.only_available(pictures or galleries.EMPTY, frozenset(shots)),
        quarantine=_quarantine(tables),
        health=health,
    )
    return Gathered(summary, shots)


def _run(facts: RunFacts) -> Run:
    return Run(
        source=facts.source,
        out=facts.out,
        command=facts.command,
        job=facts.job,
        engine=facts.engine,
        workers=facts.workers,
        plan_hash=facts.plan_hash,
        versions=facts.versions,
        started=facts.started,
    )


def count_totals(tables: Tables, facts: RunFacts) -> Totals:
    """The totals of a run: what it says of itself, and the sums of its tables."""
    pixels = tables.row("SELECT coalesce(sum(pixels), 0)::BIGINT FROM image")[0]
    output_bytes = tables.row("SELECT coalesce(sum(bytes), 0)::BIGINT FROM outputs")[0]
    return Totals(
        listed=facts.listed,
        processed=facts.processed,
        quarantined=facts.quarantined,
        ignored=facts.ignored,
        reused=facts.reused,
        removed=facts.removed,
        source_bytes=facts.bytes,
        pixels=pixels,
        groups=facts.groups,
        outputs=facts.outputs,
        output_bytes=output_bytes,
        seconds=sum(phase.seconds for phase in facts.phases),
    )


def _groups(tables: Tables, samples: Mapping[str, str], shots: Mapping[str, Shot]) -> Groups:
    found = tables.rows(
        """SELECT key, images, bytes, pixels, coalesce(files, 0), coalesce(made, 0),
            count(*) OVER (), sum(images) OVER ()
        FROM groups LEFT JOIN (SELECT key, count(*) AS files, sum(bytes) AS made FROM outputs GROUP BY key) USING (key)
        ORDER BY images DESC, key LIMIT ?""",
        [GROUP_LIMIT],
    )
    rows = tuple(
        Group(
            key=text.cut(key),
            images=int(images or 0),
            bytes=int(size or 0),
            pixels=int(pixels or 0),
            outputs=files,
            output_bytes=int(made),
            sample=samples.get(key) if samples.get(key) in shots else None,
        )
        for key, images, size, pixels, files, made, *_ in found
    )
    members = int(found[0][7] or 0) if found else 0
    return Groups(found[0][6] if found else 0, rows, rows[0].images / members if members else 0.0)


def _quarantine(tables: Tables) -> Quarantine:
    found = tables.rows(
        """SELECT q.reason, count(*), coalesce(sum(size), 0)::BIGINT FROM quarantine q
        LEFT JOIN (SELECT uri, size FROM catalogue WHERE status = 'quarantined') c USING (uri)
        GROUP BY q.reason ORDER BY 2 DESC, 1 LIMIT 50"""
    )
    examples = tables.rows(
        """SELECT reason, uri, stage, message FROM quarantine
        QUALIFY row_number() OVER (PARTITION BY reason ORDER BY uri) <= ? ORDER BY reason, uri LIMIT 1000""",
        [EXAMPLES],
    )
    reasons = tuple(
        Reason(
            reason=text.cut(reason, 40),
            meaning=REASONS.get(reason, ""),
            advice=ADVICE.get(reason, "Run the same command again; what is in order by then will be mapped."),
            images=images,
            bytes=size,
            examples=tuple(
                Casualty(text.cut(uri), text.cut(stage, 20), text.cut(message))
                for why, uri, stage, message in examples
                if why == reason
            ),
        )
        for reason, images, size in found
    )
    sql = "SELECT uri, stage, reason, message FROM quarantine ORDER BY reason, uri"
    return Quarantine(sum(reason.images for reason in reasons), reasons, sql)
