"""What group corrections did: how far apart the images of a group were before and after."""

from __future__ import annotations

from mrimage.report import text
from mrimage.report.figures.figures import CorrectionFigures
from mrimage.report.tables.views import Tables

LISTED = 50
"""Groups that the report lists: the largest ones. The view ``corrected`` has every image."""


def list_corrections(tables: Tables) -> tuple[CorrectionFigures, ...]:
    """Return the figures of the largest corrected groups, the largest first."""
    if not tables.wrote("corrected"):
        return ()
    before = _spread("before")
    after = _spread("after")
    found = tables.rows(
        f"""SELECT key, method, count(*), {before}, {after}, max(clipped) FROM corrected
        GROUP BY key, method ORDER BY count(*) DESC, key, method LIMIT {LISTED}"""
    )
    return tuple(
        CorrectionFigures(text.cut(key), method, images, round(was, 3), round(now, 3), clipped)
        for key, method, images, was, now, clipped in found
    )


def _spread(when: str) -> str:
    """SQL of the deviation of the images' mean colors: a distance in Lab."""
    bands = (f"var_pop({band}_{when})" for band in ("lightness", "a", "b"))
    return f"sqrt({' + '.join(bands)})"
