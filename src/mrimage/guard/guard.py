"""Keeping one image from harming the others: a deadline that no code can block, and a child that may die.

The good case pays two system calls an image: ``deadline`` arms the kernel's interval timer, whose signal ends
the process without asking the interpreter, so a decoder that spins in C is ended too. An attempt that follows
such an end is careful: a ``Guard`` runs each image in a child with bounded memory and says which one killed it.
No note of the image in hand is needed in the good case; the careful attempt finds the culprit on any machine.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, TypeVar

import cloudpickle

from mrimage.errors import ImageError, JobError, describe
from mrimage.types import ByteSource, Limits

Argument = TypeVar("Argument")
Result = TypeVar("Result")

OUT_OF_MEMORY = "It was refused the memory that it asked for."

STALL = 15 * 60.0
"""Seconds beyond the deadline after which a guarded child that the kernel's timer did not end is given up: code of
the user's may have taken the timer for itself."""


class deadline:
    """Give each block that it guards ``seconds``; one after the other, not nested.

    In an ``expendable`` process the kernel ends the process when they are over. Elsewhere Python code is
    interrupted by ImageError ``timed-out``; foreign code that never returns to Python is not, and outside the
    main thread there is no deadline.
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float, expendable: bool) -> None:
        self._seconds = seconds if threading.current_thread() is threading.main_thread() else 0.0
        if self._seconds:
            signal.signal(signal.SIGALRM, signal.SIG_DFL if expendable else _raise_timed_out)

    def __enter__(self) -> None:
        if self._seconds:
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        if self._seconds:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _raise_timed_out(*_: object) -> None:
    raise _timed_out()


def _timed_out() -> ImageError:
    return ImageError("timed-out", "The image took longer than --deadline.")


class OffTheClock:
    """A remote source whose reads do not count against the deadline: a store has time limits and retries of its
    own, and an image is not to blame for it."""

    __slots__ = ("_source",)

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    @property
    def uri(self) -> str:
        return self._source.uri

    @property
    def size(self) -> int:
        with clock_stopped():
            return self._source.size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        with clock_stopped():
            return self._source.read(start, length)


def fair(source: ByteSource) -> ByteSource:
    """``source``, such that waiting for a remote store is not held against the image."""
    is_remote = "://" in source.uri and not source.uri.startswith("file:")
    return OffTheClock(source) if is_remote else source


@contextmanager
def clock_stopped() -> Iterator[None]:
    """Stop the clock of the deadline that is running, if there is one, for the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its ``parent`` ends, however that happens (Linux; elsewhere the closed
    connection ends it)."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)


def start_child(module: str) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start ``python -m module FD PARENT`` with one end of a connection; answer the process and the other end.

    The child sees this process's import path, and does not run the user's main script again. It leads a process
    group of its own, so that Ctrl-C reaches only the driver, and ``end_child`` whatever the child has started.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        # Arrow's own allocator reserves a gigabyte of address space at once, and ours is limited.
        environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        command = [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())]
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, process_group=0
        )
        return process, Connection(ours.detach())


def end_child(process: subprocess.Popen[bytes]) -> int:
    """End the child, and what it has started, now; answer how it exited."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def portable(error: Exception) -> Exception:
    """``error`` as something that can be sent; an exception class of the user's may not be."""
    try:
        pickle.loads(pickle.dumps(error))  # our own bytes
    except Exception:  # noqa: BLE001  # any class, any way to fail
        return JobError(describe(error))
    return error


class Guard(Generic[Argument, Result]):
    """Calls ``function`` in a child process, one call at a time, and survives whatever that does to the child."""

    def __init__(self, function: Callable[[Argument], Result], limits: Limits) -> None:
        self._start_message = cloudpickle.dumps((function, limits))
        self._limits = limits
        self._child: tuple[subprocess.Popen[bytes], Connection] | None = None

    def __call__(self, argument: Argument) -> Result:
        """The function's result, or its exception; ImageError ``crashed``, ``timed-out`` or ``out-of-memory``
        when it took the child down."""
        process, connection = self._child or self._start()
        try:
            connection.send(argument)
            if not connection.poll(self._limits.deadline + STALL):
                self._stop()
                raise _timed_out()
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

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        self._child = process, connection = start_child("mrimage.guard.guard")
        connection.send_bytes(self._start_message)
        connection.recv()  # ready: imports do not count against the first image's deadline
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
            return _timed_out()
        peak = usage.ru_maxrss * 1024
        end = describe_exit(process.returncode)
        # Native code that is refused memory aborts or is killed; its peak tells that apart from a plain crash.
        if process.returncode in (-signal.SIGABRT, -signal.SIGKILL) and peak > 0.6 * self._limits.memory:
            return ImageError("out-of-memory", f"Its process {end} for want of memory.")
        return ImageError("crashed", f"Its process {end}.")


def describe_exit(code: int) -> str:
    """How a process ended, for people: ``was ended by SIGSEGV``, ``exited with status 3``."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"


def limit_memory(room: int) -> None:
    """Let this process's address space grow by at most ``room`` bytes from now on."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123  # /proc is no path of the user's
        used = int(statm.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + room if hard == resource.RLIM_INFINITY else min(used + room, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _serve(connection: Connection) -> None:
    """The child's loop: answer each argument with (True, result) or (False, exception)."""
    function, limits = cloudpickle.loads(connection.recv_bytes())
    if sys.platform == "linux":
        limit_memory(limits.memory)
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
