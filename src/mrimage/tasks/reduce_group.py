"""One group through one reducer, repeated without the images that fail there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mrimage.errors import CarelessError, JobError, StoreError, brief
from mrimage.job.faults import describe_with_line
from mrimage.job.functions import name_function
from mrimage.job.job import Plan
from mrimage.reducers import ReduceRecords
from mrimage.reducers.context import Context
from mrimage.shuffle.records import Record
from mrimage.shuffle.replay import Replay
from mrimage.sink.naming import group_path
from mrimage.sink.output import Output
from mrimage.tasks.left_out import without_images
from mrimage.tasks.passes import run_passes


@dataclass(frozen=True, slots=True)
class GroupOutput:
    """One output of a group: its path below OUT, and its bytes.

    ``width`` and ``height`` are None if it is not an image. ``uri`` is the image that it was made
    of, if the reducer names one.
    """

    path: str
    data: bytes
    width: int | None
    height: int | None
    uri: str | None


def reduce_group(
    context: Context, reducer: ReduceRecords, key: str, group: Replay, plan: Plan
) -> Iterator[GroupOutput]:
    """Yield what the reducer makes of the group.

    If images that it opens fail, they are noted in ``context``, the outputs are dropped, and the
    reducer is called again without the values of those images. Which images are left out depends
    only on this group and this reducer, so the result is the same however groups are divided into
    tasks. Raises JobError if the reducer fails.
    """
    combined = plan.job.combine is not None

    def lacks() -> str:
        return f"A reducer needs this image, so the group {brief(key)} lacks its outputs."

    def make(failed: set[str]) -> Iterator[GroupOutput]:
        records = without_images(group.read(), failed, combined=combined)
        return _run_reducer(reducer, key, records)

    return run_passes(context, plan.sources, lacks, make)


def _run_reducer(
    reducer: ReduceRecords, key: str, records: Iterable[Record]
) -> Iterator[GroupOutput]:
    """Yield what the reducer makes of the key in one pass.

    Raises JobError if the reducer fails, StoreError if a store does.
    """
    try:
        outputs = reducer(key, records)
        if isinstance(outputs, Output) or not isinstance(outputs, Iterable):
            raise JobError(f"It needs to yield mrimage.Output, but it returned {brief(outputs)}.")
        names: set[str] = set()
        for output in outputs:
            if not isinstance(output, Output):
                raise JobError(f"It needs to yield mrimage.Output, but it yielded {brief(output)}.")
            if output.name in names:
                raise JobError(
                    "It needs to give each output a different name, "
                    f"but it used {output.name!r} twice."
                )
            names.add(output.name)
            data, width, height = output.encoded()
            yield GroupOutput(group_path(key, output.name), data, width, height, output.uri)
    except (CarelessError, StoreError, KeyboardInterrupt, GeneratorExit):
        raise
    # Not only Exception: a reducer that calls sys.exit must not end the worker.
    except BaseException as error:
        reason = str(error) if isinstance(error, JobError) else describe_with_line(error)
        raise JobError(
            f"The reducer {name_function(reducer)} failed on key {brief(key)}. {reason}"
        ) from error
