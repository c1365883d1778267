"""Who holds a lock: one run of one process, named so that no other run anywhere has the same name."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import uuid
from functools import lru_cache
from pathlib import Path

import msgspec

from mrimage.errors import SinkError


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A run that holds a lock. ``token`` is random and names the run; ``host`` and ``pid`` are for people.

    ``place`` names the process table that ``pid`` belongs to: a boot of a machine, and the pid namespace of a
    container on it. Two containers may share a host name, and their processes the same numbers, but not a place.
    ``started`` is the start of the process in seconds since 1970, which tells it from a later one with its number.
    ``renewals`` counts how often the run has said that it is still there.
    """

    token: str
    pid: int
    host: str
    place: str
    started: float
    renewals: int = 0

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def new_holder() -> Holder:
    """A new name for a run of this process."""
    import psutil

    return Holder(
        token=secrets.token_hex(16),
        pid=os.getpid(),
        host=socket.gethostname(),
        place=process_table(),
        started=psutil.Process().create_time(),
    )


def holder_in(data: bytes | None) -> Holder | None:
    """The holder that a lock's bytes name, or None where they name none, as when a run was killed writing them."""
    try:
        return msgspec.json.decode(data or b"", type=Holder)
    except msgspec.MsgspecError:
        return None


def has_died(holder: Holder) -> bool:
    """Whether the holder's process is known to be gone: only its own process table can tell."""
    if not holder.place or holder.place != process_table():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # somebody else's process
    return _is_other_process(holder)


def _is_other_process(holder: Holder) -> bool:
    """Whether the process with the holder's number is a later one, or a dead one that its parent has not reaped."""
    import psutil

    try:
        process = psutil.Process(holder.pid)
        return (
            process.status() == psutil.STATUS_ZOMBIE
            or abs(process.create_time() - holder.started) >= 1
        )
    except psutil.Error:
        return False  # it is there, but hidden from us


@lru_cache(maxsize=1)
def process_table() -> str:
    """The name of this process's table of processes, or "" where the system does not say."""
    try:
        if sys.platform == "linux":
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            namespace = Path("/proc/self/ns/pid").readlink()  # such as pid:[4026531836]
            return f"{boot} {namespace}"
    except OSError:
        return ""
    import psutil

    return f"{uuid.getnode():x} {psutil.boot_time():.0f}"


def in_use(root: str, holder: Holder | None, more: str = "") -> SinkError:
    """The error for an OUT that another run holds; ``more`` is added to it."""
    who = holder or "another process"
    return SinkError(
        f"Expected to be alone on {root}, but {who} is running a job there. Wait for it, or end it.{more}"
    )
