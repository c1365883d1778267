"""Renders the figures as one self-contained HTML page, with its styles, scripts and pictures."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from mrimage.report import text
from mrimage.report.charts import bundle
from mrimage.report.charts.charts import Chart
from mrimage.report.charts.sections import PageCharts, make_charts
from mrimage.report.figures.figures import Change, Figures, Unit
from mrimage.report.figures.health import STRAGGLER_FACTOR
from mrimage.report.thumbnails import PageThumbnail

_OPTION = re.compile(r"(?<![\w-])(--(?:to|fit|correct|format|metadata) [a-z-]+|--[a-z][a-z-]+)")
"""A command-line option in a sentence, with its value if the option takes one word."""

FIRST_GROUPS = 25
"""Groups that the page shows without scripts: in print, and where scripts are off."""


def render(figures: Figures, thumbnails: Mapping[str, PageThumbnail]) -> bytes:
    """Return the page as UTF-8. The reader's browser draws its charts."""
    charts = make_charts(figures)
    scripts = [_asset("page.js")]
    if charts.all:
        # A "</script" anywhere in the library would end its element early.
        library = bundle.load().replace("</script", "<\\/script")
        scripts.insert(0, library)
    islands = {
        "charts": [_chart_data(chart) for chart in charts.all],
        "groups": _group_rows(figures),
    }
    return _fill(figures, thumbnails, charts, scripts=scripts, islands=islands, drawn={})


def render_static(
    figures: Figures, thumbnails: Mapping[str, PageThumbnail], drawn: Mapping[str, str]
) -> str:
    """Return the page for print, without scripts.

    ``drawn`` has a picture of each chart, by the chart's name, as a data URI.
    """
    charts = make_charts(figures)
    page = _fill(figures, thumbnails, charts, scripts=[], islands={}, drawn=drawn)
    return page.decode()


def _fill(
    figures: Figures,
    thumbnails: Mapping[str, PageThumbnail],
    charts: PageCharts,
    *,
    scripts: Sequence[str],
    islands: Mapping[str, object],
    drawn: Mapping[str, str],
) -> bytes:
    """Fill in the template. ``islands`` are JSON values for the scripts, by name."""
    style = _asset("page.css")
    template = _environment().get_template("page.html")
    page = template.render(
        figures=figures,
        thumbnails=thumbnails,
        charts=charts,
        drawn=drawn,
        first_groups=FIRST_GROUPS,
        straggler_factor=STRAGGLER_FACTOR,
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts, [style]),
        islands={name: _json_island(value) for name, value in islands.items()},
    )
    return page.lstrip().encode("utf-8", "replace")


def _chart_data(chart: Chart) -> dict[str, object]:
    """Return what page.js needs to draw a chart and to filter it."""
    return {
        "name": chart.name,
        "spec": chart.spec,
        "rows": chart.rows,
        "groups": dict(chart.groups),
    }


def _group_rows(figures: Figures) -> list[list[object]]:
    """Return a list for each group, in the order of the columns of the table in page.js."""
    return [
        [
            group.key,
            group.images,
            group.bytes,
            group.pixels,
            group.outputs,
            group.output_bytes,
            group.sample,
        ]
        for group in figures.groups.rows
    ]


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return a content security policy.

    It allows only these scripts and styles, and pictures inside the page.
    """
    script_sources = " ".join(map(_hash, scripts)) or "'none'"
    style_sources = " ".join(map(_hash, styles))
    return (
        f"default-src 'none'; script-src {script_sources}; style-src {style_sources}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    """Return the source expression of a policy that allows an element with this content."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{b64encode(digest).decode()}'"


def _json_island(value: object) -> Markup:
    """Return ``value`` as ASCII JSON, with every character escaped that HTML reads as markup."""
    plain = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    escaped = plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(escaped)


def _asset(name: str) -> str:
    return files("mrimage.report").joinpath("assets", name).read_text(encoding="utf-8")


def _when(seconds: float) -> str:
    """Return a time in seconds since the epoch as a date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _query(sql: str, out: str) -> str:
    """Return the command that lists what a figure counts."""
    folder = shlex.quote(text.cut(out, 1000))
    one_line = " ".join(sql.split())
    return f"mrimage query {folder} {shlex.quote(one_line)}"


def _with_options(sentence: str) -> Markup:
    """Return a sentence with its command-line options as code, so that no line breaks in them."""
    escaped = str(escape(sentence))
    return Markup(_OPTION.sub(r"<code>\1</code>", escaped))


def _link(path: str) -> str:
    """Return a path below OUT as a relative link.

    The leading ``./`` prevents a name such as ``a:b`` from being read as a URL with a scheme.
    """
    return "./" + quote(path)


def _quantity(value: float, unit: Unit) -> str:
    if unit == "bytes":
        return text.size(value)
    if unit == "seconds":
        return text.duration(value)
    if unit == "pixels":
        return text.short(value)
    return text.number(value)


def _difference(change: Change) -> str:
    if change.before == change.after:
        return "none"
    if change.share is None:
        return "new"
    percent = 100 * change.share
    return f"{percent:+,.1f}\u00a0%".replace("-", "\u2212")


def _flatten(job: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the settings of a job as names and values: ``("edits.format", "webp")``."""
    lines: list[tuple[str, str]] = []
    for name, value in job.items():
        if isinstance(value, Mapping):
            lines += [(f"{name}.{inner}", line) for inner, line in _flatten(value)]
        elif value not in (None, [], (), ""):
            lines.append((text.cut(name, 40), text.cut(_setting(value))))
    return lines


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_setting, value))
    return str(value)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=text.number,
        short=text.short,
        bytesize=text.size,
        percent=text.percent,
        duration=text.duration,
        plural=text.plural,
        cut=text.cut,
        with_options=_with_options,
        when=_when,
        query=_query,
        relative=_link,
        quantity=_quantity,
        difference=_difference,
        flatten=_flatten,
        shell=shlex.quote,
    )
    return environment
