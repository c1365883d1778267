"""Mappers and extractors that take several images at a time, with a set-up once a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mrimage.errors import UsageError, brief
from mrimage.job.option_types import whole

if TYPE_CHECKING:
    from mrimage.image import Image

LARGEST_BATCH = 1024
"""A batch holds the files of its images in memory."""

OfMany = Callable[[list["Image"]], Iterable[Any]]
"""``images -> a result for each``, in the same order."""


class Batched:
    """A function of one image that computes the results of several images at a time.

    ``set_up`` calls ``make`` once in each process. ``prepare`` computes the results of a batch,
    which the calls on its images then return. An image that was not prepared is a batch of its own.
    """

    def __init__(self, size: int, make: Callable[[], OfMany]) -> None:
        self.size = size
        self.__wrapped__ = make
        self._function: OfMany | None = None
        self._ready: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        # The model is neither sent to workers, nor part of the job's identity.
        return {"size": self.size, "make": self.__wrapped__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["size"], state["make"])  # type: ignore[misc]

    def set_up(self) -> OfMany:
        """Return the function of many images, which is made at the first call in a process."""
        if self._function is None:
            self._function = self.__wrapped__()
        return self._function

    def prepare(self, images: list[Image]) -> None:
        """Compute the results of ``images``, ``size`` of them at a time. Raises what the user's
        code raises."""
        self.forget()
        for start in range(0, len(images), self.size):
            batch = images[start : start + self.size]
            for image, result in zip(batch, self._results(batch), strict=True):
                self._ready[image.uri] = result

    def forget(self) -> None:
        """Drop the results that are not taken yet."""
        self._ready = {}

    def __call__(self, image: Image) -> Any:
        if image.uri in self._ready:
            return self._ready.pop(image.uri)
        [result] = self._results([image])
        return result

    def _results(self, images: list[Image]) -> list[Any]:
        results = list(self.set_up()(images))
        if len(results) != len(images):
            raise ValueError(
                f"a batch of {len(images)} images needs as many results, but got {len(results)}"
            )
        return results


def batched(size: int = 32) -> Callable[[Callable[[], OfMany]], Batched]:
    """Turn a class into a mapper or an extractor that takes up to ``size`` images at a time.

    The class is created once in each worker, without arguments: that is the place to load a model.
    Its ``__call__`` gets a list of images, and returns or yields a result for each, in order: the
    (key, value) pairs of a mapper, or the columns of an extractor.

        @mrimage.batched(size=32)
        class ByClass:
            def __init__(self):
                self.model = load_model()

            def __call__(self, images):
                classes = self.model([image.thumbnail(224, 224) for image in images])
                return [[(name, None)] for name in classes]

        mrimage.Job(map=ByClass)

    If a batch fails, its images are done one at a time, so that only those at fault are
    quarantined. ``--deadline`` is for each image; a batch has the sum of them. Raises UsageError
    for a size that is not from 1 to 1024.
    """
    number: int = whole(1, LARGEST_BATCH).from_python("The size of mrimage.batched", size)

    def decorate(make: Callable[[], OfMany]) -> Batched:
        if not callable(make):
            raise UsageError(f"mrimage.batched needs a class, but got {brief(make)}.")
        return Batched(number, make)

    return decorate
