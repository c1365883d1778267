"""Server processes of the tests: started on free ports of loopback, stopped by their own pid."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path


class ServiceError(RuntimeError):
    """A server did not start; the message ends with what it said last."""


def free_ports(count: int) -> list[int]:
    """``count`` different ports of loopback that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def is_open(port: int) -> bool:
    """Whether somebody listens on ``port``."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Server:
    """One server process with its log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: dict[str, str] | None = None,
    ):
        self.name = name
        self._command = list(command)
        self._folder = folder
        self._environment = {**os.environ, **(environment or {})}
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float = 180) -> None:
        """Return once ``ready()``; raise ServiceError if the process dies or the time is over before."""
        end = time.monotonic() + seconds
        while not ready():
            assert self._process
            if self._process.poll() is not None or time.monotonic() > end:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise ServiceError(f"{self.name} did not start:\n{tail}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._end(kill=True)

    def stop(self) -> None:
        """Ask the process to end, and make it after five seconds."""
        self._end(kill=False)

    def _end(self, kill: bool) -> None:
        if not self._process:
            return
        self._process.kill() if kill else self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
