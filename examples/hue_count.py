"""How often each hue dominates, decade by decade: the word count of image processing.

    python examples/hue_count.py SOURCE OUT

writes OUT/groups/<decade>/hues.json: {"hues": {"blue": 7, "red": 12}, "images": 19}.
"""

from __future__ import annotations

import colorsys
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

import mrimage as mr

HUES = [
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
"""The names of the hues at 0, 30 ... 330 degrees of the color wheel."""


def hue(image: mr.Image) -> str:
    """The hue of the mean color, or ``gray`` if its saturation is low."""
    red, green, blue = image.thumbnail(64, 64, "contain").mean(axis=(0, 1)) / 255
    angle, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    if saturation <= 0.1:
        return "gray"
    return HUES[round(angle * 12) % 12]


def by_decade(image: mr.Image) -> Iterator[tuple[str, dict[str, int]]]:
    """Map an image to the decade in which it was taken, with a count of 1 for its hue."""
    taken = image.metadata.taken_at
    decade = f"{taken.year // 10}0s" if taken else "undated"
    yield decade, {hue(image): 1}


def add(decade: str, counts: Iterable[dict[str, int]]) -> Iterator[dict[str, int]]:
    """Combine many counts of a decade into one. May run any number of times, or not at all."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    yield dict(total)


def write(decade: str, counts: Iterator[dict[str, int]]) -> Iterator[mr.Output]:
    """Reduce the counts of a decade to a JSON file."""
    for total in add(decade, counts):
        yield mr.Output("hues.json", {"images": sum(total.values()), "hues": total})


if __name__ == "__main__":
    source, out = sys.argv[1:]
    job = mr.Job(map=by_decade, combine=add, reduce=write)
    print(mr.run(job, source, out))
