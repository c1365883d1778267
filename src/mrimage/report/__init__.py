"""The report: figures first (``figures``), then a page, charts and tables that show them.

The heavy libraries (DuckDB, Jinja2, vl-convert) are imported when a function is called, not with
this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mrimage.report.files import SUMMARY
from mrimage.types import RunFacts

if TYPE_CHECKING:
    import pyarrow as pa

    from mrimage.report.expectations import Outcome
    from mrimage.report.figures.figures import Comparison, Figures
    from mrimage.report.thumbnails import PageThumbnail, ThumbnailChoice

__all__ = [
    "SUMMARY",
    "Report",
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


@dataclass(frozen=True)
class Report:
    """A finished report.

    ``html`` is report.html in UTF-8. ``figures`` are all its numbers and texts, and ``summary`` is
    the same as plain data, which becomes summary.json. ``thumbnails`` are its pictures by uri, and
    ``lists`` the CSV of the lists in it by name.
    """

    html: bytes
    summary: dict[str, object]
    figures: Figures
    thumbnails: Mapping[str, PageThumbnail]
    lists: Mapping[str, str]

    def write_pngs(self, folder: Path) -> list[Path]:
        """Write each chart as a PNG into ``folder``, and return the paths."""
        from mrimage.report import export

        return export.write_pngs(self.figures, folder)

    def to_pdf(self) -> bytes:
        """Return the report as a PDF. Raises UsageError if WeasyPrint (extra ``pdf``) is missing."""
        from mrimage.report import export

        return export.to_pdf(self.figures, self.thumbnails, self.lists)

    def _repr_html_(self) -> str:
        return notebook_html(self.figures)


def build(
    results: Path,
    facts: RunFacts | None = None,
    *,
    places: bool = False,
    against: Path | None = None,
    against_name: str = "",
    history: bytes = b"",
) -> Report:
    """Make the report of the run whose tables are in the folder ``results``.

    Without ``facts``, they are read from ``_run/facts.json``. ``places`` adds a coarse map of GPS
    positions. ``against`` is the folder of another run to compare with; ``against_name`` is what
    the page calls it, if the folder is only a temporary copy. ``history`` is the content of
    ``_run/history.jsonl``. No image is decoded: the pictures
    come from ``_run/thumbnails.parquet``, if the run made it. Raises SinkError if a run has no facts.
    """
    import msgspec

    from mrimage.report.figures.comparison import compare_tables
    from mrimage.report.figures.facts import read_facts
    from mrimage.report.figures.gather import gather
    from mrimage.report.figures.history import read_history
    from mrimage.report.page import render
    from mrimage.report.tables.views import open_tables

    comparison = None
    records = read_history(history)
    with open_tables(results) as tables:
        gathered = gather(tables, facts or read_facts(results), places=places, records=records)
        if against:
            comparison = compare_tables(tables, against, against_name)
    figures = replace(gathered.figures, comparison=comparison)
    html = render(figures, gathered.thumbnails, gathered.lists)
    summary: dict[str, object] = msgspec.to_builtins(figures)
    return Report(html, summary, figures, gathered.thumbnails, gathered.lists)


def wanted_files(results: Path) -> list[str]:
    """Return the paths below OUT of the files of group reducers that the report reads."""
    from mrimage.report.figures import made
    from mrimage.report.tables.views import open_tables

    with open_tables(results) as tables:
        return [output for output, _ in made.wanted_files(tables)]


def write_lists(results: Path, figures: Figures, folder: Path) -> dict[str, Path]:
    """Write the lists that are too long for the page into ``folder``, as CSV.

    Return the local path of each by its path below OUT.
    """
    from mrimage.report.figures import evidence
    from mrimage.report.tables.views import open_tables

    with open_tables(results) as tables:
        return evidence.write_lists(tables, figures.insights, folder)


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


def choose_thumbnails(results: Path, limit: int = 300) -> list[ThumbnailChoice]:
    """Return at most ``limit`` pictures that the report of ``results`` would show, best first.

    All are cheap to decode. Those with ``is_output`` are paths below OUT, and all others are uris
    of the source.
    """
    from mrimage.report import thumbnails

    return thumbnails.choose_thumbnails(results, limit)


def choose_conversion_samples(results: Path) -> list[str]:
    """Return the uris of a few images to convert, to measure what another format would save.

    They are in formats that waste bytes, and cheap to decode.
    """
    from mrimage.report.figures import savings

    return savings.choose_conversion_samples(results)


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
