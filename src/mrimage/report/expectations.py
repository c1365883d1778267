"""Expectations of a finished run, such as ``blurred <= 1%``, for pipelines.

An expectation is a number of the run, a comparison, and a value. The number is a finding
(``blurred``), a total (``quarantined``, ``outputs``), a reason for quarantine (``truncated``), or an
SQL aggregate over the processed images (``min(width)``).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from mrimage.errors import REASONS, UsageError
from mrimage.report import text
from mrimage.report.figures.copies import count_copies
from mrimage.report.figures.gather import count_totals
from mrimage.report.figures.rules import RULES
from mrimage.report.figures.scores import SCORES, count_scores
from mrimage.report.figures.survey import count_rules
from mrimage.report.tables.sql import refuse_copy
from mrimage.report.tables.views import Tables, open_tables
from mrimage.types import RunFacts

_EXPECTATION = re.compile(
    r"(.*[^\s<>=!])\s*(<=|>=|!=|==|=|<|>)\s*([-+]?\d[\d_.]*)\s*(%|[A-Za-z]*)", re.S
)
"""A number of the run, a comparison, a value, and its unit. The last comparison counts, because an
SQL expression may have others."""

_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}

_TOTALS = (
    "listed",
    "processed",
    "quarantined",
    "ignored",
    "source_bytes",
    "pixels",
    "groups",
    "outputs",
    "output_bytes",
    "seconds",
)
"""Fields of Totals that an expectation can name."""

_COPIES = ("copies", "lookalikes")

_EXTRACTORS = {
    **dict.fromkeys((score.name for score in SCORES), "findings"),
    **dict.fromkeys((rule.name for rule in RULES), "content,hash"),
    **dict.fromkeys(_COPIES, "content,hash"),
}
"""The extractors to run the job with for a finding, by its name."""

_OF_LISTED = frozenset({"listed", "processed", "quarantined", *REASONS})
"""Numbers whose share is of the listed images. That of all others is of the processed ones."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an expectation is met, and a line that says so with the number that was found."""

    met: bool
    line: str


def check(results: Path, facts: RunFacts, expectations: Sequence[str]) -> list[Outcome]:
    """Return the outcome of each expectation on the run in the folder ``results``.

    Raises UsageError for one that cannot be read, or whose number the run does not have: what is
    not known is not met.
    """
    with open_tables(results) as tables:
        tables.confine()
        numbers = _Numbers(tables, facts)
        return [_check(expectation, numbers) for expectation in expectations]


def _check(expectation: str, numbers: _Numbers) -> Outcome:
    found = _EXPECTATION.fullmatch(expectation.strip())
    unit = found[4].lower() if found else ""
    if not found or (unit != "%" and unit not in _UNITS):
        raise UsageError(
            "An expectation needs a number of the run, a comparison and a value, such as "
            f'"blurred <= 1%" or "min(width) >= 640", but got "{text.cut(expectation)}".'
        )
    name, comparison, digits = found[1], found[2], found[3]
    number, whole = numbers.find(name)
    value = _decimal(digits, expectation)
    said = f"{number:f}"
    if unit == "%":
        # Multiplied rather than divided, so that 1 of 3 is compared exactly.
        met = _COMPARISONS[comparison](number * 100, value * whole)
        share = float(number) / whole if whole else 0.0
        said += f" of {whole}, {text.percent(share)}"
    else:
        met = _COMPARISONS[comparison](number, value * _UNITS[unit])
    return Outcome(met, f"{'ok' if met else 'FAILED':<7} {expectation.strip()} (it is {said})")


def _decimal(digits: str, expectation: str) -> Decimal:
    try:
        return Decimal(digits.replace("_", ""))
    except ArithmeticError:
        raise UsageError(
            f'An expectation needs a value such as 0 or 2.5%, but "{text.cut(expectation)}" has '
            f'"{digits}".'
        ) from None


class _Numbers:
    """The numbers of a run by name, each computed once at most."""

    def __init__(self, tables: Tables, facts: RunFacts) -> None:
        self._tables = tables
        totals = count_totals(tables, facts)
        self._listed = totals.listed
        self._processed = totals.processed
        self._found: dict[str, int | float] = {name: getattr(totals, name) for name in _TOTALS}
        self._found |= {reason: facts.reasons.get(reason, 0) for reason in REASONS}
        # A kind of --extract findings has the place of the rule with its name, as on the page.
        counted = count_rules(tables) | count_copies(tables) | count_scores(tables)
        self._found |= {name: images for name, (images, _) in counted.items()}

    def find(self, name: str) -> tuple[Decimal, int]:
        """Return a number, and the number of images that a share of it is of."""
        if name in self._found:
            whole = self._listed if name in _OF_LISTED else self._processed
            return Decimal(str(self._found[name])), whole
        if name in _EXTRACTORS:
            raise UsageError(
                f'The expectation on "{name}" needs columns that the catalogue does not have. '
                f"Run the job with --extract {_EXTRACTORS[name]}."
            )
        if name.isidentifier():
            raise UsageError(
                f'An expectation needs a number that the run has, but got "{text.cut(name)}". '
                f"There are {', '.join(sorted({*self._found, *_EXTRACTORS}))}, and SQL such as "
                "min(width)."
            )
        return self._compute(name), self._processed

    def _compute(self, expression: str) -> Decimal:
        """Return the value of an SQL aggregate over the processed images."""
        refuse_copy(expression)
        try:
            rows = self._tables.rows(f"SELECT ({expression}) AS number FROM image")
            if len(rows) != 1:
                raise duckdb.Error("it gives a value for each image, such as width, not one")
            return Decimal(str(rows[0][0]))
        except (duckdb.Error, ArithmeticError) as error:
            reason = text.cut(" ".join(str(error).split()), 300)
            raise UsageError(
                f"An expectation needs a name, or an SQL aggregate that gives a number, but "
                f'"{text.cut(expression)}" does not: {reason}'
            ) from error
