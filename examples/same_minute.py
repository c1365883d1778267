"""Which photographs of different cameras were taken in the same minute: a join of a table with itself.

    python examples/same_minute.py SOURCE OUT

writes OUT/groups/same_minute/pairs.json: an item for each pair of images, and the minute.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from itertools import combinations
from typing import Any

import mrimage as mr


def by_camera(image: mr.Image) -> Iterator[tuple[str, dict[str, str]]]:
    """Map an image to its camera and the minute in which it was taken."""
    facts = image.metadata
    if facts.camera and facts.taken_at:
        yield facts.camera, {"uri": image.uri, "minute": f"{facts.taken_at:%Y-%m-%d %H:%M}"}


def by_minute(camera: str, value: dict[str, str], _: object) -> Iterator[tuple[str, Any]]:
    yield value["minute"], [camera, value["uri"]]


def pairs(minute: str, images: Iterator[Any], _: object) -> Iterator[tuple[str, Any]]:
    for (camera, uri), (other_camera, other) in combinations(sorted(images), 2):
        if camera != other_camera:
            row = {"camera": camera, "uri": uri, "other_camera": other_camera, "other": other}
            yield minute, row


def same_minute(images: mr.Table) -> Generator[mr.Round, mr.Table, mr.Output]:
    """One round: the records of all cameras meet under their minute."""
    met = yield mr.Round(images, by_minute, pairs)
    rows = [{"minute": minute, **row} for minute, row in met]
    return mr.Output("pairs.json", rows)


if __name__ == "__main__":
    source, out = sys.argv[1:]
    print(mr.run(mr.Job(map=by_camera, program=same_minute), source, out))
