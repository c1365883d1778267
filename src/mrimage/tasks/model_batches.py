"""The loop of a map task whose job has a model: it runs on a batch of images at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from mrimage.commit.lease import open_out
from mrimage.commit.model_copy import read_model_copy
from mrimage.guard.deadline import deadline, without_clock
from mrimage.image.network.session import model_of_process
from mrimage.job.job import Plan
from mrimage.source import read_ahead
from mrimage.tasks.each_image import require_memory
from mrimage.tasks.map_image import Begun, Mapped, begin_image, finish_image, mapper_of
from mrimage.tasks.own_code import batches_of
from mrimage.types import Attempt, Split

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

    def clock() -> deadline:
        # Made anew: the user's code may have replaced the timer's signal handler.
        return deadline(job.limits.deadline, attempt.expendable)

    opened = read_ahead(split.entries, job.decodes, plan.stores)
    for batch in batches_of(job, opened, attempt, fewest=model.batch):
        all_begun: list[Begun] = []
        for entry, source in batch:
            with clock():
                begun = begin_image(job, entry, without_clock(source))
            require_memory(begun.failure)
            all_begun.append(begun)
        for begun, outputs in _with_outputs(model, all_begun):
            with clock():
                mapped = finish_image(plan, mapper, begun, outputs)
            require_memory(mapped.failure)
            yield mapped


def _with_outputs(
    model: Model, all_begun: list[Begun]
) -> Iterator[tuple[Begun, Mapping[str, NDArray[Any]]]]:
    """Yield each image with what the model makes of it; nothing if the image has failed."""
    inputs = [begun.model_input for begun in all_begun if begun.model_input is not None]
    starts = range(0, len(inputs), model.batch)
    outputs = chain.from_iterable(model.run(inputs[at : at + model.batch]) for at in starts)
    for begun in all_begun:
        yield begun, {} if begun.model_input is None else next(outputs)
