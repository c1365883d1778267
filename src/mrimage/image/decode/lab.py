"""CIELab of integers, as libvips computes with it."""

from __future__ import annotations

from mrimage.image.decode.arrays import Picture


def lab_picture(image: Picture, *, signed: bool) -> Picture:
    """Lab of floating point from 8 bits, libvips' ``labs`` from 16.

    L* goes over the whole range. a* and b* are ``signed`` bytes in TIFF; in Photoshop's files they have zero in
    the middle, also with 16 bits.
    """
    top = 65_535 if image.format == "ushort" else 255
    chroma = image.extract_band(1, n=2)
    chroma = chroma.copy(format="char") if signed else chroma * (255 / top) - 128
    lab = (image[0] * (100 / top)).bandjoin(chroma)
    if image.bands > 3:
        lab = lab.bandjoin(image[3] * (255 / top))
    lab = lab.cast("float").copy(interpretation="lab")
    return lab if top == 255 else lab.colourspace("labs")
