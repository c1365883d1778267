"""The photographs to start from: those inside scikit-image's wheel, found without importing it or fetching any."""

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
"""The photographs by the demo's name for them; drawings and test patterns of the wheel are left out."""

ALL_PHOTOS = tuple(PHOTOS)


@dataclass(frozen=True, slots=True)
class Photos:
    """The photographs below ``folder``."""

    folder: Path

    def data(self, name: str) -> bytes:
        """The file as it is in the wheel."""
        return (self.folder / PHOTOS[name]).read_bytes()

    def profile(self, name: str) -> bytes:
        """The ICC profile that the photograph carries."""
        with Image.open(self.folder / PHOTOS[name]) as image:
            return bytes(image.info["icc_profile"])

    def pixels(self, name: str) -> Image.Image:
        """The photograph in sRGB (mode RGB or L), without metadata; the caller's own, since saving writes to it."""
        return _open(self.folder / PHOTOS[name]).copy()


@functools.cache
def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        pixels = image.copy()
    profile = pixels.info.get("icc_profile")
    if profile and pixels.mode == "RGB":
        source, target = (
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
        )
        pixels = ImageCms.profileToProfile(pixels, source, target) or pixels
    pixels.info.clear()
    return pixels


def find_photos() -> Photos:
    """Raises UsageError where scikit-image, or one of the photographs in it, is missing."""
    spec = importlib.util.find_spec("skimage")
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0], "data") if places else Path()
    missing = [name for name in PHOTOS.values() if not (folder / name).is_file()]
    if missing:
        raise UsageError(
            f'Expected scikit-image with its photographs for the demo, but found no "{missing[0]}". '
            'Install it with: pip install "mrimage[demo]"'
        )
    return Photos(folder)
