"""Charts that set things side by side: spreads of a number by label, and two runs."""

from __future__ import annotations

from mrimage.report import text
from mrimage.report.charts.charts import (
    BAR_STEP,
    CHART,
    COUNT_AXIS,
    PLAIN_LABEL,
    SECOND,
    Chart,
    Spec,
    Table,
    base,
)
from mrimage.report.figures.data import Spreads
from mrimage.report.figures.figures import SideBySide


def spreads_chart(spreads: Spreads) -> Chart:
    """For each label a line from the 5th to the 95th percentile, a bar over the middle half, a mark at the median."""
    rows = tuple(
        {
            "label": s.label,
            "images": s.images,
            "p5": s.p5,
            "p25": s.p25,
            "median": s.median,
            "p75": s.p75,
            "p95": s.p95,
        }
        for s in spreads.rows
    )
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    x = {"type": "quantitative", "scale": {"type": "log"}, "title": "Bits per pixel",
         "axis": {"labelExpr": PLAIN_LABEL, "values": [m * 10.0**e for e in range(-3, 4) for m in (1, 2, 5)],
                  "labelOverlap": "greedy", "labelSeparation": 8}}  # fmt: skip
    tips = [
        ("label", "Format"),
        ("images", "Images"),
        ("p5", "5 %"),
        ("median", "Median"),
        ("p95", "95 %"),
    ]
    tooltip = [
        {"field": name, "title": title, **({"format": ".3~g"} if name[0] in "pm" else {})}
        for name, title in tips
    ]
    layers: list[Spec] = [
        {"mark": {"type": "rule", "color": CHART, "opacity": 0.6},
         "encoding": {"x": {"field": "p5", **x}, "x2": {"field": "p95"}}},
        {"mark": {"type": "bar", "size": 12, "cornerRadius": 2},
         "encoding": {"x": {"field": "p25", **x}, "x2": {"field": "p75"}}},
        {"mark": {"type": "tick", "color": "var(--ink)", "thickness": 2, "size": 14},
         "encoding": {"x": {"field": "median", **x}}},
    ]  # fmt: skip
    for layer in layers:
        layer["encoding"]["tooltip"] = tooltip
    columns = ("Format", "Images", "5 %", "25 %", "Median", "75 %", "95 %")
    table = tuple(
        (
            s.label,
            text.number(s.images),
            *(f"{v:.3g}" for v in (s.p5, s.p25, s.median, s.p75, s.p95)),
        )
        for s in spreads.rows
    )
    words = "; ".join(f"{s.label} {s.median:.3g}" for s in spreads.rows[:6])
    return Chart(
        name=spreads.name,
        title=spreads.title,
        about=spreads.about,
        alt=f"Median bits per pixel: {words}.",
        spec=base({"encoding": {"y": y}, "layer": layers}, BAR_STEP * len(rows)),
        rows=rows,
        table=Table(columns, table, (False, *[True] * 6)),
        sql=spreads.sql,
    )


def side_by_side_chart(both: SideBySide) -> Chart:
    """Two bars for each label: before and after."""
    rows = tuple(
        {"label": label, "run": run, "images": images}
        for label, before, after in zip(both.labels, both.before, both.after, strict=True)
        for run, images in (("before", before), ("after", after))
    )
    spec = base(
        {
            "mark": {"type": "bar", "cornerRadiusEnd": 2},
            "encoding": {
                "y": {"field": "label", "type": "nominal", "sort": None, "title": None, "scale": {"paddingInner": 0.25}},
                "yOffset": {"field": "run", "sort": ["before", "after"]},
                "x": {"field": "images", "type": "quantitative", "title": "Images", "axis": COUNT_AXIS},
                "color": {"field": "run", "type": "nominal", "sort": ["before", "after"], "title": None,
                          "scale": {"domain": ["before", "after"], "range": [SECOND, CHART]},
                          "legend": {"orient": "top"}},
                "tooltip": [{"field": "label", "title": both.title}, {"field": "run", "title": "Run"},
                            {"field": "images", "title": "Images", "format": ","}],
            },
        },
        28 * len(both.labels),
    )  # fmt: skip
    table = tuple(
        (
            label,
            text.number(before),
            text.number(after),
            f"{after - before:+,}".replace(",", "\u202f").replace("-", "\u2212"),
        )
        for label, before, after in zip(both.labels, both.before, both.after, strict=True)
    )
    return Chart(
        name=f"compare_{both.name}",
        title=both.title,
        about="Images in the other run and in this one.",
        alt=f"{both.title} before and after, for {text.plural(len(both.labels), 'value')}.",
        spec=spec,
        rows=rows,
        table=Table(("Value", "Before", "After", "Change"), table, (False, True, True, True)),
    )
