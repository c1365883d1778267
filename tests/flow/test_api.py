"""``mrimage.run``: its keywords, and what it leaves behind in the process that calls it."""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mrimage as mr
from mrimage.flow.process import prints_to_stderr, restored_signals
from mrimage.job.defaults import default_of
from mrimage.job.fields import RUN_FIELDS


def keywords() -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(mr.run).parameters
    return {
        name: one for name, one in parameters.items() if one.kind is inspect.Parameter.KEYWORD_ONLY
    }


def test_the_keywords_of_run_are_those_of_the_table_with_their_defaults() -> None:
    assert {name: one.default for name, one in keywords().items()} == {
        name: default_of(field) for name, field in RUN_FIELDS.items()
    }
    assert [name for name in keywords() if f"- ``{name}``: " not in (mr.run.__doc__ or "")] == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_failure": 1}, 'Did you mean "max_failures"?'),
        ({"worker": 2}, 'Did you mean "workers"?'),
        ({"workers": "2"}, "workers needs a whole number from 1 to 4096, but got '2'."),
        ({"workers": 0}, "workers needs a whole number from 1 to 4096, but got 0."),
        ({"workers": True}, "workers needs a whole number"),
        ({"retries": 1.5}, "retries needs a whole number from 0 to 100, but got 1.5."),
        ({"retries": None}, "retries needs a whole number from 0 to 100, but got None."),
        (
            {"max_failures": 0.05},
            "max_failures needs a number of images such as 10, or a share such as 5%, but got 0.05.",
        ),
        ({"max_failures": -1}, "max_failures needs a number of images"),
        ({"max_failures": "many"}, "max_failures needs a number of images"),
        ({"fresh": "no"}, "fresh needs True or False, but got 'no'."),
        ({"quiet": 1}, "quiet needs True or False, but got 1."),
        ({"engine": 5}, "engine needs text, but got 5."),
        ({"engine": "lokal"}, 'Did you mean "local"?'),
        ({"endpoint": 9000}, "endpoint needs text, but got 9000."),
        ({"addressing": "paths"}, 'Did you mean "path"?'),
        ({"replication": "3"}, "replication needs a whole number from 1 to 512, but got '3'."),
        ({"allow_private": "yes"}, "allow_private needs True or False"),
        ({"job": mr.Job}, "mrimage.run needs mrimage.Job"),
        ({"source": ["a", b"b"]}, "source needs one path or url, but got b'b'."),
        ({"source": []}, "A run needs a SOURCE, but got none."),
        ({"source": b"photos"}, "source needs one path or url, but got b'photos'."),
        ({"out": None}, "out needs one path or url, but got None."),
    ],
    ids=str,
)
def test_a_wrong_keyword_or_value_is_bad_usage_and_writes_nothing(
    photos: Path, tmp_path: Path, given: dict[str, Any], expected: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(mr.UsageError, match=expected):
        mr.run(**{"job": mr.Job(), "source": photos, "out": out, "workers": 1, **given})
    assert not out.exists()


def test_a_number_of_failures_may_be_a_number(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(mr.BudgetError, match="at most 1 quarantined"):
        mr.run(mr.Job(), photos, tmp_path / "out", workers=1, thumbnails=False, max_failures=1)
    assert (
        mr.run(
            mr.Job(), photos, tmp_path / "out", workers=1, thumbnails=False, max_failures=2
        ).quarantined
        == 2
    )


def test_a_tilde_is_the_home_folder(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    summary = mr.run(mr.Job(), "~/photos", Path("~/out"), workers=1, thumbnails=False)
    assert summary.facts.source == str(photos)
    assert (tmp_path / "out/report.html").is_file()
    assert not (tmp_path / "~").exists()


def ring(*_: object) -> None:
    """A handler of the caller's own."""


def test_signal_handlers_are_given_back(photos: Path, tmp_path: Path) -> None:
    numbers = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, ring) for number in numbers}
    try:

        def mapper(image: mr.Image) -> Iterator[tuple[str, int]]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as a library of the user's may do
            yield "all", 1

        mr.run(mr.Job(map=mapper), photos, tmp_path / "out", workers=1)
        assert [signal.getsignal(number) for number in numbers] == [ring] * 3
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_timer_of_the_caller_s_goes_on_and_one_that_came_due_rings() -> None:
    rung: list[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 50)
        with restored_signals():
            assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert 40 < signal.getitimer(signal.ITIMER_REAL)[0] <= 50
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with restored_signals():
            time.sleep(0.02)
            assert not rung
        time.sleep(0.02)
        assert len(rung) == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_run_in_another_thread_leaves_signals_alone() -> None:
    def run() -> None:
        with restored_signals():
            pass

    signal.setitimer(signal.ITIMER_REAL, 50)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


PRINTING = """
import sys
import mrimage as mr
def mapper(image):
    print("printed by the mapper")
    yield "all", 1
def reducer(key, values):
    print("printed by the reducer")
    yield mr.Output("n.json", sum(values))
def deadly(image):
    import os
    print("printed in a guard", flush=True)
    if image.path.endswith("wide 1.jpg") : os.abort()
    yield "all", 1
job = mr.Job(map=mapper, reduce=reducer)
crashing = mr.Job(map=deadly, reduce=reducer)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_job_prints_goes_to_standard_error(
    photos: Path, tmp_path: Path, workers: int
) -> None:
    script = (
        PRINTING
        + f"mr.run(job, {str(photos)!r}, {str(tmp_path / 'out')!r}, workers={workers})\nprint('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "done\n"
    assert done.stderr.count("printed by the mapper") == 9
    assert done.stderr.count("printed by the reducer") == 1


def test_two_runs_at_once_give_standard_output_back_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sys.stdout
    first, second = prints_to_stderr(), prints_to_stderr()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    print("still running")
    second.__exit__(None, None, None)
    assert sys.stdout is before
    assert capsys.readouterr() == ("", "still running\n")


def test_outputs_that_would_be_a_file_and_a_folder_end_the_job_in_plain_words(
    photos: Path, tmp_path: Path
) -> None:
    def reducer(key: str, values: Iterator[Any]) -> Iterator[mr.Output]:
        yield mr.Output("a", "one")
        yield mr.Output("a/b", "two")

    job = mr.Job(key="all", reduce=reducer)  # type: ignore[arg-type]  # a convenience at run time
    with pytest.raises(
        mr.JobError, match="cannot be named both 'groups/all/a' and 'groups/all/a/b'"
    ):
        mr.run(job, photos, tmp_path / "out", workers=1, thumbnails=False)
