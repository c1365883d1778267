"""The clusters of ``--find duplicates``, from ``duplicates.parquet`` at the top of OUT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from mrimage.report import text
from mrimage.report.figures.figures import Cluster, DuplicateImage, Duplicates, DuplicatesFile
from mrimage.report.figures.galleries import named
from mrimage.report.figures.prices import look_up
from mrimage.report.tables.views import Tables

CLUSTERS = 24
"""The most clusters that the page shows: those that free the most bytes."""

IMAGES = 6
"""The most images of a cluster that the page shows."""

SHARED = 12
"""The most pairs of groups that are named because they share pictures."""

FILE = "duplicates.parquet"


def find_in_source(tables: Tables) -> Duplicates | None:
    """Return what ``--find duplicates`` found; None if the job did not look, or found nothing."""
    try:
        total, extra, saved = tables.row(
            """SELECT count(DISTINCT cluster),
            count(*) FILTER (NOT keep AND kind <> 'same-file'),
            coalesce(sum(saved), 0)::BIGINT FROM duplicates"""
        )
        if not total:
            return None
        return Duplicates(
            clusters=_clusters(tables),
            total=total,
            extra=extra,
            saved=saved,
            read=(DuplicatesFile(FILE, FILE),),
            files=1,
            kinds=_kinds(tables),
            shared=_shared(tables),
        )
    except duckdb.Error:
        # The file has other columns: verify says that it has changed.
        return None


def _clusters(tables: Tables) -> tuple[Cluster, ...]:
    """Return the clusters that free the most bytes, with their first images."""
    best = tables.rows(
        f"""SELECT cluster, count(*), sum(saved)::BIGINT FROM duplicates GROUP BY cluster
        ORDER BY sum(saved) DESC, cluster LIMIT {CLUSTERS}"""
    )
    clusters = []
    for cluster, images, freed in best:
        members = tables.rows(
            f"""SELECT uri, keep, kind, score, reason, width, height, bytes, rectangle
            FROM duplicates WHERE cluster = ?
            ORDER BY keep DESC, saved DESC, uri LIMIT {IMAGES}""",
            [cluster],
        )
        clusters.append(Cluster("", _images(tables, members), images, freed))
    return tuple(clusters)


def _images(tables: Tables, members: Sequence[tuple[Any, ...]]) -> tuple[DuplicateImage, ...]:
    looks = look_up(tables, [row[0] for row in members])
    images = []
    for uri, keep, kind, score, reason, width, height, size, rectangle in members:
        words = f"to keep: {reason}" if keep else _words(kind, score, rectangle)
        note = f"{width} × {height} · {text.size(size)}"
        unseen = looks[uri].unseen if uri in looks else "no picture"
        images.append(DuplicateImage(named(uri, note, unseen), bool(keep), words, size))
    return tuple(images)


def _words(kind: str, score: float, rectangle: Sequence[int] | None) -> str:
    """How a copy relates to the one to keep: ``cropped to 640 × 480 at 12, 30 (0.98)``."""
    if kind == "same-file":
        return "same file"
    words = text.cut(kind, 40)
    if rectangle and len(rectangle) == 4:
        left, top, width, height = rectangle
        words += f" to {width} × {height} at {left}, {top}"
    return words if score >= 1 else f"{words} ({score:.2f})"


def _kinds(tables: Tables) -> tuple[tuple[str, int, int], ...]:
    found = tables.rows(
        """SELECT kind, count(*), sum(saved)::BIGINT FROM duplicates WHERE NOT keep
        GROUP BY kind ORDER BY sum(saved) DESC, kind LIMIT 20"""
    )
    return tuple((text.cut(kind, 40), images, saved) for kind, images, saved in found)


def _shared(tables: Tables) -> tuple[tuple[str, str, int], ...]:
    """Return pairs of groups that have images of one cluster, those with the most clusters first."""
    found = tables.rows(
        f"""WITH placed AS (
            SELECT DISTINCT cluster, key FROM duplicates JOIN {tables.membership} USING (uri)
            WHERE key IS NOT NULL)
        SELECT a.key, b.key, count(*) FROM placed a JOIN placed b
        ON a.cluster = b.cluster AND a.key < b.key
        GROUP BY a.key, b.key ORDER BY count(*) DESC, a.key, b.key LIMIT {SHARED}"""
    )
    return tuple((text.cut(one, 60), text.cut(other, 60), count) for one, other, count in found)
