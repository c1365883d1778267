"""One run at a time on one OUT."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mrimage.commit.ledger import ROOT
from mrimage.commit.out_folder import sweep
from mrimage.errors import NotFoundError, SinkError, StoreError
from mrimage.storage import Store
from mrimage.storage.local import store_error
from mrimage.storage.names import local_path, scheme

NAME = f"{ROOT}/lock"

BEAT = 60.0
"""Seconds after which a run renews its lock on a store that cannot lock."""

STALE = 10 * BEAT
"""Seconds without renewal after which such a lock, of a run on another machine, counts as left behind."""

SETTLE = 2.0
"""Seconds after which a run that took a stale lock over looks whether another one did so too."""


_tokens: set[str] = set()
"""The runs of this process that hold such a lock."""


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Hold OUT for the block. What an earlier run left there because it was killed goes first.

    Raises SinkError, naming the process, when another run holds OUT. On a local folder the kernel keeps the lock,
    so it ends with the process however that ends. Elsewhere it is an object that only one run can create, and that
    its run renews every BEAT seconds; one whose process is gone from this machine, or that was not renewed for
    STALE seconds, is taken over.
    """
    if scheme(store.root) == "file":
        with _kernel_lock(Path(local_path(store.root), NAME), store.root) as abandoned:
            if abandoned:
                sweep(store)
            yield
        return
    mine = _me()
    _tokens.add(str(mine["token"]))
    abandoned = _acquire(store, mine)
    ended = threading.Event()
    heart = threading.Thread(target=_keep_renewing, args=(store, mine, ended), daemon=True)
    heart.start()
    try:
        if abandoned:
            sweep(store)
        yield
    finally:
        ended.set()
        heart.join()
        _tokens.discard(str(mine["token"]))
        with suppress(
            StoreError
        ):  # of a store that is away the run's own error tells; the lock will be taken over
            if _is_mine(_holder(store), mine):
                store.delete(NAME)


@contextmanager
def _kernel_lock(path: Path, root: str) -> Iterator[bool]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        abandoned = path.exists()
        file = path.open("a+")
    except OSError as error:
        raise store_error(error, "write", str(path)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _held(root, _parse(file.read())) from None
        if not _is_same(
            path, file.fileno()
        ):  # its last holder removed the name before we locked the file
            raise _held(root, None)
        try:
            file.truncate(0)
            file.write(json.dumps(_me()))
            file.flush()
        except OSError as error:
            raise store_error(error, "write", str(path)) from error
        try:
            yield abandoned
        finally:
            path.unlink(missing_ok=True)
            with suppress(
                OSError
            ):  # nothing was done here, as where OUT turned out to be somebody else's
                path.parent.rmdir()


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _acquire(store: Store, mine: dict[str, object]) -> bool:
    """Make the lock ours; answer whether it had been left behind. Raises SinkError when another run holds it."""
    if store.create(NAME, _encode(mine)):
        return False
    holder = _holder(store)
    if holder and _is_alive(holder):
        raise _held(store.root, holder)
    store.write(NAME, _encode(mine))
    time.sleep(SETTLE)  # of several that take over at once, the one who wrote last has it
    holder = _holder(store)
    if not _is_mine(holder, mine):
        raise _held(store.root, holder)
    return True


def _keep_renewing(store: Store, mine: dict[str, object], ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        with suppress(StoreError):  # a store that is away for a while does not end the run
            if _is_mine(_holder(store), mine):
                store.write(NAME, _encode(mine))


def _holder(store: Store) -> dict[str, object] | None:
    try:
        return _parse(store.read(NAME).decode("utf-8", "replace"))
    except NotFoundError:
        return None


def _is_alive(holder: dict[str, object]) -> bool:
    if holder["host"] != socket.gethostname():
        return time.time() - float(str(holder["renewed"])) < STALE
    if (
        holder["pid"] == os.getpid()
    ):  # a run of this process, which may have ended while the store was away
        return holder.get("token") in _tokens
    import psutil

    try:  # the start tells the process from a later one of the same number, as in a container that came up again
        return (
            abs(
                psutil.Process(int(str(holder["pid"]))).create_time()
                - float(str(holder["started"]))
            )
            < 1
        )
    except psutil.NoSuchProcess:
        return False


def _me() -> dict[str, object]:
    import psutil

    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": psutil.Process().create_time(),
        "token": secrets.token_hex(8),  # tells two runs of one process apart
    }


def _encode(mine: dict[str, object]) -> bytes:
    return json.dumps(mine | {"renewed": time.time()}).encode()


def _is_mine(holder: dict[str, object] | None, mine: dict[str, object]) -> bool:
    return holder is not None and all(holder[name] == value for name, value in mine.items())


def _parse(text: str) -> dict[str, object] | None:
    """The holder that a lock names; None where it is of no known shape, as when its run was killed writing it."""
    try:
        holder = json.loads(text)
        return dict(holder) if {"pid", "host", "started"} <= set(holder) else None
    except (ValueError, TypeError):
        return None


def _held(root: str, holder: dict[str, object] | None) -> SinkError:
    who = f"process {holder['pid']} on {holder['host']}" if holder else "another process"
    return SinkError(
        f"Expected to be alone on {root}, but {who} is running a job there. Wait for it, or end it."
    )
