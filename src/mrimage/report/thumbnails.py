"""Chooses the thumbnails that the page will show, and reads them back up to a limit of bytes."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mrimage.report.figures import galleries
from mrimage.report.tables.views import Tables, open_tables

THUMBNAIL_LIMIT = 80
"""Thumbnails that a run makes by default. A fixed limit keeps the cost of the report the same for any source."""

BYTES_LIMIT = 8_000_000
"""Bytes of thumbnails that one page holds."""


@dataclass(frozen=True, slots=True)
class ThumbnailChoice:
    """A picture to make: ``uri`` is a source image's, or for the kinds "after" and "sheet" an output's path
    below OUT."""

    uri: str
    kind: Literal["before", "after", "sheet", "group", "extreme"]

    @property
    def is_output(self) -> bool:
        """Whether ``uri`` is a path below OUT."""
        return self.kind in ("after", "sheet")


@dataclass(frozen=True, slots=True)
class PageThumbnail:
    """A thumbnail as the page holds it; width and height in pixels."""

    width: int
    height: int
    source: str


def choose_thumbnails(results: Path, limit: int = THUMBNAIL_LIMIT) -> list[ThumbnailChoice]:
    """At most ``limit`` pictures worth making, the most useful first, each once; all are cheap to decode."""
    if limit <= 0:
        return []
    with open_tables(results) as tables:
        chosen: dict[str, ThumbnailChoice] = {}
        for uri, kind in galleries.by_usefulness(*galleries.select(tables)):
            chosen.setdefault(uri, ThumbnailChoice(uri, kind))  # type: ignore[arg-type]
            if len(chosen) == limit:
                break
    return list(chosen.values())


def read_thumbnails(tables: Tables) -> dict[str, PageThumbnail]:
    """The thumbnails of a run as data URIs, by uri, up to BYTES_LIMIT in the order in which they were chosen."""
    thumbnails: dict[str, PageThumbnail] = {}
    held = 0
    tables.connection.execute("SET preserve_insertion_order = true")
    found = tables.rows("SELECT uri, width, height, jpeg FROM thumbnails WHERE jpeg IS NOT NULL")
    tables.connection.execute("SET preserve_insertion_order = false")
    for uri, width, height, jpeg in found:
        held += len(jpeg)
        if held > BYTES_LIMIT:
            break
        thumbnails[uri] = PageThumbnail(
            width, height, "data:image/jpeg;base64," + b64encode(jpeg).decode()
        )
    return thumbnails
