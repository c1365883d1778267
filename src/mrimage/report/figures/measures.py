"""What is counted about the images: a Measure for each chart of a distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mrimage.types import ASPECT_TOLERANCE, ASPECTS, LONG_ASPECT

Scale = Literal["category", "decade", "octave", "linear", "time"]
"""How values are counted: each by itself, in bins of a number, or by date."""

ValueUnit = Literal["", "bytes", "MP", "bit/px", "mm"]
"""What is written after a value."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number or name of each image.

    ``expression`` is SQL over the columns ``needs`` of the view ``image``; it is NULL for an image
    without a value. The bins of a ``decade`` scale start at 1, 2 and 5 times the powers of ten. An
    ``octave`` scale has ``step`` bins for each doubling, counted from ``anchor``. A ``linear`` scale
    has bins of one width.
    """

    name: str
    title: str
    about: str
    needs: tuple[str, ...]
    expression: str
    scale: Scale = "category"
    unit: ValueUnit = ""
    anchor: float = 1.0
    step: int = 1


def _aspect() -> str:
    """Return SQL for what the key ``aspect`` says of an image."""
    longer = "greatest(width, height)::BIGINT"
    shorter = "least(width, height)::BIGINT"
    cases = []
    for name, (long, short) in ASPECTS.items():
        upright = "x".join(reversed(name.split("x")))
        is_near = (
            f"abs({longer} * {short} - {shorter} * {long}) * 1000 "
            f"<= {ASPECT_TOLERANCE} * {shorter} * {long}"
        )
        cases.append(f"WHEN {is_near} THEN if(width >= height, '{name}', '{upright}')")
    long, short = LONG_ASPECT
    other = (
        f"if({longer} * {short} > {shorter} * {long}, 'long', 'other') "
        "|| if(width > height, '-landscape', '-portrait')"
    )
    return f"CASE {' '.join(cases)} ELSE {other} END"


_EXIF_TURNS = (
    "CASE orientation "
    "WHEN 1 THEN '1 upright' "
    "WHEN 2 THEN '2 mirrored' "
    "WHEN 3 THEN '3 upside down' "
    "WHEN 4 THEN '4 flipped' "
    "WHEN 5 THEN '5 transposed' "
    "WHEN 6 THEN '6 turned right' "
    "WHEN 7 THEN '7 transversed' "
    "WHEN 8 THEN '8 turned left' "
    "END"
)

MEASURES: tuple[Measure, ...] = (
    Measure(
        name="format",
        title="Formats",
        about="The format found in the bytes, whatever the file is called.",
        needs=("format",),
        expression="format",
    ),
    Measure(
        name="color_space",
        title="Color spaces",
        about="From the ICC profile, EXIF and the pixel format.",
        needs=("color_space",),
        expression="color_space",
    ),
    Measure(
        name="aspect",
        title="Aspect ratios",
        about="Width to height, as the key aspect names it. Common ratios match within 1.5 %.",
        needs=("width", "height"),
        expression=_aspect(),
    ),
    Measure(
        name="megapixels",
        title="Megapixels",
        about="Width times height, in millions.",
        needs=("width", "height"),
        expression="nullif(pixels, 0) / 1e6",
        scale="decade",
        unit="MP",
    ),
    Measure(
        name="size",
        title="File sizes",
        about="Bytes of each file in the source.",
        needs=("size",),
        expression="nullif(size, 0)",
        scale="decade",
        unit="bytes",
    ),
    Measure(
        name="density",
        title="Bits per pixel",
        about="File size over pixels: high for raw and noise, low for flat graphics.",
        needs=("size", "width", "height"),
        expression="nullif(8.0 * size / nullif(pixels, 0), 0)",
        scale="octave",
        unit="bit/px",
        anchor=1.0,
        step=2,
    ),
    Measure(
        name="bit_depth",
        title="Bit depths",
        about="Bits in one sample of one band.",
        needs=("bit_depth",),
        expression="bit_depth || ' bit'",
    ),
    Measure(
        name="bands",
        title="Bands and alpha",
        about="Color bands, and whether one more band holds transparency.",
        needs=("bands", "has_alpha"),
        expression="bands || CASE WHEN bands = 1 THEN ' band' ELSE ' bands' END "
        "|| if(has_alpha, ', alpha', '')",
    ),
    Measure(
        name="orientation",
        title="EXIF orientation",
        about="How the stored pixels must be turned. Widths, heights and outputs are upright already.",
        needs=("orientation",),
        expression=_EXIF_TURNS,
    ),
    Measure(
        name="icc_profile",
        title="ICC profiles",
        about="The embedded profile's own name.",
        needs=("icc_profile",),
        expression="icc_profile",
    ),
    Measure(
        name="progressive",
        title="Progressive or interlaced",
        about="Stored in passes, coarse to fine.",
        needs=("progressive",),
        expression="CASE WHEN progressive THEN 'progressive' "
        "WHEN NOT progressive THEN 'baseline' END",
    ),
    Measure(
        name="frames",
        title="Frames",
        about="Animations and files of several pages.",
        needs=("frames",),
        expression="CASE WHEN frames = 1 THEN '1' WHEN frames <= 10 THEN '2 to 10' "
        "WHEN frames > 10 THEN 'over 10' END",
    ),
    Measure(
        name="camera",
        title="Cameras",
        about="EXIF model.",
        needs=("camera",),
        expression="nullif(trim(camera), '')",
    ),
    Measure(
        name="lens",
        title="Lenses",
        about="EXIF lens model.",
        needs=("lens",),
        expression="nullif(trim(lens), '')",
    ),
    Measure(
        name="software",
        title="Software",
        about="The program that wrote the file last, as the file says.",
        needs=("software",),
        expression="nullif(trim(software), '')",
    ),
    Measure(
        name="taken_at",
        title="Dates taken",
        about="The original date, from EXIF, XMP or IPTC.",
        needs=("taken_at",),
        expression="taken_at",
        scale="time",
    ),
    Measure(
        name="iso",
        title="ISO",
        about="Sensor sensitivity; each bar doubles the one before.",
        needs=("iso",),
        expression="CASE WHEN iso > 0 THEN iso END",
        scale="octave",
        unit="",
        anchor=100.0,
    ),
    Measure(
        name="focal_length",
        title="Focal lengths",
        about="In millimeters, as engraved on the lens, not in 35 mm equivalents.",
        needs=("focal_length",),
        expression="CASE WHEN focal_length > 0 THEN focal_length END",
        scale="octave",
        unit="mm",
        anchor=25.0,
        step=2,
    ),
    Measure(
        name="brightness",
        title="Brightness",
        about="Mean luma: 0 is black, 1 is white.",
        needs=("brightness",),
        expression="brightness",
        scale="linear",
    ),
    Measure(
        name="contrast",
        title="Contrast",
        about="Standard deviation of luma, 0 to 0.5.",
        needs=("contrast",),
        expression="contrast",
        scale="linear",
    ),
    Measure(
        name="sharpness",
        title="Sharpness",
        about="Variance of the Laplacian: low means blurred, or flat.",
        needs=("sharpness",),
        expression="CASE WHEN sharpness > 0 THEN sharpness END",
        scale="decade",
    ),
    Measure(
        name="entropy",
        title="Entropy",
        about="Of the luma histogram, 0 to 8 bits; low means flat graphics.",
        needs=("entropy",),
        expression="entropy",
        scale="linear",
    ),
    Measure(
        name="colorfulness",
        title="Colorfulness",
        about="0 is gray, over 80 is vivid.",
        needs=("colorfulness",),
        expression="colorfulness",
        scale="linear",
    ),
)
"""In the order of the page."""
