"""A store in memory with any number of images: ``synthetic://1000000`` has a million.

    python -m benchmarks.faults million 1000000

Its files are small JPEGs of many sizes, in RGB and gray, which are made when they are read. The
source is on no disk, so the benchmark measures the run, not the file system.
"""

from __future__ import annotations

import dataclasses
import io
import tempfile
from collections.abc import Iterator
from functools import cache

from PIL import Image as Pillow

import mrimage as mr
from mrimage import storage
from mrimage.commit.task_writer import peak_memory
from mrimage.errors import NotFoundError
from mrimage.flow.run import RunOptions, run
from mrimage.storage import Item
from mrimage.storage.settings import DEFAULT, StoreSettings
from mrimage.storage.store import OnUnlisted

SIZES = 40
"""The number of different images."""


class SyntheticStore:
    """The Store of ``synthetic://COUNT``, which is read-only."""

    def __init__(self, url: str, _settings: StoreSettings = DEFAULT) -> None:
        self.root = url.rstrip("/")
        self._count = int(self.root.rpartition("/")[2])

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    @property
    def local(self) -> None:
        return None

    def prepare(self) -> None:
        raise NotImplementedError

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        for number in range(self._count):
            yield self._item(number)

    def stat(self, path: str) -> Item:
        return self._item(_number(path))

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        data = _file(_number(path) % SIZES)
        return data[start:] if length is None else data[start : start + length]

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        raise NotImplementedError

    def create(self, path: str, data: bytes) -> bool:
        raise NotImplementedError

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        raise NotImplementedError

    def delete(self, path: str) -> None:
        raise NotImplementedError

    def sweep(self, prefix: str = "") -> int:
        raise NotImplementedError

    @staticmethod
    def _item(number: int) -> Item:
        return Item(f"{number // 1000:05}/{number:08}.jpg", len(_file(number % SIZES)), "1")


# Workers load by_size from this module, and so they register the store too.
storage.BACKENDS["synthetic"] = (__name__, "SyntheticStore", "PIL", "")


def by_size(image: mr.Image) -> Iterator[tuple[str, None]]:
    """A mapper that makes the workers import this module."""
    yield f"{image.metadata.width}x{image.metadata.height}", None


@dataclasses.dataclass(frozen=True)
class Measured:
    """Figures of a run that reads headers only.

    ``seconds`` is wall time; ``driver`` and ``worker`` are the peaks of memory, in MB, of the
    driver and of the largest worker.
    """

    images: int
    groups: int
    seconds: float
    driver: int
    worker: int


def measure(images: int, workers: int = 2) -> Measured:
    """Map ``images`` headers.

    Call it first in a process, so that the peaks of memory are those of the run.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(workers=workers, thumbnails=False)
        summary = run(mr.Job(map=by_size), f"synthetic://{images}", f"{folder}/out", options)
    facts = summary.facts
    if facts.processed != images:
        raise AssertionError(
            f"The run must process {images} images, but it processed {facts.processed}."
        )
    driver = peak_memory() // 1_000_000
    worker = max(task.peak_memory for task in facts.tasks) // 1_000_000
    seconds = sum(phase.seconds for phase in facts.phases)
    return Measured(images, facts.groups, seconds, driver, worker)


def _number(path: str) -> int:
    name = path.rpartition("/")[2].removesuffix(".jpg")
    if not name.isdigit():
        raise NotFoundError(f"There is no {path}.")
    return int(name)


@cache
def _file(number: int) -> bytes:
    mode = "RGB" if number % 4 else "L"
    buffer = io.BytesIO()
    Pillow.new(mode, (100 + number, 80)).save(buffer, "JPEG")
    return buffer.getvalue()
