"""How close resized pictures come to the best there is: a full decode, then Lanczos over all pixels, both by Pillow.

``python -m benchmarks.fidelity [PHOTOGRAPHS]`` prints the structural similarity of the kernel and of ``vipsthumbnail``,
mean and minimum, for each format and each ratio, over all fits; and the fit in which the kernel gains least, with the
difference of the means.
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
Array = np.ndarray[Any, np.dtype[np.uint8]]


def box_of(size: Box, ratio: float, fit: Fit) -> Box:
    """The box to resize to, so that about ``ratio`` pixels become one: of the picture's shape for ``contain``,
    of another one for the fits that cut, fill or pull."""
    width, height = (max(12, round(side / ratio)) for side in size)
    if fit == "cover":
        return (width, max(12, height * 3 // 4))
    return (width, height) if fit == "contain" else (width, max(12, height * 5 // 6))


def reference(content: bytes, size: Box, crop: tuple[int, int, int, int] | None = None) -> Array:
    """The whole picture at ``size``, and ``crop`` (left, top, right, bottom) out of that."""
    whole = Pillow.open(io.BytesIO(content)).convert("RGB").resize(size, Pillow.Resampling.LANCZOS)
    return np.asarray(whole if crop is None else whole.crop(crop))


def expected(content: bytes, box: Box, fit: Fit) -> Array:
    """What a perfect resizer gives for ``box`` and ``fit``; of ``pad`` the picture without its margins."""
    width, height = Pillow.open(io.BytesIO(content)).size
    if fit == "stretch":
        return reference(content, box)
    across, down = box[0] / width, box[1] / height
    factor = max(across, down) if fit == "cover" else min(across, down)
    wide, high = max(1, round(width * factor)), max(1, round(height * factor))
    if fit != "cover":
        return reference(content, (wide, high))
    left, top = (wide - box[0]) // 2, (high - box[1]) // 2
    return reference(content, (wide, high), (left, top, left + box[0], top + box[1]))


def ours(content: bytes, box: Box, fit: Fit) -> Array:
    """The kernel's picture, without the margins of ``pad``."""
    result = Image(Buffer(content)).edited(Edits(resize=box, fit=fit, format="png"))
    pixels = _decoded(result.data)
    if fit != "pad":
        return pixels
    high, wide = expected(content, box, fit).shape[:2]
    top, left = (pixels.shape[0] - high) // 2, (pixels.shape[1] - wide) // 2
    return pixels[top : top + high, left : left + wide]


def theirs(content: bytes, box: Box, fit: Fit) -> Array:
    """What ``vipsthumbnail`` makes of it; it does not pad, so that ``pad`` is ``contain``."""
    size = f"{box[0]}x{box[1]}" + ("!" if fit == "stretch" else "")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target.png")
        source.write_bytes(content)
        how = ["-m", "centre"] if fit == "cover" else []
        subprocess.run(["vipsthumbnail", "-s", size, *how, "-o", target, source], check=True)
        return _decoded(target.read_bytes())


def similarity(found: Array, wanted: Array) -> float:
    """Structural similarity, 0..1 (Z. Wang et al., IEEE Trans. Image Processing 13, 2004), by scikit-image.

    Tools differ by one in how they round a side; then the picture that was wanted is scaled to the one found.
    """
    from skimage.metrics import structural_similarity

    if found.shape != wanted.shape:
        size = found.shape[1], found.shape[0]
        wanted = np.asarray(Pillow.fromarray(wanted).resize(size, Pillow.Resampling.LANCZOS))
    return float(structural_similarity(found, wanted, channel_axis=2, data_range=255))


def written(picture: Pillow.Image, format: str) -> bytes:
    """``picture`` as a file of ``format``."""
    stream = io.BytesIO()
    picture.save(stream, format=format, **({} if format == "PNG" else {"quality": 90}))
    return stream.getvalue()


def scores(
    picture: Pillow.Image, format: str, ratio: float, fits: Sequence[Fit] = FITS
) -> list[tuple[float, float]]:
    """The similarity of the kernel and of vipsthumbnail for each of ``fits``."""
    content = written(picture, format)
    found = []
    for fit in fits:
        box = box_of(picture.size, ratio, fit)
        wanted = expected(content, box, fit)
        found.append(
            (
                similarity(ours(content, box, fit), wanted),
                similarity(theirs(content, box, fit), wanted),
            )
        )
    return found


def _decoded(content: bytes) -> Array:
    return np.asarray(Pillow.open(io.BytesIO(content)).convert("RGB"))


def main(count: int = 10) -> None:
    """Print the table."""
    from benchmarks.corpus import photographs

    files = sorted(photographs(2000).iterdir())[:: 2000 // count]
    pictures = [Pillow.open(path).convert("RGB") for path in files]
    print(
        f"structural similarity to a full-resolution Lanczos, {len(pictures)} photographs, {len(FITS)} fits"
    )
    print(
        f"{'':>6} {'ratio':>6}   {'mrimage: mean  minimum':>23}   {'vipsthumbnail: mean  minimum':>29}   least gain"
    )
    for format in FORMATS:
        for ratio in RATIOS:
            found = [scores(picture, format, ratio) for picture in pictures]
            mine, other = (
                [pairs[fit][i] for pairs in found for fit in range(len(FITS))] for i in range(2)
            )
            gains = {
                name: statistics.mean(a - b for a, b in fit)
                for name, fit in zip(FITS, zip(*found, strict=True), strict=True)
            }
            least = min(FITS, key=lambda name: gains[name])
            print(
                f"{format:>6} {ratio:6.1f}   {statistics.mean(mine):14.4f} {min(mine):8.4f}", end=""
            )
            print(
                f"   {statistics.mean(other):20.4f} {min(other):8.4f}   {least} {gains[least]:+.5f}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
