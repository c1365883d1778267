"""What an image may do to the process that works on it, and the reason for which it is quarantined then."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

POISONS = {
    "segfault": "crashed",
    "exit": "crashed",
    "sleep": "timed-out",
    "spin": "timed-out",
    "memory": "out-of-memory",
}


def swallow(kind: str) -> None:
    """Do to this process what the poison ``kind`` does; anything else does nothing."""
    if kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "exit":
        os._exit(3)
    if kind == "sleep":
        time.sleep(600)
    if kind == "spin":
        while True:
            pass
    if kind == "memory":
        hoard = []
        while True:
            hoard.append(
                np.empty(64 << 20, np.uint8)
            )  # asked for and not touched, which would take its time
