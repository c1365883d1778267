"""Child processes that end with their parent, and what becomes of their memory and their errors."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from mrimage.errors import JobError, describe

BOOT = "import sys; sys.path[:] = {path}; from runpy import run_module; run_module(sys.argv.pop(1), run_name='__main__')"
"""What a child runs first: from here on it imports from the given path only."""


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
    """Start ``module`` with the arguments FD and PARENT and one end of a connection; return the process and the other
    end.

    The child sees this process's import path, and does not run the user's main script again. It leads a process
    group of its own, so that Ctrl-C reaches only the driver, and ``end_child`` whatever the child has started.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environment = dict(os.environ)
        # Arrow's own allocator reserves a gigabyte at once, and memory is limited.
        environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        # The child is killed when its work is done: what it has printed must be out by then.
        environment.setdefault("PYTHONUNBUFFERED", "1")
        # -P: Python would put the working directory first on the path, and with it any random.py of the user's.
        command = [sys.executable, "-P", "-c", BOOT.format(path=ascii(import_path()))]
        process = subprocess.Popen(
            [*command, module, str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=_standard_error(),  # what the user's functions print is not the program's answer
            process_group=0,
        )
        return process, Connection(ours.detach())


def import_path() -> list[str]:
    """Where this process imports from, for another one on this machine: absolute folders, Python's own first.

    A notebook has the working directory at the top of its path. What it had imported by then does not mind, but a
    process that starts there would take a ``types.py`` of the user's for Python's.
    """
    path = list(dict.fromkeys(os.path.abspath(entry) for entry in sys.path))  # noqa: PTH100  # resolve() follows links
    own = [entry for entry in path if _is_python_itself(entry)]
    return own + [entry for entry in path if entry not in own]


def _is_python_itself(entry: str) -> bool:
    """Whether ``entry`` of the path is the standard library: its folder, its extensions, or its archive."""
    library = os.path.dirname(os.path.abspath(os.__file__))  # noqa: PTH100, PTH120
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    return entry in (library, f"{library}/lib-dynload") or entry.endswith(f"/{archive}")


def _standard_error() -> int:
    """A descriptor to print to; where standard error is closed, as in a service, nobody would read it."""
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2


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
