"""Findings that are a condition on single images: what is counted, from which share on, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass

from mrimage.report.figures import Level

BLURRED = 0.06
"""Variance of the Laplacian over variance of luma under which an image with some contrast is probably blurred.

Measured on 17 sharp photographs and Gaussian blurs of them: none of the originals is under it, 1 of 16 blurred with a
sigma of 0.5 % of the width, 11 of 14 at 1 %, and all at 2 %."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``condition`` is SQL over the view ``image``; the finding is told from a ``share`` of all images on. ``text``
    may use ``{images}``, ``{share}`` and ``{bytes}`` (share of the bytes), and word endings that follow the count."""

    name: str
    level: Level
    needs: tuple[str, ...]
    condition: str
    text: str
    rule: str
    order: str = ""
    share: float = 0.0


_EXTENSIONS = {
    "jpeg": "jpg jpeg jpe jfif mpo", "png": "png apng", "webp": "webp", "gif": "gif", "tiff": "tif tiff btf tf8",
    "bmp": "bmp dib",
}  # fmt: skip


def _misnamed() -> str:
    """Names that claim one of the common formats and hold another."""
    claims = " ".join(f"WHEN '{one}' THEN '{name}'" for name, ones in _EXTENSIONS.items() for one in ones.split())
    return f"CASE lower(split_part(uri, '.', -1)) {claims} END <> format"


RULES: tuple[Rule, ...] = (
    Rule("located", "warning", ("latitude", "longitude"), "latitude IS NOT NULL",
         "{images} say{s} where {they} {were} taken. Mind that before publishing; outputs leave it out by default.",
         "EXIF has a GPS latitude."),
    Rule("flat", "warning", ("contrast",), "contrast < 0.01",
         "{images} {are} nearly one flat colour: perhaps failed exports or blank scans.",
         "Standard deviation of luma under 1 % of its range.", "contrast"),
    Rule("cmyk", "warning", ("color_space",), "color_space = 'cmyk'",
         "{images} {are} CMYK, which browsers and training code often show wrongly; --to srgb converts.",
         "The colour space is cmyk."),
    Rule("blurred", "notice", ("sharpness", "contrast"), f"contrast >= 0.05 AND sharpness < {BLURRED:g} * power(255 * contrast, 2)",
         "{images} {are} probably blurred, or smooth by design.",
         f"Variance of the Laplacian under {BLURRED:g} times the variance of luma, where the latter is not small.",
         "sharpness"),
    Rule("dark", "notice", ("brightness",), "brightness < 0.12", "{images} ({share}) {are} very dark.",
         "Mean luma under 12 % of its range.", "brightness"),
    Rule("bright", "notice", ("brightness",), "brightness > 0.92", "{images} ({share}) {are} very bright.",
         "Mean luma over 92 % of its range.", "brightness DESC"),
    Rule("misnamed", "notice", ("uri", "format"), _misnamed(),
         "{images} {have} an extension of another format than {their} content.",
         "The name's extension is that of a common format, the bytes are of another."),
    Rule("turned", "notice", ("orientation",), "orientation BETWEEN 2 AND 8",
         "{images} ({share}) {are} stored turned or mirrored, and shown so where EXIF is ignored; outputs are upright.",
         "EXIF orientation is 2 to 8."),
    Rule("wide_gamut", "notice", ("color_space",),
         "color_space IN ('adobe-rgb', 'display-p3', 'prophoto-rgb', 'rec2020', 'rgb-other')",
         "{images} ({share}) {are} in another RGB than sRGB, pale where profiles are ignored; --to srgb converts.",
         "The colour space is an RGB other than sRGB."),
    Rule("tiny", "notice", ("width", "height"), "least(width, height) < 64",
         "{images} ({share}) {are} under 64 pixels in width or height: icons or spacers perhaps.",
         "The shorter side has less than 64 pixels.", "least(width, height)"),
    Rule("elongated", "notice", ("width", "height"), "greatest(width, height) > 5 * least(width, height)",
         "{images} {are} more than five times as long as wide; a crop to a square loses most of {them}.",
         "The longer side is over 5 times the shorter."),
    Rule("animated", "notice", ("frames",), "frames > 1",
         "{images} {have} several frames or pages; edits take the first.", "The file has more than one frame.",
         "frames DESC"),
    Rule("misdated", "notice", ("taken_at",),
         "(taken_at < TIMESTAMP '1990-01-01' OR taken_at > now()::TIMESTAMP + INTERVAL 1 DAY)",
         "{images} {have} a date that cannot be right.", "Taken before 1990 or after today.", "taken_at"),
    Rule("large", "info", ("width", "height"), "pixels > 12e6",
         "{share} of the images are larger than 12 megapixels and hold {bytes} of the bytes.",
         "Width times height over 12 million.", "pixels DESC", 0.05),
    Rule("deep", "info", ("bit_depth",), "bit_depth > 8",
         "{images} ({share}) {have} more than 8 bits a sample and hold {bytes} of the bytes.",
         "More than 8 bits in one sample.", "", 0.01),
    Rule("transparent", "info", ("has_alpha",), "has_alpha",
         "{images} ({share}) {have} an alpha channel; formats without one put them on --background.",
         "The image has an alpha band.", "", 0.01),
)  # fmt: skip
"""Conditions that anyone can check with the query that comes with the finding."""
