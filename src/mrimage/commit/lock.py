"""The lock on OUT: one run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mrimage.commit.holder import holder_in, in_use, new_holder
from mrimage.commit.lease import NAME as NAME
from mrimage.commit.lease import LeasedStore, Say, acquire
from mrimage.commit.out_folder import require_no_links, sweep
from mrimage.storage import Store
from mrimage.storage.local import store_error


@dataclass(frozen=True, slots=True)
class Held:
    """An OUT that a run has locked.

    ``store`` is the store to use from now on. ``lease`` is the token by which tasks check the
    lease; it is empty if the kernel keeps the lock.
    """

    store: Store
    lease: str = ""


def _say_nothing(message: str) -> None:
    """Ignore the message."""


@contextmanager
def locked(store: Store, say: Say = _say_nothing) -> Iterator[Held]:
    """Lock OUT for the block. First removes the temporary files of a run that was killed there.

    On a local folder the kernel keeps the lock, so it ends with the process however that ends.
    Elsewhere it is a lease (see ``lease``): the block gets a store that raises SinkError instead of
    changing anything once another run has taken over OUT. ``say`` announces a wait for the lock of
    a run that may be dead.

    Raises SinkError, which names the process, if another run holds OUT.
    """
    if store.local:
        with _kernel_lock(store.local / NAME, store.root) as abandoned:
            if abandoned:
                sweep(store)
            yield Held(store)
        return
    lease = acquire(store, say)
    try:
        if lease.abandoned:
            sweep(store)
        yield Held(LeasedStore(store, lambda commits: lease.require()), lease.token)
    finally:
        lease.release()


@contextmanager
def _kernel_lock(path: Path, root: str) -> Iterator[bool]:
    """Hold the lock file for the block. Yields whether an earlier run left it behind."""
    try:
        require_no_links(path.parent.parent)
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
            raise in_use(root, holder_in(file.read().encode())) from None
        if not _is_same(path, file.fileno()):
            # Another run deleted the file between our open and flock: our lock guards nothing.
            raise in_use(root, None)
        try:
            file.truncate(0)
            file.write(new_holder().encode().decode())
            file.flush()
        except OSError as error:
            raise store_error(error, "write", str(path)) from error
        try:
            yield abandoned
        finally:
            path.unlink(missing_ok=True)
            # Succeeds only if the run wrote nothing, for example because OUT was not usable.
            with suppress(OSError):
                path.parent.rmdir()


def _is_same(path: Path, descriptor: int) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
