"""The report as a PDF and its charts as PNGs, made without a browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import vl_convert

from mrimage.errors import UsageError
from mrimage.report.charts.charts import Chart
from mrimage.report.charts.sections import make_charts
from mrimage.report.figures.figures import Figures
from mrimage.report.page import render_static
from mrimage.report.thumbnails import PageThumbnail

PRINT_COLORS = {
    "var(--chart)": "#0f7a80",
    "var(--chart-2)": "#d08a2e",
    "var(--chart-3)": "#7c6bb0",
    "var(--chart-4)": "#8a9299",
    "var(--k0)": "#8a9299",
    "var(--k1)": "#0f7a80",
    "var(--k2)": "#d08a2e",
    "var(--k3)": "#7c6bb0",
    "var(--k4)": "#c2554d",
    "var(--k5)": "#4f8a3c",
    "var(--k6)": "#3b73b9",
    "var(--k7)": "#a8558f",
    "var(--ink)": "#14181b",
    "var(--muted)": "#4b545c",
    "var(--line)": "#cfcdc7",
    "var(--grid)": "#e8e6e1",
    "var(--surface)": "#ffffff",
    "var(--warn)": "#a84300",
}
"""The variables of the style sheet in print. A picture has no style sheet, so they are filled in."""

_LOCALE = {"decimal": ".", "thousands": "\u202f", "grouping": [3], "currency": ["", ""]}
"""A narrow no-break space between thousands, as everywhere in the report."""

# Widths of charts in pixels: of small, ordinary and wide ones.
_SMALL_WIDTH = 280
_ORDINARY_WIDTH = 420
_WIDE_WIDTH = 900

_PNG_SCALE = 2
_PNG_PADDING = 14

_FONT = "DejaVu Sans, Verdana, sans-serif"
"""Fonts of equal widths, because one program measures the labels and another one draws them."""


def write_pngs(figures: Figures, folder: Path) -> list[Path]:
    """Write each chart of the report as ``folder/<name>.png``, and return the paths.

    The pictures have a white background and twice the pixels of the chart on the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in make_charts(figures).all:
        path = folder / f"{chart.name}.png"
        spec = _print_spec(chart) | {
            "background": "white",
            "padding": _PNG_PADDING,
            "title": _title(chart),
        }
        path.write_bytes(vl_convert.vegalite_to_png(spec, scale=_PNG_SCALE, format_locale=_LOCALE))
        written.append(path)
    return written


def to_pdf(
    figures: Figures, thumbnails: Mapping[str, PageThumbnail], lists: Mapping[str, str]
) -> bytes:
    """Return the report as a PDF: the page laid out by WeasyPrint, with its charts as vectors.

    Raises UsageError if WeasyPrint cannot be loaded.
    """
    try:
        weasyprint = import_module("weasyprint")
        fetcher = import_module("weasyprint.urls").URLFetcher(allowed_protocols=["data"])
    except (ImportError, OSError, AttributeError) as error:
        # OSError: Pango or another C library is missing. AttributeError: a version before URLFetcher.
        raise UsageError(
            f"--pdf needs WeasyPrint, but it cannot be loaded ({error}). Do: pip install "
            '"mrimage[pdf]"; or print report.html from a browser, which breaks its pages at other places.'
        ) from error
    drawn = {chart.name: svg_uri(chart) for chart in make_charts(figures).all}
    page = render_static(figures, thumbnails, lists, drawn)
    document: bytes = weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf()
    return document


def svg_uri(chart: Chart) -> str:
    """Return the chart as an SVG picture in a data URI."""
    svg: str = vl_convert.vegalite_to_svg(_print_spec(chart), format_locale=_LOCALE)
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def _title(chart: Chart) -> dict[str, Any]:
    """Return the chart's title inside the picture, for use outside the page."""
    return {
        "text": chart.title,
        "anchor": "start",
        "fontSize": 15,
        "offset": 10,
        "color": PRINT_COLORS["var(--ink)"],
    }


def _print_spec(chart: Chart) -> dict[str, Any]:
    """Return the chart's specification with its rows, a fixed width and real colors."""
    spec: dict[str, Any] = _printable(chart.complete())
    spec["config"] = {**spec["config"], "font": _FONT}
    spec["width"] = _width(chart)
    spec["autosize"] = {"type": "pad"}
    return spec


def _width(chart: Chart) -> int:
    if chart.wide:
        return _WIDE_WIDTH
    return _SMALL_WIDTH if chart.small else _ORDINARY_WIDTH


def _printable(value: Any) -> Any:
    """Return a part of a specification with print colors, and without ``params``, the mouse's."""
    if isinstance(value, dict):
        return {key: _printable(inner) for key, inner in value.items() if key != "params"}
    if isinstance(value, list):
        return [_printable(inner) for inner in value]
    if isinstance(value, str):
        return PRINT_COLORS.get(value, value)
    return value
