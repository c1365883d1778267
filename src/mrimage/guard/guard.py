"""A child process in which one image after the other is handled, and which any of them may take down."""

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
"""Seconds beyond the deadline after which a guarded child that the kernel's timer did not end is given up: code of
the user's may have taken the timer for itself."""

WATCH = 0.02
"""Seconds between looks at what memory the child holds; it can take some tens of megabytes more meanwhile."""

ASKED = 4
"""How many times the memory that it may hold a child may ask for: it ends a loop that asks and does not use."""


class Guard(Generic[Argument, Result]):
    """Calls ``function`` in a child process, one call at a time, and survives whatever that does to the child."""

    def __init__(self, function: Callable[[Argument], Result], limits: Limits) -> None:
        self._start_message = cloudpickle.dumps((function, limits))
        self._limits = limits
        self._child: tuple[subprocess.Popen[bytes], Connection] | None = None
        self._own_memory = 0

    def __call__(self, argument: Argument) -> Result:
        """The function's result, or its exception; ImageError ``crashed``, ``timed-out`` or ``out-of-memory``
        when it took the child down."""
        process, connection = self._child or self._start()
        try:
            connection.send(argument)
            self._wait(process, connection)
            succeeded, result = connection.recv()
        except (EOFError, OSError):
            raise self._autopsy(process) from None
        if succeeded:
            return result  # type: ignore[no-any-return]  # the child answers with what the function returned
        raise result

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child:
            self._stop()

    def _wait(self, process: subprocess.Popen[bytes], connection: Connection) -> None:
        """Wait for an answer. Raises ImageError, and ends the child, when that holds too much memory or stalls."""
        patience = time.monotonic() + self._limits.deadline + STALL
        while not connection.poll(WATCH):
            held = memory_held_by(process.pid) - self._own_memory
            if held > self._limits.memory:
                self._stop()
                raise ImageError(
                    "out-of-memory",
                    f"It took {held // 10**6} MB of memory, more than --memory allows.",
                )
            if time.monotonic() > patience:
                self._stop()
                raise timed_out()

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        self._child = process, connection = start_child("mrimage.guard.guard")
        connection.send_bytes(self._start_message)
        connection.recv()  # ready: imports do not count against the first image's deadline
        self._own_memory = memory_held_by(process.pid)
        return process, connection

    def _stop(self) -> None:
        assert self._child
        process, connection = self._child
        self._child = None
        connection.close()
        end_child(process)

    def _autopsy(self, process: subprocess.Popen[bytes]) -> ImageError:
        assert self._child
        self._child[1].close()
        self._child = None
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        end_child(process)
        if process.returncode == -signal.SIGALRM:
            return timed_out()
        peak = usage.ru_maxrss * 1024
        end = describe_exit(process.returncode)
        # Native code that is refused memory aborts or is killed; its peak tells that apart from a plain crash.
        if (
            process.returncode in (-signal.SIGABRT, -signal.SIGKILL)
            and peak > 0.6 * self._limits.memory
        ):
            return ImageError("out-of-memory", f"Its process {end} for want of memory.")
        return ImageError("crashed", f"Its process {end}.")


def _serve(connection: Connection) -> None:
    """The child's loop: answer each argument with (True, result) or (False, exception)."""
    function, limits = cloudpickle.loads(connection.recv_bytes())
    limit_memory(ASKED * limits.memory)  # what it holds is watched by the process that waits for it
    connection.send(None)
    while True:
        try:
            argument = connection.recv()
        except EOFError:
            return
        connection.send_bytes(_answer(function, limits, argument))


def _answer(function: Callable[[Any], Any], limits: Limits, argument: Any) -> bytes:
    try:
        with deadline(limits.deadline, expendable=True):
            return bytes(ForkingPickler.dumps((True, function(argument))))
    except MemoryError:
        error: Exception = ImageError("out-of-memory", OUT_OF_MEMORY)
    except Exception as other:  # noqa: BLE001  # whatever it is belongs to the caller
        error = portable(other)
    return bytes(ForkingPickler.dumps((False, error)))


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    _serve(Connection(int(sys.argv[1])))
