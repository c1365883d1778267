"""A run as a process of its own, in a session of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

ROOT = Path(__file__).parents[2]

PATIENCE = 600.0
"""Seconds after which a run hangs."""

LINGER = 20.0
"""Seconds after which a process has outlived its run."""

LINGER_OF_RAY = 120.0
"""The same for Ray's own agents: it takes them a minute to see that what they serve was killed."""

PAUSE = 0.3
"""Seconds that a stopped process stays stopped, at least."""


class FailedError(Exception):
    """A run, or its results, is not as promised; the message says how."""


class Process:
    """``python -m tests.soak.victim`` with ``arguments`` in the folder ``cwd``. What it prints goes to
    the file ``log``. The ``with`` block ends it, however the block itself ends."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, cwd: Path = ROOT
    ) -> None:
        self._log = log
        self._give_up = time.monotonic() + PATIENCE
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                # With -P, as from the command mrimage, it does not look for modules in ``cwd``.
                [sys.executable, "-P", "-m", "tests.soak.victim", *arguments],
                cwd=cwd,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._session():
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.wait()

    def is_running(self) -> bool:
        """Raises FailedError if it hangs."""
        if self._process.poll() is not None:
            return False
        if time.monotonic() > self._give_up:
            raise FailedError(f"a run has not ended after {PATIENCE:.0f} s: {self._last_line()}")
        return True

    def resume_stopped(self) -> None:
        """Let those of its processes go on that are stopped, after a pause."""
        stopped = [each for each in self._session() if _status(each) == psutil.STATUS_STOPPED]
        if stopped:
            time.sleep(PAUSE)
        for each in stopped:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGCONT)

    def result(self) -> tuple[int, str]:
        """Wait for its end; return its status and the last line that it printed. Raises FailedError
        if one of its processes outlives it."""
        while self.is_running():
            time.sleep(0.02)
        ended = time.monotonic()
        while left := [each for each in self._session() if _status(each) != psutil.STATUS_ZOMBIE]:
            patience = LINGER_OF_RAY if all(map(_is_of_ray, left)) else LINGER
            if time.monotonic() > ended + patience:
                raise FailedError(f"processes outlive their run: {left}")
            time.sleep(0.05)
        return self._process.returncode, self._last_line()

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "(it printed nothing)"

    def _session(self) -> list[psutil.Process]:
        found = []
        for pid in psutil.pids():
            with suppress(OSError, psutil.NoSuchProcess):
                if os.getsid(pid) == self._process.pid:
                    found.append(psutil.Process(pid))
        return found


def _is_of_ray(process: psutil.Process) -> bool:
    """Whether it is one of Ray's own, or has ended by now."""
    try:
        return process.name().startswith("ray::")
    except psutil.NoSuchProcess:
        return True


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE
