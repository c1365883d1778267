"""Settings of stores go from hand to hand: runs in two threads of one process do not meet."""

from __future__ import annotations

import ast
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from tests.services.loopback import Handler, Loopback
from tests.services.web import Web

import mrimage as mr
from mrimage.errors import ImageError, StoreError
from mrimage.storage import StoreSettings, open_container, open_store, open_uri
from mrimage.storage.credentials import s3_config
from mrimage.storage.settings import (
    ADDRESSING,
    ENDPOINT,
    PRIVATE,
    REPLICATION,
    allows_private,
    replication_of,
)

SOURCE = Path(mr.__file__).parent
ROUNDS = 3


class Bucket(Loopback):
    """Answers every GET with the same bytes, as an S3 server that has any object it is asked for."""

    def __init__(self, data: bytes) -> None:
        self.asked: list[str] = []
        bucket = self

        class Asked(Handler):
            def do_GET(self) -> None:
                bucket.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("ETag", '"1"')
                self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
                self.end_headers()
                self.wfile.write(data)

        super().__init__(Asked)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "any")


@pytest.fixture
def two_buckets(keys: None) -> Iterator[tuple[Bucket, Bucket]]:
    pytest.importorskip("obstore")
    with Bucket(b"first!") as first, Bucket(b"second") as second:
        yield first, second


def test_one_name_is_two_objects_by_two_endpoints(two_buckets: tuple[Bucket, Bucket]) -> None:
    settings = [StoreSettings(endpoint=bucket.url) for bucket in two_buckets]
    meet = threading.Barrier(2)

    def read(mine: StoreSettings) -> set[bytes]:
        found = set()
        for number in range(20):
            meet.wait(10)
            found.add(open_store("s3://photos/in", mine).read(f"{number}.jpg"))
            found.add(open_uri(f"s3://photos/in/{number}.jpg", mine).read())
        return found

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(read, settings)) == [{b"first!"}, {b"second"}]
    assert [len(bucket.asked) for bucket in two_buckets] == [40, 40]


def test_an_archive_is_another_one_at_another_endpoint(keys: None) -> None:
    def packed(name: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, b"x")
        return file.getvalue()

    pytest.importorskip("obstore")
    with Web(packed("a.jpg")) as web, Web(packed("b.jpg")) as other:
        for server, name in ((web, "a.jpg"), (other, "b.jpg")):
            server._photos = server._good  # type: ignore[attr-defined]  # a bucket of that name
            container = open_container(
                "s3://photos/in.zip", StoreSettings(endpoint=server.url), len(server.data), '"1"'
            )
            assert [member.name for member in container.members()] == [name]


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(file, "PNG")
    return file.getvalue()


def test_two_runs_in_two_threads_keep_to_their_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may read from private addresses, the other may not, over and over and at the same time; the environment is
    touched by neither."""
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "0")
    monkeypatch.delenv(PRIVATE, raising=False)
    before = dict(os.environ)
    meet = threading.Barrier(2)
    opened: dict[bool, list[bytes | str]] = {True: [], False: []}
    with Web(picture()) as web:
        (tmp_path / "urls.txt").write_text(
            "\n".join(f"{web.url}/good/{number}.png" for number in range(6))
        )

        def mapper(private: bool) -> mr.job.job.Mapper:  # type: ignore[name-defined]
            def by_format(image: mr.Image) -> Iterator[tuple[str, None]]:
                try:
                    opened[private].append(
                        mr.open_image(f"{web.url}/good/other.png").metadata.format
                    )
                except (ImageError, StoreError) as error:
                    opened[private].append(type(error).__name__)
                yield image.metadata.format, None

            return by_format

        def go(private: bool) -> list[tuple[int, dict[str, int]]]:
            found = []
            for number in range(ROUNDS):
                meet.wait(60)
                job, out = mr.Job(map=mapper(private)), tmp_path / f"{private}-{number}"
                summary = mr.run(
                    job,
                    tmp_path / "urls.txt",
                    out,
                    workers=1,
                    thumbnails=False,
                    allow_private=private,
                )
                found.append((summary.processed, summary.failures))
            return found

        with ThreadPoolExecutor(2) as pool:
            allowed, refused = pool.map(go, (True, False))
    assert allowed == [(6, {})] * ROUNDS
    assert refused == [(0, {"unreadable": 6})] * ROUNDS
    assert opened == {True: ["png"] * 6 * ROUNDS, False: []}
    assert dict(os.environ) == before


def test_what_a_user_sets_in_the_environment_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = StoreSettings()
    for name in (
        ENDPOINT,
        ADDRESSING,
        PRIVATE,
        REPLICATION,
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
    ):
        monkeypatch.delenv(name, raising=False)
    assert (allows_private(nothing), replication_of(nothing)) == (False, None)
    for name, value in {
        ENDPOINT: "http://env:1",
        ADDRESSING: "virtual",
        PRIVATE: "1",
        REPLICATION: "2",
    }.items():
        monkeypatch.setenv(name, value)
    assert (allows_private(nothing), replication_of(nothing)) == (True, 2)
    assert s3_config("b", nothing)["endpoint"] == "http://b.env:1"
    given = StoreSettings(3, False, "http://option:2", "path")
    assert replication_of(given) == 3
    assert s3_config("b", given)["endpoint"] == "http://option:2"


def test_whoever_opens_something_says_by_which_settings() -> None:
    """A default is for notebooks and tests: code of the package that left it out would forget ``--endpoint``."""
    openers = {"open_store": 2, "open_uri": 2, "open_container": 2, "open_listed": 4, "open_object": 3,
               "open_entry": 2, "read_ahead": 3, "list_entries": 4, "Context": 3, "HttpSource": 2}  # fmt: skip
    forgetful = [
        f"{file.relative_to(SOURCE)}:{node.lineno}: {node.func.id}"
        for file in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and len(node.args) < openers.get(node.func.id, 0)
        and not any(keyword.arg in ("settings", "stores") for keyword in node.keywords)
    ]
    assert forgetful == []
