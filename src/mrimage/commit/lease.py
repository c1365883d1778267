"""One run at a time on a remote OUT, by a lease: a lock that its run renews, and loses when it does not.

The lock is an object that only one run can create. Its run replaces it every few seconds by compare and swap; whoever
finds it watches it, and takes it over by the same compare and swap once it has not changed for a while. No clock of one
machine is held against another's. A run that was asleep, or cut off from its store, finds when it wakes that the lock
names another run: it then stops, and changes nothing more.
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

BEAT = 5.0
"""Seconds between renewals; also how long a task relies on what it last read in the lock."""

STALE = 60.0
"""Seconds for which a lock must stay as it is before another run may take it over."""

POLL = 1.0
"""Seconds between looks at a lock that may be stale."""

SETTLE = 5.0
"""Seconds that a run waits after it took a stale lock over: what the other one was writing at that moment arrives
before, and its tasks have noticed."""

GLIMPSES = 5
"""Looks at a lock that is not there before it counts as gone: a renewal on HDFS takes it away for a moment."""

_tokens: set[str] = set()
"""The leases that runs of this process hold."""

Say = Callable[[str], None]


class Lease:
    """The driver's side of a lease that it holds."""

    def __init__(self, store: Store, holder: Holder, *, abandoned: bool) -> None:
        self._store, self._holder, self._renewed = store, holder, seconds_awake_or_asleep()
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="mrimage-lease", daemon=True)
        self.token = holder.token
        self.abandoned = abandoned
        _tokens.add(self.token)
        self._heart.start()

    def require(self) -> None:
        """Raise SinkError if another run has the lock. A renewal that is due is made first."""
        # Others wait twice as long, so what is written now arrives long before they may take over.
        if seconds_awake_or_asleep() - self._renewed > STALE / 2 and not self._renew():
            raise lost(self._store)

    def release(self) -> None:
        """Give the lock back, if it is still ours."""
        self._ended.set()
        self._heart.join()
        _tokens.discard(self.token)
        with suppress(
            StoreError
        ):  # the store is away, and the run's own error says so; the lock becomes stale
            if self._renew():
                self._store.delete(NAME)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(StoreError):  # the store may be away for a while
                self._renew()

    def _renew(self) -> bool:
        with self._turn:
            begun = seconds_awake_or_asleep()
            for glimpse in range(GLIMPSES):
                following = msgspec.structs.replace(
                    self._holder, renewals=self._holder.renewals + 1
                )
                if self._store.replace(NAME, following.encode(), self._holder.encode()):
                    self._holder, self._renewed = following, begun
                    return True
                found = _held(self._store)
                if found and found.token != self.token:
                    break
                if found:  # an earlier renewal had come through, and only its answer was lost
                    self._holder = found
                time.sleep(0.1 * glimpse)
            self._renewed = float("-inf")  # whoever asks next looks again
            return False


class LeasedStore:
    """A Store that changes nothing once its run has lost OUT: ``require`` raises SinkError then.

    ``require`` is called before each change, with whether that change is a commit.
    """

    def __init__(self, store: Store, require: Callable[[bool], None]) -> None:
        self._store, self._require = store, require

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


class _Witness:
    """A task's side of a lease that its driver holds: it reads the lock, before each commit and now and then."""

    def __init__(self, store: Store, token: str) -> None:
        self._store, self._token, self._seen = store, token, float("-inf")

    def __call__(self, commits: bool) -> None:
        now = seconds_awake_or_asleep()
        if not commits and now - self._seen < BEAT:
            return
        for glimpse in range(GLIMPSES):
            holder = _held(self._store)
            if holder and holder.token == self._token:
                self._seen = now
                return
            if holder:
                break
            time.sleep(0.1 * glimpse)
        raise lost(self._store)


def open_out(plan: Plan) -> Store:
    """The OUT of a plan for a task, which changes nothing there once the plan's run has lost it."""
    store = open_store(plan.out, plan.stores)
    return LeasedStore(store, _Witness(store, plan.lease)) if plan.lease else store


def acquire(store: Store, say: Say) -> Lease:
    """Make the lock ours. Raises SinkError when another run holds it, which takes a few seconds to learn; a lock whose run
    may be dead is watched for STALE seconds, which ``say`` announces."""
    mine = new_holder()
    while not store.create(NAME, mine.encode()):
        seen = _read(store)
        if seen is None:
            continue  # its run has just ended
        holder = holder_in(seen)
        if holder and holder.token in _tokens:
            raise _refusal(store, holder)
        known_dead = holder is not None and has_died(holder)
        if not known_dead and not _stays(store, seen, say):
            continue
        if not store.replace(NAME, mine.encode(), seen):
            raise _refusal(store, _held(store))
        if not known_dead:
            time.sleep(SETTLE)
            _require_ours(store, mine)
        return Lease(store, mine, abandoned=True)
    return Lease(store, mine, abandoned=False)


def _stays(store: Store, seen: bytes, say: Say) -> bool:
    """Watch the lock: True once it has stayed as it is for STALE seconds, False once it is gone. Raises SinkError as soon as
    its run, or another one, renews it."""
    begun = time.monotonic()
    announced = False
    while time.monotonic() - begun < STALE:
        time.sleep(min(POLL, STALE))
        now = _read(store)
        if now is None:
            return False
        if now != seen:
            raise _refusal(store, holder_in(now))
        if not announced and time.monotonic() - begun > 2 * BEAT:
            until = clock_time(STALE - (time.monotonic() - begun))
            who = holder_in(seen) or "an unknown process"
            say(
                f"{store.root} is locked by {who}, which does not renew its lock. It is taken over at {until}."
            )
            announced = True
    return True


def _require_ours(store: Store, mine: Holder) -> None:
    """Raise SinkError if another run took over too, as on a server that ignores the condition of a conditional PUT."""
    now = _held(store)
    if now is None or now.token != mine.token:
        raise _refusal(store, now)


def _refusal(store: Store, holder: Holder | None) -> SinkError:
    return in_use(
        store.root,
        holder,
        f" If it is dead already, a run may take its lock over after {STALE:.0f} s, at {clock_time(STALE)}.",
    )


def lost(store: Store) -> SinkError:
    """The error of a run that must stop, because its lock is no longer its own."""
    holder = None
    with suppress(StoreError):
        holder = _held(store)
    who = f"{holder} has taken it over" if holder else "its lock is gone"
    return SinkError(
        f"Expected to hold {store.root} until the end of the run, but {who}: the lock was not renewed for {STALE:.0f} s, as "
        "when a machine sleeps. This run has stopped and writes nothing more. Once the other run has ended, run the same "
        "command again to continue."
    )


def clock_time(seconds: float) -> str:
    """The time of day in so many ``seconds``, as HH:MM:SS with the zone."""
    return f"{datetime.now().astimezone() + timedelta(seconds=seconds):%H:%M:%S %Z}"


def seconds_awake_or_asleep() -> float:
    """A clock that only ever goes forward, and goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _held(store: Store) -> Holder | None:
    return holder_in(_read(store))


def _read(store: Store) -> bytes | None:
    try:
        return store.read(NAME)
    except NotFoundError:
        return None
