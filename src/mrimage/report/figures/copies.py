"""Findings on copies: images with the same bytes as another, and images that look the same."""

from __future__ import annotations

from collections.abc import Iterator

from mrimage.report import text
from mrimage.report.figures.figures import Insight
from mrimage.report.tables.views import Tables

# Two names of one file, such as a link and its target, are not copies of each other.
_FILES = """(SELECT min(uri) AS uri, max(size) AS size, sha256 FROM image WHERE sha256 IS NOT NULL
    GROUP BY sha256, coalesce(file, uri))"""
_COPIES = """SELECT uri, first_value(uri) OVER same AS copy_of, size, sha256 FROM {files}
    WINDOW same AS (PARTITION BY sha256 ORDER BY uri) QUALIFY row_number() OVER same > 1 ORDER BY copy_of, uri"""

_LOOKALIKES = """SELECT uri, first_value(uri) OVER alike AS looks_like, phash FROM (
    SELECT min(uri) AS uri, phash FROM image WHERE phash IS NOT NULL AND sha256 IS NOT NULL GROUP BY phash, sha256)
    WINDOW alike AS (PARTITION BY phash ORDER BY uri) QUALIFY row_number() OVER alike > 1 ORDER BY looks_like, uri"""


def find_copies(tables: Tables) -> Iterator[Insight]:
    """Yield how many images are copies of another one, and how many more look the same."""
    counted = count_copies(tables)
    if "copies" in counted:
        copies, wasted = counted["copies"]
        if copies:
            yield _copies(copies, wasted, _COPIES.format(files=_files(tables)))
    if "lookalikes" in counted:
        alike, _ = counted["lookalikes"]
        if alike:
            yield _lookalikes(alike)


def count_copies(tables: Tables) -> dict[str, tuple[int, int]]:
    """Return the number of ``copies`` and their bytes, and the same of the ``lookalikes`` (without
    bytes), as far as the catalogue has the columns."""
    counted: dict[str, tuple[int, int]] = {}
    if not tables.has("sha256"):
        return counted
    # Sums per digest count what the query lists, without a window function over every image.
    copies, wasted = tables.row(
        "SELECT coalesce(sum(n - 1), 0)::BIGINT, coalesce(sum((n - 1) * size), 0)::BIGINT FROM "
        f"(SELECT count(*) AS n, min(size) AS size FROM {_files(tables)} GROUP BY sha256) "
        "WHERE n > 1"
    )
    counted["copies"] = copies, wasted
    if tables.has("phash"):
        alike = tables.row(
            "SELECT coalesce(sum(n - 1), 0)::BIGINT FROM "
            "(SELECT count(DISTINCT sha256) AS n FROM image "
            "WHERE phash IS NOT NULL GROUP BY phash HAVING n > 1)"
        )[0]
        counted["lookalikes"] = alike, 0
    return counted


def _files(tables: Tables) -> str:
    if tables.has("file"):
        return _FILES
    # An OUT of an earlier version, which did not record which names are of one file.
    return _FILES.replace("coalesce(file, uri)", "uri")


def _copies(copies: int, wasted: int, sql: str) -> Insight:
    counted = text.plural(
        copies, "image is a byte-for-byte copy", "images are byte-for-byte copies"
    )
    them = "it" if copies == 1 else "them"
    return Insight(
        name="copies",
        level="notice",
        text=f"{counted} of another; deleting {them} would free {text.size(wasted)}.",
        next="The list names the original of each copy. Keep one of each, and split training data "
        "by content, not by name.",
        rule="Files with the same SHA-256; the first of each set is not counted.",
        sql=sql,
        count=copies,
        counts="images",
    )


def _lookalikes(alike: int) -> Insight:
    counted = text.plural(alike, "more image looks", "more images look")
    return Insight(
        name="lookalikes",
        level="notice",
        text=f"{counted} the same as another, but the bytes differ.",
        next="--group duplicates puts them side by side, and says which to keep.",
        rule="Images with the same perceptual hash and different SHA-256; "
        "nearly equal hashes are not counted.",
        sql=_LOOKALIKES,
        count=alike,
        counts="images",
    )
