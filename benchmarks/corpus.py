"""Photographs for the benchmarks: Debian's wallpapers, and pieces of them in common sizes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache" / "benchmarks"
WALLPAPERS = ("plasma-workspace-wallpapers", "gnome-backgrounds", "mate-backgrounds")
CLIPART = "openclipart-png"


def package(name: str) -> Path:
    """The folder of the Debian package ``name``, which is downloaded and unpacked once, not
    installed.

    The environment variable MRIMAGE_BENCH_PACKAGES may name a folder of unpacked packages. The name
    of each package's folder must end with the package's name.
    """
    unpacked = os.environ.get("MRIMAGE_BENCH_PACKAGES")
    if unpacked:
        return next(folder for folder in Path(unpacked).iterdir() if folder.name.endswith(name))
    folder = CACHE / name
    if not folder.exists():
        _download(name, folder)
    return folder


def _download(name: str, folder: Path) -> None:
    downloads = CACHE / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-qq", name], cwd=downloads, check=True)
    (archive,) = downloads.glob(f"{name}_*.deb")
    unfinished = folder.with_suffix(".part")
    subprocess.run(["dpkg-deb", "-x", archive, unfinished], check=True)
    unfinished.rename(folder)


def wallpapers() -> list[Path]:
    """All photographs of the wallpaper packages of more than 200 kB, sorted."""
    found = []
    for name in WALLPAPERS:
        for path in package(name).rglob("*"):
            is_image = path.suffix in {".jpg", ".png"}
            if is_image and path.stat().st_size > 200_000 and not path.is_symlink():
                found.append(path)
    return sorted(found)


def photographs(count: int) -> Path:
    """A folder of ``count`` JPEG photographs of 0.5 to 4 megapixels, which are pieces of the
    wallpapers.

    They have six shapes and a quality of 85 to 95, and a tenth are progressive. The same ``count``
    gives the same photographs.
    """
    folder = CACHE / f"photographs-{count}"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        unfinished.mkdir(parents=True, exist_ok=True)
        sources = wallpapers()
        numbers = [range(start, count, len(sources)) for start in range(len(sources))]
        with ProcessPoolExecutor() as pool:
            list(pool.map(partial(_cut_pieces, unfinished), sources, numbers))
        unfinished.rename(folder)
    return folder


def _cut_pieces(folder: Path, source: Path, numbers: Iterable[int]) -> None:
    """Write the photographs with these ``numbers``, which are pieces of ``source``."""
    import pyvips

    image = pyvips.Image.new_from_file(str(source))
    if image.hasalpha():
        image = image.flatten()
    image = image.colourspace("srgb").copy_memory()
    for number in numbers:
        # The number seeds the generator, so the order of these calls decides what a photograph is.
        chance = random.Random(number)
        across, down = chance.choice([(4, 3), (3, 2), (16, 9), (3, 4), (2, 3), (1, 1)])
        pixels = chance.choice([0.5e6, 1e6, 1.5e6, 2e6, 3e6, 4e6])
        unit = (pixels / (across * down)) ** 0.5
        width = min(int(across * unit), image.width)
        height = min(int(down * unit), image.height)
        left = chance.randint(0, image.width - width)
        top = chance.randint(0, image.height - height)
        quality = chance.randint(85, 95)
        piece = image.crop(left, top, width, height)
        path = folder / f"{number:05}.jpg"
        piece.jpegsave(str(path), Q=quality, interlace=number % 10 == 0)


if __name__ == "__main__":
    print(photographs(int(sys.argv[1])))
