"""Encoding of a user's pixels: numpy arrays of several types, and Pillow images of every mode.

Arrays are H x W (gray), or H x W with 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGBA) values a
pixel. Colors are sRGB, and are not multiplied by alpha.

| type | range | PNG, TIFF | JPEG, WebP, AVIF |
| --- | --- | --- | --- |
| bool | black and white | 8 bits | 8 bits |
| uint8 | 0..255 | 8 bits | 8 bits |
| uint16 | 0..65535 | 16 bits | scaled to 8 bits |
| float | 0.0..1.0 | 16 bits | scaled to 8 bits |

JPEG has no alpha: such pixels are composited on white.
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
"""A numpy array of one of the types above."""

ACCEPTED = "bool, uint8, uint16 or float (0.0 to 1.0), H x W or H x W x 1, 2, 3 or 4"


def is_pixels(data: object) -> bool:
    """Return whether ``data`` is a Pillow image or an array."""
    if isinstance(data, Pillow.Image):
        return True
    # By its attributes, so that arrays of other libraries count too.
    return all(hasattr(data, name) for name in ("dtype", "ndim", "tobytes"))


def encode_pixels(data: Pixels | Pillow.Image, format: str) -> tuple[bytes, int, int]:
    """Return the file, and its width and height in pixels.

    Raises ValueError if the pixels are of another type, shape or range. The message continues
    "expected the pixels as".
    """
    pixels = from_pillow(data) if isinstance(data, Pillow.Image) else data
    encoder = ENCODERS[format]
    pixels = _as_integers(_checked(pixels), sixteen_bits=encoder.sixteen_bits)
    if not encoder.alpha:
        pixels = _over_white(pixels)
    height, width = pixels.shape[:2]
    return encode(pixels, format, None), width, height


def from_pillow(image: Pillow.Image) -> Pixels:
    """Return a Pillow image of any mode as an array, upright, and in sRGB if it has a profile."""
    image = ImageOps.exif_transpose(image)
    return _to_array(_in_srgb(image))


def _to_array(image: Pillow.Image) -> Pixels:
    import numpy as np

    if image.mode in ("1", "F"):
        return np.asarray(image)
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode.startswith("I"):
        return _as_uint16(np.asarray(image))
    if image.mode in ("LA", "La"):
        return np.asarray(image.convert("LA"))
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def _as_uint16(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Convert the modes ``I`` and ``I;16``, which are meant for 16 bits."""
    import numpy as np

    if values.size and not (values.min() >= 0 and values.max() <= 65_535):
        raise ValueError(
            f"whole numbers from 0 to 65535, but received {values.min()} to {values.max()}"
        )
    return values.astype(np.uint16)


def _in_srgb(image: Pillow.Image) -> Pillow.Image:
    """Convert an image with a profile, or in Lab, to sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode == "LAB":
        # Pillow's own ``convert`` does not turn Lab into RGB.
        lab = ImageCms.createProfile("LAB")
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=target
        )
    except (ImageCms.PyCMSError, OSError):
        # The profile is damaged, or is for other pixels. They are taken as sRGB.
        return image
    return converted or image


def _checked(pixels: Pixels) -> Pixels:
    """Return the array as H x W or H x W x 2, 3 or 4, of bool, uint8, uint16 or float."""
    import numpy as np

    pixels = np.asarray(pixels)
    shape = pixels.shape
    dtype = pixels.dtype
    is_known = dtype.kind in "bf" or dtype.name in ("uint8", "uint16")
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and shape[2] in (1, 2, 3, 4))
    if not (is_known and is_image and pixels.size):
        advice = ""
        if dtype.kind in "iu" and not is_known:
            advice = "; convert them, for example by pixels.clip(0, 255).astype('uint8')"
        raise ValueError(f"{ACCEPTED}, but received {dtype}, {' x '.join(map(str, shape))}{advice}")
    return pixels[..., 0] if pixels.ndim == 3 and shape[2] == 1 else pixels


def _as_integers(pixels: Pixels, sixteen_bits: bool) -> Pixels:
    """Return uint8, or uint16 if the values need it and the format has ``sixteen_bits``."""
    import numpy as np

    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind == "f":
        return _from_floats(pixels, sixteen_bits)
    if pixels.dtype.itemsize == 2 and not sixteen_bits:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    # The encoders need the byte order of this machine.
    return pixels.astype(pixels.dtype.newbyteorder("="))


def _from_floats(pixels: Pixels, sixteen_bits: bool) -> Pixels:
    import numpy as np

    low = float(pixels.min())
    high = float(pixels.max())
    # Written so that nan fails too.
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"floats from 0.0 to 1.0, but received {low:g} to {high:g}; "
            "scale them, or convert them by .astype('uint8')"
        )
    values = pixels.astype(np.float64)
    if sixteen_bits:
        return np.rint(values * 65_535).astype(np.uint16)
    return np.rint(values * 255).astype(np.uint8)


def _over_white(pixels: Pixels) -> Pixels:
    """Composite uint8 pixels on white; alpha is the last of 2 or 4 values a pixel."""
    import numpy as np

    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    colors = pixels[..., :-1].astype(np.uint32)
    alpha = pixels[..., -1:].astype(np.uint32)
    weighted = colors * alpha + 255 * (255 - alpha)
    composited = ((weighted + 127) // 255).astype(np.uint8)
    return composited[..., 0] if composited.shape[2] == 1 else composited
