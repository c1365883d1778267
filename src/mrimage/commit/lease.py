"""A lease on a remote OUT, so that only one run at a time writes there.

The lease is a lock file that only one run can create. Its run renews it: it replaces the file every
few seconds by compare and swap. A run that finds the lock of another one watches it. If the lock
does not change for a while, the run takes it over, also by compare and swap. The clocks of
different machines are never compared. A run that slept, or was cut off from its store, finds out
when it continues that the lock names another run. It then stops and changes nothing more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from mrimage.commit.holder import Holder, has_died, holder_in, in_use, new_holder
from mrimage.commit.ledger import ROOT
from mrimage.errors import NotFoundError, SinkError, StoreError
from mrimage.job.job import Plan
from mrimage.storage import Item, Store, open_store
from mrimage.storage.store import OnUnlisted

NAME = f"{ROOT}/lock"
"""Path of the lock below OUT."""

BEAT = 5.0
"""Seconds between renewals. A task also relies for this long on what it last read in the lock."""

STALE = 60.0
"""Seconds without a change after which another run may take over a lock."""

POLL = 1.0
"""Seconds between looks at a lock that may be stale."""

SETTLE = 5.0
"""Seconds that a run waits after it has taken over a stale lock.

In this time the last writes of the earlier run arrive, and its tasks notice the loss.
"""

READS_UNTIL_GONE = 5
"""Reads of a missing lock before it counts as gone: a renewal on HDFS removes it for a moment."""

_tokens: set[str] = set()
"""The tokens of the leases that runs of this process hold."""

Say = Callable[[str], None]
"""A function that shows a message to the user."""


class Lease:
    """A lease that the driver of a run holds. A thread renews it.

    ``abandoned`` says whether an earlier run left its lock behind.
    """

    def __init__(self, store: Store, holder: Holder, *, abandoned: bool) -> None:
        self._store = store
        self._holder = holder
        self._renewed = boot_clock()
        self._renewing = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._keep_renewed, name="mrimage-lease", daemon=True
        )
        self.token = holder.token
        self.abandoned = abandoned
        _tokens.add(self.token)
        self._thread.start()

    def require(self) -> None:
        """Raise SinkError if another run has the lock. Makes a renewal that is overdue first."""
        # Other runs wait twice as long before they take over. So a write that starts now ends long
        # before that.
        is_overdue = boot_clock() - self._renewed > STALE / 2
        if is_overdue and not self._renew():
            raise lost(self._store)

    def release(self) -> None:
        """Delete the lock if this run still has it."""
        self._ended.set()
        self._thread.join()
        _tokens.discard(self.token)
        # If the store is unreachable, the run's own error says so, and the lock becomes stale.
        with suppress(StoreError):
            if self._renew():
                self._store.delete(NAME)

    def _keep_renewed(self) -> None:
        while not self._ended.wait(BEAT):
            # The store may be unreachable for a while.
            with suppress(StoreError):
                self._renew()

    def _renew(self) -> bool:
        """Renew the lock. Returns False if another run has it, or if it is gone."""
        with self._renewing:
            started = boot_clock()
            for attempt in range(READS_UNTIL_GONE):
                renewals = self._holder.renewals + 1
                renewed = msgspec.structs.replace(self._holder, renewals=renewals)
                if self._store.replace(NAME, renewed.encode(), self._holder.encode()):
                    self._holder = renewed
                    self._renewed = started
                    return True
                found = _read_holder(self._store)
                if found and found.token != self.token:
                    break
                if found:
                    # An earlier renewal had succeeded, but its response was lost.
                    self._holder = found
                time.sleep(0.1 * attempt)
            # Makes the next call of ``require`` check again.
            self._renewed = float("-inf")
            return False


class LeasedStore:
    """A Store that changes nothing once its run has lost OUT.

    ``require`` is called before each change, with True if the change is a commit. It raises
    SinkError if the run no longer holds OUT.
    """

    def __init__(self, store: Store, require: Callable[[bool], None]) -> None:
        self._store = store
        self._require = require

    @property
    def root(self) -> str:
        return self._store.root

    @property
    def local(self) -> Path | None:
        return self._store.local

    def uri(self, path: str) -> str:
        return self._store.uri(path)

    def list(self, prefix: str = "", *, unlisted: OnUnlisted | None = None) -> Iterator[Item]:
        return self._store.list(prefix, unlisted=unlisted)

    def stat(self, path: str) -> Item:
        return self._store.stat(path)

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        return self._store.read(path, start, length, expected=expected)

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        self._require(durable)
        self._store.write(path, data, durable=durable)

    def create(self, path: str, data: bytes) -> bool:
        self._require(False)
        return self._store.create(path, data)

    def replace(self, path: str, data: bytes, expected: bytes) -> bool:
        self._require(False)
        return self._store.replace(path, data, expected)

    def delete(self, path: str) -> None:
        self._require(False)
        self._store.delete(path)

    def prepare(self) -> None:
        self._store.prepare()

    def sweep(self, prefix: str = "") -> int:
        self._require(False)
        return self._store.sweep(prefix)


class _LeaseCheck:
    """A task's check that its driver still holds the lease.

    It reads the lock before each commit, and before another change if the last read is BEAT
    seconds ago.
    """

    def __init__(self, store: Store, token: str) -> None:
        self._store = store
        self._token = token
        self._checked = float("-inf")

    def __call__(self, commits: bool) -> None:
        now = boot_clock()
        if not commits and now - self._checked < BEAT:
            return
        for attempt in range(READS_UNTIL_GONE):
            holder = _read_holder(self._store)
            if holder and holder.token == self._token:
                self._checked = now
                return
            if holder:
                break
            time.sleep(0.1 * attempt)
        raise lost(self._store)


def open_out(plan: Plan) -> Store:
    """Open the OUT of a plan for a task. It changes nothing there once the run has lost it."""
    store = open_store(plan.out, plan.stores)
    if not plan.lease:
        return store
    return LeasedStore(store, _LeaseCheck(store, plan.lease))


def acquire(store: Store, say: Say) -> Lease:
    """Create the lock, or take it over.

    If there is a lock whose run may be dead, watches it for STALE seconds, which ``say``
    announces. Raises SinkError if another run holds it, as soon as that run renews it.
    """
    mine = new_holder()
    while not store.create(NAME, mine.encode()):
        seen = _read(store)
        if seen is None:
            # The run that had the lock has just released it.
            continue
        holder = holder_in(seen)
        if holder and holder.token in _tokens:
            raise _refusal(store, holder)
        known_dead = holder is not None and has_died(holder)
        if not known_dead and not _stays_unchanged(store, seen, say):
            continue
        if not store.replace(NAME, mine.encode(), seen):
            raise _refusal(store, _read_holder(store))
        if not known_dead:
            time.sleep(SETTLE)
            _require_ours(store, mine)
        return Lease(store, mine, abandoned=True)
    return Lease(store, mine, abandoned=False)


def _stays_unchanged(store: Store, seen: bytes, say: Say) -> bool:
    """Watch the lock. Returns True once it has not changed for STALE seconds, False if it is gone.

    Raises SinkError as soon as its run renews it, or another run takes it over.
    """
    begun = time.monotonic()
    announced = False
    while time.monotonic() - begun < STALE:
        time.sleep(min(POLL, STALE))
        now = _read(store)
        if now is None:
            return False
        if now != seen:
            raise _refusal(store, holder_in(now))
        # A run that is alive has renewed its lock by then, so only others are announced.
        if not announced and time.monotonic() - begun > 2 * BEAT:
            until = time_of_day(STALE - (time.monotonic() - begun))
            who = holder_in(seen) or "an unknown process"
            say(
                f"{store.root} is locked by {who}, which does not renew its lock. "
                f"The lock will be taken over at {until}."
            )
            announced = True
    return True


def _require_ours(store: Store, mine: Holder) -> None:
    """Raise SinkError if another run has taken over too.

    This happens on a server that ignores the condition of a conditional PUT.
    """
    now = _read_holder(store)
    if now is None or now.token != mine.token:
        raise _refusal(store, now)


def _refusal(store: Store, holder: Holder | None) -> SinkError:
    hint = (
        f" If it is already dead, another run may take over its lock after {STALE:.0f} s, "
        f"at {time_of_day(STALE)}."
    )
    return in_use(store.root, holder, hint)


def lost(store: Store) -> SinkError:
    """The error of a run that must stop because it has lost its lock."""
    holder = None
    with suppress(StoreError):
        holder = _read_holder(store)
    what = f"{holder} has taken it over" if holder else "its lock is gone"
    return SinkError(
        f"A run must hold {store.root} until it ends, but {what}: the lock was not renewed for "
        f"{STALE:.0f} s, for example because the machine slept. This run has stopped and writes "
        "nothing more. Once the other run has ended, run the same command again to continue."
    )


def time_of_day(seconds_from_now: float) -> str:
    """The local time then, as HH:MM:SS with the zone."""
    then = datetime.now().astimezone() + timedelta(seconds=seconds_from_now)
    return f"{then:%H:%M:%S %Z}"


def boot_clock() -> float:
    """Seconds on a clock that never goes back, and also counts while the machine sleeps."""
    # Only Linux has CLOCK_BOOTTIME. Elsewhere, the monotonic clock may stop during sleep.
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _read_holder(store: Store) -> Holder | None:
    return holder_in(_read(store))


def _read(store: Store) -> bytes | None:
    """The bytes of the lock; None if there is none."""
    try:
        return store.read(NAME)
    except NotFoundError:
        return None
