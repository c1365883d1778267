"""The holder of a lock: one run of one process, with a name that no other run anywhere has."""

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
    """A run that holds a lock.

    ``token`` is random and identifies the run. ``host`` and ``pid`` name its process for people.
    ``place`` names the process table that ``pid`` belongs to: a boot of a machine, and a
    container's pid namespace on it. Two containers may share a host name, and their processes may
    have the same numbers, but their process tables have different names. ``started`` is the start
    of the process in seconds since 1970; a later process with the same number started later.
    ``renewals`` counts how often the run has renewed the lock.
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
    """A holder with a new token, for a run of this process."""
    import psutil

    return Holder(
        token=secrets.token_hex(16),
        pid=os.getpid(),
        host=socket.gethostname(),
        place=process_table(),
        started=psutil.Process().create_time(),
    )


def holder_in(data: bytes | None) -> Holder | None:
    """The holder in the bytes of a lock.

    None if there is none: a run may have been killed while it wrote the lock.
    """
    try:
        return msgspec.json.decode(data or b"", type=Holder)
    except msgspec.MsgspecError:
        return None


def has_died(holder: Holder) -> bool:
    """Whether the holder's process is known to have ended.

    Only a process in the same process table can know that.
    """
    if not holder.place or holder.place != process_table():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # The process exists, but belongs to another user.
        return False
    return _is_other_process(holder)


def _is_other_process(holder: Holder) -> bool:
    """Whether the process with the holder's number is a later one, or a zombie."""
    import psutil

    try:
        process = psutil.Process(holder.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        # psutil derives the start from clock ticks and the boot time, so it may vary a little.
        return abs(process.create_time() - holder.started) >= 1
    except psutil.Error:
        # The process exists, but its details are hidden from this user.
        return False


@lru_cache(maxsize=1)
def process_table() -> str:
    """The name of this process's process table; empty if the system does not give one."""
    try:
        if sys.platform == "linux":
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            # Such as pid:[4026531836].
            namespace = Path("/proc/self/ns/pid").readlink()
            return f"{boot} {namespace}"
    except OSError:
        return ""
    import psutil

    return f"{uuid.getnode():x} {psutil.boot_time():.0f}"


def in_use(root: str, holder: Holder | None, hint: str = "") -> SinkError:
    """The error if another run holds OUT. ``hint`` is appended to the message."""
    who = holder or "another process"
    return SinkError(
        f"Only one run at a time can write to {root}, but {who} is running a job there. "
        f"Wait for it, or end it.{hint}"
    )
