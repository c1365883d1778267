"""The same job on a real cluster: the same bytes, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from PIL import Image
from tests.faults import chaotic
from tests.faults.test_chaos import POISONS, SOUND, fill
from tests.services.process import Server
from tests.spark.conftest import WORKER_HOSTS, Cluster

import mrimage as mr
from mrimage import demo
from mrimage.errors import BudgetError, JobError
from mrimage.flow import splitting
from mrimage.flow.run import RunOptions, run
from mrimage.types import Limits

ON_SPARK = RunOptions(engine="spark", thumbnails=False)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(24):
        Image.new("RGB", (40, 30), (10 * number, 255 - 10 * number, 60)).save(
            folder / f"{number:02}.png"
        )
    return folder


def test_outputs_of_the_demo_corpus_are_those_of_the_embedded_engine(
    context: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    same_as_local: Callable[..., None],
) -> None:
    """Photographs of every format, orientation and color space, and damaged files. The rest of the
    corpus would take three times as long, and no other path to the cluster."""
    monkeypatch.setattr(splitting, "PIXEL_SPLIT", (1 << 20, 1 << 20))
    folders = ("color/", "damaged/", "formats/", "frames/", "orientation/")
    chosen = [file for file in demo.FILES if file.path.startswith(folders)]
    monkeypatch.setattr(demo, "FILES", chosen)
    demo.build(tmp_path / "demo")
    job = mr.Job(
        key=("color_space",),
        extract=("content", "hash", "descriptor", "findings"),
        edits=mr.Edits(resize=(48, 48), fit="cover", to="srgb", format="webp"),
        group=("contact-sheet", "duplicates", "mean"),
    )
    summary = run(job, str(tmp_path / "demo"), str(tmp_path / "out"), ON_SPARK)
    assert summary.facts.engine == "spark"
    assert (summary.processed > 40, summary.quarantined > 3) == (True, True)
    assert len({task.worker.partition(" ")[2] for task in summary.facts.tasks}) > 1
    same_as_local(job, tmp_path / "demo", tmp_path / "out")


def test_outputs_of_the_faults_corpus_are_those_of_the_embedded_engine(
    context: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows,
    same_as_local: Callable[..., None],
) -> None:
    """Images whose process crashes, ends, hangs, spins or asks for all memory, among sound ones."""
    monkeypatch.setattr(splitting, "PIXEL_SPLIT", (1500, 1500))
    (tmp_path / "faults").mkdir()
    fill(tmp_path / "faults")
    summary = run(chaotic.JOB, str(tmp_path / "faults"), str(tmp_path / "out"), ON_SPARK)
    assert (summary.processed, summary.quarantined) == (SOUND, len(POISONS))
    reasons = {
        Path(row["uri"]).name.partition("-")[0]: row["reason"]
        for row in rows(tmp_path / "out", "quarantine")
    }
    assert reasons == POISONS
    same_as_local(chaotic.JOB, tmp_path / "faults", tmp_path / "out", workers=2)


def test_the_application_retries_speculates_and_leaves_out_bad_executors(context: Any) -> None:
    settings = dict(context.getConf().getAll())
    assert settings["spark.task.maxFailures"] == "4"
    assert settings["spark.speculation"] == settings["spark.excludeOnFailure.enabled"] == "true"
    assert settings["spark.excludeOnFailure.stage.maxFailedTasksPerExecutor"] == "20"
    assert settings["spark.executor.memory"] == "512m"  # what the user has set stays


def test_a_failing_reducer_ends_the_run_with_its_own_error_and_is_not_tried_again(
    context: Any, corpus: Path, tmp_path: Path, tasks_of
) -> None:
    def broken(key: str, values: Any):
        raise ValueError("this reducer is broken")
        yield

    before = len(tasks_of())
    with pytest.raises(JobError, match="this reducer is broken"):
        run(mr.Job(reduce=broken), str(corpus), str(tmp_path / "out"), ON_SPARK)
    assert [task["status"] for task in tasks_of()[before:] if task["status"] == "FAILED"] == []


def test_the_failure_budget_stops_the_job(
    context: Any, photos: Path, tmp_path: Path, small_splits: None
) -> None:
    with pytest.raises(BudgetError):
        run(
            mr.Job(),
            str(photos),
            str(tmp_path / "out"),
            RunOptions(engine="spark", max_failures="0"),
        )


def test_ctrl_c_cancels_the_job_on_the_cluster(
    context: Any, corpus: Path, tmp_path: Path, small_splits: None, tasks_of
) -> None:
    begun = tmp_path / "begun"

    def mapper(image: mr.Image):
        begun.touch()
        time.sleep(100)
        yield "all", None

    def press() -> None:
        while not begun.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    before = len(tasks_of())
    Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="0 of 24 images"):
        run(mr.Job(map=mapper), str(corpus), str(tmp_path / "out"), ON_SPARK)
    assert context.statusTracker().getActiveJobsIds() == []
    assert "KILLED" in {task["status"] for task in until_ended(lambda: tasks_of()[before:])}


def test_a_straggler_is_beaten_by_a_speculative_attempt(
    context: Any,
    corpus: Path,
    tmp_path: Path,
    small_splits: None,
    tasks_of,
    same_as_local: Callable[..., None],
) -> None:
    """Comes before the tests that kill a worker: what it had is granted on the other one, and there it stays."""
    marker = tmp_path / "first attempt"

    def mapper(image: mr.Image):
        if image.uri.endswith("05.png"):
            try:
                marker.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                time.sleep(1000)
        yield "all", None

    before = len(tasks_of())
    job = mr.Job(map=mapper, limits=Limits(deadline=1000))
    run(job, str(corpus), str(tmp_path / "out"), ON_SPARK)
    straggler = until_ended(lambda: [task for task in tasks_of()[before:] if task["index"] == 1])
    assert [(task["status"], task["speculative"]) for task in straggler] == [
        ("KILLED", False),
        ("SUCCESS", True),
    ]
    assert straggler[0]["host"] != straggler[1]["host"]
    assert not [path.name for path in (tmp_path / "out").rglob("*") if "tmp" in path.name]
    same_as_local(job, corpus, tmp_path / "out")


def until_ended(ask: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The tasks that ``ask`` answers, once none of them is running."""
    end = time.monotonic() + 180
    while "RUNNING" in {task["status"] for task in ask()}:
        assert time.monotonic() < end
        time.sleep(0.1)
    return ask()


@pytest.mark.parametrize("phase", ["map", "reduce"])
def test_a_killed_worker_loses_nothing(
    context: Any,
    cluster: Cluster,
    corpus: Path,
    tmp_path: Path,
    small_splits: None,
    tasks_of,
    same_as_local: Callable[..., None],
    phase: str,
) -> None:
    out, slow = tmp_path / "out", tmp_path / "slow"
    slow.touch()

    def mapper(image: mr.Image):
        if phase == "map" and slow.exists():
            time.sleep(0.3)
        yield image.uri[-6:-4], {"width": image.metadata.width}

    def reducer(key: str, values: Any):
        if phase == "reduce" and slow.exists():
            time.sleep(0.3)
        yield mr.Output("count.json", {"key": key, "images": len(list(values))})

    killed: list[Server] = []

    def kill_when_begun() -> None:
        while not list((out / "_run" / phase).glob("*.json")):
            time.sleep(0.02)
        (host, *_) = (task["host"] for task in reversed(tasks_of()) if task["status"] == "RUNNING")
        killed.append(cluster.workers[WORKER_HOSTS.index(host)])
        kill_with_executors(killed[0].pid)
        slow.unlink()

    before = len(tasks_of())
    killer = Thread(target=kill_when_begun, daemon=True)
    killer.start()
    job = mr.Job(map=mapper, reduce=reducer)
    try:
        summary = run(job, str(corpus), str(out), ON_SPARK)
        killer.join()
    finally:
        for victim in killed:
            victim.kill()
            cluster.replace(victim)
    lost = [task["errorMessage"] for task in tasks_of()[before:] if task["status"] == "FAILED"]
    assert [message for message in lost if "ExecutorLost" in message]
    assert summary.processed == 24
    same_as_local(job, corpus, out)


def kill_with_executors(worker: int) -> None:
    """SIGKILL for a worker and all that it started, at once, as when a machine loses power."""
    import psutil

    process = psutil.Process(worker)
    for each in (process, *process.children(recursive=True)):
        each.kill()


def test_a_hot_key_streams_its_edits_run_everywhere_and_jobs_bear_readable_names(
    context: Any,
    corpus: Path,
    tmp_path: Path,
    small_splits: None,
    tasks_of,
    same_as_local: Callable[..., None],
) -> None:
    def mapper(image: mr.Image):
        yield ("rare" if image.uri.endswith("23.png") else "hot"), 1

    def total(key: str, values: Any):
        assert not isinstance(values, list)
        yield mr.Output("count.json", {"images": sum(values)})

    job = mr.Job(map=mapper, reduce=total, edits=mr.Edits(resize=(8, 8)))
    summary = run(job, str(corpus), str(tmp_path / "out"), ON_SPARK)
    assert len({task.worker for task in summary.facts.tasks if task.phase == "map"}) > 1
    names = {task["stage"]["description"] for task in tasks_of()}
    assert {"mrimage: map 8 splits", "mrimage: reduce 2 partitions"} <= names
    same_as_local(job, corpus, tmp_path / "out")


def test_a_run_whose_driver_was_killed_continues(
    context: Any,
    cluster: Cluster,
    corpus: Path,
    tmp_path: Path,
    small_splits: None,
    same_as_local: Callable[..., None],
) -> None:
    out, slow = tmp_path / "out", tmp_path / "slow"
    slow.touch()
    (tmp_path / "slowly.py").write_text(
        "import time\nfrom pathlib import Path\nimport mrimage as mr\n"
        f"SLOW = Path({str(slow)!r})\n"
        "def by_name(image):\n"
        "    time.sleep(0.3 if SLOW.exists() else 0)\n"
        "    yield image.uri[-6:-5], None\n"
        "job = mr.Job(map=by_name, group=('mean',))\n"
        "if __name__ == '__main__':\n"
        "    import sys, slowly\n"
        "    from mrimage.flow import splitting\n"
        "    splitting.HEADER_SPLIT = (3, 3)\n"
        f"    mr.run(slowly.job, {str(corpus)!r}, 'out', engine=sys.argv[1], workers=2, thumbnails=False, quiet=False)\n"
    )
    command = [sys.executable, "slowly.py", cluster.url]
    driver = subprocess.Popen(command, cwd=tmp_path)
    try:
        while len(done := list((out / "_run" / "map").glob("*.json"))) < 2:
            assert driver.poll() is None
            time.sleep(0.02)
    finally:
        driver.kill()
        driver.wait()
    slow.unlink()
    times = {path: path.stat().st_mtime_ns for path in done}
    done_later = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "mrimage: Spark shows the run at http://" in done_later.stderr
    assert {path: path.stat().st_mtime_ns for path in done} == times
    sys.path.insert(0, str(tmp_path))
    try:
        import slowly

        same_as_local(slowly.job, corpus, out)
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("slowly")
