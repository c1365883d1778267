"""Findings that are a condition on single images: what is counted, when it is reported, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mrimage.report.figures.figures import Level
from mrimage.report.tables.views import Tables

BLURRED = 0.06
"""Variance of the Laplacian over variance of luma, below which an image is probably blurred.

It holds for images with some contrast. Measured on 17 sharp photographs and Gaussian blurs of them:
no original is below it. Of the blurred ones, 1 of 16 is below it at a sigma of 0.5 % of the width,
11 of 14 at 1 %, and all at 2 %."""

_ONLY_OPAQUE = "Images with an alpha channel are not judged: their hidden pixels would count."

SettledBy = Literal["", "edits", "to", "metadata"]
"""Which of a job's edits settles a finding.

It is any edit at all, a conversion of colors, or the removal of metadata."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One finding.

    ``condition`` is SQL over the columns ``needs`` of the view ``image``. The finding is reported
    if at least ``share`` (0..1) of all images meet it, and at least one. ``rule`` says the same in
    words.

    ``text`` may use ``{images}``, ``{share}`` and ``{bytes}`` (the share of the bytes), and words
    that depend on the count, such as ``{are}``. ``next`` says what to do. If the job's edits have
    the setting ``settled_by``, the report shows ``settled`` instead, and the finding is only for
    information. ``order`` sorts the list of images.

    A rule for ``opaque`` images judges none with an alpha channel: what is seen of them depends on
    the page that they are put on, and their hidden pixels would count. Of 2,663 drawings that such a
    rule called very bright, 2,642 had alpha.
    """

    name: str
    level: Level
    needs: tuple[str, ...]
    condition: str
    text: str
    rule: str
    next: str = ""
    order: str = ""
    share: float = 0.0
    settled_by: SettledBy = ""
    settled: str = ""
    opaque: bool = False

    def where(self, tables: Tables) -> str:
        """Return the SQL condition on the columns that the catalogue has."""
        if self.opaque and tables.has("has_alpha"):
            return f"{self.condition} AND NOT coalesce(has_alpha, false)"
        return self.condition

    @property
    def explained(self) -> str:
        """The rule in words, with what it leaves out."""
        return f"{self.rule} {_ONLY_OPAQUE}" if self.opaque else self.rule

    def is_settled(self, edits: Mapping[str, object] | None) -> bool:
        """Return whether the ``edits`` of a described job have settled the finding."""
        if edits is None or not self.settled_by:
            return False
        if self.settled_by == "metadata":
            return edits.get("metadata") != "keep"
        if self.settled_by == "edits":
            return True
        return edits.get(self.settled_by) is not None


_EXTENSIONS = {
    "jpeg": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "png": ("png", "apng"),
    "webp": ("webp",),
    "gif": ("gif",),
    "tiff": ("tif", "tiff", "btf", "tf8"),
    "bmp": ("bmp", "dib"),
}
"""The extensions of common formats."""


# One day later than now, because a date may be from a time zone ahead of this one.
MISDATED = "(taken_at < TIMESTAMP '1990-01-01' OR taken_at > now()::TIMESTAMP + INTERVAL 1 DAY)"
"""SQL condition on dates that cannot be right."""


def _misnamed() -> str:
    """Return SQL for names with the extension of a common format, and content of another one."""
    claims = " ".join(
        f"WHEN '{extension}' THEN '{name}'"
        for name, extensions in _EXTENSIONS.items()
        for extension in extensions
    )
    return f"CASE lower(split_part(uri, '.', -1)) {claims} END <> format"


RULES: tuple[Rule, ...] = (
    Rule(
        name="located",
        level="warning",
        needs=("latitude", "longitude"),
        condition="latitude IS NOT NULL",
        text="{images} {have} a GPS position.",
        rule="EXIF has a GPS latitude.",
        next="Remove it before you publish {them}: every edit does, unless you pass --metadata keep.",
        settled_by="metadata",
        settled="{Their} GPS position is removed from outputs unless you pass --metadata keep.",
    ),
    Rule(
        name="flat",
        level="warning",
        needs=("contrast",),
        condition="contrast < 0.01",
        text="{images} {are} nearly one flat color: perhaps failed exports or blank scans.",
        rule="The standard deviation of luma is under 1 % of its range.",
        next="Look through {them}, and leave out what failed.",
        order="contrast",
        opaque=True,
    ),
    Rule(
        name="cmyk",
        level="warning",
        needs=("color_space",),
        condition="color_space = 'cmyk'",
        text="{images} {are} CMYK, which browsers and training code often show wrongly.",
        rule="The color space is cmyk.",
        next="--to srgb converts {them}.",
        settled_by="to",
        settled="The outputs are converted.",
    ),
    Rule(
        name="blurred",
        level="notice",
        needs=("sharpness", "contrast"),
        condition=f"contrast >= 0.05 AND sharpness < {BLURRED:g} * power(255 * contrast, 2)",
        text="{images} {are} probably blurred, or smooth by design.",
        rule=f"The variance of the Laplacian is under {BLURRED:g} times the variance of luma, "
        "and the variance of luma is not small.",
        next="Look through {them}: the list begins with the least sharp.",
        order="sharpness",
        opaque=True,
    ),
    Rule(
        name="dark",
        level="notice",
        needs=("brightness",),
        condition="brightness < 0.12",
        text="{images} ({share}) {are} very dark.",
        rule="The mean luma is under 12 % of its range.",
        next="--correct exposure brightens {them}.",
        order="brightness",
        opaque=True,
    ),
    Rule(
        name="bright",
        level="notice",
        needs=("brightness",),
        condition="brightness > 0.92",
        text="{images} ({share}) {are} very bright.",
        rule="The mean luma is over 92 % of its range.",
        next="Look for blank pages and failed exposures.",
        order="brightness DESC",
        opaque=True,
    ),
    Rule(
        name="misnamed",
        level="notice",
        needs=("uri", "format"),
        condition=_misnamed(),
        text="{images} {have} the extension of another format than {their} content.",
        rule="The name has the extension of a common format, and the bytes are of another format.",
        next="Programs that trust the name fail on {them}: rename {them}.",
        settled_by="edits",
        settled="The outputs are named by their content.",
    ),
    Rule(
        name="turned",
        level="notice",
        needs=("orientation",),
        condition="orientation BETWEEN 2 AND 8",
        text="{images} ({share}) {are} stored turned or mirrored. Programs that ignore EXIF show {them} "
        "that way.",
        rule="EXIF orientation is 2 to 8.",
        next="Any edit writes {them} upright.",
        settled_by="edits",
        settled="The outputs are upright.",
    ),
    Rule(
        name="wide_gamut",
        level="notice",
        needs=("color_space",),
        condition="color_space IN "
        "('adobe-rgb', 'display-p3', 'prophoto-rgb', 'rec2020', 'rgb-other')",
        text="{images} ({share}) {are} in an RGB space other than sRGB. Programs that ignore profiles "
        "show {them} pale.",
        rule="The color space is an RGB space other than sRGB.",
        next="--to srgb converts {them}.",
        settled_by="to",
        settled="The outputs are converted.",
    ),
    Rule(
        name="tiny",
        level="notice",
        needs=("width", "height"),
        condition="least(width, height) < 64",
        text="{images} ({share}) {are} under 64 pixels in width or height: perhaps icons or spacers.",
        rule="The shorter side has less than 64 pixels.",
        next="--exclude leaves {them} out by name or folder.",
        order="least(width, height)",
    ),
    Rule(
        name="elongated",
        level="notice",
        needs=("width", "height"),
        condition="greatest(width, height) > 5 * least(width, height)",
        text="{images} {are} more than five times as long as wide.",
        rule="The longer side is over 5 times the shorter.",
        next="--fit cover loses most of {them} in a square; --fit pad keeps all.",
        order="greatest(width, height)::DOUBLE / least(width, height) DESC",
    ),
    Rule(
        name="animated",
        level="notice",
        needs=("frames",),
        condition="frames > 1",
        text="{images} {have} several frames or pages.",
        rule="The file has more than one frame.",
        next="Edits take the first frame.",
        order="frames DESC",
    ),
    Rule(
        name="misdated",
        level="notice",
        needs=("taken_at",),
        condition=MISDATED,
        text="{images} {have} a date that cannot be right.",
        rule="Taken before 1990 or after today.",
        next="Correct the dates before you sort by them.",
        order="taken_at",
    ),
    Rule(
        name="large",
        level="info",
        needs=("width", "height"),
        condition="pixels > 12e6",
        text="{share} of the images are larger than 12 megapixels and hold {bytes} of the bytes.",
        rule="Width times height is over 12 million. Reported when at least 5 % of the images are "
        "affected.",
        order="pixels DESC",
        share=0.05,
    ),
    Rule(
        name="deep",
        level="info",
        needs=("bit_depth",),
        condition="bit_depth > 8",
        text="{images} ({share}) {have} more than 8 bits a sample and hold {bytes} of the bytes.",
        rule="A sample has more than 8 bits. Reported when at least 1 % of the images are "
        "affected.",
        share=0.01,
    ),
    Rule(
        name="transparent",
        level="info",
        needs=("has_alpha",),
        condition="has_alpha",
        text="{images} ({share}) {have} an alpha channel.",
        rule="The image has an alpha band. Reported when at least 1 % of the images are affected.",
        next="Formats without alpha put {them} on --background.",
        share=0.01,
    ),
)
"""All such findings. The report shows each with a query, so that anyone can check it."""
