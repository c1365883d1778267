"""A store in memory that holds any number of images: ``synthetic://1000000`` has a million.

    python -m benchmarks.faults million 1000000

Its files are small JPEGs of many sizes and two colour spaces, made when they are asked for. Nothing touches a disk,
so what is measured is the run and not the file system.
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
from mrimage.flow.run import How, run
from mrimage.storage import Item

SIZES = 40
"""How many different images there are."""


class SyntheticStore:
    """The Store of ``synthetic://COUNT``, to be read only."""

    def __init__(self, url: str) -> None:
        self.root = url.rstrip("/")
        self._count = int(self.root.rpartition("/")[2])

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    def list(self, prefix: str = "") -> Iterator[Item]:
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

    def delete(self, path: str) -> None:
        raise NotImplementedError

    @staticmethod
    def _item(number: int) -> Item:
        return Item(f"{number // 1000:05}/{number:08}.jpg", len(_file(number % SIZES)), "1")


storage.BACKENDS["synthetic"] = (
    __name__,
    "SyntheticStore",
    "PIL",
    "",
)  # and so in every worker that loads by_size


def by_size(image: mr.Image) -> Iterator[tuple[str, None]]:
    """A mapper that brings this module into the workers."""
    yield f"{image.metadata.width}x{image.metadata.height}", None


@dataclasses.dataclass(frozen=True)
class Measured:
    """A header-only run: ``seconds`` of wall time, and the largest memory of the driver and of a worker in MB."""

    images: int
    groups: int
    seconds: float
    driver: int
    worker: int


def measure(images: int, workers: int = 2) -> Measured:
    """Map ``images`` headers, from a process that has done nothing else so far."""
    with tempfile.TemporaryDirectory() as folder:
        how = How(workers=workers, thumbnails=False)
        facts = run(mr.Job(map=by_size), f"synthetic://{images}", f"{folder}/out", how).facts
    if facts.processed != images:
        raise AssertionError(f"{facts.processed} of {images} images were processed")
    worker = max(task.peak_memory for task in facts.tasks)
    seconds = sum(phase.seconds for phase in facts.phases)
    return Measured(images, facts.groups, seconds, peak_memory() // 1_000_000, worker // 1_000_000)


def _number(path: str) -> int:
    name = path.rpartition("/")[2].removesuffix(".jpg")
    if not name.isdigit():
        raise NotFoundError(f"There is no {path}.")
    return int(name)


@cache
def _file(kind: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB" if kind % 4 else "L", (100 + kind, 80)).save(buffer, "JPEG")
    return buffer.getvalue()
