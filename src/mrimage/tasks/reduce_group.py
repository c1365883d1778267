"""One group through one reducer, repeated without the images that fail there."""

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
    failed: dict[str, Failure] = {}
    while True:
        context.begin_pass(failed)
        with closing(_PendingOutputs()) as pending:
            records = without_images(group.read(), set(failed), combined=combined)
            error: JobError | None = None
            try:
                for output in _run_reducer(reducer, key, records):
                    pending.add(output)
            except JobError as raised:
                error = raised
            context.end_pass()
            # No other image has failed, so another pass would give the same.
            if set(context.failed_in_pass) <= set(failed):
                if error is None:
                    yield from pending.read()
                else:
                    _give_up(context, plan.source, key, error)
                return
        failed |= context.failed_in_pass


class _PendingOutputs:
    """Outputs of a pass that may still be dropped; large ones wait on disk."""

    def __init__(self) -> None:
        # ``close`` closes it.
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115

    def add(self, output: GroupOutput) -> None:
        with system_errors(tempfile.gettempdir()):
            pickle.dump(output, self._file, pickle.HIGHEST_PROTOCOL)

    def read(self) -> Iterator[GroupOutput]:
        self._file.seek(0)
        while True:
            try:
                output: GroupOutput = pickle.load(self._file)  # written by this very process
            except EOFError:
                return
            yield output

    def close(self) -> None:
        self._file.close()


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


def _give_up(context: Context, source: str, key: str, error: JobError) -> None:
    """Leave the group without this reducer's outputs, if an image is to blame for ``error``.

    This is so if the reducer opens a failed image again, although no value names it, and does not
    catch the image's error. An image must not end a run, so its quarantine row says what happened.

    Raises ``error`` if it is the reducer's own. Raises JobError if the image is not in the source,
    because then it has no quarantine row.
    """
    if not isinstance(error.__cause__, ImageError) or not context.failed_in_pass:
        raise error
    failure = next(reversed(context.failed_in_pass.values()))
    if not failure.uri.startswith(source):
        raise JobError(
            f"{error} The image {failure.uri} is outside the source and cannot be read "
            f"({failure.reason}): repair it, or catch mrimage.ImageError in the reducer."
        ) from error
    message = (
        f"{failure.message} A reducer needs this image, "
        f"so the group {brief(key)} lacks its outputs."
    )
    context.failures[failure.uri] = replace(failure, message=message)
