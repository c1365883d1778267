"""A task's commit: what is written before what, and what a failed one leaves under way."""

from __future__ import annotations

import re
import threading
import time

import pyarrow as pa
import pytest

from mrimage.commit.task_writer import TaskWriter
from mrimage.errors import JobError, StoreError
from mrimage.types import Attempt, OutputRow

TABLES = {"groups": pa.table({"key": ["a"]})}


class Slow:
    """A store in memory that calls itself remote and takes its time. The first ``together`` writes wait for each other."""

    root = "s3://bucket"
    local = None

    def __init__(self, together: int = 1) -> None:
        self.lock = threading.Lock()
        self.meeting = threading.Barrier(together)
        self.left = together
        self.events: list[tuple[str, str]] = []

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        with self.lock:
            self.events.append(("begun", path))
            self.left -= 1
            waits = self.left >= 0
        if waits:
            self.meeting.wait(timeout=30)
        time.sleep(0.2)
        with self.lock:
            self.events.append(("ended", path))

    def create(self, path: str, data: bytes) -> bool:
        self.write(path, data)
        return True


class Sink:
    """A sink whose images arrive, or not, when it is closed."""

    def __init__(self, store: Slow, error: Exception | None = None) -> None:
        self.store, self.error = store, error

    def name(self, key: str, path: str, extension: str) -> str:
        return path

    def put(self, row: OutputRow, data: bytes, extras: object = None) -> str:
        return row.output

    def close(self) -> None:
        if self.error:
            raise self.error
        self.store.write("image", b"")


def task(store: Slow, sink: Sink) -> TaskWriter:
    return TaskWriter(store, sink, "reduce", "task", Attempt())  # type: ignore[arg-type]


def test_images_and_tables_are_written_together_and_the_report_after_all_of_them() -> None:
    store = Slow(together=2)
    task(store, Sink(store)).commit(1, 1, TABLES)
    table, report = "_run/reduce/task.groups.parquet", "_run/reduce/task.json"
    events = store.events
    assert set(events[:2]) == {("begun", table), ("begun", "image")}
    assert set(events[2:4]) == {("ended", table), ("ended", "image")}
    assert events[4:] == [("begun", report), ("ended", report)]


def test_no_table_of_a_commit_that_failed_is_still_under_way() -> None:
    store = Slow()
    with pytest.raises(StoreError, match="The disk is full"):
        task(store, Sink(store, StoreError("The disk is full."))).commit(1, 1, TABLES)
    table = "_run/reduce/task.groups.parquet"
    assert store.events == [("begun", table), ("ended", table)]


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b/c", "a"), ("a/b", "a/b/c/d")])
def test_an_output_that_would_be_a_file_and_a_folder_is_refused_on_every_store(
    names: tuple[str, str],
) -> None:
    store = Slow()
    writer = TaskWriter(store, Sink(store), "reduce", "t", Attempt())  # type: ignore[arg-type]
    first, second = (f"groups/k/{name}" for name in names)
    writer.output(None, "k", first, b"1", None, None)
    writer.output(None, "k", "groups/k/other", b"2", None, None)
    writer.output(None, "k2", "groups/k2/a", b"3", None, None)
    file, member = sorted((first, second))
    refusal = f"cannot be named both '{file}' and '{member}'"
    with pytest.raises(JobError, match=re.escape(refusal)):
        writer.output(None, "k", second, b"4", None, None)
