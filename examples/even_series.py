"""A series of photographs with even brightness: each image is scaled to the mean of its folder.

    python examples/even_series.py SOURCE OUT

writes OUT/images/<folder>/...: the images of each folder, 512 pixels wide at most, with one mean.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

import mrimage as mr

SIDE = 512
"""The longest side of the results in pixels."""


def by_folder(image: mr.Image) -> Iterator[tuple[str, None]]:
    """Map: an image belongs to the folder that it is in."""
    folder, _, _ = image.path.rpartition("/")
    yield folder or "top", None


def brightness(image: mr.Image) -> tuple[int, int]:
    """What an image contributes to its folder: the sum of its samples, and their number."""
    pixels = image.thumbnail(64, 64)
    return int(pixels.sum()), pixels.size


def add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Combine what two images, or two sets of images, contribute."""
    return one[0] + other[0], one[1] + other[1]


def even(image: mr.Image, key: str, folder: tuple[int, int]) -> mr.Output:
    """Scale the image to the mean of its folder."""
    total, samples = folder
    own_total, own_samples = brightness(image)
    gain = (total / samples) / max(1.0, own_total / own_samples)
    pixels = image.thumbnail(SIDE, SIDE) * gain
    return mr.Output("even.jpg", np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


JOB = mr.Job(map=by_folder, statistic=mr.Statistic(brightness, add), each=even)

if __name__ == "__main__":
    print(mr.run(JOB, sys.argv[1], sys.argv[2]))
