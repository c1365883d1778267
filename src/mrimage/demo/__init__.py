"""Build the demo: a folder of real photographs in every form that a job may meet.

The photographs come from scikit-image's wheel, so nothing is downloaded. ``variants.FILES`` lists
the files. The same versions of Pillow, libvips and scikit-image give the same bytes, so everybody
who talks about the demo sees the same folder.
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
    """What a demo folder contains.

    ``images`` decode; ``damaged`` files are quarantined by a run that decodes pixels; ``ignored``
    files have another extension. ``bytes`` is the size of all of them together.
    """

    images: int
    damaged: int
    ignored: int
    bytes: int

    def __str__(self) -> str:
        size = self.bytes / 1e6
        return (
            f"{self.images} images, {self.damaged} damaged files, "
            f"{self.ignored} ignored, {size:.1f} MB"
        )


def build(folder: Path) -> Counts:
    """Make the demo folder, or complete one that was interrupted. Correct files are not rewritten.

    Raises UsageError if scikit-image is not installed, or if ``folder`` is a file or contains
    anything that does not belong to the demo.
    """
    photos = find_photos()
    _require_demo_folder(folder)
    # Threads are enough, because Pillow and libvips release Python's lock while they encode.
    with ThreadPoolExecutor() as pool:
        contents = list(pool.map(lambda file: file.make(photos), FILES))
    for file, data in zip(FILES, contents, strict=True):
        _write_if_different(folder / file.path, data)
    kinds = Counter(file.kind for file in FILES)
    total = sum(len(data) for data in contents)
    return Counts(kinds["image"], kinds["damaged"], kinds["ignored"], total)


def _write_if_different(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    is_correct = path.is_file() and path.read_bytes() == data
    if not is_correct:
        path.write_bytes(data)


def _require_demo_folder(folder: Path) -> None:
    """Raise UsageError if ``folder`` is a file or contains other files than those of the demo."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f'The demo needs a folder as DIR, but "{folder}" is a file.')
    demo_paths = {file.path for file in FILES}
    for path in _files_below(folder):
        if path not in demo_paths:
            raise UsageError(
                f'The demo needs a new or empty folder as DIR, but "{folder}" contains "{path}". '
                "Choose another folder."
            )


def _files_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()
