"""S3 by a real server: the contract, whole jobs, faults, and what an error says."""

from __future__ import annotations

import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from tests.services.listing import Listing
from tests.services.meter import Meter
from tests.services.seaweed import ACCESS_KEY, READER_KEY, READER_SECRET, SECRET_KEY, Seaweed
from tests.storage.contract import StoreContract
from tests.storage.jobs import HOW, JOB, local_result, made, make_photos, mrimage, pack

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import DeniedError
from mrimage.flow.run import run
from mrimage.job.job import RunOptions
from mrimage.source import Selection, list_entries
from mrimage.storage import Store, open_store, retry_count

Upload = Callable[[Path, str], None]


class TestS3(StoreContract):
    @pytest.fixture
    def store(self, s3_folder: str) -> Store:
        return open_store(s3_folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos")


@pytest.mark.usefixtures("real_report")
def test_a_job_from_s3_to_s3_makes_the_same_images_and_every_command_works_there(
    photos: Path, tmp_path: Path, s3_folder: str, upload: Upload, capsys: pytest.CaptureFixture[str]
) -> None:
    upload(photos, f"{s3_folder}/in")
    out = f"{s3_folder}/out"
    summary = run(JOB, f"{s3_folder}/in", out, RunOptions(workers=2))
    assert (summary.images, summary.processed, summary.quarantined) == (14, 12, 2)
    assert made(out) == local_result(photos, tmp_path)
    assert main(["verify", out]) == 0
    assert "14 images accounted for" in capsys.readouterr().out
    assert main(["query", out, "SELECT count(*) AS n FROM catalogue", "--format", "csv"]) == 0
    assert capsys.readouterr().out.split() == ["n", "14"]
    assert main(["report", out]) == 0
    assert main(["retry", out, "--workers", "1", "--quiet", "--no-thumbnails"]) == 0
    assert run(JOB, f"{s3_folder}/in", out, HOW).images == 14
    assert b"<html" in open_store(out).read("report.html")[:500]


def test_an_earlier_run_on_s3_selects_the_images_of_the_next_and_gives_it_keys(
    photos: Path, s3_folder: str, upload: Upload, plain_report: None
) -> None:
    upload(photos, f"{s3_folder}/in")
    out = f"{s3_folder}/out"
    run(mr.Job(find=("clusters", "neighbors"), clusters=2), f"{s3_folder}/in", out, HOW)
    job = mr.Job(key="cluster", from_out=out, where="rank <= 2 AND outlier > 0")
    assert run(job, f"{s3_folder}/in", f"{s3_folder}/next", HOW).processed == 4
    with mr.open(f"{s3_folder}/next") as results:
        assert results.groups["key"].to_pylist() == ["1", "2"]
        assert results.groups["images"].to_pylist() == [2, 2]


def test_what_is_done_on_s3_is_kept_and_a_grown_bucket_maps_only_what_is_new(
    photos: Path, s3_folder: str, upload: Upload
) -> None:
    upload(photos, f"{s3_folder}/in")
    run(JOB, f"{s3_folder}/in", f"{s3_folder}/out", HOW)
    open_store(f"{s3_folder}/in").write("new.jpg", (photos / "000 #0.jpg").read_bytes())
    open_store(f"{s3_folder}/in").delete("003 #3.jpg")
    again = run(JOB, f"{s3_folder}/in", f"{s3_folder}/out", HOW)
    assert again.images == 15
    facts = msgspec.json.decode(open_store(f"{s3_folder}/out").read("_run/facts.json"))
    assert facts["reused"] == 14
    assert any("/new.png" in name or "new~jpg.png" in name for name in made(f"{s3_folder}/out"))


@pytest.mark.parametrize("name", ["shard.tar", "shard.tar.gz", "shard.tgz"])
def test_a_remote_shard_gives_the_same_images_as_its_files(
    photos: Path, tmp_path: Path, s3_folder: str, name: str
) -> None:
    shard = pack(photos, tmp_path / name, "w:gz" if name.endswith("gz") else "w")
    open_store(s3_folder).write(f"in/{name}", shard.read_bytes())
    run(JOB, f"{s3_folder}/in/{name}", str(tmp_path / "out"), HOW)
    assert made(str(tmp_path / "out")) == local_result(photos, tmp_path)


def test_a_list_names_images_anywhere(photos: Path, tmp_path: Path, s3_folder: str) -> None:
    data = (photos / "000 #0.jpg").read_bytes()
    open_store(s3_folder).write("far/a.jpg", data)
    (tmp_path / "list.csv").write_text(
        f"id,image\n1,{s3_folder}/far/a.jpg\n2,photos/000 #0.jpg\n3,{s3_folder}/gone.jpg\n"
    )
    summary = run(JOB, str(tmp_path / "list.csv"), str(tmp_path / "out"), HOW)
    assert (summary.processed, summary.quarantined) == (2, 1)
    assert summary.failures == {"vanished": 1}


def test_a_header_run_downloads_the_heads_only(
    photos: Path, s3_folder: str, tmp_path: Path
) -> None:
    big = np.random.default_rng(1).integers(0, 255, (1500, 1500, 3), np.uint8)
    Image.fromarray(big).save(tmp_path / "big.jpg", quality=95)
    data = (tmp_path / "big.jpg").read_bytes()
    assert len(data) > 2_000_000
    store = open_store(s3_folder)
    for number in range(5):
        store.write(f"in/{number}.jpg", data)
    port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    with Meter(port) as meter, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", meter.url)
        run(mr.Job(), f"{s3_folder}/in", str(tmp_path / "out"), HOW)
    assert 5 * 20_000 < meter.received < 5 * 80_000


WRONG = {
    "a bucket that is not there": (
        "s3://no-such-bucket-here/x",
        {},
        ("no bucket no-such-bucket-here",),
    ),
    "a wrong secret": (
        "s3://photos/x",
        {"AWS_SECRET_ACCESS_KEY": "wrong-secret-9876543210"},
        ("AWS_SECRET_ACCESS_KEY",),
    ),
    "an unknown key": (
        "s3://photos/x",
        {"AWS_ACCESS_KEY_ID": "nobody-known"},
        ("AWS_ACCESS_KEY_ID",),
    ),
    "a refused connection": (
        "s3://photos/x",
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        ("refused", "127.0.0.1:9"),
    ),
    "a host that does not exist": (
        "s3://photos/x",
        {"AWS_ENDPOINT_URL": "http://no-such-host.invalid:9000"},
        ("resolved", "no-such-host.invalid"),
    ),
    "no credentials at all": (
        "s3://photos/x",
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "HOME": "/nonexistent"},
        ("AWS_ACCESS_KEY_ID",),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_that_says_where_and_what_to_do(
    case: str,
    photos: Path,
    s3_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    source, changed, expected = WRONG[case]
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "1")
    for name, value in changed.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    for arguments in ([source, str(tmp_path / "out")], [str(photos), source]):
        status = main(["run", *arguments, "--workers", "1", "--quiet"])
        printed = capsys.readouterr().err
        if case == "a bucket that is not there" and arguments[1] == source:
            continue  # this server makes a bucket for whoever may write
        assert status == 1, printed
        assert printed.count("\n") == 1
        assert all(word in printed for word in expected), printed
        assert "http://" in printed
        assert "wrong-secret" not in printed


def test_a_reader_may_read_and_is_told_that_it_may_not_write(
    photos: Path, s3_folder: str, upload: Upload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upload(photos, f"{s3_folder}/in")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", READER_SECRET)
    assert run(mr.Job(), f"{s3_folder}/in", str(tmp_path / "out"), HOW).images == 14
    with pytest.raises(DeniedError, match="access denied"):
        run(mr.Job(), f"{s3_folder}/in", f"{s3_folder}/out", HOW)


def test_an_anonymous_bucket_needs_no_keys(
    photos: Path,
    seaweed: Seaweed,
    s3_environment: None,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    upload(photos, "s3://public/in")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert run(mr.Job(), "s3://public/in", str(tmp_path / "out"), HOW).images == 14


def test_endpoint_and_profile_do_as_well_as_the_environment(
    photos: Path,
    seaweed: Seaweed,
    s3_folder: str,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    upload(photos, f"{s3_folder}/in")
    for name in seaweed.environment:
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(
        f"[tests]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\nregion = us-east-1\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "tests")
    options = (
        "--endpoint",
        seaweed.endpoint,
        "--addressing",
        "path",
        "--workers",
        "2",
        "--no-thumbnails",
    )
    done = mrimage("run", f"{s3_folder}/in", f"{s3_folder}/out", *options)
    assert done.returncode == 0, done.stderr
    assert "14 listed = 13 processed + 1 quarantined" in done.stdout or "14 listed" in done.stdout
    assert mrimage("verify", f"{s3_folder}/out", "--endpoint", seaweed.endpoint).returncode == 0


def test_a_server_that_is_killed_and_comes_back_costs_time_only(
    photos: Path, tmp_path: Path, seaweed: Seaweed, s3_folder: str, upload: Upload
) -> None:
    upload(photos, f"{s3_folder}/in")
    servers = (seaweed.volumes[0], seaweed.gateway)
    wanted, down = threading.Event(), threading.Event()
    before = retry_count()

    def kill() -> None:
        wanted.wait(60)
        for server in servers:
            server.kill()
        down.set()
        end = time.monotonic() + 60
        while retry_count() == before and time.monotonic() < end:  # until the run has noticed
            time.sleep(0.02)
        for server in servers:
            server.start()

    def slow(image: mr.Image) -> Iterator[tuple[str, object]]:
        if "000" in image.uri:
            wanted.set()
            assert down.wait(60)
        yield image.metadata.color_space, None

    thread = threading.Thread(target=kill)
    thread.start()
    run(replace(JOB, map=slow), f"{s3_folder}/in", f"{s3_folder}/out", HOW)
    thread.join()
    assert retry_count() > before
    run(replace(JOB, map=slow), str(photos), str(tmp_path / "here"), HOW)
    assert made(f"{s3_folder}/out") == made(str(tmp_path / "here"))


def test_what_stands_for_a_folder_is_no_image_and_an_empty_object_is_one(
    seaweed: Seaweed, s3_folder: str, tmp_path: Path
) -> None:
    """Consoles make folders as objects ``folder/`` without bytes; of a folder with an image's name, too."""
    store = open_store(s3_folder)
    image = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(image)
    for path in ("full/a.png", "folder.jpg/a.png"):
        store.write(path, image.read_bytes())
    store.write("nothing", b"")
    store.write("nothing.png", b"")
    for name in ("full", "bare", "folder.jpg", "full/inner"):
        seaweed.make_folder(f"{s3_folder.removeprefix('s3://')}/{name}")
    expected = ["folder.jpg/a.png", "full/a.png", "nothing", "nothing.png"]
    assert sorted(item.path for item in store.list()) == expected
    summary = run(
        mr.Job(), s3_folder, str(tmp_path / "out"), RunOptions(workers=1, thumbnails=False)
    )
    assert (summary.images, summary.failures) == (4, {"empty": 2})


def test_a_listing_of_200_000_keys_is_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with Listing(200_000) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        entries = list_entries("s3://bucket/photos", Selection(), lambda path, why: None)
        next(entries)
        assert server.pages < 5, "the first image is known after the first page"
        tracemalloc.start()
        try:
            assert sum(1 for _ in entries) == 199_999
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert server.pages == 200
    assert peak < 20_000_000
