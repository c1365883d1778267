"""A run's summary in a notebook: its totals, what stands out, and a few charts."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from mrimage.report import text
from mrimage.report.charts.charts import Chart
from mrimage.report.charts.sections import make_charts
from mrimage.report.export import svg_uri
from mrimage.report.figures.figures import Summary

SHOWN = ("format", "color_space", "megapixels", "size", "groups", "dimensions")
"""The charts that a notebook shows."""

INSIGHTS, WIDTH = 8, 400

_CELL = "text-align: right; padding: 2px 8px"
_FIGURE = "display: inline-block; vertical-align: top; margin: 0 12px 12px 0; padding: 8px; background: #fff; color: #14181b"
"""White in a dark notebook too: the charts are drawn for paper."""


def to_html(summary: Summary) -> str:
    """Totals, insights and charts as HTML, for ``_repr_html_``. The charts are pictures, so that every notebook
    shows them, and everything from the source is escaped."""
    totals = summary.totals
    tiles = {
        "listed": text.number(totals.listed),
        "processed": text.number(totals.processed),
        "quarantined": text.number(totals.quarantined),
        "bytes": text.size(totals.source_bytes),
        "groups": text.number(totals.groups),
        "outputs": text.number(totals.outputs),
        "time": text.duration(totals.seconds),
    }
    head = "".join(f'<th style="{_CELL}">{name}</th>' for name in tiles)
    row = "".join(f'<td style="{_CELL}">{value}</td>' for value in tiles.values())
    found = "".join(f"<li>{escape(insight.text)}</li>" for insight in summary.insights[:INSIGHTS])
    charts = {chart.name: replace(chart, wide=False) for chart in make_charts(summary).all}
    drawn = "".join(_figure(charts[name]) for name in SHOWN if name in charts)
    return (
        f"<p><strong>mrimage</strong>: <bdi>{escape(text.cut(summary.run.source, 80))}</bdi>, all of it in "
        f"<code>{escape(text.cut(summary.run.out, 160))}/report.html</code></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table><ul>{found}</ul><div>{drawn}</div>"
    )


def _figure(chart: Chart) -> str:
    caption = f'<figcaption style="font-weight: 600">{escape(chart.title)}</figcaption>'
    return f'<figure style="{_FIGURE}">{caption}<img src="{svg_uri(chart)}" alt="{escape(chart.alt)}" width="{WIDTH}"></figure>'
