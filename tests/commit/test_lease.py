"""One run at a time on a remote OUT, also where runs sleep, share a host's name, or have a store that is slow."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from tests.commit.memory import MemoryStore, memory_backend

import mrimage as mr
from mrimage.commit import lease
from mrimage.commit.holder import Holder, has_died, holder_in, new_holder, process_table
from mrimage.commit.lease import NAME, open_out
from mrimage.commit.lock import locked
from mrimage.errors import SinkError, StoreError
from mrimage.flow.run import run
from mrimage.job.job import Plan, RunOptions
from mrimage.storage import open_store

ELSEWHERE = Holder(token="t", pid=1, host="elsewhere", place="another boot", started=0.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Minutes are seconds here. A busy machine may stop us for one, so a lock is stale only after more."""
    for name, seconds in {"BEAT": 0.05, "POLL": 0.02, "STALE": 1.5, "SETTLE": 0.1}.items():
        monkeypatch.setattr(lease, name, seconds)
    with memory_backend():
        yield


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(f"mem://{uuid.uuid4().hex}/out")


def other_view(store: MemoryStore) -> MemoryStore:
    """The same place as another machine sees it."""
    return MemoryStore(store.root)


def holder_of(store: MemoryStore) -> Holder:
    found = holder_in(store.read(NAME))
    assert found
    return found


def away(action: str, path: str) -> None:
    raise StoreError("the network is away", transient=True)


def of_another_place(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lock that is there look like one of a machine that we cannot see into."""
    monkeypatch.setattr(lease, "_tokens", set())
    store.write(NAME, msgspec.structs.replace(holder_of(store), place="another boot").encode())


def wait_for(happened: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_run_renews_its_lock_and_gives_it_back(store: MemoryStore) -> None:
    with locked(store) as held:
        wait_for(lambda: holder_of(store).renewals > 2)
        assert holder_of(store).token == held.lease
        held.store.write("a", b"1")
    assert [item.path for item in store.list()] == ["a"]


def test_a_renewed_lock_is_refused_and_the_message_says_when_it_may_be_taken_over(
    store: MemoryStore,
) -> None:
    store.write(NAME, ELSEWHERE.encode())
    ended = threading.Event()

    def renew() -> None:
        count = 0
        while not ended.wait(0.1):
            count += 1
            store.write(NAME, msgspec.structs.replace(ELSEWHERE, renewals=count).encode())

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        with (
            pytest.raises(
                SinkError, match=r"process 1 on elsewhere .* after 2 s, at \d\d:\d\d:\d\d"
            ),
            locked(store),
        ):
            pass
    finally:
        ended.set()
        thread.join()
    assert holder_of(store).token == "t"


@pytest.mark.parametrize("left", [ELSEWHERE.encode(), b"", b'{"pid": 1}', b"\xff"])
def test_a_lock_that_nobody_renews_is_taken_over_after_a_while_which_is_announced(
    left: bytes, store: MemoryStore
) -> None:
    store.write(NAME, left)
    said: list[str] = []
    begun = time.monotonic()
    with locked(store, said.append) as held:
        assert time.monotonic() - begun > lease.STALE
        assert holder_of(store).token == held.lease
    (line,) = said
    assert "taken over at " in line
    assert list(store.list()) == []


@pytest.mark.parametrize("slow", [0.0, 0.4])
def test_of_runs_that_take_a_stale_lock_over_at_once_one_has_it(
    slow: float, store: MemoryStore
) -> None:
    """Also where the write of one of them takes longer than everything else."""
    store.write(NAME, ELSEWHERE.encode())
    views = [other_view(store) for _ in range(3)]
    views[0].before = lambda action, path: time.sleep(slow if action == "replace" else 0)
    finish = threading.Event()
    held: list[str] = []
    refused: list[str] = []

    def take(view: MemoryStore) -> None:
        try:
            with locked(view) as mine:
                held.append(mine.lease)
                finish.wait(120)
        except SinkError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=take, args=(view,)) for view in views]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(refused) == 2 and len(held) == 1)
    assert holder_of(store).token == held[0]
    finish.set()
    for thread in threads:
        thread.join()
    assert list(store.list()) == []


def test_a_run_that_slept_finds_that_it_has_lost_and_changes_nothing_more(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = other_view(store)
    with locked(sleeper) as first:
        sleeper.before = away
        of_another_place(store, monkeypatch)
        with locked(store) as second:
            sleeper.before = lambda action, path: None  # it wakes
            for change in (
                lambda: first.store.write("x", b""),
                lambda: first.store.write("x", b"", durable=True),
                lambda: first.store.create("x", b""),
                lambda: first.store.replace(NAME, b"", store.read(NAME)),
                lambda: first.store.delete("_run/job.json"),
            ):
                wait_for(lambda change=change: loses(change))
            second.store.write("y", b"")
            assert holder_of(store).token == second.lease
    assert [item.path for item in store.list()] == ["y"]


def loses(change: Callable[[], object]) -> bool:
    """Whether ``change`` is refused, because the lock is another run's."""
    with pytest.raises(SinkError, match=r"until it ends, but process .* has taken it over"):
        change()
    return True


def test_a_run_that_ends_without_its_lock_leaves_the_other_ones(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = other_view(store)
    with locked(sleeper):
        sleeper.before = away
        of_another_place(store, monkeypatch)
        store.write(NAME, ELSEWHERE.encode())
        sleeper.before = lambda action, path: None
    assert holder_of(store) == ELSEWHERE


def test_a_renewal_that_arrives_late_does_not_take_the_lock_back(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, arrive = threading.Event(), threading.Event()
    slow = other_view(store)

    def on_its_way(action: str, path: str) -> None:
        if action == "replace":
            sent.set()
            arrive.wait(120)

    with locked(slow) as first:
        slow.before = on_its_way
        assert sent.wait(120)
        of_another_place(store, monkeypatch)
        with locked(store) as second:
            arrive.set()
            wait_for(lambda: loses(lambda: first.store.write("x", b"")))
            assert holder_of(store).token == second.lease


def test_a_renewal_whose_answer_was_lost_is_still_ours(store: MemoryStore) -> None:
    with locked(store) as held:
        store.before = away
        now = holder_of(store)
        store.plant(
            NAME, msgspec.structs.replace(now, renewals=now.renewals + 1).encode()
        )  # it had come through
        store.before = lambda action, path: None
        wait_for(lambda: holder_of(store).renewals > now.renewals + 2)
        held.store.write("x", b"")


def test_a_killed_process_of_this_machine_is_known_to_be_dead(
    store: MemoryStore, monkeypatch
) -> None:
    monkeypatch.setattr(lease, "STALE", 60.0)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = time.time()
    store.write(
        NAME,
        msgspec.structs.replace(new_holder(), token="k", pid=child.pid, started=started).encode(),
    )
    child.kill()
    wait_for(lambda: has_died(holder_of(store)))  # before its parent has reaped it, too
    begun = time.monotonic()
    with locked(store):
        assert time.monotonic() - begun < lease.STALE
    child.communicate()


def test_processes_are_compared_in_one_process_table_only(store: MemoryStore) -> None:
    """Two containers may share their host's name."""
    mine = new_holder()
    assert not has_died(mine)
    assert has_died(msgspec.structs.replace(mine, started=mine.started - 100)), (
        "a later process with its number"
    )
    gone = msgspec.structs.replace(mine, pid=4_194_000)
    assert has_died(gone)
    boot, _, namespace = process_table().partition(" ")
    assert namespace
    assert not has_died(msgspec.structs.replace(gone, place=f"{boot} pid:[1]"))
    assert not has_died(msgspec.structs.replace(gone, place=f"another {namespace}"))


def test_a_live_lock_of_a_container_with_our_host_name_is_refused(store: MemoryStore) -> None:
    theirs = msgspec.structs.replace(
        new_holder(), pid=4_194_000, place=f"{process_table()} of another container"
    )
    store.write(NAME, theirs.encode())
    renewal = msgspec.structs.replace(theirs, renewals=1).encode()
    timer = threading.Timer(0.3, lambda: store.write(NAME, renewal))
    timer.start()
    with pytest.raises(SinkError, match="process 4194000 on "), locked(store):
        pass
    assert store.read(NAME) == renewal


def test_a_task_stops_before_its_commit_once_another_run_has_the_lock(
    store: MemoryStore, monkeypatch
) -> None:
    monkeypatch.setattr(lease, "BEAT", 60.0)
    store.write(NAME, ELSEWHERE.encode())
    out = open_out(Plan(mr.Job(), "/photos", store.root, lease="t"))
    out.write("images/1", b"")
    out.write("_run/map/1.json", b"", durable=True)
    store.write(NAME, new_holder().encode())
    with pytest.raises(SinkError, match=f"process {os.getpid()} on .* has taken it over"):
        out.write("_run/map/2.json", b"", durable=True)
    store.delete(NAME)
    with pytest.raises(SinkError, match="its lock is gone"):
        out.write("_run/map/2.json", b"", durable=True)
    assert {item.path for item in store.list()} == {"images/1", "_run/map/1.json"}


def test_a_whole_run_that_has_lost_its_lock_ends_with_an_error_and_no_report(
    store: MemoryStore, tmp_path: Path
) -> None:
    for number in range(6):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(tmp_path / f"{number}.png")
    seen: list[str] = []

    def sleepy(image: mr.Image):
        seen.append(image.uri)
        if len(seen) == 4:
            open_store(store.root).write(NAME, ELSEWHERE.encode())
        yield "all", None

    with pytest.raises(SinkError, match="process 1 on elsewhere has taken it over"):
        run(mr.Job(map=sleepy), str(tmp_path), store.root, RunOptions(workers=1, thumbnails=False))
    assert holder_of(store) == ELSEWHERE
    assert {item.path for item in store.list()} == {NAME, "_run/job.json", "_run/splits.json"}
    assert len(seen) == 6
    store.delete(NAME)
    again = run(
        mr.Job(), str(tmp_path), store.root, RunOptions(workers=1, thumbnails=False, fresh=True)
    )
    assert again.processed == 6
    assert NAME not in {item.path for item in store.list()}
