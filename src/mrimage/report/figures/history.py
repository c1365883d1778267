"""The runs of a source so far: one line of JSON for each in ``_run/history.jsonl``.

The file stays when ``--fresh`` removes the results of earlier runs: each line says what was true when
its run ended, of which source, and by the hash of the plan, whether it was the same job.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mrimage.report.figures.figures import Figures, RunRecord

MOST_RECORDS = 500
"""The most runs that the file keeps: the latest ones."""

MOST_SHOWN = 20
"""The most runs that the page shows: the latest ones."""


def record_of(figures: Figures) -> RunRecord:
    """Return the run in short."""
    totals = figures.totals
    return RunRecord(
        started=figures.run.started,
        seconds=totals.seconds,
        source=figures.run.source,
        plan_hash=figures.run.plan_hash,
        listed=totals.listed,
        processed=totals.processed,
        quarantined=totals.quarantined,
        source_bytes=totals.source_bytes,
        outputs=totals.outputs,
        output_bytes=totals.output_bytes,
        findings={
            insight.name: insight.count
            for insight in figures.insights
            if insight.level in ("warning", "notice") and insight.name != "quarantined"
        },
    )


def read_history(data: bytes) -> tuple[RunRecord, ...]:
    """Return the runs in ``data``, the oldest first. A damaged line is left out."""
    records = []
    for line in data.splitlines():
        try:
            records.append(msgspec.json.decode(line, type=RunRecord))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # A power failure may have cut the last line; the other runs are still true.
            continue
    return tuple(sorted(records, key=lambda record: record.started))


def write_history(records: Sequence[RunRecord], latest: RunRecord) -> bytes:
    """Return the file with ``latest`` added. A run that is in it already is replaced."""
    kept = [record for record in records if record.started != latest.started]
    kept.append(latest)
    return b"\n".join(map(msgspec.json.encode, kept[-MOST_RECORDS:])) + b"\n"


def shown(records: Sequence[RunRecord], figures: Figures) -> tuple[RunRecord, ...]:
    """Return the latest runs of the same source up to this one, the oldest first."""
    this = record_of(figures)
    earlier = [
        record
        for record in records
        if record.source == this.source and record.started < this.started
    ]
    return (*earlier[1 - MOST_SHOWN :], this)
