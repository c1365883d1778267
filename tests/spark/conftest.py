"""A standalone cluster on loopback: a master and two workers as processes of their own. It and one
application on it are started once for all tests of this folder, which run one after another.

The workers have addresses of their own, because Spark never starts a speculative attempt on the host of the first.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tests.services.process import Server, free_ports, is_open

import mrimage as mr
from mrimage.flow import splitting
from mrimage.flow.run import RunOptions, run

WORKER_HOSTS = ("127.0.0.2", "127.0.0.3")

JAVA = ("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A JVM that starts fast: the compiler and the collector of servers keep the cores busy."""


class Cluster:
    """A Spark master at ``url`` and a worker for each of WORKER_HOSTS with two cores."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        self.port, interface = free_ports(2)
        self.url = f"spark://127.0.0.1:{self.port}"
        (core,) = (home / "jars").glob("spark-core_*.jar")
        scala = core.name.split("_")[1].split("-")[
            0
        ]  # Spark's own scripts find it; we start the classes
        self._folder, self._jars = folder, f"{home}/jars/*"
        own = {"SPARK_HOME": str(home), "SPARK_SCALA_VERSION": scala, "SPARK_LOCAL_IP": "127.0.0.1"}
        self.environment = os.environ | own
        master = ("--host", "127.0.0.1", "--port", str(self.port), "--webui-port", str(interface))
        self.master = Server("master", self._java("Master", *master), folder, self.environment)
        self.workers = [self.worker(host) for host in WORKER_HOSTS]
        self._state = f"http://127.0.0.1:{interface}/json/"

    def worker(self, host: str, environment: Mapping[str, str] = MappingProxyType({})) -> Server:
        """A worker, not started yet; its tasks get ``environment`` too."""
        size = ("--cores", "2", "--memory", "1g", "--webui-port", "0")
        command = self._java(
            "Worker", "--host", host, *size, "--work-dir", str(self._folder / host), self.url
        )
        # The executors are its children.
        own = {"SPARK_LOCAL_IP": host, "JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC", **environment}
        return Server(f"worker-{host}", command, self._folder, self.environment | own)

    def _java(self, role: str, *arguments: str) -> list[str]:
        start = f"org.apache.spark.deploy.{role.lower()}.{role}"
        return [*JAVA, "-cp", self._jars, start, *arguments]

    def start(self) -> None:
        self.master.start()
        self.master.wait_until(lambda: is_open(self.port))
        for worker in self.workers:
            worker.start()
        self.wait_for(len(self.workers))

    def wait_for(self, count: int) -> None:
        """Return once ``count`` workers are up."""
        self.master.wait_until(lambda: len(self.alive()) == count)

    def alive(self) -> list[dict[str, Any]]:
        """The workers that the master knows to be up; none while it is starting."""
        with suppress(OSError, ValueError):
            return [
                worker
                for worker in json.loads(fetch(self._state))["workers"]
                if worker["state"] == "ALIVE"
            ]
        return []

    def replace(self, worker: Server) -> None:
        """Start ``worker`` again after it was killed, and wait until both are up."""
        worker.start()
        self.wait_for(len(self.workers))

    def stop(self) -> None:
        for server in (*self.workers, self.master):
            server.stop()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:  # loopback
        body: bytes = answer.read()
    return body


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    missing = "pyspark" if find_spec("pyspark") is None else "" if shutil.which("java") else "Java"
    if missing:
        if "CI" in os.environ:
            pytest.fail(f"{missing} is not installed")
        pytest.skip(f"{missing} is not installed")
    started = Cluster(tmp_path_factory.mktemp("spark"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def context(cluster: Cluster) -> Iterator[Any]:
    """One application on the cluster, with the engine's own settings, as a notebook has one: ``engine="spark"``
    uses it. It has a core on each worker and leaves the others to applications that tests start themselves."""
    from mrimage.engine import EngineOptions
    from mrimage.engine.spark.session import open_session

    kept = {
        name: os.environ.get(name)
        for name in ("SPARK_LOCAL_IP", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PYTHON")
    }
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_SUBMIT_ARGS"] = "--conf spark.executor.memory=512m pyspark-shell"
    session = open_session(cluster.url, EngineOptions(workers=2))
    try:
        yield session.context
    finally:
        session.close()
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def tasks_of(context: Any) -> Callable[[], list[dict[str, Any]]]:
    """Every task attempt of the application from its first, as Spark's own status store has them."""

    def ask() -> list[dict[str, Any]]:
        top = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/stages"
        stages = json.loads(fetch(top))
        answers = [
            fetch(f"{top}/{s['stageId']}/{s['attemptId']}/taskList?length=1000") for s in stages
        ]
        found = [
            {**task, "stage": s}
            for s, a in zip(stages, answers, strict=True)
            for task in json.loads(a)
        ]
        return sorted(found, key=itemgetter("taskId"))

    return ask


@pytest.fixture
def small_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images a split, so that small folders keep a cluster busy."""
    monkeypatch.setattr(splitting, "HEADER_SPLIT", (3, 3))


@pytest.fixture
def same_as_local(tmp_path: Path) -> Callable[..., None]:
    """Asserts that OUT holds what the embedded engine makes of the same job, byte for byte. It runs
    in this process, unless an image that ends its process needs ``workers=2``."""

    def check(job: mr.Job, source: Path, out: Path, workers: int = 1) -> None:
        local = tmp_path / "local"
        run(job, str(source), str(local), RunOptions(workers=workers, thumbnails=False))
        assert published(out) == published(local)

    return check


def published(out: Path) -> dict[str, bytes]:
    """What two runs of one job must agree on."""
    tops = (
        "images",
        "groups",
        "catalogue",
        "groups.parquet",
        "outputs.parquet",
        "quarantine.parquet",
        "clusters.parquet",
        "duplicates.parquet",
        "neighbors.parquet",
    )
    found = [
        path
        for top in tops
        for path in ((out / top).rglob("*") if (out / top).is_dir() else [out / top])
    ]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found if path.is_file()}
