"""What all charts share: colors, axes, and the settings of Vega-Lite."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""

CHART_HEIGHT = 200
"""Pixels of a chart without horizontal bars."""

# Colors by role. The style sheet of the page sets them for light and dark; ``export`` for print.
CHART = "var(--chart)"
SECOND = "var(--chart-2)"
THIRD = "var(--chart-3)"
FOURTH = "var(--chart-4)"

KEY_COLORS = tuple(f"var(--k{place})" for place in range(1, 8))
"""The colors of the largest groups, the same on the whole page."""

REST_COLOR = "var(--k0)"
"""The color of all other groups together."""

COUNT_AXIS: Spec = {
    "tickCount": 4,
    "labelExpr": "datum.value % 1 ? '' : format(datum.value, '~s')",
}
"""An axis of counts: few ticks with short labels, and no label for half an image."""

ZOOM_HINT = "Drag to move, Shift and wheel to zoom, double-click to reset."

PLAIN_LABEL = (
    "datum.value >= 1e5 || datum.value < 1e-3 && datum.value > 0 ? format(datum.value, '.3~s') : "
    "format(datum.value, '.3~r')"
)
"""Labels of an axis without a unit, to three digits."""

CONFIG: Spec = {
    "aria": False,
    "mark": {"aria": False},
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "view": {"stroke": None},
    "bar": {"color": CHART},
    "rect": {"color": CHART},
    "line": {"color": CHART},
    "area": {"color": CHART},
    "point": {"color": CHART},
    "rule": {"color": CHART},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--grid)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 150,
        "labelPadding": 6,
        "titlePadding": 8,
    },
    "axisY": {"ticks": False},
    "axisYBand": {"domain": False, "grid": False},
    "axisYQuantitative": {"domain": False},
    "axisXQuantitative": {"grid": False},
    "legend": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "text": {"color": "var(--muted)", "fontSize": 12},
}


def base(view: Spec, height: int = CHART_HEIGHT) -> Spec:
    """Complete a view to a chart that is as wide as its card and ``height`` pixels high.

    Screen readers read its ``alt`` and its table, so its marks have no ARIA attributes.
    """
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"name": "rows"},
        "background": None,
        "config": CONFIG,
        **view,
    }


def zoom(*axes: str) -> Spec:
    """Return a parameter that lets the reader move and zoom the chart along ``axes``.

    Drag moves. The wheel zooms only with Shift, so that it still scrolls the page.
    """
    select = {"type": "interval", "encodings": list(axes), "zoom": "wheel![event.shiftKey]"}
    return {"name": "zoom", "select": select, "bind": "scales"}
