"""Images in five clusters by their mean color: k-means as iterated MapReduce.

    python examples/kmeans_colors.py SOURCE OUT

writes OUT/groups/kmeans/clusters.csv, with the cluster of each image, and centers.json. The sums are
of integers, so the result is the same on every engine. Kill it in any iteration and run it again: it
goes on with that iteration.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import mrimage as mr

CLUSTERS = 5
MOST_ITERATIONS = 50

Vector = list[int]
"""Red, green and blue, 0 to 255."""


def mean_color(image: mr.Image) -> Iterator[tuple[str, Vector]]:
    """Map an image to its mean color."""
    color = image.thumbnail(64, 64, "contain").mean(axis=(0, 1))
    yield image.uri, [round(value) for value in color.tolist()]


def cluster_of(color: Vector, centers: list[Vector]) -> str:
    """The number of the nearest center; the first of equally near ones."""
    distances = [sum((a - b) ** 2 for a, b in zip(color, c, strict=True)) for c in centers]
    return str(distances.index(min(distances)))


def assign(uri: str, color: Vector, centers: list[Vector]) -> Iterator[tuple[str, Any]]:
    yield cluster_of(color, centers), [1, color]


def add(cluster: str, values: Iterable[Any]) -> Iterator[Any]:
    """Combine the counts and the sums of many images. May run any number of times, or not at all."""
    count = 0
    total = [0, 0, 0]
    for number, color in values:
        count += number
        total = [a + b for a, b in zip(total, color, strict=True)]
    yield [count, total]


def center(cluster: str, values: Iterator[Any], _: object) -> Iterator[tuple[str, Vector]]:
    for count, total in add(cluster, values):
        yield cluster, [round(value / count) for value in total]


def kmeans(colors: mr.Table) -> Generator[mr.Round, mr.Table, Iterator[mr.Output]]:
    """Move the centers to the means of their images until they stay (Lloyd 1982)."""
    distinct = sorted({tuple(color) for _, color in colors})
    centers = [list(color) for color in distinct[:: max(1, len(distinct) // CLUSTERS)][:CLUSTERS]]
    for _ in range(MOST_ITERATIONS):
        means = dict((yield mr.Round(colors, assign, center, combine=add, side=centers)))
        moved = [means.get(str(number), old) for number, old in enumerate(centers)]
        if moved == centers:
            break
        centers = moved
    return outputs(colors, centers)


def outputs(colors: mr.Table, centers: list[Vector]) -> Iterator[mr.Output]:
    yield mr.Output("centers.json", centers)
    rows = [{"uri": uri, "cluster": cluster_of(color, centers)} for uri, color in colors]
    yield mr.Output("clusters.csv", rows)


if __name__ == "__main__":
    source, out = sys.argv[1:]
    print(mr.run(mr.Job(map=mean_color, program=kmeans), source, out))
