"""What a run answers with: counts, groups, failures, timings and paths, readable at a prompt and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mrimage import report
from mrimage.errors import MrimageError
from mrimage.report import text
from mrimage.source.earlier import describe_earlier
from mrimage.storage import open_store
from mrimage.types import RunFacts

NOTHING: Mapping[str, int] = MappingProxyType({})

SOME = 5
"""Removed outputs that are named where people read."""


def describe_ignored(files: int, earlier: Mapping[str, int] = NOTHING) -> str:
    """How many files of the source are no entries, and why; ``earlier`` counts those among them that earlier runs wrote, by
    folder.

    >>> describe_ignored(1), describe_ignored(2)
    ('1 file, by its name or by --exclude', '2 files, by their names or by --exclude')
    >>> describe_ignored(5, {"old": 3})
    '2 files, by their names or by --exclude; 3 files in old/, which an earlier run wrote'
    """
    by_name = files - sum(earlier.values())
    told = []
    if by_name or not earlier:
        told.append(
            f"{_count(by_name, 'file')}, by {'its name' if by_name == 1 else 'their names'} or by --exclude"
        )
    if earlier:
        told.append(describe_earlier(earlier))
    return "; ".join(told)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _describe_removed(count: int, outputs: Sequence[str]) -> str:
    """How many outputs went, and which: a few by name, the others by where they are listed.

    >>> _describe_removed(1, ["images/png/a.webp"])
    '1 output of images that are gone or have changed: images/png/a.webp'
    """
    named = ", ".join(text.cut(output) for output in outputs[:SOME])
    more = f" and {count - SOME} more (removed_outputs in summary.json)" if count > SOME else ""
    return f"{_count(count, 'output')} of images that are gone or have changed: {named}{more}"


@dataclass(frozen=True, repr=False)
class Summary:
    """The outcome of a run. ``facts`` has every figure; the properties are those most asked for."""

    facts: RunFacts

    @property
    def images(self) -> int:
        """Images listed: ``processed + quarantined``."""
        return self.facts.listed

    @property
    def processed(self) -> int:
        return self.facts.processed

    @property
    def quarantined(self) -> int:
        return self.facts.quarantined

    @property
    def groups(self) -> int:
        return self.facts.groups

    @property
    def outputs(self) -> int:
        return self.facts.outputs

    @property
    def failures(self) -> dict[str, int]:
        """Quarantined images by reason."""
        return dict(self.facts.reasons)

    @property
    def timings(self) -> dict[str, float]:
        """Seconds of each phase."""
        return {phase.name: phase.seconds for phase in self.facts.phases}

    @property
    def report(self) -> str:
        """Where the report is."""
        return f"{self.facts.out.rstrip('/')}/report.html"

    def rows(self) -> list[tuple[str, str]]:
        """The summary as (label, text) pairs."""
        facts = self.facts
        reasons = ", ".join(f"{count} {reason}" for reason, count in facts.reasons.items())
        rows = [
            (
                "images",
                f"{facts.listed} listed = {facts.processed} processed + {facts.quarantined} quarantined",
            ),
            ("quarantined", reasons or "none"),
            ("groups", str(facts.groups)),
            ("outputs", str(facts.outputs)),
        ]
        if facts.ignored:
            rows.append(("ignored", describe_ignored(facts.ignored, facts.earlier)))
        if facts.reused:
            rows.append(("reused", f"{_count(facts.reused, 'image')} done by an earlier run"))
        if facts.removed:
            rows.append(("removed", _describe_removed(facts.removed, facts.removed_outputs)))
        if retried := [task for task in facts.tasks if task.attempts > 1]:
            rows.append(("retried", _count(len(retried), "task")))
        rows.append(
            (
                "seconds",
                ", ".join(f"{name} {seconds:.2f}" for name, seconds in self.timings.items()),
            )
        )
        rows.append(("report", self.report))
        return rows

    def __repr__(self) -> str:
        return "\n".join(f"{label:<12} {text}" for label, text in self.rows())

    def _repr_html_(self) -> str:
        """Totals, findings and charts, from the run's ``summary.json``; the counts alone where that is gone."""
        try:
            figures = report.decode(open_store(self.facts.out).read(report.SUMMARY), self.facts.out)
        except MrimageError:
            cells = "".join(
                f"<tr><th style='text-align:left'>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
                for label, text in self.rows()
            )
            return f"<table>{cells}</table>"
        return report.notebook_html(figures)
