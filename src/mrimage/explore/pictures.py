"""Pictures for the page, drawn in guarded child processes, so that a hostile image can end only one
of these, and kept in a folder of bounded size outside OUT."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from queue import LifoQueue

from mrimage.errors import ImageError, MrimageError
from mrimage.guard.guard import Guard
from mrimage.image import Image, encode
from mrimage.storage import StoreSettings, open_uri
from mrimage.types import Crop, Edits, Limits

LIMITS = Limits(max_pixels=200_000_000, deadline=20.0, memory=1_000_000_000, allow_truncated=True)
"""What one picture of the page may cost. The readable part of a truncated image is shown."""

CACHE_BYTES = 500_000_000
"""The most bytes of pictures that are kept for the next time."""

CHILDREN = 2
"""Child processes that draw."""

THUMBNAIL = 320
"""The longest side of a thumbnail in pixels."""

LARGEST = 2400
"""The longest side of any picture that the page asks for, in pixels."""

QUALITY = 82


@dataclass(frozen=True, slots=True)
class PictureWanted:
    """A picture of the image ``uri`` in its ``version``: at most ``side`` pixels wide and high, or
    only the rectangle ``crop`` (x, y, width, height) of it, pixel by pixel."""

    uri: str
    version: str
    side: int = THUMBNAIL
    crop: tuple[int, int, int, int] | None = None

    @property
    def name(self) -> str:
        """The name of its file in the cache."""
        text = repr(astuple(self))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def draw(settings: StoreSettings, wanted: PictureWanted) -> bytes:
    """Draw a picture as a JPEG. Raises ImageError and StoreError."""
    image = Image(open_uri(wanted.uri, settings), LIMITS)
    if wanted.crop is None:
        return encode(image.thumbnail(wanted.side, wanted.side), "jpeg", QUALITY)
    x, y, width, height = wanted.crop
    pixels = image.pixels(Edits(crop=Crop(width, height, x, y)))
    return encode(pixels, "jpeg", 95)


class Painter:
    """Draws pictures by several children, and keeps them in the folder ``cache``."""

    def __init__(self, settings: StoreSettings, cache: PictureCache) -> None:
        self._cache = cache
        self._guards: LifoQueue[Guard[PictureWanted, bytes]] = LifoQueue()
        for _ in range(CHILDREN):
            self._guards.put(Guard(partial(draw, settings), LIMITS))
        self._threads = ThreadPoolExecutor(CHILDREN, "painter")

    @property
    def threads(self) -> ThreadPoolExecutor:
        """Where ``paint`` is to be called: as many threads as there are children."""
        return self._threads

    def paint(self, wanted: PictureWanted) -> bytes:
        """Return the picture as a JPEG. Raises ImageError or StoreError if it cannot be drawn."""
        kept = self._cache.get(wanted.name)
        if kept is not None:
            return kept
        guard = self._guards.get()
        try:
            drawn = guard(wanted)
        finally:
            self._guards.put(guard)
        self._cache.put(wanted.name, drawn)
        return drawn

    def close(self) -> None:
        """End the children."""
        self._threads.shutdown(cancel_futures=True)
        while not self._guards.empty():
            self._guards.get().close()


@contextmanager
def painting(settings: StoreSettings, folder: Path | None = None) -> Iterator[Painter]:
    """Yield a painter whose cache is ``folder``, by default below the user's cache folder."""
    painter = Painter(settings, PictureCache(folder or cache_folder()))
    try:
        yield painter
    finally:
        painter.close()


def cache_folder() -> Path:
    """Return the folder of pictures below XDG_CACHE_HOME, or else below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mrimage" / "pictures"


class PictureCache:
    """Pictures in files. The oldest are removed when there are more than ``limit`` bytes of them.

    A folder that cannot be written keeps nothing, which costs time and no more.
    """

    def __init__(self, folder: Path, limit: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._bytes = sum(size for size, _, _ in self._files())

    def get(self, name: str) -> bytes | None:
        """Return the picture ``name``, or None if it is not there."""
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, picture: bytes) -> None:
        """Keep a picture."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(picture)
            # The file gets its name when it is complete, so that no other process reads half of it.
            Path(file.name).replace(self._folder / name)
        with self._lock:
            self._bytes += len(picture)
            if self._bytes > self._limit:
                self._remove_oldest()

    def _remove_oldest(self) -> None:
        """Remove files until a tenth of the limit is free."""
        files = sorted(self._files(), key=lambda file: file[1])
        self._bytes = sum(size for size, _, _ in files)
        for size, _, path in files:
            if self._bytes <= 0.9 * self._limit:
                break
            with suppress(OSError):
                path.unlink()
            self._bytes -= size

    def _files(self) -> list[tuple[int, float, Path]]:
        """Size, time of writing and path of each file."""
        found = []
        with suppress(OSError):
            for entry in os.scandir(self._folder):
                with suppress(OSError):
                    status = entry.stat()
                    found.append((status.st_size, status.st_mtime, Path(entry.path)))
        return found


def why_not(error: MrimageError) -> str:
    """Return why there is no picture, in a word or a sentence."""
    return error.reason if isinstance(error, ImageError) else str(error)
