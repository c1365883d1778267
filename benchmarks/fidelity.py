"""The quality of resized images, measured against the best possible result.

The reference is a full decode and Lanczos over all pixels, both by Pillow.

    python -m benchmarks.fidelity [PHOTOGRAPHS]

prints the structural similarity of the kernel and of ``vipsthumbnail``, mean and minimum over all
fits, for each format and ratio. The last column is the fit in which the kernel is ahead by least,
with the difference of the means.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from mrimage.image import Buffer, Image
from mrimage.types import Edits, Fit

FITS: tuple[Fit, ...] = ("cover", "contain", "pad", "stretch")
RATIOS = (1.1, 1.5, 2.0, 2.7, 4.0, 6.5, 10.0, 16.0, 25.0, 40.0)
FORMATS = ("JPEG", "PNG", "WEBP")

Box = tuple[int, int]
"""Width and height in pixels."""

Array = np.ndarray[Any, np.dtype[np.uint8]]


def box_of(size: Box, ratio: float, fit: Fit) -> Box:
    """The box to resize to, whose width is 1/``ratio`` of that of the image, and at least 12
    pixels.

    It has the shape of the image for ``contain``, and another shape for the other fits, so that
    they crop, pad or stretch.
    """
    least = 12
    width = max(least, round(size[0] / ratio))
    height = max(least, round(size[1] / ratio))
    if fit == "contain":
        return width, height
    if fit == "cover":
        return width, max(least, height * 3 // 4)
    return width, max(least, height * 5 // 6)


def reference(content: bytes, size: Box, crop: tuple[int, int, int, int] | None = None) -> Array:
    """The whole image resized to ``size``, then cropped to ``crop`` (left, top, right, bottom)."""
    picture = Pillow.open(io.BytesIO(content)).convert("RGB")
    resized = picture.resize(size, Pillow.Resampling.LANCZOS)
    return np.asarray(resized if crop is None else resized.crop(crop))


def expected(content: bytes, box: Box, fit: Fit) -> Array:
    """The result of a perfect resizer for ``box`` and ``fit``, without the margins of ``pad``."""
    width, height = Pillow.open(io.BytesIO(content)).size
    if fit == "stretch":
        return reference(content, box)
    factors = (box[0] / width, box[1] / height)
    factor = max(factors) if fit == "cover" else min(factors)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if fit != "cover":
        return reference(content, size)
    left = (size[0] - box[0]) // 2
    top = (size[1] - box[1]) // 2
    return reference(content, size, (left, top, left + box[0], top + box[1]))


def by_mrimage(content: bytes, box: Box, fit: Fit) -> Array:
    """The result of the kernel, without the margins of ``pad``."""
    result = Image(Buffer(content)).edited(Edits(resize=box, fit=fit, format="png"))
    pixels = _decoded(result.data)
    if fit != "pad":
        return pixels
    height, width = expected(content, box, fit).shape[:2]
    top = (pixels.shape[0] - height) // 2
    left = (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def by_vipsthumbnail(content: bytes, box: Box, fit: Fit) -> Array:
    """The result of ``vipsthumbnail``, which has no padding, so that ``pad`` is ``contain``."""
    size = f"{box[0]}x{box[1]}" + ("!" if fit == "stretch" else "")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        target = Path(folder, "target.png")
        source.write_bytes(content)
        crop = ["-m", "centre"] if fit == "cover" else []
        subprocess.run(["vipsthumbnail", "-s", size, *crop, "-o", target, source], check=True)
        return _decoded(target.read_bytes())


def similarity(found: Array, wanted: Array) -> float:
    """Structural similarity, 0..1, by scikit-image.

    Z. Wang et al., IEEE Trans. Image Processing 13, 2004. Tools round sides in different ways; if
    the sizes differ by a pixel, ``wanted`` is scaled to the size of ``found``.
    """
    from skimage.metrics import structural_similarity

    if found.shape != wanted.shape:
        size = found.shape[1], found.shape[0]
        wanted = np.asarray(Pillow.fromarray(wanted).resize(size, Pillow.Resampling.LANCZOS))
    return float(structural_similarity(found, wanted, channel_axis=2, data_range=255))


def written(picture: Pillow.Image, format: str) -> bytes:
    """``picture`` encoded in ``format``."""
    stream = io.BytesIO()
    options = {} if format == "PNG" else {"quality": 90}
    picture.save(stream, format=format, **options)
    return stream.getvalue()


def scores(
    picture: Pillow.Image, format: str, ratio: float, fits: Sequence[Fit] = FITS
) -> list[tuple[float, float]]:
    """For each of ``fits``, the similarity of the kernel and of ``vipsthumbnail``."""
    content = written(picture, format)
    found = []
    for fit in fits:
        box = box_of(picture.size, ratio, fit)
        wanted = expected(content, box, fit)
        kernel = similarity(by_mrimage(content, box, fit), wanted)
        other = similarity(by_vipsthumbnail(content, box, fit), wanted)
        found.append((kernel, other))
    return found


def _decoded(content: bytes) -> Array:
    return np.asarray(Pillow.open(io.BytesIO(content)).convert("RGB"))


def main(count: int = 10) -> None:
    """Print the table for ``count`` photographs."""
    from benchmarks.corpus import photographs

    files = sorted(photographs(2000).iterdir())[:: 2000 // count]
    pictures = [Pillow.open(path).convert("RGB") for path in files]
    print(
        "structural similarity to a full-resolution Lanczos, "
        f"{len(pictures)} photographs, {len(FITS)} fits"
    )
    print(
        f"{'':>6} {'ratio':>6}   {'mrimage: mean  minimum':>23}"
        f"   {'vipsthumbnail: mean  minimum':>29}   least gain"
    )
    for format in FORMATS:
        for ratio in RATIOS:
            found = [scores(picture, format, ratio) for picture in pictures]
            print(f"{format:>6} {ratio:6.1f}{_row(found)}", flush=True)


def _row(found: list[list[tuple[float, float]]]) -> str:
    """The figures of a row, from the scores of each picture in each of FITS."""
    pairs = [pair for scores_of_picture in found for pair in scores_of_picture]
    kernel = [pair[0] for pair in pairs]
    other = [pair[1] for pair in pairs]
    gains = {}
    for number, fit in enumerate(FITS):
        gains[fit] = statistics.mean(each[number][0] - each[number][1] for each in found)
    least = min(FITS, key=lambda fit: gains[fit])
    return (
        f"   {statistics.mean(kernel):14.4f} {min(kernel):8.4f}"
        f"   {statistics.mean(other):20.4f} {min(other):8.4f}"
        f"   {least} {gains[least]:+.5f}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
