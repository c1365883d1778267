"""The summary of a run in a notebook: its totals, its insights, and a few charts."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from mrimage.report import text
from mrimage.report.charts.charts import Chart
from mrimage.report.charts.sections import make_charts
from mrimage.report.export import svg_uri
from mrimage.report.figures.figures import Figures, Totals

NOTEBOOK_CHARTS = ("format", "color_space", "megapixels", "size", "groups", "dimensions")
"""The names of the charts that a notebook shows, in order."""

INSIGHT_LIMIT = 8
CHART_WIDTH = 400
"""Pixels."""

_CELL_STYLE = "text-align: right; padding: 2px 8px"

# White in a dark notebook too, because the charts are drawn in the colors for print.
_FIGURE_STYLE = (
    "display: inline-block; vertical-align: top; margin: 0 12px 12px 0; padding: 8px; "
    "background: #fff; color: #14181b"
)


def to_html(figures: Figures) -> str:
    """Return totals, insights and charts as HTML, for ``_repr_html_``.

    The charts are pictures, so that every notebook shows them. Every text from the source is
    escaped.
    """
    run = figures.run
    source = escape(text.cut(run.source, 80))
    out = escape(text.cut(run.out, 160))
    insights = [escape(insight.text) for insight in figures.insights[:INSIGHT_LIMIT]]
    items = "".join(f"<li>{insight}</li>" for insight in insights)
    return (
        f"<p><strong>mrimage</strong>: <bdi>{source}</bdi>, the full report is "
        f"<code>{out}/report.html</code></p>"
        f"{_totals_table(figures.totals)}<ul>{items}</ul><div>{_charts(figures)}</div>"
    )


def _totals_table(totals: Totals) -> str:
    cells = {
        "listed": text.number(totals.listed),
        "processed": text.number(totals.processed),
        "quarantined": text.number(totals.quarantined),
        "bytes": text.size(totals.source_bytes),
        "groups": text.number(totals.groups),
        "outputs": text.number(totals.outputs),
        "time": text.duration(totals.seconds),
    }
    head = "".join(f'<th style="{_CELL_STYLE}">{name}</th>' for name in cells)
    row = "".join(f'<td style="{_CELL_STYLE}">{value}</td>' for value in cells.values())
    return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>"


def _charts(figures: Figures) -> str:
    charts = {chart.name: chart for chart in make_charts(figures).all}
    found = [charts[name] for name in NOTEBOOK_CHARTS if name in charts]
    return "".join(_figure(chart) for chart in found)


def _figure(chart: Chart) -> str:
    # At this width the wide charts are drawn like the others.
    picture = svg_uri(replace(chart, wide=False))
    caption = f'<figcaption style="font-weight: 600">{escape(chart.title)}</figcaption>'
    image = f'<img src="{picture}" alt="{escape(chart.alt)}" width="{CHART_WIDTH}">'
    return f'<figure style="{_FIGURE_STYLE}">{caption}{image}</figure>'
