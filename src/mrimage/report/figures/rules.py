"""Findings that are a condition on single images: what is counted, from which share on, and how it is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mrimage.report.figures.figures import Level

BLURRED = 0.06
"""Variance of the Laplacian over variance of luma under which an image with some contrast is probably blurred.

Measured on 17 sharp photographs and Gaussian blurs of them: none of the originals is under it, 1 of 16 blurred with a
sigma of 0.5 % of the width, 11 of 14 at 1 %, and all at 2 %."""


Settled = Literal["", "edits", "to", "metadata"]
"""What of a job's edits may have settled a matter: any at all, a conversion of colors, or metadata left out."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``condition`` is SQL over the view ``image``; the finding is told from a ``share`` of all images on. ``text``
    may use ``{images}``, ``{share}`` and ``{bytes}`` (share of the bytes), and word endings that follow the count.
    ``next`` says what to do; where the job's edits have the setting ``settled_by``, it is ``settled`` that is told,
    and the finding is for information alone."""

    name: str
    level: Level
    needs: tuple[str, ...]
    condition: str
    text: str
    rule: str
    next: str = ""
    order: str = ""
    share: float = 0.0
    settled_by: Settled = ""
    settled: str = ""

    def is_settled(self, edits: Mapping[str, object] | None) -> bool:
        """Whether the ``edits`` of a described job have seen to it."""
        if edits is None or not self.settled_by:
            return False
        if self.settled_by == "metadata":
            return edits.get("metadata") != "keep"
        return self.settled_by == "edits" or edits.get(self.settled_by) is not None


_EXTENSIONS = {
    "jpeg": "jpg jpeg jpe jfif mpo", "png": "png apng", "webp": "webp", "gif": "gif", "tiff": "tif tiff btf tf8",
    "bmp": "bmp dib",
}  # fmt: skip


def _misnamed() -> str:
    """Names that claim one of the common formats and hold another."""
    claims = " ".join(
        f"WHEN '{one}' THEN '{name}'" for name, ones in _EXTENSIONS.items() for one in ones.split()
    )
    return f"CASE lower(split_part(uri, '.', -1)) {claims} END <> format"


RULES: tuple[Rule, ...] = (
    Rule("located", "warning", ("latitude", "longitude"), "latitude IS NOT NULL",
         "{images} say{s} where {they} {were} taken.", "EXIF has a GPS latitude.",
         "Mind that before publishing {them}: of the outputs, only those of --metadata keep say it too.",
         settled_by="metadata", settled="The outputs do not say it."),
    Rule("flat", "warning", ("contrast",), "contrast < 0.01",
         "{images} {are} nearly one flat color: perhaps failed exports or blank scans.",
         "Standard deviation of luma under 1 % of its range.", "Look through {them}, and leave out what has failed.",
         "contrast"),
    Rule("cmyk", "warning", ("color_space",), "color_space = 'cmyk'",
         "{images} {are} CMYK, which browsers and training code often show wrongly.", "The color space is cmyk.",
         "--to srgb converts {them}.", settled_by="to", settled="The outputs are converted."),
    Rule("blurred", "notice", ("sharpness", "contrast"), f"contrast >= 0.05 AND sharpness < {BLURRED:g} * power(255 * contrast, 2)",
         "{images} {are} probably blurred, or smooth by design.",
         f"Variance of the Laplacian under {BLURRED:g} times the variance of luma, where the latter is not small.",
         "Look through the list, which begins with the least sharp.", "sharpness"),
    Rule("dark", "notice", ("brightness",), "brightness < 0.12", "{images} ({share}) {are} very dark.",
         "Mean luma under 12 % of its range.", "--correct exposure brightens {them}, where that is wanted.", "brightness"),
    Rule("bright", "notice", ("brightness",), "brightness > 0.92", "{images} ({share}) {are} very bright.",
         "Mean luma over 92 % of its range.", "Look for blank pages and failed exposures.", "brightness DESC"),
    Rule("misnamed", "notice", ("uri", "format"), _misnamed(),
         "{images} {have} an extension of another format than {their} content.",
         "The name's extension is that of a common format, the bytes are of another.",
         "Programs that trust the name fail on {them}: rename {them}.",
         settled_by="edits", settled="The outputs are named by their content."),
    Rule("turned", "notice", ("orientation",), "orientation BETWEEN 2 AND 8",
         "{images} ({share}) {are} stored turned or mirrored, and shown so where EXIF is ignored.",
         "EXIF orientation is 2 to 8.", "Any edit writes {them} upright.",
         settled_by="edits", settled="The outputs are upright."),
    Rule("wide_gamut", "notice", ("color_space",),
         "color_space IN ('adobe-rgb', 'display-p3', 'prophoto-rgb', 'rec2020', 'rgb-other')",
         "{images} ({share}) {are} in another RGB than sRGB, and pale where profiles are ignored.",
         "The color space is an RGB other than sRGB.", "--to srgb converts {them}.",
         settled_by="to", settled="The outputs are converted."),
    Rule("tiny", "notice", ("width", "height"), "least(width, height) < 64",
         "{images} ({share}) {are} under 64 pixels in width or height: icons or spacers perhaps.",
         "The shorter side has less than 64 pixels.", "--exclude leaves {them} out by name or folder.",
         "least(width, height)"),
    Rule("elongated", "notice", ("width", "height"), "greatest(width, height) > 5 * least(width, height)",
         "{images} {are} more than five times as long as wide.", "The longer side is over 5 times the shorter.",
         "--fit cover loses most of {them} in a square; --fit pad keeps all.",
         "greatest(width, height)::DOUBLE / least(width, height) DESC"),
    Rule("animated", "notice", ("frames",), "frames > 1", "{images} {have} several frames or pages.",
         "The file has more than one frame.", "Edits take the first frame.", "frames DESC"),
    Rule("misdated", "notice", ("taken_at",),
         "(taken_at < TIMESTAMP '1990-01-01' OR taken_at > now()::TIMESTAMP + INTERVAL 1 DAY)",
         "{images} {have} a date that cannot be right.", "Taken before 1990 or after today.",
         "Do not sort by date before {they} {are} put right.", "taken_at"),
    Rule("large", "info", ("width", "height"), "pixels > 12e6",
         "{share} of the images are larger than 12 megapixels and hold {bytes} of the bytes.",
         "Width times height over 12 million.", order="pixels DESC", share=0.05),
    Rule("deep", "info", ("bit_depth",), "bit_depth > 8",
         "{images} ({share}) {have} more than 8 bits a sample and hold {bytes} of the bytes.",
         "More than 8 bits in one sample.", share=0.01),
    Rule("transparent", "info", ("has_alpha",), "has_alpha", "{images} ({share}) {have} an alpha channel.",
         "The image has an alpha band.", "Formats without one put {them} on --background.", share=0.01),
)  # fmt: skip
"""Conditions that anyone can check with the query that comes with the finding."""
