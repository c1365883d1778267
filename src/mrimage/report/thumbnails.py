"""Chooses the thumbnails that the page will show, and reads them back up to a limit of bytes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from mrimage.report.figures import galleries, prices
from mrimage.report.figures.contents import Contents
from mrimage.report.figures.galleries import PictureKind
from mrimage.report.figures.insights import findings_on_images
from mrimage.report.figures.pile_map import map_pictures
from mrimage.report.tables.views import Tables

BYTES_LIMIT = 6_000_000
"""The most bytes of thumbnails that one page holds: 8 MB of the page, because of base64."""


@dataclass(frozen=True, slots=True)
class ThumbnailChoice:
    """A picture to make.

    ``uri`` is a source image's, or for the kinds "after" and "sheet" an output's path below OUT.
    """

    uri: str
    kind: PictureKind

    @property
    def is_output(self) -> bool:
        """Whether ``uri`` is a path below OUT."""
        return self.kind in ("after", "sheet")


@dataclass(frozen=True, slots=True)
class PageThumbnail:
    """A thumbnail on the page: its size in pixels, and ``source``, its JPEG as a data URI."""

    width: int
    height: int
    source: str


def choose_thumbnails(contents: Contents, limit: int) -> list[ThumbnailChoice]:
    """Return at most ``limit`` distinct pictures to make, the most useful first.

    All are cheap to decode.
    """
    if limit <= 0:
        return []
    chosen: dict[str, ThumbnailChoice] = {}
    for uri, kind in _wanted(contents):
        chosen.setdefault(uri, ThumbnailChoice(uri, kind))
        if len(chosen) == limit:
            break
    costs = prices.costs(contents.tables, list(chosen))
    left = prices.TOTAL_COST
    affordable = []
    for uri, choice in chosen.items():
        left -= costs.get(uri, 0.0)
        if left >= 0:
            affordable.append(choice)
    return affordable


def _wanted(contents: Contents) -> Iterator[tuple[str, PictureKind]]:
    """Yield the uri or output path of every picture of the page, the most useful first.

    A picture may come more than once.
    """
    found, examples = contents.selected
    yield from galleries.most_useful(found, examples)
    for insight in contents.illustrate(findings_on_images(contents.tables, contents.survey)):
        for picture in insight.pictures:
            if not picture.unseen:
                yield picture.uri, "finding"
    duplicates = contents.duplicates
    clusters = duplicates.clusters if duplicates else ()
    for cluster in clusters:
        for image in cluster.images:
            if not image.picture.unseen:
                yield image.picture.uri, "copy"
    for uri, *_ in map_pictures(contents.tables):
        yield uri, "map"
    yield from galleries.less_useful(found, examples)


def read_thumbnails(tables: Tables) -> dict[str, PageThumbnail]:
    """Return the thumbnails of a run by uri, in the order of choice, up to BYTES_LIMIT."""
    # The rows are in the order of choice, which DuckDB keeps only with this setting.
    tables.connection.execute("SET preserve_insertion_order = true")
    found = tables.rows("SELECT uri, width, height, jpeg FROM thumbnails WHERE jpeg IS NOT NULL")
    tables.connection.execute("SET preserve_insertion_order = false")
    thumbnails: dict[str, PageThumbnail] = {}
    total_bytes = 0
    for uri, width, height, jpeg in found:
        total_bytes += len(jpeg)
        if total_bytes > BYTES_LIMIT:
            break
        source = "data:image/jpeg;base64," + b64encode(jpeg).decode()
        thumbnails[uri] = PageThumbnail(width, height, source)
    return thumbnails
