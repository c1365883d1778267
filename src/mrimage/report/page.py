"""Renders the figures as one self-contained HTML page, with its styles, scripts and pictures."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from mrimage.report import text
from mrimage.report.charts import bundle
from mrimage.report.charts.charts import Chart, key_colors
from mrimage.report.charts.sections import PageCharts, make_charts
from mrimage.report.figures.figures import Change, Figures, RunRecord, ShownImage, Unit
from mrimage.report.figures.health import STRAGGLER_FACTOR
from mrimage.report.thumbnails import PageThumbnail

_OPTION = re.compile(
    r"(?<![\w-])(--(?:to|fit|correct|format|group|metadata) [a-z-]+|--[a-z][a-z-]+)"
)
"""A command-line option in a sentence, with its value if the option takes one word."""

FIRST_GROUPS = 25
"""Groups that the page shows without scripts: in print, and where scripts are off."""


def render(
    figures: Figures, thumbnails: Mapping[str, PageThumbnail], lists: Mapping[str, str]
) -> bytes:
    """Return the page as UTF-8. The reader's browser draws its charts.

    ``lists`` has the CSV of the lists that are in the page, by name. The page has at most about
    12 MB: 8 MB of thumbnails, 1 MB of scripts, and 3 MB of lists, groups and names.
    """
    charts = make_charts(figures)
    scripts = [_asset("viewer.js"), _asset("page.js")]
    if charts.all:
        # A "</script" anywhere in the library would end its element early.
        library = bundle.load().replace("</script", "<\\/script")
        scripts.insert(0, library)
    pictures = _Pictures(thumbnails, repeated=False)
    places = {image.uri: place for place, image in enumerate(figures.images)}
    islands = {
        "charts": [_chart_data(chart, places) for chart in charts.all],
        "groups": _group_rows(figures, places),
        "images": [_image_row(image, pictures) for image in figures.images],
        "colors": key_colors(figures.data.filters),
    }
    return _fill(figures, pictures, lists, charts, scripts=scripts, islands=islands, drawn={})


def render_static(
    figures: Figures,
    thumbnails: Mapping[str, PageThumbnail],
    lists: Mapping[str, str],
    drawn: Mapping[str, str],
) -> str:
    """Return the page for print, without scripts.

    ``drawn`` has a picture of each chart, by the chart's name, as a data URI.
    """
    charts = make_charts(figures)
    pictures = _Pictures(thumbnails, repeated=True)
    page = _fill(figures, pictures, lists, charts, scripts=[], islands={}, drawn=drawn)
    return page.decode()


class _Pictures:
    """The thumbnails of the page, each with a number.

    The page has the bytes of each once, where it is shown first. A script copies them to all other
    places, unless they are to be ``repeated``.
    """

    def __init__(self, thumbnails: Mapping[str, PageThumbnail], *, repeated: bool) -> None:
        self.thumbnails = thumbnails
        self.numbers = {uri: number for number, uri in enumerate(thumbnails)}
        self._repeated = repeated
        self._written: set[str] = set()

    def __contains__(self, uri: str) -> bool:
        return uri in self.thumbnails

    def attributes(self, uri: str) -> Markup:
        """Return the attributes of an ``img`` with the picture: its size, and its source or number."""
        found = self.thumbnails[uri]
        size = f'width="{found.width}" height="{found.height}"'
        number = self.numbers[uri]
        if uri in self._written and not self._repeated:
            return Markup(f'{size} data-same="{number}"')
        self._written.add(uri)
        return Markup(f'{size} src="{found.source}" data-picture="{number}"')

    def unwritten(self) -> list[str]:
        """Return the uris of the pictures that are nowhere on the page yet: those of bars and groups."""
        return [uri for uri in self.thumbnails if uri not in self._written]


def _fill(
    figures: Figures,
    pictures: _Pictures,
    lists: Mapping[str, str],
    charts: PageCharts,
    *,
    scripts: Sequence[str],
    islands: Mapping[str, object],
    drawn: Mapping[str, str],
) -> bytes:
    """Fill in the template. ``islands`` are JSON values for the scripts, by name."""
    style = _asset("page.css") + _asset("print.css")
    template = _environment().get_template("page.html")
    page = template.render(
        figures=figures,
        pictures=pictures,
        images={image.uri: place for place, image in enumerate(figures.images)},
        colors=key_colors(figures.data.filters),
        lists=lists,
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


def _chart_data(chart: Chart, places: Mapping[str, int]) -> dict[str, object]:
    """Return what page.js needs to draw a chart, to filter it, and to open its bars.

    ``places`` has the place of an image in the list of all images, by uri.
    """
    return {
        "name": chart.name,
        "title": chart.title,
        "wide": chart.wide,
        "spec": chart.spec,
        "rows": chart.rows,
        "groups": dict(chart.groups),
        "examples": [_places(uris, places) for uris in chart.examples],
    }


def _places(uris: Sequence[str], places: Mapping[str, int]) -> list[int]:
    return [places[uri] for uri in uris if uri in places]


def _group_rows(figures: Figures, places: Mapping[str, int]) -> list[list[object]]:
    """Return a list for each group, in the order of the columns of the table in page.js."""
    colors = key_colors(figures.data.filters)
    return [
        [
            group.key,
            group.images,
            group.bytes,
            group.pixels,
            group.outputs,
            group.output_bytes,
            places.get(group.sample or ""),
            _places(group.examples, places),
            colors.get(text.cut(group.key, 80), ""),
        ]
        for group in figures.groups.rows
    ]


def _image_row(image: ShownImage, pictures: _Pictures) -> list[object]:
    """Return an image in the order of the columns in viewer.js."""
    number = pictures.numbers.get(image.uri, -1)
    return [image.uri, image.name, image.facts, image.keys, number]


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


def _changed(record: RunRecord, before: RunRecord | None) -> str:
    """Return in words which findings of a run have another count than in the run before."""
    if before is None:
        return ""
    words = []
    for name in sorted({*record.findings, *before.findings}):
        old = before.findings.get(name, 0)
        new = record.findings.get(name, 0)
        if old != new:
            words.append(f"{text.cut(name, 30)} {text.number(old)} → {text.number(new)}")
    return ", ".join(words) or "the same findings"


def _csv_uri(csv: str) -> Markup:
    """Return a list as a data URI, for a link that saves it."""
    return Markup("data:text/csv;charset=utf-8," + quote(csv, safe=""))


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
        ignored=partial(text.ignored, counted=text.number),
        cut=text.cut,
        with_options=_with_options,
        when=_when,
        query=_query,
        changed=_changed,
        csv_uri=_csv_uri,
        relative=_link,
        quantity=_quantity,
        difference=_difference,
        flatten=_flatten,
        shell=shlex.quote,
    )
    return environment
