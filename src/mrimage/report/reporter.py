"""Makes the report of one run, in steps that share the run's open tables."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mrimage.types import RunFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrimage.report.figures.contents import Contents
    from mrimage.report.figures.figures import Figures
    from mrimage.report.tables.views import Tables
    from mrimage.report.thumbnails import PageThumbnail, ThumbnailChoice

THUMBNAIL_LIMIT = 300
"""The most thumbnails that a run makes, so that the report costs the same for any source."""


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
        from mrimage.report import notebook

        return notebook.to_html(self.figures)


class Reporter:
    """Makes the report of the run whose tables are in the local folder ``results``.

    The tables are opened at the first step that needs them, and closed when the block ends.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self._stack = ExitStack()

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, traceback)

    @cached_property
    def _tables(self) -> Tables:
        from mrimage.report.tables.views import open_tables

        return self._stack.enter_context(open_tables(self.results))

    @cached_property
    def _contents(self) -> Contents:
        from mrimage.report.figures.contents import Contents

        return Contents(self._tables)

    def choose_thumbnails(self, limit: int = THUMBNAIL_LIMIT) -> list[ThumbnailChoice]:
        """Return at most ``limit`` pictures that the report would show, best first.

        All are cheap to decode. Those with ``is_output`` are paths below OUT, and all others are
        uris of the source.
        """
        from mrimage.report import thumbnails

        return thumbnails.choose_thumbnails(self._contents, limit)

    def choose_conversion_samples(self) -> list[str]:
        """Return the uris of a few images to convert, to measure what another format would save.

        They are in formats that waste bytes, and cheap to decode.
        """
        from mrimage.report.figures import savings

        return savings.choose_conversion_samples(self._tables)

    def read_again(self, table: str) -> None:
        """Read ``table`` again if it was read: the run has written it since."""
        if "_tables" in self.__dict__:
            self._tables.read_again(table)

    def build(
        self,
        facts: RunFacts | None = None,
        *,
        places: bool = False,
        against: Path | None = None,
        against_name: str = "",
        history: bytes = b"",
    ) -> Report:
        """Make the report.

        Without ``facts``, they are read from ``_run/facts.json``. ``places`` adds a coarse map of
        GPS positions. ``against`` is the folder of another run to compare with; ``against_name`` is
        what the page calls it, if the folder is only a temporary copy. ``history`` is the content
        of ``_run/history.jsonl``. No image is decoded: the pictures come from
        ``_run/thumbnails.parquet``, if the run made it. Raises SinkError if a run has no facts.
        """
        import msgspec

        from mrimage.report.figures.comparison import compare_tables
        from mrimage.report.figures.facts import read_facts
        from mrimage.report.figures.gather import gather
        from mrimage.report.figures.history import read_history
        from mrimage.report.page import render

        gathered = gather(
            self._contents,
            facts or read_facts(self.results),
            places=places,
            records=read_history(history),
        )
        figures = gathered.figures
        if against:
            comparison = compare_tables(self._tables, against, against_name)
            figures = replace(figures, comparison=comparison)
        html = render(figures, gathered.thumbnails, gathered.lists)
        summary: dict[str, object] = msgspec.to_builtins(figures)
        return Report(html, summary, figures, gathered.thumbnails, gathered.lists)

    def write_lists(self, figures: Figures, folder: Path) -> dict[str, Path]:
        """Write the lists that are too long for the page into ``folder``, as CSV.

        Return the local path of each by its path below OUT.
        """
        from mrimage.report.figures import evidence

        return evidence.write_lists(self._tables, figures.insights, folder)
