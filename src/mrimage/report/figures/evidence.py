"""The pictures of each finding, and the whole list behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mrimage.report import text
from mrimage.report.figures.figures import Insight, Listing, Picture
from mrimage.report.figures.galleries import ALIKE_BITS, named
from mrimage.report.figures.prices import Look, look_up
from mrimage.report.tables.cells import write_csv
from mrimage.report.tables.views import Tables

PICTURES = 8
"""The most pictures under a finding."""

CANDIDATES = 200
"""Images of a finding's list to choose its pictures from, so that a burst is shown once."""

INLINE_ROWS = 400
"""The most rows of a list that is in the page itself. A longer one is a file beside it."""

INLINE_CHARACTERS = 600_000
"""The most characters of all lists in the page."""

CHUNK_ROWS = 5_000
"""Rows of a long list that are in memory at once."""

FOLDER = "lists"
"""The folder below OUT with the lists that are too long for the page."""

_WITHOUT_LIST = frozenset({"complete", "smaller", "dominant_group"})
"""Findings on nearly all images: the catalogue is their list."""


_ON_COPIES = frozenset({"copies", "lookalikes"})
"""Findings whose images look like others, which is the point of them."""

_OF = {"copy_of": "copy of", "looks_like": "looks like"}
"""What a caption says before the name of another image, by the column that has the name."""

# The frame of an image without a picture has the reason. Positions are nobody's business here.
_UNSAID = frozenset({"latitude", "longitude", "has_alpha", "reason", "message"})


def pictures(tables: Tables, insight: Insight) -> tuple[Picture, ...]:
    """Return the first pictures of a finding's list, without look-alikes."""
    if not insight.sql or insight.name in _WITHOUT_LIST:
        return ()
    columns, rows = _rows(tables, f"{insight.sql} LIMIT {CANDIDATES}")
    if columns[0] != "uri":
        return ()
    looks = look_up(tables, [row[0] for row in rows])
    chosen = _of_each(rows) if insight.name in _ON_COPIES else _apart(rows, looks)
    shown = []
    for row in chosen[:PICTURES]:
        look = looks.get(row[0])
        unseen = look.unseen if look else _reason_unseen(columns, row)
        shown.append(named(row[0], _note(columns, row), unseen))
    return tuple(shown)


def _of_each(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return a row for each original, the second column, and then all others."""
    first = {row[1]: row for row in reversed(rows)}
    return sorted(rows, key=lambda row: first[row[1]] != row)


def _rows(tables: Tables, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of the columns and the rows of a query, in its order."""
    cursor = tables.connection.execute(sql)
    return [column[0] for column in cursor.description], cursor.fetchall()


def _apart(rows: Sequence[tuple[Any, ...]], looks: dict[str, Look]) -> list[tuple[Any, ...]]:
    """Return the rows of images that do not look like one of an earlier row."""
    kept = []
    hashes: list[int] = []
    for row in rows:
        look = looks.get(row[0])
        if look and look.phash:
            bits = int(look.phash, 16)
            if any((bits ^ other).bit_count() <= ALIKE_BITS for other in hashes):
                continue
            hashes.append(bits)
        kept.append(row)
    return kept


def _reason_unseen(columns: Sequence[str], row: Sequence[Any]) -> str:
    """Return why an image that was not processed has no picture."""
    if "reason" in columns:
        return text.cut(row[columns.index("reason")], 30)
    return "no picture"


def _note(columns: Sequence[str], row: Sequence[Any]) -> str:
    """Return the caption of an image: what the finding's list says of it."""
    values = dict(zip(columns, row, strict=True))
    if values.get("width") and values.get("height"):
        return f"{values['width']} × {values['height']}"
    for name, value in list(values.items())[1:]:
        if name in _OF:
            return f"{_OF[name]} {text.cut(str(value).rpartition('/')[2], 40)}"
        if name == "size":
            return text.size(value)
        if name == "evidence":
            return text.cut(value, 80)
        if name in _UNSAID or value is None:
            continue
        words = text.short(value) if isinstance(value, float) else text.cut(value, 40)
        return f"{name.replace('_', ' ')} {words}"
    return ""


def make_lists(
    tables: Tables, insights: Iterable[Insight]
) -> tuple[tuple[Insight, ...], dict[str, str]]:
    """Return the findings with their lists, and the CSV of those that are in the page, by name.

    The lists of the most pressing findings are in the page first.
    """
    listed = []
    inline: dict[str, str] = {}
    left = INLINE_CHARACTERS
    for insight in insights:
        if not insight.sql or insight.name in _WITHOUT_LIST:
            listed.append(insight)
            continue
        name = f"{insight.name}.csv"
        path = f"{FOLDER}/{name}"
        if insight.count <= INLINE_ROWS:
            columns, rows = _rows(tables, insight.sql)
            csv = write_csv([columns, *rows], quote_formulas=True)
            if len(csv) <= left:
                left -= len(csv)
                inline[name] = csv
                path = ""
        listed.append(replace(insight, listing=Listing(name, insight.count, path)))
    return tuple(listed), inline


def write_lists(tables: Tables, insights: Iterable[Insight], folder: Path) -> dict[str, Path]:
    """Write each list that is not in the page as a CSV file into ``folder``.

    Return the local paths by the path below OUT.
    """
    written = {}
    for insight in insights:
        if insight.listing and insight.listing.path:
            path = folder / insight.listing.name
            _write_csv(tables, insight.sql, path)
            written[insight.listing.path] = path
    return written


def _write_csv(tables: Tables, sql: str, path: Path) -> None:
    """Write the result of a query as CSV, with formulas quoted, whatever its length."""
    cursor = tables.connection.execute(sql)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(write_csv([[column[0] for column in cursor.description]], quote_formulas=True))
        while rows := cursor.fetchmany(CHUNK_ROWS):
            file.write(write_csv(rows, quote_formulas=True))
