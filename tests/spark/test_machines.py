"""Machines of a cluster that are not as they should be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.services.process import Server
from tests.spark.conftest import Cluster

import mrimage as mr
from mrimage.errors import EngineError
from mrimage.flow.run import RunOptions, run

BAD_HOST = "127.0.0.4"

DRIVER = """
import sys, time
from pathlib import Path
import mrimage as mr
from mrimage.types import Limits

RELEASED = Path(__file__).absolute().with_name("released")

def when_released(image):
    while not RELEASED.exists():
        time.sleep(0.05)
    yield image.uri[-6:-5], None

job = mr.Job(map=when_released, group=("mean",), limits=Limits(deadline=250))

if __name__ == "__main__":
    import patient
    from mrimage.flow import splitting
    splitting.HEADER_SPLIT = (1, 1)
    mr.run(patient.job, "photos", "out", engine=sys.argv[1], workers=2, thumbnails=False)
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (40, 30), (30 * number, 255 - 30 * number, 60)).save(
            folder / f"{number:02}.png"
        )
    return folder


@pytest.fixture
def bad_machine(cluster: Cluster, tmp_path: Path) -> Iterator[None]:
    """A third worker, whose Python finds a broken library: no task can succeed there."""
    (tmp_path / "broken" / "msgspec").mkdir(parents=True)
    (tmp_path / "broken" / "msgspec" / "__init__.py").write_text(
        'raise ImportError("a broken installation")\n'
    )
    with ExitStack() as stack:
        worker: Server = cluster.worker(BAD_HOST, {"PYTHONPATH": str(tmp_path / "broken")})
        stack.callback(cluster.wait_for, 2)
        stack.callback(worker.stop)
        worker.start()
        cluster.wait_for(3)
        yield


def test_a_machine_on_which_every_task_fails_is_excluded_and_the_job_is_done_by_the_others(
    cluster: Cluster,
    bad_machine: None,
    corpus: Path,
    tmp_path: Path,
    same_as_local: Callable[..., None],
) -> None:
    (tmp_path / "patient.py").write_text(DRIVER)
    (tmp_path / "events").mkdir()
    conf = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (tmp_path / "events").as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
        "spark.executor.memory": "512m",
        # Fewer than the twenty of the engine, whose number the test of its settings knows.
        "spark.excludeOnFailure.stage.maxFailedTasksPerExecutor": "2",
    }
    settings = " ".join(f"--conf {name}={value}" for name, value in conf.items())
    driver = subprocess.Popen(
        [sys.executable, "patient.py", cluster.url],
        cwd=tmp_path,
        env=cluster.environment | {"PYSPARK_SUBMIT_ARGS": f"{settings} pyspark-shell"},
    )
    try:
        while not events(tmp_path / "events", "ExecutorExcludedForStage"):
            assert driver.poll() is None
            time.sleep(0.1)
        (tmp_path / "released").touch()
        assert driver.wait() == 0
    finally:
        driver.kill()
        driver.wait()
    hosts = {
        e["Executor ID"]: e["Executor Info"]["Host"]
        for e in events(tmp_path / "events", "ExecutorAdded")
    }
    excluded = events(tmp_path / "events", "ExecutorExcludedForStage")
    assert {hosts[event["executorId"]] for event in excluded} == {BAD_HOST}
    ended = events(tmp_path / "events", "TaskEnd")
    # An attempt there that is slow to fail is killed when a speculative one elsewhere is done.
    assert hosts_of(ended, "ExceptionFailure") == {BAD_HOST}
    assert hosts_of(ended, "Success")
    assert BAD_HOST not in hosts_of(ended, "Success")
    sys.path.insert(0, str(tmp_path))
    try:
        import patient

        same_as_local(patient.job, corpus, tmp_path / "out")
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("patient")


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    """Spark's event log so far: the events called ``name``. The last line may be half written."""
    lines = [line for log in folder.iterdir() for line in log.read_text().splitlines(keepends=True)]
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [event for event in found if event["Event"].endswith(f"SparkListener{name}")]


def hosts_of(ended: list[dict[str, Any]], reason: str) -> set[str]:
    """The machines on which an attempt ended for ``reason``."""
    return {
        event["Task Info"]["Host"]
        for event in ended
        if event["Task End Reason"]["Reason"] == reason
    }


def test_machines_that_do_not_see_out_write_nothing_and_are_told(
    context: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process has a current folder of its own, as each machine has one that is not mounted everywhere."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        EngineError, match="Every machine needs /proc/self/cwd/out, but it is not on"
    ):
        run(
            mr.Job(),
            str(corpus),
            "/proc/self/cwd/out",
            RunOptions(engine="spark", thumbnails=False),
        )
    assert not [path for path in (tmp_path / "out").rglob("*") if path.suffix == ".parquet"]


def test_machines_that_do_not_see_the_source_quarantine_nothing(
    context: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        EngineError, match="Every machine needs /proc/self/cwd/photos, but it is not on"
    ):
        run(
            mr.Job(),
            "/proc/self/cwd/photos",
            str(tmp_path / "out"),
            RunOptions(engine="spark", thumbnails=False),
        )
    assert not (tmp_path / "out" / "quarantine.parquet").exists()
