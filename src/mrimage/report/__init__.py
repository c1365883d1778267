"""The report: figures first (``figures``), then a page, pictures and tables that show them.

The heavy libraries (DuckDB, Jinja2, vl-convert) are imported when a function is called, not with this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mrimage.report.files import SUMMARY
from mrimage.types import RunFacts

if TYPE_CHECKING:
    from mrimage.report.figures.figures import Comparison, Figures
    from mrimage.report.thumbnails import PageThumbnail, ThumbnailChoice

__all__ = [
    "SUMMARY",
    "Report",
    "build",
    "choose_conversion_samples",
    "choose_thumbnails",
    "compare",
    "decode",
    "for_terminal",
    "load",
    "notebook_html",
    "query",
    "stream",
    "warm",
]


@dataclass(frozen=True)
class Report:
    """A finished report: ``html`` is report.html in UTF-8, ``summary`` is summary.json as plain data, ``figures`` is
    the same as dataclasses, and ``thumbnails`` are its pictures by uri."""

    html: bytes
    summary: dict[str, object]
    figures: Figures
    thumbnails: Mapping[str, PageThumbnail]

    def write_pngs(self, folder: Path) -> list[Path]:
        """Write the charts as pictures into ``folder``; returns their paths."""
        from mrimage.report import export

        return export.write_pngs(self.figures, folder)

    def to_pdf(self) -> bytes:
        """The report for paper. Raises UsageError when WeasyPrint (the extra ``pdf``) is missing."""
        from mrimage.report import export

        return export.to_pdf(self.figures, self.thumbnails)

    def _repr_html_(self) -> str:
        return notebook_html(self.figures)


def build(
    results: Path,
    facts: RunFacts | None = None,
    *,
    places: bool = False,
    against: Path | None = None,
    against_name: str = "",
) -> Report:
    """Make the report of the run whose tables are in the folder ``results``.

    ``facts`` are read from ``_run/facts.json`` when they are not given. ``places`` adds a coarse map of GPS positions,
    ``against`` is the folder of another run to compare with, which the page calls ``against_name`` where it is but
    a copy. Nothing is decoded: pictures come from
    ``_run/thumbnails.parquet``, where there is one.
    """
    import msgspec

    from mrimage.report.figures.comparison import compare_tables
    from mrimage.report.figures.facts import read_facts
    from mrimage.report.figures.gather import gather
    from mrimage.report.page import render
    from mrimage.report.tables.views import open_tables

    with open_tables(results) as tables:
        gathered = gather(tables, facts or read_facts(results), places=places)
        comparison = compare_tables(tables, against, against_name) if against else None
    figures = replace(gathered.summary, comparison=comparison)
    summary: dict[str, object] = msgspec.to_builtins(figures)
    return Report(render(figures, gathered.thumbnails), summary, figures, gathered.thumbnails)


def load(results: Path) -> Figures:
    """The figures of a finished run, from its ``summary.json``. Raises SinkError when there is none."""
    from mrimage.report.figures.facts import read_summary

    return read_summary(results)


def decode(summary: bytes, place: str) -> Figures:
    """The figures in the bytes of a ``summary.json`` that was read from ``place``. Raises SinkError for any other."""
    from mrimage.report.figures.facts import decode_summary

    return decode_summary(summary, place)


def notebook_html(figures: Figures) -> str:
    """A run's totals, insights and charts as HTML, for a ``_repr_html_``."""
    from mrimage.report import notebook

    return notebook.to_html(figures)


def choose_thumbnails(results: Path, limit: int = 80) -> list[ThumbnailChoice]:
    """The pictures that the report of ``results`` would show, the most useful first, at most ``limit``.

    All are cheap to decode. Those with ``is_output`` are paths below OUT, the others are uris of the source.
    """
    from mrimage.report import thumbnails

    return thumbnails.choose_thumbnails(results, limit)


def choose_conversion_samples(results: Path) -> list[str]:
    """Uris of some images in formats that waste bytes, to measure what another format would save; few and cheap."""
    from mrimage.report.figures import savings

    return savings.choose_conversion_samples(results)


def warm() -> AbstractContextManager[Callable[[], None]]:
    """Make what the first report on a machine needs while a block runs; see ``bundle.warm``."""
    from mrimage.report.charts import bundle

    return bundle.warm()


def query(
    results: Path,
    sql: str,
    format: Literal["table", "csv", "json"] = "table",
    *,
    quote_formulas: bool = True,
    unsafe: bool = False,
) -> str:
    """The answer to ``sql`` over the run's tables, as text; see ``sql.stream``."""
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
    """As ``query``, piece by piece; see ``sql.stream``."""
    from mrimage.report.tables import sql as queries

    return queries.stream(results, sql, format, quote_formulas=quote_formulas, unsafe=unsafe)


def for_terminal(answer: str) -> str:
    """An answer of ``query`` without anything that a terminal would obey."""
    from mrimage.report import text

    return text.visible(answer, keep="\n\t")


def compare(results: Path, other: Path) -> Comparison:
    """What changed from the run in the folder ``other`` to the one in ``results``."""
    from mrimage.report.figures import comparison

    return comparison.compare(results, other)
