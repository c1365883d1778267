"""Renders the figures as one page that needs nothing else: styles, scripts and pictures are in it."""

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
from mrimage.report.charts.sections import Charts, make_charts
from mrimage.report.figures.figures import Change, Summary, Unit
from mrimage.report.figures.health import STRAGGLER_FACTOR
from mrimage.report.thumbnails import Shot

_OPTION = re.compile(r"(?<![\w-])(--(?:to|fit|correct|format|metadata) [a-z-]+|--[a-z][a-z-]+)")

FIRST_GROUPS = 25
"""Groups in the page before any script runs: on paper, and where scripts are off."""


def render(summary: Summary, shots: Mapping[str, Shot]) -> bytes:
    """The page as UTF-8, with its charts drawn by the reader's browser."""
    charts = make_charts(summary)
    script = _asset("page.js")
    library = bundle.load().replace("</script", "<\\/script")
    scripts = [library, script] if charts.all else [script]
    islands = {"charts": [_plain(chart) for chart in charts.all], "groups": _group_rows(summary)}
    return _fill(summary, shots, charts, scripts=scripts, islands=islands, drawn={})


def render_static(summary: Summary, shots: Mapping[str, Shot], drawn: Mapping[str, str]) -> str:
    """The page for paper: no script, every chart as the picture that ``drawn`` has for its name, as a data URI."""
    return _fill(summary, shots, make_charts(summary), scripts=[], islands={}, drawn=drawn).decode()


def _fill(
    summary: Summary,
    shots: Mapping[str, Shot],
    charts: Charts,
    *,
    scripts: Sequence[str],
    islands: Mapping[str, object],
    drawn: Mapping[str, str],
) -> bytes:
    style = _asset("page.css")
    page = (
        _environment()
        .get_template("page.html")
        .render(
            s=summary,
            shots=shots,
            charts=charts,
            drawn=drawn,
            first_groups=FIRST_GROUPS,
            straggler_factor=STRAGGLER_FACTOR,
            style=Markup(style),
            scripts=[Markup(script) for script in scripts],
            policy=_policy(scripts, [style]),
            islands={name: _json_island(value) for name, value in islands.items()},
        )
    )
    return page.lstrip().encode("utf-8", "replace")


def _plain(chart: Chart) -> dict[str, object]:
    return {
        "name": chart.name,
        "spec": chart.spec,
        "rows": chart.rows,
        "groups": dict(chart.groups),
    }


def _group_rows(summary: Summary) -> list[list[object]]:
    """One short list for each group, in the order of the table's columns."""
    return [
        [g.key, g.images, g.bytes, g.pixels, g.outputs, g.output_bytes, g.sample]
        for g in summary.groups.rows
    ]


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Nothing is allowed but these very scripts and styles, and pictures inside the page."""
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {' '.join(map(_hash, styles))}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json_island(value: object) -> Markup:
    """JSON that no content can end early: whatever HTML might read as markup is escaped, and so is all non-ASCII."""
    plain = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _asset(name: str) -> str:
    return files("mrimage.report").joinpath("assets", name).read_text(encoding="utf-8")


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _query(sql: str, out: str) -> str:
    """The command that lists what a figure counts."""
    return f"mrimage query {shlex.quote(text.cut(out, 1000))} {shlex.quote(' '.join(sql.split()))}"


def _with_options(sentence: str) -> Markup:
    """A sentence with its command-line options set as code, so that no line breaks within one."""
    return Markup(_OPTION.sub(r"<code>\1</code>", str(escape(sentence))))


def _link(path: str) -> str:
    """A path below OUT as a relative link; the leading ``./`` keeps any name from being read as a scheme."""
    return "./" + quote(path)


def _quantity(value: float, unit: Unit) -> str:
    show = {"bytes": text.size, "seconds": text.duration, "pixels": text.short}
    return show.get(unit, text.number)(value)


def _difference(change: Change) -> str:
    if change.before == change.after:
        return "none"
    return (
        "new"
        if change.share is None
        else f"{100 * change.share:+,.1f}\u00a0%".replace("-", "\u2212")
    )


def _flatten(job: Mapping[str, object]) -> list[tuple[str, str]]:
    """What a job sets, one line for each setting: ``("edits.format", "webp")``."""
    lines: list[tuple[str, str]] = []
    for name, value in job.items():
        if isinstance(value, Mapping):
            lines += [(f"{name}.{inner}", shown) for inner, shown in _flatten(value)]
        elif value not in (None, [], (), ""):
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            lines.append(
                (text.cut(name, 40), text.cut({"True": "yes", "False": "no"}.get(shown, shown)))
            )
    return lines


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
