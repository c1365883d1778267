"""Which charts stand in which section of the page, and in which order."""

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
from mrimage.report.figures.figures import Summary

LOOKS = "How they look"
PARTS = {
    "What they are": (
        *(
            "format",
            "color_space",
            "aspect",
            "dimensions",
            "megapixels",
            "size",
            "density",
            "density_by_format",
        ),
        *("bands", "icc_profile", "bit_depth", "progressive", "frames"),
    ),
    "Where they come from": (
        *("taken_at", "camera", "lens", "software", "iso", "focal_length", "orientation", "places"),
    ),
    LOOKS: ("brightness", "contrast", "sharpness", "entropy", "colorfulness"),
}
"""The figures about the images by what they tell, in the order of the page."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact:
    """What is the same for all images, so that it is said and not drawn."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Part:
    """Charts of one kind of figures about the images, and what of them has a single value."""

    title: str
    charts: tuple[Chart, ...]
    same: tuple[Fact, ...]
    swatches: tuple[Swatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts by section."""

    data: tuple[Part, ...]
    groups: tuple[Chart, ...]
    health: tuple[Chart, ...]
    comparison: tuple[Chart, ...]

    @property
    def all(self) -> tuple[Chart, ...]:
        """Every chart of the page, in its order."""
        data = tuple(chart for part in self.data for chart in part.charts)
        return self.comparison + data + self.groups + self.health


def make_charts(summary: Summary) -> Charts:
    """The charts of the page."""
    groups = groups_chart(summary.groups)
    sides = summary.comparison.distributions if summary.comparison else ()
    return Charts(
        data=tuple(_parts(summary.data)),
        groups=(groups,) if groups else (),
        health=health_charts(summary.health),
        comparison=tuple(side_by_side_chart(both) for both in sides),
    )


def _parts(data: Data) -> Iterator[Part]:
    drawn = {
        found.name: distribution_chart(found) for found in data.distributions if len(found.bars) > 1
    }
    same = {found.name: _fact(found) for found in data.distributions if len(found.bars) == 1}
    drawn |= {spreads.name: spreads_chart(spreads) for spreads in data.spreads}
    if data.dimensions and data.dimensions.distinct > 1:
        drawn["dimensions"] = dimensions_chart(data.dimensions)
    elif data.dimensions and data.dimensions.common:
        (only,) = data.dimensions.common
        same["dimensions"] = Fact(
            "Dimensions", f"{only.width} × {only.height}", text.plural(only.images, "image")
        )
    if data.places:
        drawn["places"] = places_chart(data.places)
    for title, names in PARTS.items():
        swatches = data.swatches if title == LOOKS else ()
        part = Part(title, _named(names, drawn), _named(names, same), swatches)
        if part.charts or part.same or part.swatches:
            yield part


def _fact(found: Distribution) -> Fact:
    (bar,) = found.bars
    without = f", {text.number(found.missing)} without" if found.missing else ""
    return Fact(found.title, found.same or bar.label, text.plural(bar.images, "image") + without)


def _named(names: Sequence[str], found: Mapping[str, T]) -> tuple[T, ...]:
    return tuple(found[name] for name in names if name in found)
