"""A folder of real photographs in every shape that a job should meet, made from what scikit-image's wheel carries.

``variants.FILES`` is the list of what is made; nothing is fetched. The same versions of Pillow, libvips and
scikit-image give the same bytes, so two people who talk about the demo see the same folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mrimage.demo.photos import find_photos
from mrimage.demo.variants import FILES
from mrimage.errors import UsageError

__all__ = ["Counts", "build"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a demo folder holds: ``images`` that decode, ``damaged`` files that a run quarantines once it looks
    at their pixels, files ``ignored`` for their extension, and ``bytes`` of all of them."""

    images: int
    damaged: int
    ignored: int
    bytes: int

    def __str__(self) -> str:
        size = self.bytes / 1e6
        return f"{self.images} images, {self.damaged} damaged files, {self.ignored} ignored, {size:.1f} MB"


def build(folder: Path) -> Counts:
    """Makes the demo folder, or completes one that was begun; files that are right already are left alone.

    Raises UsageError where scikit-image is not installed, and where ``folder`` is a file or holds anything that
    is not of the demo.
    """
    photos = find_photos()
    _refuse_foreign(folder)
    with ThreadPoolExecutor() as pool:  # Pillow and libvips encode outside Python's lock
        contents = list(pool.map(lambda file: file.make(photos), FILES))
    for file, data in zip(FILES, contents, strict=True):
        _write(folder / file.path, data)
    kinds = Counter(file.kind for file in FILES)
    return Counts(kinds["image"], kinds["damaged"], kinds["ignored"], sum(map(len, contents)))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.is_file() and path.read_bytes() == data):
        path.write_bytes(data)


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f'Expected DIR as a folder for the demo, but received "{folder}", which is a file.'
        )
    ours = {file.path for file in FILES}
    foreign = next((path for path in _files_below(folder) if path not in ours), None)
    if foreign is not None:
        raise UsageError(
            f'Expected DIR as a new or empty folder for the demo, but "{folder}" already holds "{foreign}". '
            "Name another folder."
        )


def _files_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()
