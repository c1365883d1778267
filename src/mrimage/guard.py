"""Keeping one image from harming the others: a deadline that no code can block, and a child that may die.

The good case pays two system calls an image: ``deadline`` arms the kernel's interval timer, whose signal ends
the process without asking the interpreter, so a decoder that spins in C is ended too. An attempt that follows
such an end is careful: a ``Guard`` runs each image in a child with bounded memory and says which one killed it.
No note of the image in hand is needed in the good case; the careful attempt finds the culprit on any machine.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

import cloudpickle

from mrimage.errors import ImageError
from mrimage.types import Limits

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@contextmanager
def deadline(seconds: float, expendable: bool) -> Iterator[None]:
    """Give the block ``seconds``.

    In an ``expendable`` process the kernel ends the process when they are over. Elsewhere Python code is
    interrupted by ImageError ``timed-out``; foreign code that never returns to Python is not, and outside the
    main thread there is no deadline.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL if expendable else _raise_timed_out)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _raise_timed_out(*_: object) -> None:
    raise ImageError("timed-out", "The image took longer than --deadline.")


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, however that happens (Linux; elsewhere the closed
    connection ends it)."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


def start_child(module: str) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start ``python -m module FD`` with one end of a connection; answer the process and the other end.

    The child sees this process's import path, and does not run the user's main script again.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        # Arrow's own allocator reserves a gigabyte of address space at once, and ours is limited.
        environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        command = [sys.executable, "-m", module, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL)
        return process, Connection(ours.detach())


class Guard(Generic[Argument, Result]):
    """Calls ``function`` in a child process, one call at a time, and survives whatever that does to the child."""

    def __init__(self, function: Callable[[Argument], Result], limits: Limits) -> None:
        self._start_message = cloudpickle.dumps((function, limits.memory))
        self._limits = limits
        self._child: tuple[subprocess.Popen[bytes], Connection] | None = None

    def __call__(self, argument: Argument) -> Result:
        """The function's result, or its exception; ImageError ``crashed``, ``timed-out`` or ``out-of-memory``
        when it took the child down."""
        process, connection = self._child or self._start()
        try:
            connection.send(argument)
            if not connection.poll(self._limits.deadline):
                self._stop()
                raise ImageError("timed-out", f"The image took longer than {self._limits.deadline:g} s.")
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
        self._child = process, connection = start_child("mrimage.guard")
        connection.send_bytes(self._start_message)
        connection.recv()  # ready: imports do not count against the first image's deadline
        return process, connection

    def _stop(self) -> None:
        assert self._child
        process, connection = self._child
        self._child = None
        connection.close()
        process.kill()
        process.wait()

    def _autopsy(self, process: subprocess.Popen[bytes]) -> ImageError:
        assert self._child
        self._child[1].close()
        self._child = None
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * 1024
        end = describe_exit(process.returncode)
        # Native code that is refused memory aborts or is killed; its peak tells that apart from a plain crash.
        if process.returncode in (-signal.SIGABRT, -signal.SIGKILL) and peak > 0.6 * self._limits.memory:
            return ImageError("out-of-memory", f"Its process {end} at {peak >> 20} MiB.")
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
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    function, memory = cloudpickle.loads(connection.recv_bytes())
    if sys.platform == "linux":
        limit_memory(memory)
    connection.send(None)
    while True:
        try:
            argument = connection.recv()
        except EOFError:
            return
        answer: tuple[bool, Any]
        try:
            answer = True, function(argument)
        except MemoryError:
            answer = False, ImageError("out-of-memory", f"It asked for more than {memory >> 20} MiB.")
        except Exception as error:  # noqa: BLE001  # whatever it is belongs to the caller
            answer = False, error
        connection.send(answer)


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
