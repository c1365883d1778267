"""What is wrong with a picture: the columns of the extractor ``findings``.

Each is a score from 0 to 1, 1 at the worst, or None where it cannot be told. ``tables.findings``
says from which score on it counts as a finding. Everything is measured on the one small decode, so
what only the full size shows is not found. Only pixels that can be seen count: those whose alpha
is at least half.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from mrimage.image.features import at_analysis_size, luma_of
from mrimage.image.finding_names import MEASURED, OF_PILE, FileFacts

Array = np.ndarray[Any, np.dtype[Any]]

Score = float | None

OPAQUE = 128
"""The least alpha of a pixel that can be seen."""

EDGE = 12
"""Levels of luma that make an edge; less may be noise or compression."""

SAMPLE = 4000
"""Pixels that are enough for the mean color."""


def find(pixels: Array, alpha: Array | None, facts: FileFacts) -> dict[str, Score]:
    """Return the scores of MEASURED, and None for OF_PILE.

    ``pixels`` is uint8 H x W x 3, composited on any background, and ``alpha`` uint8 H x W.
    """
    scores: dict[str, Score] = dict.fromkeys((*MEASURED, *OF_PILE))
    if facts.quality is not None:
        scores["compressed"] = _rounded(1 - facts.quality / 100)
    visible = None
    if alpha is not None and (alpha < OPAQUE).any():
        visible = alpha >= OPAQUE
        if not visible.any():
            return scores
        pixels, visible = _cut_to(pixels, visible)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    luma = luma_of(planes)
    scores |= _tones(luma if visible is None else luma[visible])
    small, small_visible = _small(luma, visible)
    scores["blurred"] = blur(small, small_visible)
    if facts.whole and max(luma.shape) > max(small.shape):
        scores["upscaled"] = blur(luma.astype(np.float32), visible)
    scores["color_cast"] = _color_cast(planes, visible)
    scores["screenshot"] = 0.0 if facts.camera else _screenshot(luma, visible)
    page = _page(planes, luma, visible)
    scores["page"] = page
    # The margins of a page are no border.
    scores["border"] = 0.0 if page >= PAGE else _border(luma, visible)
    return scores


def _rounded(score: float) -> float:
    """Keep four decimals, within 0 and 1. Digits after them are rounding errors."""
    return round(min(1.0, max(0.0, float(score))), 4)


def _cut_to(pixels: Array, visible: Array) -> tuple[Array, Array]:
    """Cut both to the rectangle around what can be seen."""
    rows = np.flatnonzero(visible.any(axis=1))
    columns = np.flatnonzero(visible.any(axis=0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return pixels[cut], visible[cut]


def _small(luma: Array, visible: Array | None) -> tuple[Array, Array | None]:
    """Luma at analysis size, and which of its pixels are made of visible ones only."""
    small = at_analysis_size(luma)
    if visible is None:
        return small, None
    return small, at_analysis_size(visible.astype(np.uint8)) > 0.999


def _tones(luma: Array) -> dict[str, Score]:
    """The scores that follow from the histogram of ``luma``, uint8.

    - ``dark``: how far the 99th percentile is below white, 0..1.
    - ``bright``: the 5th percentile as a share of white, 0..1.
    - ``low_contrast``: 1 less the distance of the 1st and the 99th percentile as a share of white
      (as in ``is_low_contrast`` of scikit-image).
    - ``low_information``: 1 less Shannon's entropy of the histogram over 8 bits.
    """
    counts = np.bincount(luma.ravel(), minlength=256)
    sums = np.cumsum(counts)

    def percentile(percent: int) -> int:
        return int(np.searchsorted(100 * sums, percent * int(sums[-1])))

    shares = counts[counts > 0] / counts.sum()
    entropy = abs(float((shares * np.log2(shares)).sum()))
    return {
        "dark": _rounded(1 - percentile(99) / 255),
        "bright": _rounded(percentile(5) / 255),
        "low_contrast": _rounded(1 - (percentile(99) - percentile(1)) / 255),
        "low_information": _rounded(1 - entropy / 8),
    }


def blur(luma: Array, visible: Array | None) -> Score:
    """Return how wide the sharpest edges are: 1 less 0.607 / s, 0 if that is negative.

    s is the deviation, in pixels, of the Gaussian that would have blurred a step so: its steepest
    slope is 1 / (s sqrt(2 pi)), and its largest second derivative exp(-1/2) / (s^2 sqrt(2 pi)).
    ``luma`` is float32 H x W.

    The idea is P. Marziliano's, A no-reference perceptual blur metric, ICIP 2002: blur widens
    edges. The width is the ratio of the steepest slopes to the strongest curvatures, each the mean
    of the highest half percent. None if there are no edges.
    """
    if min(luma.shape) < 8:
        return None
    center = luma[1:-1, 1:-1]
    right = luma[1:-1, 2:] - center
    below = luma[2:, 1:-1] - center
    slope = np.maximum(np.abs(right), np.abs(below))
    curve_across = right - (center - luma[1:-1, :-2])
    curve_down = below - (center - luma[:-2, 1:-1])
    curve = np.maximum(np.abs(curve_across), np.abs(curve_down))
    if visible is not None:
        inner = visible[1:-1, 1:-1] & visible[1:-1, 2:] & visible[1:-1, :-2]
        inner &= visible[2:, 1:-1] & visible[:-2, 1:-1]
        slope = slope[inner]
        curve = curve[inner]
    if slope.size < 64:
        return None
    count = max(8, slope.size // 200)
    steepest = _mean_of_highest(slope, count)
    if steepest < EDGE / 2:
        return None
    return _rounded(1 - _mean_of_highest(curve, count) / steepest)


def _mean_of_highest(values: Array, count: int) -> float:
    highest = np.partition(values.ravel(), -count)[-count:]
    # Sorted, because the order in which partition leaves them is not defined.
    return float(np.sort(highest).sum(dtype=np.float64)) / count


def _color_cast(planes: Array, visible: Array | None) -> Score:
    """Return how far the colors are from gray against how much they differ: 1 - deviation / mean,
    in the plane of a* and b* of CIELAB; 0 if the mean is not 10 more than the deviation, or if the
    lightest twentieth of the picture is not 10 from gray in the same direction: an orange cat has
    white whiskers.

    F. Gasparini and R. Schettini, Color balancing of digital photos using simple image statistics,
    Pattern Recognition 37 (2004). There D is the mean less the deviation, and D over the deviation
    decides; 0.6 there is 0.375 here. None if fewer than a tenth of the pixels are neither black nor
    white.
    """
    height, width = planes.shape[1:]
    step = max(1, round((height * width / SAMPLE) ** 0.5))
    colors = planes[:, ::step, ::step].reshape(3, -1)
    if visible is not None:
        colors = colors[:, visible[::step, ::step].ravel()]
    lightness, a, b = _lab(colors)
    counted = (lightness > 5) & (lightness < 95)
    if counted.sum() * 10 < max(10, counted.size):
        return None
    mean_a = float(a[counted].mean())
    mean_b = float(b[counted].mean())
    mean = math.hypot(mean_a, mean_b)
    deviation = math.hypot(float(a[counted].std()), float(b[counted].std()))
    if mean - deviation <= 10:
        return 0.0
    place = lightness.size - 1 - lightness.size // 20
    light = lightness >= np.partition(lightness, place)[place]
    shift = (float(a[light].mean()) * mean_a + float(b[light].mean()) * mean_b) / mean
    if shift < 10:
        return 0.0
    return _rounded(1 - deviation / mean)


@lru_cache(maxsize=1)
def _linear() -> Array:
    """Linear light, 0..1, of each value of sRGB (IEC 61966-2-1)."""
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)


def _lab(colors: Array) -> tuple[Array, Array, Array]:
    """CIELAB of ``colors``, uint8 3 x N of sRGB."""
    ratios = (_TO_XYZ / _WHITE[:, None]) @ _linear()[colors]
    x, y, z = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _pairs(luma: Array, visible: Array | None) -> tuple[Array, Array, Array]:
    """Differences to the right and below of each pixel, and whether all three can be seen."""
    signed = luma.astype(np.int16)
    across = np.abs(signed[:-1, 1:] - signed[:-1, :-1])
    down = np.abs(signed[1:, :-1] - signed[:-1, :-1])
    if visible is None:
        return across, down, np.ones(across.shape, bool)
    return across, down, visible[:-1, :-1] & visible[:-1, 1:] & visible[1:, :-1]


def _screenshot(luma: Array, visible: Array | None) -> Score:
    """Return the share of flat pixels times the share of edges that are exactly upright or level.

    A camera leaves noise everywhere, and the world has few such edges. A pixel is flat if its
    neighbors differ by at most one level.
    """
    if min(luma.shape) < 8:
        return None
    across, down, seen = _pairs(luma, visible)
    total = int(seen.sum())
    if not total:
        return None
    flat = ((across <= 1) & (down <= 1) & seen).sum() / total
    edge = (np.maximum(across, down) >= EDGE) & seen
    if not edge.any():
        return 0.0
    level = (np.minimum(across, down) <= 1) & edge
    return _rounded(flat * level.sum() / edge.sum())


PAPER = 160
"""The least luma of paper."""

PAGE = 0.5
"""The least score of a page."""

TILES = 12
"""Tiles along the longer side, to see whether ink is everywhere or in one place."""


def _page(planes: Array, luma: Array, visible: Array | None) -> float:
    """Return how much the picture is like a page: paper, with writing or with nothing.

    Paper is within 12 levels of the commonest bright value, and nothing is lighter. What is darker
    is ink. It is writing where it covers a part of a tile; a thing covers whole tiles. The score is
    the product of the share of pixels without color, the share of ink that is writing, one less ten
    times the share of what is lighter than paper, the share of tiles with ink, which counts in full
    from a quarter, and the share of paper, which counts from 0.2 and in full from 0.4. Without ink,
    it is the share of paper.
    """
    counted = np.ones(luma.shape, bool) if visible is None else visible
    total = int(counted.sum())
    counts = np.bincount(luma[counted], minlength=256)
    common = PAPER + int(np.argmax(counts[PAPER:]))
    low = common - 12
    paper = int(counts[low : common + 13].sum()) / total
    lighter = int(counts[common + 13 :].sum()) / total
    if paper <= 0.2 or lighter >= 0.1:
        return 0.0
    highest = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    lowest = np.minimum(np.minimum(planes[0], planes[1]), planes[2])
    gray = int(((highest - lowest <= 48) & counted).sum()) / total
    ink = counted & (luma < low)
    if ink.sum() * 200 < total:
        return _rounded(paper * gray)
    covered, inked = _by_tile(ink, counted)
    written = float(inked[covered < 0.9].sum()) / float(inked.sum())
    spread = min(1.0, 4 * float((covered > 0).mean()))
    is_paper = min(1.0, 5 * (paper - 0.2))
    return _rounded(gray * written * spread * is_paper * (1 - 10 * lighter))


def _by_tile(ink: Array, counted: Array) -> tuple[Array, Array]:
    """The share of ink in each tile, and its pixels of ink."""
    side = max(1, -(-max(ink.shape) // TILES))
    rows = np.arange(0, ink.shape[0], side)
    columns = np.arange(0, ink.shape[1], side)

    def sums(mask: Array) -> Array:
        whole = np.add.reduceat(mask.astype(np.int64), rows, axis=0)
        tiles: Array = np.add.reduceat(whole, columns, axis=1)
        return tiles

    inked = sums(ink)
    return inked / np.maximum(1, sums(counted)), inked


STRAIGHT = 0.6
"""The share of a line that has to differ from the border where the picture begins."""


def _border(luma: Array, visible: Array | None) -> Score:
    """Return the share of the picture that is a border: even bands on two opposite sides, or on all.

    A band ends at a line of which most pixels differ from it. So a white background around an
    object is no border, and neither is a sky.
    """
    if visible is not None and not visible.all():
        return 0.0
    height, width = luma.shape
    if min(height, width) < 16:
        return None
    signed = luma.astype(np.int16)
    top, bottom = _bands(signed)
    left, right = _bands(signed[top : height - bottom].T)
    kept = (height - top - bottom) * (width - left - right)
    return _rounded(1 - kept / (height * width))


def _bands(lines: Array) -> tuple[int, int]:
    """How many of the first and of the last lines are even bands; (0, 0) unless both are."""
    first = _band(lines)
    last = _band(lines[::-1]) if first else 0
    return (first, last) if last else (0, 0)


def _band(lines: Array) -> int:
    """How many of the first lines are an even band; 0 if there is none, or nothing else."""
    color = int(np.median(lines[0]))
    if (np.abs(lines[0] - color) > EDGE).mean() > 0.01:
        return 0  # the usual case
    differs = np.abs(lines - color) > EDGE
    shares = differs.mean(axis=1)
    uneven = np.flatnonzero(shares > 0.01)
    if uneven.size == 0:
        return 0
    end = int(uneven[0])
    # Scaling mixes the last line of the band with the first of the picture.
    beyond = shares[end : end + 2].max()
    return end if beyond >= STRAIGHT else 0


def jpeg_quality(data: bytes) -> float | None:
    """Return the quality, 1 to 100, at which libjpeg would use the luma table of the JPEG ``data``.

    It is the inverse of ``jpeg_quality_scaling`` of the Independent JPEG Group, of the sum of the
    table. None if there is no table.
    """
    table = _luma_table(data)
    if table is None:
        return None
    percent = 100 * sum(table) / _STANDARD_SUM
    quality = 5000 / percent if percent > 100 else (200 - percent) / 2
    return min(100.0, max(1.0, quality))


_STANDARD_SUM = 3689
"""The sum of the luma table of ITU-T T.81, Annex K.1."""


def _luma_table(data: bytes) -> tuple[int, ...] | None:
    """The quantization table 0, which encoders use for luma."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        length = int.from_bytes(data[place + 2 : place + 4])
        if marker == 0xDA:
            return None
        if marker == 0xDB:
            found = _table_zero(data[place + 4 : place + 2 + length])
            if found:
                return found
        place += 2 + length
    return None


def _table_zero(segment: bytes) -> tuple[int, ...] | None:
    """The table 0 of a DQT segment, which may hold several tables."""
    while len(segment) >= 65:
        is_wide = segment[0] >> 4 > 0
        number = segment[0] & 15
        size = 128 if is_wide else 64
        values = segment[1 : 1 + size]
        if number == 0 and len(values) == size:
            step = 2 if is_wide else 1
            return tuple(int.from_bytes(values[at : at + step]) for at in range(0, size, step))
        segment = segment[1 + size :]
    return None
