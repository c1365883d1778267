"""What a page shows of the tables of a run, whatever its facts are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from mrimage.report.figures import evidence, galleries
from mrimage.report.figures.figures import Duplicates, Galleries, Insight, Picture
from mrimage.report.figures.made import find_duplicates
from mrimage.report.figures.survey import Survey, survey
from mrimage.report.tables.views import Tables


class Contents:
    """The pictures and counts behind a page, each computed once, when it is first asked for.

    A run needs them twice: to choose the thumbnails that it makes, and for the page with them.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._pictures: dict[str, tuple[Picture, ...]] = {}

    @cached_property
    def selected(self) -> tuple[Galleries, dict[str, tuple[str, ...]]]:
        """The galleries, and the uris of some images by key; see ``galleries.select``."""
        return galleries.select(self.tables)

    @cached_property
    def survey(self) -> Survey:
        return survey(self.tables)

    @cached_property
    def duplicates(self) -> Duplicates | None:
        return find_duplicates(self.tables)

    def illustrate(self, insights: Iterable[Insight]) -> list[Insight]:
        """Return the findings with the first pictures of their lists, and leave out look-alikes."""
        return [replace(insight, pictures=self._pictures_of(insight)) for insight in insights]

    def _pictures_of(self, insight: Insight) -> tuple[Picture, ...]:
        if insight.sql not in self._pictures:
            self._pictures[insight.sql] = evidence.pictures(self.tables, insight)
        return self._pictures[insight.sql]
