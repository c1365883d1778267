"""How often each hue dominates, decade by decade: the word count of image processing.

    python examples/hue_count.py SOURCE OUT

leaves OUT/groups/<decade>/hues.json: {"hues": {"blue": 7, "red": 12}, "images": 19}.
"""

from __future__ import annotations

import colorsys
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

import mrimage as mr

WHEEL = [
    "red",
    "orange",
    "yellow",
    "lime",
    "green",
    "mint",
    "cyan",
    "azure",
    "blue",
    "violet",
    "magenta",
    "rose",
]


def hue(image: mr.Image) -> str:
    """The name of the mean color's hue, ``gray`` where it has hardly any."""
    red, green, blue = image.thumbnail(64, 64, "contain").mean(axis=(0, 1)) / 255
    angle, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    return WHEEL[round(angle * 12) % 12] if saturation > 0.1 else "gray"


def by_decade(image: mr.Image) -> Iterator[tuple[str, dict[str, int]]]:
    taken = image.metadata.taken_at
    yield f"{taken.year // 10}0s" if taken else "undated", {hue(image): 1}


def add(decade: str, counts: Iterable[dict[str, int]]) -> Iterator[dict[str, int]]:
    """The combiner: many counts of a decade in, one out. It may run never, once or often."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    yield dict(total)


def write(decade: str, counts: Iterator[dict[str, int]]) -> Iterator[mr.Output]:
    for total in add(decade, counts):
        yield mr.Output("hues.json", {"images": sum(total.values()), "hues": total})


if __name__ == "__main__":
    source, out = sys.argv[1:]
    print(mr.run(mr.Job(map=by_decade, combine=add, reduce=write), source, out))
