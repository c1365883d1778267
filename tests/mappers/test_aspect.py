"""The key ``aspect``: names people use, and the same images as in the report's chart."""

from __future__ import annotations

import random
from types import SimpleNamespace

import duckdb
import pytest

from mrimage.mappers.keys import KEYS
from mrimage.report.figures.measures import MEASURES
from mrimage.types import ASPECTS


def key(width: int, height: int) -> str:
    return KEYS["aspect"](SimpleNamespace(metadata=SimpleNamespace(width=width, height=height)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [
        (6000, 4000, "3x2"),
        (4000, 6000, "2x3"),
        (1000, 1000, "1x1"),
        (1010, 1000, "1x1"),
        (4032, 3024, "4x3"),
        (1920, 1080, "16x9"),
        (2560, 1080, "21x9"),
        (741, 500, "3x2"),
        (1000, 870, "other-landscape"),
        (870, 1000, "other-portrait"),
        (4000, 1000, "long-landscape"),
        (1, 900, "long-portrait"),
    ],
)
def test_an_aspect_has_the_name_that_people_use(width: int, height: int, name: str) -> None:
    assert key(width, height) == name


def test_the_report_counts_the_images_of_a_key() -> None:
    (measure,) = (one for one in MEASURES if one.name == "aspect")
    chance = random.Random(3)
    sizes = [(chance.randint(1, 70_000), chance.randint(1, 70_000)) for _ in range(500)]
    for long, short in ASPECTS.values():
        # On both sides of the tolerance, upright too.
        sides = [(1000 * long + step, 1000 * short) for step in range(-30 * long, 31 * long, long)]
        sizes += sides + [(height, width) for width, height in sides]
    rows = ", ".join(f"({width}::INTEGER, {height}::INTEGER)" for width, height in sizes)
    found = duckdb.connect().execute(
        f"SELECT {measure.expression} FROM (VALUES {rows}) image (width, height)"
    )
    assert [row[0] for row in found.fetchall()] == [key(*size) for size in sizes]
