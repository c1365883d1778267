"""The contract of engines on each of them: in this process, a pool, Spark on this machine, a Ray cluster."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from tests.engine.contract import EngineContract
from tests.services.process import Server, free_ports, is_open

from mrimage.engine import Engine, EngineOptions, open_engine


def require(package: str, program: str | None = None) -> None:
    """Skip where ``package`` or ``program`` is missing; fail where CI is set."""
    missing = package if find_spec(package) is None else program if program and not shutil.which(program) else None
    if missing and "CI" in os.environ:
        pytest.fail(f"{missing} is not installed")
    if missing:
        pytest.skip(f"{missing} is not installed")


def opened(name: str, workers: int) -> Iterator[Engine]:
    """An engine that leaves nothing behind."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    engine = open_engine(name, EngineOptions(workers=workers))
    try:
        yield engine
    finally:
        engine.close()
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=10)
    assert alive == []


class TestInline(EngineContract):
    name: ClassVar[str] = "local"
    has_processes = False
    speculates = False

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        yield from opened("local", workers=1)


class TestPool(EngineContract):
    name: ClassVar[str] = "local"

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        yield from opened("local", workers=2)


class TestSpark(EngineContract):
    name: ClassVar[str] = "spark"
    speculates = False

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        require("pyspark", "java")
        from pyspark import SparkContext

        if SparkContext._active_spark_context is not None:
            pytest.skip("another test's Spark application runs in this process")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
            yield from opened("local[2]", workers=2)


class TestRay(EngineContract):
    name: ClassVar[str] = "ray"

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, ray_cluster: str) -> Iterator[Engine]:
        yield from opened("ray", workers=2)


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Ray cluster of two cores on loopback, which RAY_ADDRESS names, with a token of its own; answers its address for
    clients."""
    require("ray")
    folder = tmp_path_factory.mktemp("ray")
    port, clients = free_ports(2)
    own = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # otherwise it takes the network's address for 127.0.0.1
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
    }
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats",
        "--node-ip-address=127.0.0.1", f"--port={port}", f"--ray-client-server-port={clients}", "--num-cpus=2",
        "--include-dashboard=false", f"--temp-dir={folder}", f"--object-store-memory={100 << 20}",
    ]  # fmt: skip
    server = Server("head", command, folder, own)
    try:
        server.start()
        server.wait_until(lambda: is_open(port) and is_open(clients))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in own.items():
                patch.setenv(name, value)
            patch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
            from ray._private import ray_constants

            patch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", False)  # another test may have imported it before
            yield f"ray://127.0.0.1:{clients}"
    finally:
        server.stop()
