"""The original photographs, which are data files in scikit-image's wheel.

They are found without importing scikit-image and without downloading anything.
"""

from __future__ import annotations

import functools
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms

from mrimage.errors import UsageError

PHOTOS = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "cell": "cell.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble": "hubble_deep_field.jpg",
    "ihc": "ihc.png",
    "moon": "moon.png",
    "motorcycle": "motorcycle_left.png",
    "page": "page.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "text": "text.png",
}
"""File names by the demo's names. Drawings and test patterns of the wheel are left out."""

ALL_PHOTOS = tuple(PHOTOS)


@dataclass(frozen=True, slots=True)
class Photos:
    """The photographs, which are in ``folder``."""

    folder: Path

    def data(self, name: str) -> bytes:
        """The bytes of the file in the wheel."""
        return (self.folder / PHOTOS[name]).read_bytes()

    def profile(self, name: str) -> bytes:
        """The ICC profile that is embedded in the photograph."""
        with Image.open(self.folder / PHOTOS[name]) as image:
            return bytes(image.info["icc_profile"])

    def pixels(self, name: str) -> Image.Image:
        """The photograph in sRGB, mode RGB or L, without metadata.

        A new copy for each caller, because saving an image changes it.
        """
        return _open(self.folder / PHOTOS[name]).copy()


@functools.cache
def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        pixels = image.copy()
    profile = pixels.info.get("icc_profile")
    if profile and pixels.mode == "RGB":
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        pixels = ImageCms.profileToProfile(pixels, source, target) or pixels
    pixels.info.clear()
    return pixels


def find_photos() -> Photos:
    """The photographs in the installed scikit-image.

    Raises UsageError if scikit-image or one of its photographs is missing.
    """
    folder = _data_folder()
    for name in PHOTOS.values():
        if not (folder / name).is_file():
            raise UsageError(
                f'The demo needs the photographs of scikit-image, but "{name}" is missing. '
                'Install them with: pip install "mrimage[demo]"'
            )
    return Photos(folder)


def _data_folder() -> Path:
    """Where scikit-image keeps its data; an empty path if it is not installed."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        return Path()
    return Path(next(iter(spec.submodule_search_locations)), "data")
