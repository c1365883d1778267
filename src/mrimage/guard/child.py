"""Child processes that end with their parent, their import path, and the errors that they send."""

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

BOOT = (
    "import sys; sys.path[:] = {path}; from runpy import run_module; "
    "run_module(sys.argv.pop(1), run_name='__main__')"
)
"""What a child runs first: it sets the import path, then runs the module in its first argument."""

_PR_SET_PDEATHSIG = 1
"""From Linux's <sys/prctl.h>."""


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its ``parent`` ends, however that happens.

    This needs Linux; elsewhere the closed connection ends the process.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the call above
            os._exit(1)


def start_child(module: str) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start ``module`` with one end of a connection; return the process and the other end.

    The module's arguments are the descriptor of its end and this process's id. The child has this
    process's import path, and does not run the user's main script again. It leads a process group
    of its own, so that Ctrl-C reaches only the driver, and ``end_child`` also ends what the child
    has started.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environment = dict(os.environ)
        # Arrow's own allocator reserves a gigabyte at once, and memory is limited.
        environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        # The child is killed when its work is done: what it printed must be out by then.
        environment.setdefault("PYTHONUNBUFFERED", "1")
        # -P: Python would put the working directory first on the path, where a random.py of the
        # user would hide Python's own.
        command = [sys.executable, "-P", "-c", BOOT.format(path=ascii(import_path()))]
        process = subprocess.Popen(
            [*command, module, str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            # Standard output is for the program's result, not for what the user's code prints.
            stdout=_standard_error(),
            process_group=0,
        )
        return process, Connection(ours.detach())


def import_path() -> list[str]:
    """This process's import path, for another process on this machine.

    All folders are absolute, and Python's own come first. A notebook has the working directory at
    the top of its path. That does no harm to what it has imported already, but a process that
    starts there would import the user's ``types.py`` instead of Python's.
    """
    # Not Path.resolve(), which follows links.
    absolute = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100
    path = list(dict.fromkeys(absolute))
    own = [entry for entry in path if _is_python_itself(entry)]
    return own + [entry for entry in path if entry not in own]


def _is_python_itself(entry: str) -> bool:
    """Whether ``entry`` of the path is the standard library: its folder, extensions, or archive."""
    library = os.path.dirname(os.path.abspath(os.__file__))  # noqa: PTH100, PTH120
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    is_library = entry in (library, f"{library}/lib-dynload")
    return is_library or entry.endswith(f"/{archive}")


def _standard_error() -> int:
    """The descriptor of standard error, or DEVNULL if it is closed, as in a service."""
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2


def end_child(process: subprocess.Popen[bytes]) -> int:
    """Kill the child and what it has started; return its exit code."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def portable(error: Exception) -> Exception:
    """Return ``error`` if it can be sent to another process, else a JobError that describes it."""
    try:
        pickle.loads(pickle.dumps(error))  # our own bytes
    except Exception:  # noqa: BLE001  # pickling a class of the user may raise anything
        return JobError(describe(error))
    return error


def describe_exit(code: int) -> str:
    """Say how a process ended: ``was ended by SIGSEGV``, ``exited with status 3``."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"exited with status {code}"
