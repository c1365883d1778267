"""One group through one reducer, as often as it takes to leave out the images that fail there."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from mrimage.errors import CarelessError, ImageError, JobError, StoreError, brief
from mrimage.job.faults import describe_with_line
from mrimage.job.functions import name_function
from mrimage.job.job import Plan
from mrimage.reducers import ReduceRecords
from mrimage.reducers.context import Context
from mrimage.shuffle.records import Record
from mrimage.shuffle.replay import IN_MEMORY, Replay
from mrimage.sink.naming import group_path
from mrimage.sink.output import Output
from mrimage.storage.local import system_errors
from mrimage.tasks.left_out import without_images
from mrimage.types import Failure


@dataclass(frozen=True, slots=True)
class Made:
    """One output of a group: its path below OUT and its bytes, width and height where it is an image, and the uri of
    the image that it was made of, where the reducer names one."""

    path: str
    data: bytes
    width: int | None
    height: int | None
    uri: str | None


def reduce_group(
    context: Context, reducer: ReduceRecords, key: str, group: Replay, plan: Plan
) -> Iterator[Made]:
    """What the reducer makes of the group.

    Where images that it opens fail, they are noted in ``context``, what was made is dropped, and the reducer is
    called again without their values. Which images are left out depends on this group and this reducer alone, so
    that the result is the same however groups are spread over tasks. Raises JobError when the reducer fails.
    """
    combined = plan.job.combine is not None
    failed: dict[str, Failure] = {}
    while True:
        context.begin_pass(failed)
        made = _Made()
        with closing(made):
            records = without_images(group.read(), set(failed), combined=combined)
            try:
                for output in _run_reducer(reducer, key, records):
                    made.add(output)
            except JobError as error:
                context.end_pass()
                if set(context.failed_in_pass) <= set(failed):
                    if not isinstance(error.__cause__, ImageError) or not context.failed_in_pass:
                        raise
                    _give_up(context, plan.source, key, error)
                    return
            context.end_pass()
            if set(context.failed_in_pass) <= set(failed):
                yield from made.read()
                return
        failed |= context.failed_in_pass


class _Made:
    """Outputs that wait, on disk where they are many, until it is known that they count."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed by ``close``

    def add(self, output: Made) -> None:
        with system_errors(tempfile.gettempdir()):
            pickle.dump(output, self._file, pickle.HIGHEST_PROTOCOL)

    def read(self) -> Iterator[Made]:
        self._file.seek(0)
        while True:
            try:
                output: Made = pickle.load(self._file)  # written a moment ago by this very process
            except EOFError:
                return
            yield output

    def close(self) -> None:
        self._file.close()


def _run_reducer(reducer: ReduceRecords, key: str, records: Iterable[Record]) -> Iterator[Made]:
    """What the reducer makes of the key in one pass. Raises JobError, and StoreError where it is a store's fault."""
    try:
        outputs = reducer(key, records)
        if isinstance(outputs, Output) or not isinstance(outputs, Iterable):
            raise JobError(
                f"Expected it to yield mrimage.Output, but it returned {brief(outputs)}."
            )
        names: set[str] = set()
        for output in outputs:
            if not isinstance(output, Output):
                raise JobError(
                    f"Expected it to yield mrimage.Output, but received {brief(output)}."
                )
            if output.name in names:
                raise JobError(
                    f"Expected a name of its own for each output, but received {output.name!r} twice."
                )
            names.add(output.name)
            data, width, height = output.encoded()
            yield Made(group_path(key, output.name), data, width, height, output.uri)
    except (CarelessError, StoreError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        said = str(error) if isinstance(error, JobError) else describe_with_line(error)
        raise JobError(
            f"The reducer {name_function(reducer)} failed on key {brief(key)}. {said}"
        ) from error


def _give_up(context: Context, source: str, key: str, error: JobError) -> None:
    """Leave the group without this reducer's outputs, because it asks again for an image that failed, although no value
    names it, and lets the error through: an image must not end a run. Its row in quarantine says so.

    An image that is none of the source's has no such row; then the reducer's error is raised.
    """
    failure = next(reversed(context.failed_in_pass.values()))
    if not failure.uri.startswith(source):
        raise JobError(
            f"{error} The image {failure.uri} is outside the source and cannot be read ({failure.reason}): repair it, "
            "or catch mrimage.ImageError in the reducer."
        ) from error
    message = f"{failure.message} A reducer cannot do without it, so that the group {brief(key)} lacks its outputs."
    context.failures[failure.uri] = replace(failure, message=message)
