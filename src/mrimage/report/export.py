"""The report for paper and its charts as pictures, made without a browser."""

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
from mrimage.report.figures.figures import Summary
from mrimage.report.page import render_static
from mrimage.report.thumbnails import Shot

PAPER = {
    "var(--chart)": "#0f7a80", "var(--chart-2)": "#d08a2e", "var(--chart-3)": "#7c6bb0", "var(--chart-4)": "#8a9299",
    "var(--ink)": "#14181b", "var(--muted)": "#4b545c", "var(--line)": "#cfcdc7", "var(--grid)": "#e8e6e1",
    "var(--surface)": "#ffffff", "var(--warn)": "#a84300",
}  # fmt: skip
"""The style sheet's colors on paper, since a picture has no style sheet."""

_LOCALE = {"decimal": ".", "thousands": "\u202f", "grouping": [3], "currency": ["", ""]}
"""Thousands apart by a narrow space, as in all of the report."""

_SMALL, _WIDTH, _WIDE = 280, 420, 900
_PNG_SCALE, _PNG_PADDING = 2, 14

_FONT = "DejaVu Sans, Verdana, sans-serif"
"""Fonts of one width, so that labels fit where they are drawn by another program than the one that measured them."""


def write_pngs(summary: Summary, folder: Path) -> list[Path]:
    """Write each chart of the report as ``folder/<name>.png``, on white, at twice its size in pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in make_charts(summary).all:
        path = folder / f"{chart.name}.png"
        spec = _on_paper(chart) | {
            "background": "white",
            "padding": _PNG_PADDING,
            "title": _title(chart),
        }
        path.write_bytes(vl_convert.vegalite_to_png(spec, scale=_PNG_SCALE, format_locale=_LOCALE))
        written.append(path)
    return written


def to_pdf(summary: Summary, shots: Mapping[str, Shot]) -> bytes:
    """The report as a PDF: the same page, laid out by WeasyPrint, its charts as vector pictures.

    Raises UsageError when WeasyPrint is not installed.
    """
    try:
        weasyprint = import_module("weasyprint")
        fetcher = import_module("weasyprint.urls").URLFetcher(allowed_protocols=["data"])
    except (ImportError, OSError, AttributeError) as error:
        raise UsageError(
            f"Expected WeasyPrint for --pdf, but it cannot be loaded ({error}). Do: pip install "
            '"mrimage[pdf]"; or print report.html from a browser, which gives the same pages.'
        ) from error
    drawn = {chart.name: svg_uri(chart) for chart in make_charts(summary).all}
    page = weasyprint.HTML(string=render_static(summary, shots, drawn), url_fetcher=fetcher)
    document: bytes = page.write_pdf()
    return document


def svg_uri(chart: Chart) -> str:
    """The chart as an SVG picture in a data URI."""
    svg: str = vl_convert.vegalite_to_svg(_on_paper(chart), format_locale=_LOCALE)
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def _title(chart: Chart) -> dict[str, Any]:
    """A picture leaves its page, and takes the chart's name along."""
    return {
        "text": chart.title,
        "anchor": "start",
        "fontSize": 15,
        "offset": 10,
        "color": PAPER["var(--ink)"],
    }


def _on_paper(chart: Chart) -> dict[str, Any]:
    """The chart's specification with a fixed width and real colors."""
    spec: dict[str, Any] = _colored(chart.complete())
    spec["config"] = {**spec["config"], "font": _FONT}
    spec |= {
        "width": _WIDE if chart.wide else _SMALL if chart.small else _WIDTH,
        "autosize": {"type": "pad"},
    }
    return spec


def _colored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _colored(inner) for key, inner in value.items() if key != "params"}
    if isinstance(value, list):
        return [_colored(inner) for inner in value]
    return PAPER.get(value, value) if isinstance(value, str) else value
