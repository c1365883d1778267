"""The options that say how each image is edited: a section of the table in ``fields``."""

from __future__ import annotations

from typing import get_args

from mrimage.image.names import COLOR_SPACES, CORRECTION_NAMES, ENCODER_NAMES, FORMAT_ALIASES
from mrimage.job.field import Field, Section
from mrimage.job.option_types import FLAG, TEXT, one_of, whole
from mrimage.job.picture_options import COLOR, CROP, PROBABILITY, SIZES, STRENGTH
from mrimage.types import CORNERS, Fit

EDITS = Section(
    "edits",
    (
        Field("crop", CROP, "cut out a rectangle; without +X+Y, in the middle", "Edits"),
        Field(
            "resize",
            SIZES,
            "fit the image to a box of W x H pixels; of several, to the one nearest to its shape; or "
            "scale it to a longest side of N pixels, to P% of both sides, or to N megapixels; given "
            "several times, or joined by +, it makes a result of each size",
            "Edits",
            joined="+",
        ),
        Field(
            "fit",
            one_of(*get_args(Fit), metavar="FIT"),
            "how --resize WxH fits; N, P% and Nmp keep the shape, so they fit by themselves",
            "Edits",
        ),
        Field(
            "enlarge",
            FLAG,
            "leave images smaller than the box at their size",
            "Edits",
            option="--no-enlarge",
        ),
        Field(
            "to",
            one_of(*COLOR_SPACES, metavar="SPACE"),
            "convert the colors to this color space",
            "Edits",
            default="unchanged",
        ),
        Field(
            "correct",
            one_of(*CORRECTION_NAMES, metavar="METHOD", installed="corrections"),
            "correct the colors",
            "Edits",
        ),
        Field(
            "reference",
            TEXT,
            "image that --correct match-histogram matches, in place of the group",
            "Edits",
            metavar="FILE",
            default="the group",
        ),
        Field(
            "sharpen",
            STRENGTH,
            "sharpen after the resize; 1 is moderate, 3 strong",
            "Edits",
            default="none",
        ),
        Field(
            "watermark",
            TEXT,
            "picture to lay over a corner of each result",
            "Edits",
            metavar="FILE",
            default="none",
        ),
        Field(
            "watermark_corner",
            one_of(*CORNERS, metavar="CORNER"),
            "where the watermark goes",
            "Edits",
        ),
        Field(
            "watermark_share",
            PROBABILITY,
            "how much of the width and the height the watermark may take, from 0 to 1",
            "Edits",
        ),
        Field(
            "format",
            one_of(*ENCODER_NAMES, metavar="FORMAT", aliases=FORMAT_ALIASES),
            "encode as",
            "Edits",
        ),
        Field(
            "quality",
            whole(1, 100),
            "quality of a lossy format, from 1 to 100",
            "Edits",
            default="85 for JPEG, 80 for WebP, 60 for AVIF",
        ),
        Field("background", COLOR, "color behind transparency and around --fit pad", "Edits"),
        Field(
            "metadata",
            one_of("keep", "copyright", "strip", metavar="WHICH"),
            "which metadata of the source the output keeps",
            "Edits",
        ),
    ),
    note="applied to each image in this order: orient, crop, resize, color, correct, "
    "sharpen, watermark, encode",
)
