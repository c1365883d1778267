"""The findings of ``--extract findings`` in words: the kinds of rows of ``findings.parquet``."""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.report.figures.figures import Level
from mrimage.report.tables.views import Tables


@dataclass(frozen=True, slots=True)
class Score:
    """A kind of finding. ``name`` is its kind, and the column of its score in the catalogue.

    ``text``, ``rule`` and ``next`` are as those of a Rule. Where the run has scores, a kind takes
    the place of the Rule with its name: it is measured more carefully.
    """

    name: str
    level: Level
    text: str
    rule: str
    next: str = ""


SCORES: tuple[Score, ...] = (
    Score(
        name="blurred",
        level="notice",
        text="{images} {are} probably blurred, or smooth by design.",
        rule="The sharpest edges of the small decode are wide.",
        next="Look through {them}: the list begins with the most blurred.",
    ),
    Score(
        name="dark",
        level="notice",
        text="{images} ({share}) {are} very dark.",
        rule="Even the 99th percentile of luma is far below white.",
        next="--correct exposure brightens {them}.",
    ),
    Score(
        name="bright",
        level="notice",
        text="{images} ({share}) {are} very bright.",
        rule="Even the 5th percentile of luma is near white.",
        next="Look for blank pages and failed exposures.",
    ),
    Score(
        name="low_contrast",
        level="notice",
        text="{images} {have} hardly any contrast.",
        rule="Luma spans little of its range.",
        next="--correct auto-levels stretches {their} tones.",
    ),
    Score(
        name="color_cast",
        level="notice",
        text="{images} {have} a cast of one color, or {are} of one color by design.",
        rule="Colors are far from gray against how much they differ, and the lightest part is colored "
        "too.",
        next="--correct gray-world removes a cast.",
    ),
    Score(
        name="compressed",
        level="notice",
        text="{images} {are} compressed so much that it shows.",
        rule="The quality of the JPEG, by its quantization table, is low.",
        next="Look for {their} originals.",
    ),
    Score(
        name="upscaled",
        level="notice",
        text="{images} {are} probably enlarged from a smaller one.",
        rule="The sharpest edges are wide in pixels of the image. Only images of 129 to 256 pixels are "
        "judged.",
        next="Look for {their} originals.",
    ),
    Score(
        name="border",
        level="notice",
        text="{images} {have} even bands at two opposite sides.",
        rule="Two opposite sides have even bands that end in a straight line.",
        next="Cut the bands off before you train on {them}.",
    ),
    Score(
        name="low_information",
        level="info",
        text="{images} {have} little to see.",
        rule="The entropy of luma is low.",
    ),
    Score(
        name="screenshot",
        level="info",
        text="{images} {are} probably of a screen.",
        rule="Even areas and level edges, and no camera is named.",
    ),
    Score(
        name="page",
        level="info",
        text="{images} {are} probably of a page, with writing or blank.",
        rule="The image looks like paper.",
    ),
    Score(
        name="odd_size",
        level="info",
        text="{images} {are} far larger or smaller than most.",
        rule="The number of pixels is far from the median of all images.",
    ),
    Score(
        name="odd_shape",
        level="info",
        text="{images} {are} of quite another shape than most.",
        rule="The longer over the shorter side is far from the median of all images.",
    ),
)
"""All kinds. The table of findings has the threshold and the evidence of each."""


def count_scores(tables: Tables) -> dict[str, tuple[int, int]]:
    """Return the images and bytes of each kind, none if the run did not look for findings."""
    if not tables.wrote("findings"):
        return {}
    found = tables.rows(
        "SELECT kind, count(*), coalesce(sum(size), 0)::BIGINT "
        "FROM findings JOIN image USING (uri) GROUP BY kind"
    )
    counted = {kind: (images, size) for kind, images, size in found}
    return {score.name: counted.get(score.name, (0, 0)) for score in SCORES}
