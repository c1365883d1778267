"""Integer CIELab, in the form in which libvips computes."""

from __future__ import annotations

from mrimage.image.decode.arrays import Picture


def lab_picture(image: Picture, *, signed: bool) -> Picture:
    """libvips' floating-point ``lab`` from 8 bits a sample, its 16-bit ``labs`` from 16.

    L* fills the range of the type. a* and b* are ``signed`` bytes in TIFF; in Photoshop files, of 8
    or 16 bits, the middle of the range is zero.
    """
    white = 65_535 if image.format == "ushort" else 255
    lightness = image[0] * (100 / white)
    stored = image.extract_band(1, n=2)
    from_middle = stored * (255 / white) - 128
    chroma = stored.copy(format="char") if signed else from_middle
    lab = lightness.bandjoin(chroma)
    if image.bands > 3:
        alpha = image[3] * (255 / white)
        lab = lab.bandjoin(alpha)
    lab = lab.cast("float").copy(interpretation="lab")
    return lab if white == 255 else lab.colourspace("labs")
