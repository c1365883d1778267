"""The loop of a map task whose job has a model: it runs on a batch of images at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from mrimage.commit.lease import open_out
from mrimage.commit.model_copy import read_model_copy
from mrimage.guard.deadline import deadline, without_clock
from mrimage.image.network.session import model_of_process
from mrimage.job.job import Plan
from mrimage.source import read_ahead
from mrimage.tasks.each_image import require_memory
from mrimage.tasks.map_image import Begun, Mapped, begin_image, finish_image, mapper_of
from mrimage.types import Attempt, Split

if TYPE_CHECKING:
    from mrimage.image.network.session import Model


def model_of(plan: Plan) -> Model | None:
    """The model of the job in this process, which loads it once; None if the job has none."""
    network = plan.job.network
    if network is None:
        return None
    return model_of_process(network, partial(read_model_copy, open_out(plan), network))


def map_in_batches(plan: Plan, split: Split, attempt: Attempt) -> Iterator[Mapped]:
    """Map the split's images in order, and run the model on a batch of them at a time.

    Every image is begun and finished on its own, so that one that fails costs only itself. At most
    a batch of images is held.
    """
    job = plan.job
    mapper = mapper_of(job)
    model = model_of(plan)
    assert model  # the job has a network
    batch: list[Begun] = []

    def clock() -> deadline:
        # Made anew: the user's code may have replaced the timer's signal handler.
        return deadline(job.limits.deadline, attempt.expendable)

    def finished() -> Iterator[Mapped]:
        inputs = [begun.model_input for begun in batch if begun.model_input is not None]
        outputs = iter(model.run(inputs) if inputs else ())
        for begun in batch:
            found = next(outputs) if begun.model_input is not None else {}
            with clock():
                mapped = finish_image(job, mapper, begun, found)
            require_memory(mapped.failure)
            yield mapped
        batch.clear()

    for entry, source in read_ahead(split.entries, job.decodes, plan.stores):
        with clock():
            begun = begin_image(job, entry, without_clock(source))
        require_memory(begun.failure)
        batch.append(begun)
        if len(batch) == model.batch:
            yield from finished()
    yield from finished()
