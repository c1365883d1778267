"""Small real files of every format, made from one photograph and one drawing, for the tests of the image kernel."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
import pyvips
from PIL import Image as Pillow
from skimage import data

from mrimage.image import Buffer, Image
from mrimage.types import Limits


def opened(content: bytes, limits: Limits = Limits()) -> Image:  # noqa: B008 - Limits is frozen
    """The kernel's handle on bytes in memory."""
    return Image(Buffer(content), limits)


def pixels_of(content: bytes) -> np.ndarray:
    """The pixels of a file as Pillow, which the kernel does not use for these formats, decodes them."""
    return np.asarray(Pillow.open(io.BytesIO(content)))


@cache
def photograph(width: int = 320, height: int = 213) -> Pillow.Image:
    """A real photograph (scikit-image's cat), 8-bit RGB."""
    return Pillow.fromarray(data.chelsea()).resize((width, height), Pillow.Resampling.LANCZOS)


def saved(image: Pillow.Image, format: str, **options: object) -> bytes:
    """``image`` written by Pillow."""
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


def _vips(
    suffix: str, change: Callable[[pyvips.Image], pyvips.Image] = lambda image: image, **options: object
) -> bytes:
    array = np.asarray(photograph())
    return bytes(change(pyvips.Image.new_from_array(array)).write_to_buffer(suffix, **options))


def _with_hole() -> Pillow.Image:
    image = photograph().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 160, 213))
    return image


SAMPLES: dict[str, Callable[[], bytes]] = {
    "baseline.jpg": lambda: saved(photograph(), "JPEG", quality=90),
    "progressive.jpg": lambda: saved(photograph(), "JPEG", quality=90, progressive=True),
    "444.jpg": lambda: saved(photograph(), "JPEG", quality=90, subsampling=0),
    "gray.jpg": lambda: saved(photograph().convert("L"), "JPEG", quality=90),
    "cmyk.jpg": lambda: saved(photograph().convert("CMYK"), "JPEG", quality=90),
    "two.mpo": lambda: saved(photograph(), "MPO", save_all=True, append_images=[photograph()]),
    "rgb.png": lambda: saved(photograph(), "PNG"),
    "rgba.png": lambda: saved(_with_hole(), "PNG"),
    "palette.png": lambda: saved(photograph().quantize(64), "PNG"),
    "bits.png": lambda: saved(photograph().convert("1"), "PNG"),
    "interlaced.png": lambda: _vips(".png", interlace=True),
    "deep.png": lambda: _vips(
        ".png", lambda image: (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    ),
    "moving.png": lambda: saved(photograph(), "PNG", save_all=True, append_images=[photograph().rotate(90)]),
    "lossy.webp": lambda: saved(photograph(), "WEBP", quality=90),
    "lossless.webp": lambda: saved(_with_hole(), "WEBP", lossless=True, exact=True),
    "moving.webp": lambda: saved(photograph(), "WEBP", save_all=True, append_images=[photograph().rotate(90)]),
    "still.gif": lambda: saved(photograph(), "GIF"),
    "moving.gif": lambda: saved(photograph(), "GIF", save_all=True, append_images=[photograph().rotate(90)]),
    "plain.tif": lambda: saved(photograph(), "TIFF"),
    "deflate.tif": lambda: saved(photograph(), "TIFF", compression="tiff_adobe_deflate"),
    "cmyk.tif": lambda: saved(photograph().convert("CMYK"), "TIFF"),
    "pages.tif": lambda: saved(photograph(), "TIFF", save_all=True, append_images=[photograph().rotate(90)]),
    "tiled.tif": lambda: _vips(".tif", tile=True, compression="lzw"),
    "big.tif": lambda: _vips(".tif", bigtiff=True),
    "deep.tif": lambda: _vips(
        ".tif", lambda image: (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    ),
    "float.tif": lambda: _vips(".tif", lambda image: image.colourspace("scrgb")),
    "photo.avif": lambda: saved(photograph(), "AVIF", quality=80),
    "plain.bmp": lambda: saved(photograph(), "BMP"),
    "palette.bmp": lambda: saved(photograph().quantize(64), "BMP"),
    "photo.jp2": lambda: saved(photograph(), "JPEG2000"),
    "plain.ppm": lambda: saved(photograph(), "PPM"),
    "gray.pgm": lambda: saved(photograph().convert("L"), "PPM"),
    "bits.pbm": lambda: saved(photograph().convert("1"), "PPM"),
    "site.ico": lambda: saved(photograph(64, 64), "ICO", sizes=[(16, 16), (64, 64)]),
    "plain.tga": lambda: saved(photograph(), "TGA"),
    "packed.tga": lambda: saved(photograph(), "TGA", compression="tga_rle"),
}
"""File names and how to make the files; all show the photograph, most at 320x213."""


@cache
def sample(name: str) -> bytes:
    return SAMPLES[name]()
