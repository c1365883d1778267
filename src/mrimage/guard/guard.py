"""A child process that handles one image after another, and that any of them may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, TypeVar

import cloudpickle

from mrimage.errors import ImageError
from mrimage.guard.child import describe_exit, die_with_parent, end_child, portable, start_child
from mrimage.guard.deadline import deadline, timed_out
from mrimage.guard.failure import OUT_OF_MEMORY
from mrimage.guard.memory import limit_memory, memory_held_by
from mrimage.types import Limits

Argument = TypeVar("Argument")
Result = TypeVar("Result")

STALL = 15 * 60.0
"""Seconds beyond the deadline after which we give up on a child that the kernel's timer did not
end: the user's code may have taken the timer for itself."""

WATCH = 0.02
"""Seconds between looks at the child's memory, in which it can take some tens of megabytes more."""

REQUESTED = 4
"""How many times its memory limit a child may request. It ends a loop that requests memory without
using it."""

NEAR_LIMIT = 0.6
"""Share of the memory limit above which a child that aborted probably ran out of memory."""


class Guard(Generic[Argument, Result]):
    """Calls ``function`` in a child process, one call at a time, and survives the child's death."""

    def __init__(self, function: Callable[[Argument], Result], limits: Limits) -> None:
        self._start_message = cloudpickle.dumps((function, limits))
        self._limits = limits
        self._child: tuple[subprocess.Popen[bytes], Connection] | None = None
        self._own_memory = 0

    def __call__(self, argument: Argument) -> Result:
        """Return the function's result, or raise its exception.

        Raises ImageError ``crashed``, ``timed-out`` or ``out-of-memory`` if the child died.
        """
        process, connection = self._child or self._start()
        try:
            connection.send(argument)
            self._wait(process, connection)
            succeeded, result = connection.recv()
        except (EOFError, OSError):
            raise self._cause_of_death(process) from None
        if succeeded:
            return result  # type: ignore[no-any-return]  # the child sends the function's result
        raise result

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child:
            self._stop()

    def _wait(self, process: subprocess.Popen[bytes], connection: Connection) -> None:
        """Wait for a reply.

        If the child holds too much memory or stalls, end it and raise ImageError.
        """
        give_up = time.monotonic() + self._limits.deadline + STALL
        while not connection.poll(WATCH):
            held = memory_held_by(process.pid) - self._own_memory
            if held > self._limits.memory:
                self._stop()
                raise ImageError(
                    "out-of-memory",
                    f"The image took {held // 10**6} MB of memory, more than --memory allows.",
                )
            if time.monotonic() > give_up:
                self._stop()
                raise timed_out()

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        self._child = process, connection = start_child("mrimage.guard.guard")
        connection.send_bytes(self._start_message)
        # Wait until it is ready: imports do not count against the first image's deadline.
        connection.recv()
        self._own_memory = memory_held_by(process.pid)
        return process, connection

    def _stop(self) -> None:
        assert self._child
        process, connection = self._child
        self._child = None
        connection.close()
        end_child(process)

    def _cause_of_death(self, process: subprocess.Popen[bytes]) -> ImageError:
        assert self._child
        self._child[1].close()
        self._child = None
        # wait4 is the call that also reports the peak memory.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        end_child(process)  # what the child has started
        if process.returncode == -signal.SIGALRM:
            return timed_out()
        end = describe_exit(process.returncode)
        # Native code that is refused memory aborts or is killed; its peak sets it apart from a
        # plain crash.
        is_abort = process.returncode in (-signal.SIGABRT, -signal.SIGKILL)
        peak = usage.ru_maxrss * 1024
        if is_abort and peak > NEAR_LIMIT * self._limits.memory:
            return ImageError("out-of-memory", f"Its process {end} because it ran out of memory.")
        return ImageError("crashed", f"Its process {end}.")


def _serve(connection: Connection) -> None:
    """Run the child's loop: reply to each argument with (True, result) or (False, exception)."""
    function, limits = cloudpickle.loads(connection.recv_bytes())
    # The waiting process watches what this one holds; this bounds only what it requests.
    limit_memory(REQUESTED * limits.memory)
    connection.send(None)
    while True:
        try:
            argument = connection.recv()
        except EOFError:
            return
        connection.send_bytes(_reply(function, limits, argument))


def _reply(function: Callable[[Any], Any], limits: Limits, argument: Any) -> bytes:
    try:
        with deadline(limits.deadline, expendable=True):
            return bytes(ForkingPickler.dumps((True, function(argument))))
    except MemoryError:
        error: Exception = ImageError("out-of-memory", OUT_OF_MEMORY)
    except Exception as other:  # noqa: BLE001  # the caller decides what an error means
        error = portable(other)
    return bytes(ForkingPickler.dumps((False, error)))


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    _serve(Connection(int(sys.argv[1])))
