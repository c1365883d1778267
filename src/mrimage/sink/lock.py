"""One run at a time on one OUT."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mrimage.errors import NotFoundError, SinkError
from mrimage.sink.state import ROOT
from mrimage.storage import Store
from mrimage.storage.names import local_path, scheme

NAME = f"{ROOT}/lock"

STALE = 15 * 60.0
"""Seconds after which the lock of a run on another machine, on a store that cannot lock, counts as left behind."""


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Hold OUT for the block. Raises SinkError, naming the process, when another run holds it.

    On a local folder the kernel keeps the lock, so it ends with the process however that ends. Elsewhere it is
    a small object; one whose process is gone from this machine, or that is older than STALE, is taken over.
    """
    if scheme(store.root) == "file":
        with _kernel_lock(Path(local_path(store.root), NAME), store.root):
            yield
        return
    _refuse_if_held(store)
    store.write(NAME, json.dumps(_me()).encode())
    try:
        yield
    finally:
        store.delete(NAME)


@contextmanager
def _kernel_lock(path: Path, root: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _held(root, file.read()) from None
        if not _is_same(path, file.fileno()):  # its last holder removed the name before we locked the file
            raise _held(root, "")
        file.truncate(0)
        file.write(json.dumps(_me()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _refuse_if_held(store: Store) -> None:
    try:
        text = store.read(NAME).decode()
    except NotFoundError:
        return
    holder = json.loads(text)
    here = holder["host"] == socket.gethostname()
    alive = _is_alive(holder["pid"]) if here else time.time() - holder["since"] < STALE
    if alive:
        raise _held(store.root, text)


def _is_alive(pid: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(pid))


def _me() -> dict[str, object]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}


def _held(root: str, text: str) -> SinkError:
    try:
        holder = json.loads(text)
        who = f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError):
        who = "another process"
    return SinkError(f"Expected to be alone on {root}, but {who} is running a job there. Wait for it, or end it.")
