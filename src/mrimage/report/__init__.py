"""The report: figures first (``figures``), then a page, charts and tables that show them.

The heavy libraries (DuckDB, Jinja2, vl-convert) are imported when a function is called, not with
this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mrimage.report.files import SUMMARY
from mrimage.report.reporter import THUMBNAIL_LIMIT, Report, Reporter
from mrimage.types import RunFacts

if TYPE_CHECKING:
    import pyarrow as pa

    from mrimage.report.expectations import Outcome
    from mrimage.report.figures.figures import Comparison, Figures
    from mrimage.report.thumbnails import ThumbnailChoice

__all__ = [
    "SUMMARY",
    "Report",
    "Reporter",
    "build",
    "check",
    "choose_conversion_samples",
    "choose_thumbnails",
    "compare",
    "decode",
    "for_terminal",
    "load",
    "next_history",
    "notebook_html",
    "query",
    "query_table",
    "stream",
    "wanted_files",
    "warm",
    "write_lists",
]


def build(
    results: Path,
    facts: RunFacts | None = None,
    *,
    places: bool = False,
    against: Path | None = None,
    against_name: str = "",
    history: bytes = b"",
) -> Report:
    """Make the report of the run whose tables are in the folder ``results``; see ``Reporter``."""
    with Reporter(results) as reporter:
        return reporter.build(
            facts, places=places, against=against, against_name=against_name, history=history
        )


def wanted_files(results: Path) -> list[str]:
    """Return the paths below OUT of the files of group reducers that the report reads."""
    from mrimage.report.figures import made
    from mrimage.report.tables.views import open_tables

    with open_tables(results) as tables:
        return [output for output, _ in made.wanted_files(tables)]


def write_lists(results: Path, figures: Figures, folder: Path) -> dict[str, Path]:
    """Write the long lists of a report into ``folder``; see ``Reporter``."""
    with Reporter(results) as reporter:
        return reporter.write_lists(figures, folder)


def next_history(history: bytes, figures: Figures) -> bytes:
    """Return ``_run/history.jsonl`` with this run added to the bytes ``history`` of the file."""
    from mrimage.report.figures import history as runs

    return runs.write_history(runs.read_history(history), runs.record_of(figures))


def load(results: Path) -> Figures:
    """Return the figures of a finished run, read from ``summary.json`` in the folder ``results``.

    Raises SinkError if there is no such file, or it cannot be read.
    """
    from mrimage.report.figures.facts import read_summary

    return read_summary(results)


def decode(summary: bytes, out: str) -> Figures:
    """Return the figures in ``summary``, the bytes of the ``summary.json`` below ``out``.

    Raises SinkError for any other bytes; ``out`` is for its message.
    """
    from mrimage.report.figures.facts import decode_summary

    return decode_summary(summary, out)


def notebook_html(figures: Figures) -> str:
    """Return a run's totals, insights and charts as HTML, for a ``_repr_html_``."""
    from mrimage.report import notebook

    return notebook.to_html(figures)


def choose_thumbnails(results: Path, limit: int = THUMBNAIL_LIMIT) -> list[ThumbnailChoice]:
    """Return the pictures that the report of ``results`` would show; see ``Reporter``."""
    with Reporter(results) as reporter:
        return reporter.choose_thumbnails(limit)


def choose_conversion_samples(results: Path) -> list[str]:
    """Return the uris of a few images to convert, to measure what that saves; see ``Reporter``."""
    with Reporter(results) as reporter:
        return reporter.choose_conversion_samples()


def warm() -> AbstractContextManager[Callable[[], None]]:
    """Prepare what the first report on a machine needs while a block runs; see ``bundle.warm``."""
    from mrimage.report.charts import bundle

    return bundle.warm()


def check(results: Path, facts: RunFacts, expectations: Sequence[str]) -> list[Outcome]:
    """Return whether the run in the folder ``results`` meets each expectation; see ``expectations``."""
    from mrimage.report import expectations as expected

    return expected.check(results, facts, expectations)


def query(
    results: Path,
    sql: str,
    format: Literal["table", "csv", "json"] = "table",
    *,
    quote_formulas: bool = True,
    unsafe: bool = False,
) -> str:
    """Return the result of ``sql`` over the run's tables, as text; see ``sql.stream``."""
    from mrimage.report.tables import sql as queries

    return queries.query(results, sql, format, quote_formulas=quote_formulas, unsafe=unsafe)


def stream(
    results: Path,
    sql: str,
    format: Literal["table", "csv", "json"] = "table",
    *,
    quote_formulas: bool = True,
    unsafe: bool = False,
) -> Iterator[str]:
    """Yield the result of ``query`` piece by piece; see ``sql.stream``."""
    from mrimage.report.tables import sql as queries

    return queries.stream(results, sql, format, quote_formulas=quote_formulas, unsafe=unsafe)


def query_table(results: Path, sql: str) -> pa.Table:
    """Return the result of ``sql`` over the run's tables; see ``sql.query_table``."""
    from mrimage.report.tables import sql as queries

    return queries.query_table(results, sql)


def for_terminal(result: str) -> str:
    """Return a result of ``query`` with all characters visible that a terminal would act on."""
    from mrimage.report import text

    return text.visible(result, keep="\n\t")


def compare(results: Path, other: Path) -> Comparison:
    """Return what changed from the run in the folder ``other`` to the one in ``results``."""
    from mrimage.report.figures import comparison

    return comparison.compare(results, other)
