"""Which scores are findings, and the findings that need all images of the source.

A finding is an image with a score at or above the threshold of a kind. Scores are columns of the
catalogue (``image.findings`` computes them), and findings are rows of ``findings.parquet``.
"""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.image.finding_names import MEASURED, OF_PILE


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding, called as its column.

    ``threshold`` is the least score of a finding, and ``source`` says where it comes from.
    ``evidence`` is an SQL expression over the catalogue: a text for people, about the image.
    """

    name: str
    threshold: float
    source: str
    evidence: str


_BLUR = "printf('the sharpest edges are as after a blur of %.1f pixels', 0.607 / greatest(0.01, 1 - {}))"

KINDS = (
    Kind(
        "blurred",
        0.4,
        "a blur by 1 of 128 pixels; sharp photographs of scikit-image score up to 0.24",
        f"{_BLUR.format('blurred')} || ' in 128'",
    ),
    Kind(
        "dark",
        0.68,
        "cleanvision 0.3: the 99th percentile of brightness is below 0.32",
        "printf('99 %% of the pixels are at most at %.0f %% of white', 100 * (1 - dark))",
    ),
    Kind(
        "bright",
        0.95,
        "cleanvision 0.3: the 5th percentile of brightness is above 0.95",
        "printf('95 %% of the pixels are at least at %.0f %% of white', 100 * bright)",
    ),
    Kind(
        "low_contrast",
        0.95,
        "scikit-image's is_low_contrast: luma spans less than 0.05 of its range",
        "printf('luma spans %.0f %% of its range', 100 * (1 - low_contrast))",
    ),
    Kind(
        "low_information",
        0.82,
        "cleanvision 0.3: an entropy of 3 bits over three channels is one of 1.4 bits of luma",
        "printf('an entropy of %.1f of 8 bits', 8 * (1 - low_information))",
    ),
    Kind(
        "color_cast",
        0.375,
        "Gasparini and Schettini (2004): the mean is 1.6 times the deviation",
        "printf('colors are %.1f times as far from gray as they differ', 1 / greatest(0.01, 1 - color_cast))",
    ),
    Kind(
        "compressed",
        0.7,
        "quality 30 of libjpeg: the mean SSIM of the demo's 17 photographs is 0.91 there, 0.90 at 25",
        "printf('quality %.0f of 100 by its quantization table', 100 * (1 - compressed))",
    ),
    Kind(
        "upscaled",
        0.4,
        "edges as wide as after a blur by 1 pixel: a photograph enlarged four times scores 0.44",
        f"{_BLUR.format('upscaled')} || ' of its own'",
    ),
    Kind(
        "screenshot",
        0.42,
        "drawn windows score 0.48 to 0.57, photographs of scikit-image up to 0.29",
        "printf('%.0f %%: even areas and level edges', 100 * screenshot)",
    ),
    Kind(
        "page",
        0.5,
        "drawn pages score 1, photographs of scikit-image up to 0.06",
        "printf('%.0f %% like paper, with writing or without', 100 * page)",
    ),
    Kind(
        "border",
        0.04,
        "2 % of the height or width on each of two sides",
        "printf('%.0f %% of the picture', 100 * border)",
    ),
    Kind(
        "odd_size",
        0.5,
        "Tukey's outer fence: 3 times the distance of the quartiles beyond them",
        "printf('%d x %d pixels', width, height)",
    ),
    Kind(
        "odd_shape",
        0.5,
        "Tukey's outer fence: 3 times the distance of the quartiles beyond them",
        "printf('%d to %d', width, height)",
    ),
)
"""The kinds, each with its threshold. There is one for each column of the extractor."""

assert tuple(kind.name for kind in KINDS) == (*MEASURED, *OF_PILE)

LEAST_PILE = 10
"""Images that a pile needs at least. Quartiles of fewer say nothing."""

_SIZE = "log2(width::DOUBLE * height)"
_SHAPE = "log2(greatest(width, height)::DOUBLE / least(width, height))"


def odd_columns(rows: str) -> tuple[str, dict[str, str]]:
    """Return SQL for the columns OF_PILE of the catalogue ``rows``, a table expression.

    The first value is a table expression of one row, to be joined with the images. The second one
    has an expression for each column, over that row and the columns of an image.

    The size is the logarithm of the number of pixels, and the shape that of the longer side over
    the shorter one. The score is d / (d + f), where d is the distance from the median, and f that of
    Tukey's outer fence (J. Tukey, Exploratory data analysis, 1977), at least a factor of two: 0.5
    at the fence. It is null if there are fewer than LEAST_PILE images.
    """
    quartiles = "[0.25, 0.5, 0.75]"
    pile = f"""(
        SELECT count(*) AS pile_images,
               quantile_cont({_SIZE}, {quartiles}) AS pile_sizes,
               quantile_cont({_SHAPE}, {quartiles}) AS pile_shapes
        FROM {rows} WHERE status = 'processed' AND least(width, height) > 0)"""
    columns = {
        "odd_size": _odd(_SIZE, "pile_sizes"),
        "odd_shape": _odd(_SHAPE, "pile_shapes"),
    }
    return pile, columns


def _odd(value: str, quartiles: str) -> str:
    """SQL for the score of ``value``, over the list ``quartiles``."""
    low, median, high = (f"{quartiles}[{place}]" for place in (1, 2, 3))
    spread = f"3 * ({high} - {low})"
    above = f"{high} + {spread} - {median}"
    below = f"{median} - {low} + {spread}"
    fence = f"greatest(1, CASE WHEN {value} > {median} THEN {above} ELSE {below} END)"
    distance = f"abs({value} - {median})"
    return f"""CASE WHEN pile_images >= {LEAST_PILE} AND least(width, height) > 0
        THEN round({distance} / ({distance} + {fence}), 4) END"""


def findings_of(catalogue: str) -> str:
    """A table expression with the findings in the table expression ``catalogue``."""
    found = ", ".join(
        f"{{'kind': '{kind.name}', 'score': {kind.name}, 'threshold': {kind.threshold}::DOUBLE, "
        f"'evidence': {kind.evidence}}}"
        for kind in KINDS
    )
    return f"""(
        SELECT uri, f.kind AS kind, f.score AS score, f.threshold AS threshold,
               f.evidence AS evidence
        FROM (SELECT uri, unnest([{found}]) AS f FROM {catalogue} WHERE status = 'processed')
        WHERE f.score >= f.threshold)"""
