"""Child processes that end with their parent, and what becomes of their memory and their errors."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from mrimage.errors import JobError, describe


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
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)
        }
        # Arrow's own allocator reserves a gigabyte of address space at once, and ours is limited.
        environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        command = [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())]
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            process_group=0,
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


def describe_exit(code: int) -> str:
    """How a process ended, for people: ``was ended by SIGSEGV``, ``exited with status 3``."""
    return (
        f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
    )


def limit_memory(room: int) -> None:
    """Let this process's address space grow by at most ``room`` bytes from now on."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123  # /proc is no path of the user's
        used = int(statm.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + room if hard == resource.RLIM_INFINITY else min(used + room, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
