"""The result of a run, for people at a prompt or in a notebook: counts, failures, timings and the
path of the report."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mrimage import report
from mrimage.errors import MrimageError
from mrimage.report import text
from mrimage.source import IGNORED
from mrimage.source.earlier import describe_earlier
from mrimage.storage import open_store
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.types import RuleCount, RunFacts

NO_FILES: Mapping[str, int] = MappingProxyType({})

MOST_NAMED = 5
"""How many outputs or folders a line names before it says "and N more"."""

LONGEST_KEY = 40
"""Characters of the pattern of a rule."""

LONGEST_ERROR = 500
"""Characters of the error message of a job's own code."""


def describe_ignored(reasons: Mapping[str, int], earlier: Mapping[str, int] = NO_FILES) -> str:
    """Say how many files, members and rows of the source are not images, and why. ``earlier``
    counts the files that earlier runs wrote, by folder.

    >>> describe_ignored({}), describe_ignored({"extension": 1})
    ('0', '1: by its extension')
    >>> describe_ignored({"hidden": 1, "empty row": 2})
    '3: 2 empty rows, 1 hidden'
    >>> describe_ignored({"earlier run": 3, "hidden": 1}, {"old": 3})
    '4: 3 files in old/, which an earlier run wrote, 1 hidden'
    """
    total = sum(reasons.values())
    if not total:
        return "0"
    parts = []
    most_first = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    for reason, count in most_first:
        singular, plural = IGNORED[reason]
        words = singular if count == 1 else plural
        if reason == "earlier run" and earlier:
            parts.append(describe_earlier(earlier))
        elif len(reasons) == 1 and words.startswith("by "):
            # "3: by their extension" already has the count.
            parts.append(words)
        else:
            parts.append(f"{count} {words}")
    return f"{total}: {', '.join(parts)}"


def _count(number: int, noun: str) -> str:
    plural = "" if number == 1 else "s"
    return f"{number} {noun}{plural}"


def _and_more(count: int) -> str:
    """Return `` and 3 more`` if not all of ``count`` things are named."""
    if count <= MOST_NAMED:
        return ""
    return f" and {count - MOST_NAMED} more"


def _describe_removed(count: int, outputs: Sequence[str]) -> str:
    """Say how many outputs were removed, and name the first few.

    >>> _describe_removed(1, ["images/png/a.webp"])
    '1 output of images that are gone or have changed: images/png/a.webp'
    """
    named = ", ".join(text.cut(output) for output in outputs[:MOST_NAMED])
    more = _and_more(count)
    if more:
        more += " (removed_outputs in summary.json)"
    return f"{_count(count, 'output')} of images that are gone or have changed: {named}{more}"


def describe_rules(counts: Sequence[RuleCount]) -> str:
    """Say what each rule applied to, and what no rule applied to.

    >>> describe_rules([RuleCount("cmyk*", "", 1, 1), RuleCount("", "", 7, 0)])
    'cmyk*: 1 image, 1 output; all other keys: 7 images, 0 outputs'
    """
    *named, others = counts
    parts = [_describe_rule(text.cut(count.key, LONGEST_KEY), count) for count in named]
    more = _and_more(len(parts))
    return "; ".join([*parts[:MOST_NAMED], _describe_rule("all other keys", others)]) + more


def _describe_rule(name: str, count: RuleCount) -> str:
    return f"{name}: {_count(count.images, 'image')}, {_count(count.outputs, 'output')}"


def _describe_unused(counts: Sequence[RuleCount]) -> str:
    """Name the rules that applied to no image; an empty text if there are none.

    >>> _describe_unused([RuleCount("cmyk*", "", 0, 0), RuleCount("", "", 7, 7)])
    'cmyk*: matches no key, or only keys that an earlier rule matches'
    """
    unused = [text.cut(count.key, LONGEST_KEY) for count in counts[:-1] if not count.images]
    if not unused:
        return ""
    verb = "matches" if len(unused) == 1 else "match"
    named = ", ".join(unused[:MOST_NAMED])
    return (
        f"{named}{_and_more(len(unused))}: {verb} no key, or only keys that an earlier rule matches"
    )


@dataclass(frozen=True, repr=False)
class Summary:
    """The outcome of a run. ``facts`` has all figures. The properties are the most useful ones."""

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
        """The path or url of the report."""
        return f"{self.facts.out.rstrip('/')}/report.html"

    def rows(self) -> list[tuple[str, str]]:
        """The summary as (label, text) pairs. Labels of facts that are zero or empty are left out,
        except for the main ones."""
        seconds = ", ".join(f"{name} {seconds:.2f}" for name, seconds in self.timings.items())
        return [
            *self._main_rows(),
            *self._source_rows(),
            *self._change_rows(),
            ("seconds", seconds),
            ("report", self.report),
        ]

    def _main_rows(self) -> Iterator[tuple[str, str]]:
        facts = self.facts
        reasons = ", ".join(f"{count} {reason}" for reason, count in facts.reasons.items())
        total = f"{facts.listed} listed"
        parts = f"{facts.processed} processed + {facts.quarantined} quarantined"
        yield "images", f"{total} = {parts}"
        yield "quarantined", reasons or "none"
        first_error = next((task.code_error for task in facts.tasks if task.code_error), "")
        if first_error:
            yield "first cause", text.cut(first_error, LONGEST_ERROR)
        yield "groups", str(facts.groups)
        yield "outputs", str(facts.outputs)
        if facts.rules:
            yield "rules", describe_rules(facts.rules)
            unused = _describe_unused(facts.rules)
            if unused:
                yield "unused rules", unused

    def _source_rows(self) -> Iterator[tuple[str, str]]:
        facts = self.facts
        if facts.ignored:
            yield "ignored", describe_ignored(facts.ignored_reasons, facts.earlier)
        if facts.repeated:
            yield "repeated", f"{_count(facts.repeated, 'name')} of images that were listed already"
        if facts.unlisted:
            named = " ".join(facts.unlisted[:MOST_NAMED])
            yield "not listed", f"{named}{_and_more(len(facts.unlisted))}"

    def _change_rows(self) -> Iterator[tuple[str, str]]:
        facts = self.facts
        if facts.gain_maps_dropped:
            yield "gain maps", f"{_count(facts.gain_maps_dropped, 'image')} lost the HDR gain map"
        if facts.reused:
            yield "reused", f"{_count(facts.reused, 'image')} done by an earlier run"
        if facts.removed:
            yield "removed", _describe_removed(facts.removed, facts.removed_outputs)
        retried = sum(1 for task in facts.tasks if task.attempts > 1)
        if retried:
            yield "retried", _count(retried, "task")

    def __repr__(self) -> str:
        lines = [f"{label:<12} {words}" for label, words in self.rows()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Totals, findings and charts from the run's ``summary.json``, for a notebook. If it is
        gone, a table of the rows."""
        try:
            store = open_store(self.facts.out, self.stores)
            figures = report.decode(store.read(report.SUMMARY), self.facts.out)
        except MrimageError:
            return self._html_table()
        return report.notebook_html(figures)

    def _html_table(self) -> str:
        lines = []
        for label, words in self.rows():
            label_cell = f"<th style='text-align:left'>{html.escape(label)}</th>"
            lines.append(f"<tr>{label_cell}<td>{html.escape(words)}</td></tr>")
        return f"<table>{''.join(lines)}</table>"
