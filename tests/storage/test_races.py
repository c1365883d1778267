"""Two at once on one OUT on S3: attempts of one task, and whole runs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cloudpickle
import pytest
from tests.services.faulty import Faulty, healthy
from tests.services.seaweed import Seaweed
from tests.storage.jobs import JOB, local_result, made, make_photos, mrimage

from mrimage.commit import lease, lock
from mrimage.commit.holder import Holder
from mrimage.commit.lock import locked
from mrimage.errors import SinkError
from mrimage.job.job import Plan
from mrimage.source import Selection, cut_splits, list_entries
from mrimage.storage import Store, open_store
from mrimage.tasks.map_split import map_split
from mrimage.types import Attempt, Edits, Split

Upload = Callable[[Path, str], None]

ATTEMPT = """
import sys, cloudpickle
from mrimage.tasks.map_split import map_split
from mrimage.types import Attempt
with open(sys.argv[1], "rb") as file:
    map_split(*cloudpickle.load(file), Attempt())
"""


class Meeting:
    """A policy of the proxy by which nothing fails, but each file's upload waits until another one of the same name
    has begun, so that both reach the server at one moment."""

    def __init__(self) -> None:
        self.happened = threading.Event()
        self._over = False
        self._barriers: dict[str, threading.Barrier] = {}
        self._lock = threading.Lock()

    def __call__(self, kind: str, path: str, time: int) -> str:
        if kind == "write" and "/out/" in path:
            with self._lock:
                barrier = self._barriers.setdefault(path, threading.Barrier(2))
            with suppress(threading.BrokenBarrierError):
                if not self._over:
                    barrier.wait(60)
                    self.happened.set()
        return ""

    def end(self) -> None:
        """Let everybody go on alone."""
        self._over = True
        with self._lock:
            for barrier in self._barriers.values():
                barrier.abort()


class Held:
    """A policy of the proxy that holds a run where it commits its first task."""

    def __init__(self) -> None:
        self.there, self.go_on = threading.Event(), threading.Event()

    def __call__(self, kind: str, path: str, time: int) -> str:
        if kind == "write" and "/_run/map/" in path:
            self.there.set()
            self.go_on.wait(120)
        return ""


@pytest.fixture
def proxy(
    seaweed: Seaweed, s3_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faulty]:
    with Faulty(seaweed.port) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def store(s3_folder: str) -> Store:
    return open_store(f"{s3_folder}/out")


def split_of(plan: Plan) -> Split:
    entries = sorted(
        list_entries(plan.source, Selection(), lambda path, why: None), key=lambda entry: entry.path
    )
    (split,) = cut_splits(iter(entries), 1 << 40, 1 << 20)
    return split


def left_by(place: str) -> dict[str, bytes]:
    """Everything that attempts left, but for the report, which has times."""
    store = open_store(place)
    return {
        item.path: store.read(item.path) for item in store.list() if not item.path.endswith(".json")
    }


@pytest.mark.parametrize("one_dies", [False, True])
@pytest.mark.parametrize("output", ["files", "webdataset"])
def test_two_attempts_of_one_task_at_once_leave_what_one_leaves(
    output: str, one_dies: bool, tmp_path: Path, proxy: Faulty, s3_folder: str, upload: Upload
) -> None:
    """In two processes, of which one may be killed while both upload."""
    upload(make_photos(tmp_path / "photos", 6), f"{s3_folder}/in")
    edits = Edits(resize=(900, 900), fit="cover", format="png")  # a shard of several parts
    plan = Plan(
        replace(JOB, group=(), output=output, edits=edits), f"{s3_folder}/in", f"{s3_folder}/out"
    )
    split = split_of(plan)
    (tmp_path / "task").write_bytes(cloudpickle.dumps((plan, split)))
    proxy.policy = meeting = Meeting()
    attempts = [
        subprocess.Popen([sys.executable, "-c", ATTEMPT, str(tmp_path / "task")]) for _ in range(2)
    ]
    assert meeting.happened.wait(120)
    if one_dies:
        attempts[0].kill()
        meeting.end()
    assert [attempt.wait(120) for attempt in attempts] == [-9 if one_dies else 0, 0]
    proxy.policy = healthy
    map_split(replace(plan, out=f"{s3_folder}/alone"), split, Attempt())
    assert left_by(f"{s3_folder}/out") == left_by(f"{s3_folder}/alone")
    largest = max(item.size for item in open_store(f"{s3_folder}/out/images").list())
    assert output == "files" or largest > 6_000_000, "in more than one part"
    (report,) = [
        item.path for item in open_store(f"{s3_folder}/out").list() if item.path.endswith(".json")
    ]
    assert json.loads(open_store(f"{s3_folder}/out").read(report))["outputs"] == 6


def test_a_second_run_is_refused_and_a_killed_one_gives_its_place_free(
    tmp_path: Path, proxy: Faulty, s3_folder: str, upload: Upload
) -> None:
    photos = make_photos(tmp_path / "photos")
    upload(photos, f"{s3_folder}/in")
    command = ("run", f"{s3_folder}/in", f"{s3_folder}/out", "--key", "color_space", "--resize", "40x40", "--fit", "cover",
               "--format", "png", "--extract", "content,hash", "--group", "contact-sheet", "--group", "mean",
               "--workers", "1", "--no-thumbnails", "--quiet")  # fmt: skip
    proxy.policy = held = Held()
    first = subprocess.Popen([sys.executable, "-m", "mrimage", *command])
    try:
        assert held.there.wait(120)
        refused = mrimage(*command)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert f"process {first.pid} on " in refused.stderr
    finally:
        first.kill()
        first.wait()
        proxy.policy = healthy
        held.go_on.set()
    store = open_store(f"{s3_folder}/out")
    assert json.loads(store.read(lock.NAME))["pid"] == first.pid
    assert mrimage(*command).returncode == 0
    assert lock.NAME not in {item.path for item in store.list()}
    assert made(f"{s3_folder}/out") == local_result(photos, tmp_path)


def lock_of_another_machine(store: Store) -> bytes:
    left = Holder(token="x", pid=1, host="elsewhere", place="another boot", started=0.0).encode()
    store.write(lock.NAME, left)
    return left


def test_a_lock_of_another_machine_holds_as_long_as_it_is_renewed(store: Store) -> None:
    left = lock_of_another_machine(store)
    later = left.replace(b'"renewals":0', b'"renewals":1')
    threading.Timer(2, store.write, (lock.NAME, later)).start()
    with pytest.raises(SinkError, match="process 1 on elsewhere"), locked(store):
        pass
    assert store.read(lock.NAME) == later


def test_of_two_that_take_a_stale_lock_over_at_once_one_has_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "STALE", 5.0)
    lock_of_another_machine(store)
    start, finish = threading.Barrier(2), threading.Event()
    held: list[int] = []
    refused: list[str] = []

    def take(number: int) -> None:
        start.wait()
        try:
            with locked(store):
                held.append(number)
                finish.wait(120)
        except SinkError as error:
            refused.append(str(error))
            finish.set()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 1)
    assert list(store.list()) == []


def test_a_run_renews_its_lock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.05)
    with locked(store):
        first = json.loads(store.read(lock.NAME))
        end = time.monotonic() + 120
        while (now := json.loads(store.read(lock.NAME)))["renewals"] == first["renewals"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert now | {"renewals": 0} == first | {"renewals": 0}
