"""Assigns the charts to the sections of the page, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mrimage.report import text
from mrimage.report.charts.charts import Chart, distribution_chart
from mrimage.report.charts.health import groups_chart, health_charts
from mrimage.report.charts.maps import dimensions_chart, places_chart
from mrimage.report.charts.spans import side_by_side_chart, spreads_chart
from mrimage.report.figures.data import Data, Distribution, Swatch
from mrimage.report.figures.figures import Figures

SWATCH_TITLE = "How they look"
"""The title of the subsection that also shows the dominant colors."""

SUBSECTIONS = {
    "What they are": (
        "format",
        "color_space",
        "aspect",
        "dimensions",
        "megapixels",
        "size",
        "density",
        "density_by_format",
        "bands",
        "icc_profile",
        "bit_depth",
        "progressive",
        "frames",
    ),
    "Where they come from": (
        "taken_at",
        "camera",
        "lens",
        "software",
        "iso",
        "focal_length",
        "orientation",
        "places",
    ),
    SWATCH_TITLE: ("brightness", "contrast", "sharpness", "entropy", "colorfulness"),
}
"""The names of the figures about the images, by the title of their subsection."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SharedValue:
    """A figure with the same ``value`` for all images, which the page says instead of drawing it."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Subsection:
    """Charts about one aspect of the images, and the figures that have a single value."""

    title: str
    charts: tuple[Chart, ...]
    shared: tuple[SharedValue, ...]
    swatches: tuple[Swatch, ...] = ()


@dataclass(frozen=True, slots=True)
class PageCharts:
    """All charts of the page, by section."""

    data: tuple[Subsection, ...]
    groups: tuple[Chart, ...]
    health: tuple[Chart, ...]
    comparison: tuple[Chart, ...]

    @property
    def all(self) -> tuple[Chart, ...]:
        """Every chart of the page, in its order."""
        data = tuple(chart for subsection in self.data for chart in subsection.charts)
        return self.comparison + data + self.groups + self.health


def make_charts(figures: Figures) -> PageCharts:
    """Return the charts of the page."""
    groups = groups_chart(figures.groups, figures.data.filters)
    compared = figures.comparison
    sides = compared.distributions if compared else ()
    unrelated = compared is not None and compared.unrelated
    return PageCharts(
        data=tuple(_subsections(figures.data)),
        groups=(groups,) if groups else (),
        health=health_charts(figures.health),
        comparison=tuple(side_by_side_chart(both, unrelated=unrelated) for both in sides),
    )


def _subsections(data: Data) -> Iterator[Subsection]:
    """Yield the subsections of the section on data that are not empty."""
    drawn = _drawn(data)
    shared = _shared(data)
    for title, names in SUBSECTIONS.items():
        swatches = data.swatches if title == SWATCH_TITLE else ()
        charts = _named(names, drawn)
        values = _named(names, shared)
        if charts or values or swatches:
            yield Subsection(title, charts, values, swatches)


def _drawn(data: Data) -> dict[str, Chart]:
    """Return the charts about the images by name."""
    charts = {}
    for distribution in data.distributions:
        if len(distribution.bars) > 1:
            charts[distribution.name] = distribution_chart(distribution)
    for spreads in data.spreads:
        charts[spreads.name] = spreads_chart(spreads)
    if data.dimensions and data.dimensions.distinct > 1:
        charts["dimensions"] = dimensions_chart(data.dimensions)
    if data.places:
        charts["places"] = places_chart(data.places, data.places_by_group)
    return charts


def _shared(data: Data) -> dict[str, SharedValue]:
    """Return the figures with a single value by name."""
    values = {}
    for distribution in data.distributions:
        if len(distribution.bars) == 1:
            values[distribution.name] = _shared_value(distribution)
    if data.dimensions and data.dimensions.distinct == 1:
        (size,) = data.dimensions.common
        images = text.plural(size.images, "image")
        value = f"{size.width} × {size.height}"
        values["dimensions"] = SharedValue("Dimensions", value, images)
    return values


def _shared_value(distribution: Distribution) -> SharedValue:
    (bar,) = distribution.bars
    note = text.plural(bar.images, "image")
    if distribution.missing:
        note += f", {text.number(distribution.missing)} without"
    return SharedValue(distribution.title, distribution.same or bar.label, note)


def _named(names: Sequence[str], found: Mapping[str, T]) -> tuple[T, ...]:
    return tuple(found[name] for name in names if name in found)
