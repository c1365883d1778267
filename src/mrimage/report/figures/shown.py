"""The facts of every image that the page shows or names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from mrimage.report import text
from mrimage.report.figures.data import Data
from mrimage.report.figures.figures import (
    Duplicates,
    Galleries,
    Groups,
    Insight,
    Picture,
    ShownImage,
)
from mrimage.report.tables.views import Tables

MOST = 4000
"""The most images whose facts are on the page."""

_FACTS = (
    "format",
    "width",
    "height",
    "color_space",
    "bit_depth",
    "camera",
    "lens",
    "taken_at",
    "brightness",
    "sharpness",
)
"""The columns of the catalogue that the page says of an image, as far as they are there."""

_KEYS = 3
"""The most groups that are named for an image."""


def pictures_of(
    galleries: Galleries, insights: Iterable[Insight], duplicates: Duplicates | None
) -> Iterator[Picture]:
    """Yield the pictures of the page that are of the source, the first on the page first."""
    yield from galleries.typical
    for insight in insights:
        yield from insight.pictures
    if duplicates:
        for cluster in duplicates.clusters:
            yield from (image.picture for image in cluster.images)
    for gallery in (*galleries.extremes, *galleries.groups):
        yield from gallery.pictures
    yield from (pair.before for pair in (*galleries.corrected, *galleries.pairs))


def describe_images(
    tables: Tables, pictures: Iterable[Picture], groups: Groups, data: Data
) -> tuple[ShownImage, ...]:
    """Return the facts of all images that are shown or that a bar or a group opens to."""
    uris = dict.fromkeys(picture.uri for picture in pictures)
    for group in groups.rows:
        uris |= dict.fromkeys(group.examples)
    for distribution in data.distributions:
        for bar in distribution.bars:
            uris |= dict.fromkeys(bar.examples)
    wanted = list(uris)[:MOST]
    found = _facts(tables, wanted)
    keys = _keys(tables, wanted)
    return tuple(
        ShownImage(uri, text.cut(uri.rpartition("/")[2], 60), found[uri], keys.get(uri, ()))
        for uri in wanted
        if uri in found
    )


def _facts(tables: Tables, uris: list[str]) -> dict[str, tuple[str, ...]]:
    columns = [name for name in _FACTS if tables.has(name)]
    listed = ", ".join(["uri", "size", "status", "reason", *columns])
    rows = tables.rows(f"SELECT {listed} FROM catalogue WHERE list_contains(?, uri)", [uris])
    names = ("uri", "size", "status", "reason", *columns)
    return {row[0]: tuple(_words(dict(zip(names, row, strict=True)))) for row in rows}


def _words(row: dict[str, Any]) -> Iterator[str]:
    """Yield what is known of an image in words."""
    if row["status"] == "quarantined":
        yield f"quarantined: {text.cut(row['reason'], 40)}"
    if row.get("format"):
        yield text.cut(row["format"], 20)
    if row.get("width") and row.get("height"):
        yield f"{row['width']} × {row['height']}"
    yield text.size(row["size"] or 0)
    for name in ("color_space", "camera", "lens"):
        if row.get(name):
            yield text.cut(row[name], 60)
    if row.get("bit_depth"):
        yield f"{row['bit_depth']} bit"
    if isinstance(row.get("taken_at"), datetime):
        yield f"taken {row['taken_at']:%Y-%m-%d %H:%M}"
    for name in ("brightness", "sharpness"):
        if row.get(name) is not None:
            yield f"{name} {text.short(round(row[name], 2))}"


def _keys(tables: Tables, uris: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the keys of the groups of each image."""
    found = tables.rows(
        f"SELECT uri, list(DISTINCT key ORDER BY key)[1:{_KEYS}] FROM {tables.membership} "
        "WHERE list_contains(?, uri) GROUP BY uri",
        [uris],
    )
    return {uri: tuple(text.cut(key, 80) for key in keys) for uri, keys in found}
