"""Real photographs for the benchmarks, from Debian's wallpaper packages, and photograph-sized pieces of them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache" / "benchmarks"
WALLPAPERS = ("plasma-workspace-wallpapers", "gnome-backgrounds", "mate-backgrounds")
CLIPART = "openclipart-png"


def package(name: str) -> Path:
    """The files of the Debian package ``name``, downloaded and unpacked once, not installed.

    The environment variable MRIMAGE_BENCH_PACKAGES may name a folder that has them unpacked already, each in a
    folder whose name ends in the package's.
    """
    given = os.environ.get("MRIMAGE_BENCH_PACKAGES")
    if given:
        return next(folder for folder in Path(given).iterdir() if folder.name.endswith(name))
    folder = CACHE / name
    if not folder.exists():
        downloads = CACHE / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", name], cwd=downloads, check=True)
        (archive,) = downloads.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, folder.with_suffix(".part")], check=True)
        folder.with_suffix(".part").rename(folder)
    return folder


def wallpapers() -> list[Path]:
    """Every large photograph of the wallpaper packages, sorted."""
    files = [
        path
        for name in WALLPAPERS
        for path in package(name).rglob("*")
        if path.suffix in {".jpg", ".png"}
    ]
    return sorted(path for path in files if path.stat().st_size > 200_000 and not path.is_symlink())


def photographs(count: int) -> Path:
    """A folder of ``count`` JPEG photographs of 0.5 to 4 megapixels: pieces of the wallpapers, always the same.

    Six shapes, quality 85 to 95, a tenth of them progressive.
    """
    folder = CACHE / f"photographs-{count}"
    if not folder.exists():
        partial_folder = folder.with_suffix(".part")
        partial_folder.mkdir(parents=True, exist_ok=True)
        sources = wallpapers()
        shares = [
            (source, list(range(start, count, len(sources))))
            for start, source in enumerate(sources)
        ]
        with ProcessPoolExecutor() as pool:
            list(pool.map(partial(_cut, partial_folder), shares))
        partial_folder.rename(folder)
    return folder


def _cut(folder: Path, share: tuple[Path, list[int]]) -> None:
    import pyvips

    source, numbers = share
    image = pyvips.Image.new_from_file(str(source))
    image = image.flatten() if image.hasalpha() else image
    image = image.colourspace("srgb").copy_memory()
    for number in numbers:
        chance = random.Random(number)
        shape = chance.choice([(4, 3), (3, 2), (16, 9), (3, 4), (2, 3), (1, 1)])
        unit = (chance.choice([0.5e6, 1e6, 1.5e6, 2e6, 3e6, 4e6]) / (shape[0] * shape[1])) ** 0.5
        width, height = (
            min(int(shape[0] * unit), image.width),
            min(int(shape[1] * unit), image.height),
        )
        left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
        image.crop(left, top, width, height).jpegsave(
            str(folder / f"{number:05}.jpg"), Q=chance.randint(85, 95), interlace=number % 10 == 0
        )


if __name__ == "__main__":
    print(photographs(int(sys.argv[1])))
