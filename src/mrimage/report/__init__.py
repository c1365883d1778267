"""The report: figures first (``figures``), then a page, pictures and tables that show them.

The heavy libraries (DuckDB, Jinja2, vl-convert) are imported when a function is called, not with this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mrimage.types import RunFacts

if TYPE_CHECKING:
    from mrimage.report.figures import Comparison, Summary
    from mrimage.report.thumbnails import Thumbnail

__all__ = ["Report", "build", "choose_thumbnails", "compare", "query", "warm"]


@dataclass(frozen=True)
class Report:
    """A finished report: ``html`` is report.html in UTF-8, ``summary`` is summary.json as plain data, and
    ``figures`` is the same as dataclasses."""

    html: bytes
    summary: dict[str, object]
    figures: Summary


def build(results: Path, facts: RunFacts, *, places: bool = False, against: Path | None = None) -> Report:
    """Make the report of the run whose tables are in the folder ``results``.

    ``places`` adds a coarse map of GPS positions, ``against`` the folder of another run to compare with.
    Nothing is decoded: pictures come from ``_run/thumbnails.parquet``, where there is one.
    """
    import msgspec

    from mrimage.report.page import render
    from mrimage.report.summary import gather
    from mrimage.report.tables import open_tables

    with open_tables(results) as tables:
        gathered = gather(tables, facts, places=places)
    summary: dict[str, object] = msgspec.to_builtins(gathered.summary)
    return Report(render(gathered.summary, gathered.shots), summary, gathered.summary)


def choose_thumbnails(results: Path, limit: int = 80) -> list[Thumbnail]:
    """The pictures that the report of ``results`` would show, the most useful first, at most ``limit``.

    All are cheap to decode. Those with ``is_output`` are paths below OUT, the others are uris of the source.
    """
    from mrimage.report import thumbnails

    return thumbnails.choose_thumbnails(results, limit)


def warm() -> object:
    """Start making what the first report on a machine needs, in a process of its own; see ``bundle.warm``."""
    from mrimage.report import bundle

    return bundle.warm()


def query(results: Path, sql: str, format: Literal["table", "csv", "json"] = "table") -> str:
    """The answer to ``sql`` over the run's tables, as text; see ``ask.query``."""
    from mrimage.report import ask

    return ask.query(results, sql, format)


def compare(results: Path, other: Path) -> Comparison:
    """What changed from the run in ``other`` to the one in ``results``."""
    raise NotImplementedError
