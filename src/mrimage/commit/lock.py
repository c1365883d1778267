"""One run at a time on one OUT."""

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
    """An OUT that a run holds: the ``store`` to use from now on, and the ``lease`` that its tasks need to know, which is
    empty where the kernel keeps the lock."""

    store: Store
    lease: str = ""


def _say_nothing(message: str) -> None:
    """For whoever runs quietly."""


@contextmanager
def locked(store: Store, say: Say = _say_nothing) -> Iterator[Held]:
    """Hold OUT for the block. What an earlier run left there because it was killed goes first.

    Raises SinkError, naming the process, when another run holds OUT. On a local folder the kernel keeps the lock,
    so it ends with the process however that ends. Elsewhere it is a lease (see ``lease``): the store that the
    block gets raises SinkError instead of changing anything once another run has taken OUT over. ``say`` hears when the
    lock of a run that may be dead is waited for.
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
        if not _is_same(
            path, file.fileno()
        ):  # its last holder removed the name before we locked the file
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
            with suppress(
                OSError
            ):  # nothing was done here, as where OUT turned out to be somebody else's
                path.parent.rmdir()


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
