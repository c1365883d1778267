"""What is counted about the images: one Measure for each chart of a distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scale = Literal["category", "decade", "octave", "linear", "time"]
Unit = Literal["", "bytes", "MP", "bit/px", "mm"]


@dataclass(frozen=True, slots=True)
class Measure:
    """``expression`` is SQL over the view ``image``, NULL where an image has no value; ``needs`` names its
    columns. Bins of a ``decade`` scale start at 1, 2 and 5 times the powers of ten; an ``octave`` scale has ``step``
    bins for each doubling, from ``anchor`` on; a ``linear`` one has even bins. ``unit`` is written after values."""

    name: str
    title: str
    about: str
    needs: tuple[str, ...]
    expression: str
    scale: Scale = "category"
    unit: Unit = ""
    anchor: float = 1.0
    step: int = 1


_ASPECTS = {
    "1:1": 1.0, "5:4": 1.25, "4:3": 4 / 3, "7:5": 1.4, "3:2": 1.5, "16:10": 1.6, "5:3": 5 / 3, "16:9": 16 / 9,
    "2:1": 2.0, "21:9": 64 / 27,
}  # fmt: skip
_ASPECT_TOLERANCE = 0.015


def _aspect() -> str:
    """Names the ratio of the longer to the shorter side within 1.5 %, and says which way the image stands."""
    ratio = "(greatest(width, height)::DOUBLE / nullif(least(width, height), 0))"
    cases = " ".join(
        f"WHEN abs({ratio} / {value:.6f} - 1) < {_ASPECT_TOLERANCE} THEN '{name}'"
        for name, value in _ASPECTS.items()
    )
    named = f"CASE {cases} WHEN {ratio} > 2.5 THEN 'over 2.5:1' ELSE 'uncommon' END"
    way = "CASE WHEN abs(width - height) <= 0.015 * height THEN '' WHEN width > height THEN ' wide' ELSE ' tall' END"
    return f"{named} || {way}"


_EXIF_TURNS = (
    "CASE orientation WHEN 1 THEN '1 upright' WHEN 2 THEN '2 mirrored' WHEN 3 THEN '3 upside down' "
    "WHEN 4 THEN '4 flipped' WHEN 5 THEN '5 transposed' WHEN 6 THEN '6 turned right' WHEN 7 THEN '7 transversed' "
    "WHEN 8 THEN '8 turned left' END"
)

MEASURES: tuple[Measure, ...] = (
    Measure("format", "Formats", "The format found in the bytes, whatever the file is called.", ("format",), "format"),
    Measure("color_space", "Color spaces", "From the ICC profile, EXIF and the pixel format.",
            ("color_space",), "color_space"),
    Measure("aspect", "Aspect ratios", "Longer to shorter side, named within 1.5 %.",
            ("width", "height"), _aspect()),
    Measure("megapixels", "Megapixels", "Width times height, in millions.",
            ("width", "height"), "nullif(pixels, 0) / 1e6", "decade", "MP"),
    Measure("size", "File sizes", "Bytes of each file in the source.",
            ("size",), "nullif(size, 0)", "decade", "bytes"),
    Measure("density", "Bits per pixel", "File size over pixels: high for raw and noise, low for flat graphics.",
            ("size", "width", "height"), "nullif(8.0 * size / nullif(pixels, 0), 0)", "octave", "bit/px", 1.0, 2),
    Measure("bit_depth", "Bit depths", "Bits in one sample of one band.", ("bit_depth",), "bit_depth || ' bit'"),
    Measure("bands", "Bands and alpha", "Color bands, and whether one more holds transparency.",
            ("bands", "has_alpha"),
            "bands || CASE WHEN bands = 1 THEN ' band' ELSE ' bands' END || if(has_alpha, ', alpha', '')"),
    Measure("orientation", "EXIF orientation", "How the stored pixels must be turned; done already in widths, "
            "heights and outputs.", ("orientation",), _EXIF_TURNS),
    Measure("icc_profile", "ICC profiles", "The embedded profile's own name.", ("icc_profile",), "icc_profile"),
    Measure("progressive", "Progressive or interlaced", "Stored in passes, coarse to fine.", ("progressive",),
            "CASE WHEN progressive THEN 'progressive' WHEN NOT progressive THEN 'baseline' END"),
    Measure("frames", "Frames", "Animations and files of several pages.", ("frames",),
            "CASE WHEN frames = 1 THEN '1' WHEN frames <= 10 THEN '2 to 10' WHEN frames > 10 THEN 'over 10' END"),
    Measure("camera", "Cameras", "EXIF model.", ("camera",), "nullif(trim(camera), '')"),
    Measure("lens", "Lenses", "EXIF lens model.", ("lens",), "nullif(trim(lens), '')"),
    Measure("software", "Software", "What wrote the file last, by its own word.", ("software",),
            "nullif(trim(software), '')"),
    Measure("taken_at", "Dates taken", "EXIF original date.", ("taken_at",), "taken_at", "time"),
    Measure("iso", "ISO", "Sensor sensitivity; each bar doubles the one before.", ("iso",),
            "CASE WHEN iso > 0 THEN iso END", "octave", "", 100.0),
    Measure("focal_length", "Focal lengths", "In millimeters, of the lens itself.", ("focal_length",),
            "CASE WHEN focal_length > 0 THEN focal_length END", "octave", "mm", 25.0, 2),
    Measure("brightness", "Brightness", "Mean luma: 0 is black, 1 is white.", ("brightness",), "brightness", "linear"),
    Measure("contrast", "Contrast", "Standard deviation of luma, 0 to 0.5.", ("contrast",), "contrast", "linear"),
    Measure("sharpness", "Sharpness", "Variance of the Laplacian: low means blurred, or flat.", ("sharpness",),
            "CASE WHEN sharpness > 0 THEN sharpness END", "decade"),
    Measure("entropy", "Entropy", "Of the luma histogram, 0 to 8 bits; low means flat graphics.", ("entropy",),
            "entropy", "linear"),
    Measure("colorfulness", "Colorfulness", "0 is gray, over 80 is vivid.", ("colorfulness",),
            "colorfulness", "linear"),
)  # fmt: skip
"""In the order of the page."""
