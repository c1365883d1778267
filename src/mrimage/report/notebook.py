"""A run's summary in a notebook: its totals, what stands out, and a few charts."""

from __future__ import annotations

from html import escape

from mrimage.report import text
from mrimage.report.export import svg_uri
from mrimage.report.figures import Summary
from mrimage.report.page import make_charts

SHOWN = ("format", "dimensions", "megapixels", "size", "color_space", "groups")
"""The charts that a notebook shows by default."""


CHART_WIDTH = 380


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
    head = "".join(f"<th>{name}</th>" for name in tiles)
    row = "".join(f"<td>{value}</td>" for value in tiles.values())
    found = "".join(f"<li>{escape(insight.text)}</li>" for insight in summary.insights[:8])
    source = escape(text.cut(summary.run.source, 80))
    charts = {chart.name: chart for chart in make_charts(summary).all}
    drawn = "".join(
        f'<figure style="display: inline-block; margin: .5em"><figcaption>{escape(charts[name].title)}</figcaption>'
        f'<img src="{svg_uri(charts[name])}" alt="{escape(charts[name].alt)}" width="{CHART_WIDTH}"></figure>'
        for name in SHOWN
        if name in charts
    )
    return (
        f"<p><strong>mrimage</strong>: <bdi>{source}</bdi></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table><ul>{found}</ul>{drawn}"
    )


def to_text(summary: Summary) -> str:
    """One line: what was listed, processed and quarantined."""
    totals = summary.totals
    return (
        f"{text.plural(totals.listed, 'image')}: {text.number(totals.processed)} processed, "
        f"{text.number(totals.quarantined)} quarantined, {text.plural(totals.groups, 'group')}"
    )
