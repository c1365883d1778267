"""What a run answers with: counts, groups, failures, timings and paths, readable at a prompt and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mrimage import report
from mrimage.errors import MrimageError
from mrimage.report import text
from mrimage.source import IGNORED
from mrimage.source.earlier import describe_earlier
from mrimage.storage import open_store
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.types import RunFacts

NOTHING: Mapping[str, int] = MappingProxyType({})

SOME = 5
"""Removed outputs that are named where people read."""


def describe_ignored(reasons: Mapping[str, int], earlier: Mapping[str, int] = NOTHING) -> str:
    """How many files, members and rows of the source are not entries, and why. ``earlier`` counts those that earlier runs
    wrote, by folder.

    >>> describe_ignored({}), describe_ignored({"extension": 1}), describe_ignored({"hidden": 1, "empty row": 2})
    ('0', '1: by its extension', '3: 2 empty rows, 1 hidden')
    >>> describe_ignored({"earlier run": 3, "hidden": 1}, {"old": 3})
    '4: 3 files in old/, which an earlier run wrote, 1 hidden'
    """
    total = sum(reasons.values())
    if not total:
        return "0"
    parts = []
    for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        words = IGNORED[reason][0 if count == 1 else 1]
        if reason == "earlier run" and earlier:
            parts.append(describe_earlier(earlier))
        elif len(reasons) == 1 and words.startswith("by "):
            parts.append(words)
        else:
            parts.append(f"{count} {words}")
    return f"{total}: {', '.join(parts)}"


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
    stores: StoreSettings = DEFAULT

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
        if failed := next((task.code_error for task in facts.tasks if task.code_error), ""):
            rows.insert(2, ("first cause", text.cut(failed, 500)))
        if facts.ignored:
            rows.append(("ignored", describe_ignored(facts.ignored_reasons, facts.earlier)))
        if facts.repeated:
            rows.append(
                ("repeated", f"{_count(facts.repeated, 'name')} of images that were listed already")
            )
        if facts.unlisted:
            more = f" and {len(facts.unlisted) - SOME} more" if len(facts.unlisted) > SOME else ""
            rows.append(("not listed", " ".join(facts.unlisted[:SOME]) + more))
        if facts.gain_maps_dropped:
            rows.append(
                ("gain maps", f"{_count(facts.gain_maps_dropped, 'image')} lost the HDR gain map")
            )
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
            figures = report.decode(
                open_store(self.facts.out, self.stores).read(report.SUMMARY), self.facts.out
            )
        except MrimageError:
            cells = "".join(
                f"<tr><th style='text-align:left'>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
                for label, text in self.rows()
            )
            return f"<table>{cells}</table>"
        return report.notebook_html(figures)
