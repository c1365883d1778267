"""Pixels of a user's own as an image file: numpy arrays of several kinds, and Pillow's images of every mode.

Arrays are H x W (gray), or H x W with 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGBA) values a pixel, in sRGB, alpha straight.

| type | range | PNG, TIFF | JPEG, WebP, AVIF |
| --- | --- | --- | --- |
| bool | black and white | 8 bits | 8 bits |
| uint8 | 0..255 | 8 bits | 8 bits |
| uint16 | 0..65535 | 16 bits | scaled to 8 bits |
| float | 0.0..1.0 | 16 bits | scaled to 8 bits |

JPEG holds no alpha: such pixels are laid over white.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

from mrimage.image import encode
from mrimage.image.encoding import ENCODERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pixels = Any
"""A numpy array of one of the kinds above."""

KINDS = "bool, uint8, uint16 or float (0.0 to 1.0), H x W or H x W x 1, 2, 3 or 4"


def is_pixels(data: object) -> bool:
    """Whether ``data`` is a Pillow image or an array."""
    attributes = ("dtype", "ndim", "tobytes")
    return isinstance(data, Pillow.Image) or all(hasattr(data, name) for name in attributes)


def encode_pixels(data: Pixels | Pillow.Image, format: str) -> tuple[bytes, int, int]:
    """The file, and its width and height in pixels. Raises ValueError, with what was expected and received, for pixels of
    another kind."""
    pixels = from_pillow(data) if isinstance(data, Pillow.Image) else data
    pixels = _in_depth(_checked(pixels), deep=ENCODERS[format].sixteen_bits)
    if not ENCODERS[format].alpha:
        pixels = _over_white(pixels)
    height, width = pixels.shape[:2]
    return encode(pixels, format, None), width, height


def from_pillow(image: Pillow.Image) -> Pixels:
    """An image of any of Pillow's modes as an array: oriented as its EXIF says, in sRGB where it has a profile."""
    image = ImageOps.exif_transpose(image)
    return _array_of(_in_srgb(image))


def _array_of(image: Pillow.Image) -> Pixels:
    import numpy as np

    if image.mode == "1":
        return np.asarray(image)
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode == "F":
        return np.asarray(image)
    if image.mode.startswith("I"):
        return _whole_numbers(np.asarray(image))
    if image.mode in ("LA", "La"):
        return np.asarray(image.convert("LA"))
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def _whole_numbers(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Modes ``I`` and ``I;16``: numbers of 16 bits."""
    import numpy as np

    if values.size and not (values.min() >= 0 and values.max() <= 65_535):
        raise ValueError(
            f"whole numbers from 0 to 65535, but received {values.min()} to {values.max()}"
        )
    return values.astype(np.uint16)


def _in_srgb(image: Pillow.Image) -> Pillow.Image:
    """The image without its profile, if it has one; and modes that Pillow cannot turn into RGB itself."""
    profile = image.info.get("icc_profile")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=target
        )
    except (
        ImageCms.PyCMSError,
        OSError,
    ):  # a damaged profile, or one for other pixels: they are shown as they are
        return image
    return converted or image


def _checked(pixels: Pixels) -> Pixels:
    """The array as H x W or H x W x 2, 3 or 4, of bool, uint8, uint16 or float."""
    import numpy as np

    pixels = np.asarray(pixels)
    shape, kind = pixels.shape, pixels.dtype
    is_known = kind.kind in "bf" or kind.name in ("uint8", "uint16")
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and shape[2] in (1, 2, 3, 4))
    if not (is_known and is_image and pixels.size):
        is_whole = kind.kind in "iu" and not is_known
        mend = (
            "; convert them, for example by pixels.clip(0, 255).astype('uint8')" if is_whole else ""
        )
        raise ValueError(f"{KINDS}, but received {kind}, {' x '.join(map(str, shape))}{mend}")
    return pixels[..., 0] if pixels.ndim == 3 and shape[2] == 1 else pixels


def _in_depth(pixels: Pixels, deep: bool) -> Pixels:
    """uint8, or uint16 where the values have more and the format holds it (``deep``)."""
    import numpy as np

    kind = pixels.dtype.kind
    if kind == "b":
        return pixels.astype(np.uint8) * 255
    if kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= 0.0 and high <= 1.0):  # nan is neither
            raise ValueError(
                f"floats from 0.0 to 1.0, but received {low:g} to {high:g}; scale them, or convert them by .astype('uint8')"
            )
        top = 65_535 if deep else 255
        return np.rint(pixels.astype(np.float64) * top).astype(np.uint16 if deep else np.uint8)
    if pixels.dtype.itemsize == 2 and not deep:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels.astype(pixels.dtype.newbyteorder("="))


def _over_white(pixels: Pixels) -> Pixels:
    """Without alpha, which is the last of 2 or 4 values a pixel, of 8 bits."""
    import numpy as np

    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    colors, alpha = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    over = ((colors * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return over[..., 0] if over.shape[2] == 1 else over
