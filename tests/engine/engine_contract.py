"""What every engine must do: one body of tests, run on each by a subclass with a fixture ``engine`` of two workers."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.spark.conftest import published

import mrimage as mr
from mrimage.engine import Engine
from mrimage.errors import EngineError, JobError, StoreError
from mrimage.flow import phases, splitting
from mrimage.flow.run import RunOptions, run
from mrimage.rounds import planning
from mrimage.shuffle.exchange import Exchange, describe_table
from mrimage.shuffle.planning import plan_partitions, weigh_groups, write_pending
from mrimage.shuffle.records import Record, make_records, to_table
from mrimage.tables.schemas import DONE_GROUPS, RECORDS
from mrimage.tasks.trial import TRIAL_IMAGES
from mrimage.types import Attempt, Entry, Partition, Split, TaskReport

SPLITS = [Split(f"split-{number:02}", ()) for number in range(12)]


class Unloadable:
    """A value that cannot be unpickled."""

    def __init__(self, loads: Path) -> None:
        self.loads = loads

    def __reduce__(self) -> tuple[object, ...]:
        return load_in_vain, (self.loads,)


def load_in_vain(loads: Path) -> None:
    with loads.open("a") as log:
        log.write(f"{os.getpid()}\n")
    raise ValueError("this model needs another library")


def report(task: str, attempt: Attempt, images: int = 0) -> TaskReport:
    return TaskReport(
        task,
        "map",
        images,
        0,
        0,
        0,
        0.0,
        0.0,
        0,
        attempt.worker,
        attempt.number,
        attempt.speculative,
        attempt.errors,
    )


def first(marker: Path) -> bool:
    """Whether this is the first call with ``marker``, in any process."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def count(task: Split, attempt: Attempt) -> TaskReport:
    return report(task.id, attempt, len(task.id))


def busy_store(marker: Path, task: Split, attempt: Attempt) -> TaskReport:
    if task.id == "split-03" and first(marker):
        raise StoreError("the store is busy", transient=True)
    return report(task.id, attempt)


def wrong_job(calls: Path, task: Split, attempt: Attempt) -> TaskReport:
    with calls.open("a") as log:
        log.write(f"{task.id}\n")
    raise JobError("this reducer is broken")


def deadly(task: Split, attempt: Attempt) -> TaskReport:
    """Takes its process down, unless it is careful; one task does so even then."""
    if task.id == "split-99" or (task.id == "split-05" and not attempt.careful):
        os.kill(os.getpid(), signal.SIGKILL)
    return report(task.id, attempt, int(attempt.careful))


def straggling(marker: Path, seconds: float, task: Split, attempt: Attempt) -> TaskReport:
    if task.id == "split-04" and first(marker):
        time.sleep(seconds)
    return report(task.id, attempt)


def slow_after(begun: Path, task: Split, attempt: Attempt) -> TaskReport:
    """The first task returns at once; the others stay for good."""
    if task.id != "split-00":
        (begun / f"{os.getpid()}").touch()
        time.sleep(1000)
    return report(task.id, attempt)


def ignore(_: object, task: Split, attempt: Attempt) -> TaskReport:
    return report(task.id, attempt)


def write_keys(
    folder: Path, partition: Partition, records: Iterator[Record], attempt: Attempt
) -> TaskReport:
    """Writes what the partition received, in the order in which it came."""
    received = [(record.key, record.entry.uri, record.seq, record.value) for record in records]
    (folder / partition.id).write_text(repr(received))
    return report(partition.id, attempt, len(received))


class EngineContract:
    """Tests of an engine with two workers."""

    name: ClassVar[str] = ""
    """What ``mr.run`` is to be given to use the very engine."""

    has_processes = True
    """Whether tasks run in other processes, which they may take down."""

    speculates = True
    """Whether a straggler is raced. Spark does so on another machine only."""

    def test_each_task_is_reported_exactly_once_and_the_engine_can_be_used_again(
        self, engine: Engine
    ) -> None:
        for number in (12, 1, 0):
            reports = list(engine.run(count, iter(SPLITS[:number])))
            assert sorted(each.task for each in reports) == [split.id for split in SPLITS[:number]]
            assert {each.images for each in reports} <= {8}
        assert engine.workers == 2 if self.has_processes else 1

    def test_tasks_run_in_processes_of_their_own(self, engine: Engine) -> None:
        if not self.has_processes:
            pytest.skip("this engine has no other process")
        workers = {each.worker for each in engine.run(count, SPLITS)}
        assert all(str(os.getpid()) not in worker.split() and "pid" in worker for worker in workers)

    def test_a_storage_error_that_may_pass_is_tried_again(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        reports = list(engine.run(partial(busy_store, tmp_path / "first"), SPLITS[:6]))
        assert len(reports) == 6
        assert {each.task: each.attempts for each in reports if each.attempts > 1} == {
            "split-03": 2
        }

    def test_an_error_of_the_job_ends_the_run_and_is_not_tried_again(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        with pytest.raises(JobError, match="this reducer is broken"):
            list(engine.run(partial(wrong_job, tmp_path / "calls"), SPLITS[:1]))
        assert (tmp_path / "calls").read_text() == "split-00\n"

    def test_a_task_whose_process_died_is_tried_again_carefully(self, engine: Engine) -> None:
        if not self.has_processes:
            pytest.skip("a task that ends its process ends the test")
        reports = {each.task: each for each in engine.run(deadly, SPLITS)}
        assert len(reports) == len(SPLITS)
        assert reports["split-05"].images == 1
        assert reports["split-05"].attempts > 1
        assert reports["split-05"].errors

    def test_a_task_that_ends_every_process_ends_the_run_with_a_clear_error(
        self, engine: Engine
    ) -> None:
        if not self.has_processes:
            pytest.skip("a task that ends its process ends the test")
        with pytest.raises(
            EngineError, match=r"failed \d times.* run the same command again to continue"
        ):
            list(engine.run(deadly, [Split("split-99", ())]))

    def test_a_straggler_is_raced(self, engine: Engine, tmp_path: Path) -> None:
        seconds = 1000.0 if self.speculates else 1.0
        reports = {
            each.task: each
            for each in engine.run(partial(straggling, tmp_path / "slow", seconds), SPLITS)
        }
        assert len(reports) == len(SPLITS)
        assert reports["split-04"].speculative == self.speculates

    def test_tasks_are_pulled_in_bounded_numbers(self, engine: Engine) -> None:
        """A listing of a billion images is never in memory, whatever an engine packs together."""
        pulled = itertools.count()
        noise = os.urandom(4 << 20).hex()[: 4 << 20]

        def endless() -> Iterator[Split]:
            for number in pulled:
                entry = Entry(noise[number:], "", 0, "")
                yield Split(f"split-{number}", (entry,))

        reports = engine.run(partial(ignore, None), endless())
        assert len(list(itertools.islice(reports, 5))) == 5
        reports.close()  # type: ignore[attr-defined]  # every engine answers by a generator
        assert next(pulled) < 60

    def test_closing_the_reports_ends_the_tasks_and_the_engine_can_be_used_again(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        if not self.has_processes:
            pytest.skip("nothing runs while nobody asks")
        reports = engine.run(partial(slow_after, tmp_path), SPLITS)
        assert next(reports).task == "split-00"
        until(lambda: len(list(tmp_path.iterdir())) >= 1)
        reports.close()  # type: ignore[attr-defined]
        until(lambda: not any(is_running_python(int(each.name)) for each in tmp_path.iterdir()))
        assert len(list(engine.run(count, SPLITS))) == len(SPLITS)

    def test_a_worker_that_cannot_load_the_job_says_so_once_with_the_place(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        if not self.has_processes:
            pytest.skip("nothing is loaded")
        with pytest.raises(
            EngineError, match="cannot be loaded in a worker: ValueError: this model needs"
        ) as caught:
            list(engine.run(partial(ignore, Unloadable(tmp_path / "loads")), SPLITS))
        assert "contract.py, line" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "Traceback (most recent call last)" in "".join(caught.value.__notes__)
        loads = (tmp_path / "loads").read_text().split()
        # No split is tried again, but others may have begun before the first report arrived.
        assert len(loads) <= len(SPLITS)

    @pytest.mark.parametrize("pending", [False, True])
    def test_every_record_reaches_its_partition_sorted(
        self, engine: Engine, tmp_path: Path, pending: bool
    ) -> None:
        exchange, expected = planned(tmp_path, pending)
        (tmp_path / "received").mkdir()
        reports = list(
            engine.shuffle(
                partial(write_keys, tmp_path / "received"), exchange, tmp_path / "scratch"
            )
        )
        assert sorted(each.task for each in reports) == sorted(
            each.id for each in exchange.partitions
        )
        assert len(exchange.partitions) > 2
        received = [(tmp_path / "received" / each.id).read_text() for each in exchange.partitions]
        assert [
            record for text in received for record in eval(text)
        ] == expected  # what we wrote ourselves

    def test_a_job_makes_the_same_bytes_on_every_engine(
        self,
        engine: Engine,
        tmp_path: Path,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(splitting, "PIXEL_SPLIT", (300, 300))
        monkeypatch.setattr(planning, "FEWEST", 3)
        source = photos(tmp_path_factory)
        job = job_with(deadly="4.png" if self.has_processes else "none")
        how = RunOptions(engine=self.name, workers=engine.workers, thumbnails=False)
        assert run(job, str(source), str(tmp_path / "out"), how).quarantined == int(
            self.has_processes
        )
        made = published(tmp_path / "out")
        assert len([name for name in made if name.endswith("sheet.jpg")]) == 3
        assert len(made["groups/rounds/records.json"]) > 1000
        assert len([name for name in made if name.startswith("images/of 2/20x20/40x30 ")]) == 3
        assert made.keys() >= {"clusters.parquet", "duplicates.parquet", "neighbors.parquet"}
        assert made == EXPECTED.setdefault(self.has_processes, made)

    def test_errors_of_the_user_s_code_name_its_line_and_stop_a_job_that_always_fails(
        self,
        engine: Engine,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(splitting, "HEADER_SPLIT", (4, 4))
        # The report comes last, from what is published, and takes long.
        monkeypatch.setattr(phases, "write_report", lambda *_, **__: None)
        source = tmp_path / "photos"
        source.mkdir()
        for number in range(TRIAL_IMAGES + 4):
            Image.new("L", (4, 4), number).save(source / f"{number:02}.png")

        def mapper(image: mr.Image) -> Iterator[tuple[str, int]]:
            yield image.path, 1 // int(image.path != "05.png")

        def always(image: mr.Image) -> Iterator[tuple[str, int]]:
            yield image.metadata.camra, 1  # type: ignore[attr-defined]

        how = RunOptions(engine=self.name, workers=engine.workers, thumbnails=False, quiet=False)
        run(mr.Job(map=mapper), str(source), str(tmp_path / "once"), how)
        line = mapper.__code__.co_firstlineno + 1
        place = f"({__file__}, line {line}, in mapper)"
        (failure,) = pq.read_table(tmp_path / "once/quarantine.parquet").to_pylist()
        assert (failure["uri"], failure["reason"]) == (str(source / "05.png"), "mapper-failed")
        assert failure["message"].endswith(
            f"ZeroDivisionError: integer division or modulo by zero {place}"
        )
        assert f"mapper-failed: {failure['uri']}: {failure['message']}" in capsys.readouterr().err
        with pytest.raises(JobError) as caught:
            run(mr.Job(map=always), str(source), str(tmp_path / "always"), how)
        line = always.__code__.co_firstlineno + 1
        assert f"failed on each of the first {TRIAL_IMAGES} images" in str(caught.value)
        assert f"has no attribute 'camra' ({__file__}, line {line}, in always)" in str(caught.value)

    def test_images_that_see_their_group_are_the_same_bytes_on_every_engine(
        self,
        engine: Engine,
        tmp_path: Path,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(splitting, "PIXEL_SPLIT", (300, 300))
        source = photos(tmp_path_factory)
        job = each_with(deadly="4.png" if self.has_processes else "none")
        how = RunOptions(engine=self.name, workers=engine.workers, thumbnails=False)
        summary = run(job, str(source), str(tmp_path / "out"), how)
        assert summary.quarantined == int(self.has_processes)
        made = published(tmp_path / "out")
        assert made == MEMBERS.setdefault(self.has_processes, made)


EXPECTED: dict[bool, dict[str, bytes]] = {}
"""What the first engine made of the job, with and without an image that ends its process."""

MEMBERS: dict[bool, dict[str, bytes]] = {}
"""The same for a job whose images see their group."""

SOURCES: list[Path] = []
"""The folder of photographs of all engines: a catalogue tells when its files were made."""


def photos(factory: pytest.TempPathFactory) -> Path:
    if not SOURCES:
        SOURCES.append(factory.mktemp("photos"))
        for number in range(9):
            Image.new("RGB", (40, 30), (20 * number, 255 - 20 * number, 60)).save(
                SOURCES[0] / f"{number}.png"
            )
    return SOURCES[0]


def job_with(deadly: str) -> mr.Job:
    """A job of every kind of step, whose mapper ends its process at the image called ``deadly``."""

    def mapper(image: mr.Image) -> Iterator[tuple[str, object]]:
        if image.path == deadly:
            os.kill(os.getpid(), signal.SIGSEGV)
        yield f"of {int(image.path[0]) % 3}", {"width": image.metadata.width}

    def total(key: str, values: Iterator[dict[str, int]]) -> Iterator[mr.Output]:
        yield mr.Output(
            "width.json", {"key": key, "width": sum(value["width"] for value in values)}
        )

    def rounds(table: mr.Table) -> Iterator[mr.Round]:
        """Two iterations and a join, with records that differ in nothing but their values."""
        for step in range(2):
            table = yield mr.Round(table, spread, gather, combine=None, side=step)
        counted = yield mr.Round(table, one_each, add, combine=shrink)
        joined = yield mr.Round([table, counted], [pass_on, pass_on], gather)
        return [mr.Output("records.json", [list(table), list(joined)])]

    def spread(key: str, value: object, side: int) -> Iterator[tuple[str, object]]:
        for number in range(3):
            yield f"{key[-1]}{number % 2}", [number, side, str(value)[:60]]

    def pass_on(key: str, value: object, side: object) -> Iterator[tuple[str, object]]:
        yield key, value

    def gather(key: str, values: Iterator[object], side: object) -> Iterator[tuple[str, object]]:
        for number, value in enumerate(values):
            yield key, [number, value]

    def one_each(key: str, value: object, side: object) -> Iterator[tuple[str, int]]:
        yield key[:1], 1

    def shrink(key: str, values: Iterator[int]) -> Iterator[int]:
        yield sum(values)

    def add(key: str, values: Iterator[int], side: object) -> Iterator[tuple[str, int]]:
        yield f"{key}0", sum(values)

    edits = mr.Edits(resize=(16, 16), format="png")
    groups = ("contact-sheet", "mean")
    rules = [
        mr.Rule("of 1", copy=True),
        mr.Rule(
            "of 2",
            resize="16x12,12x16+20x20",
            fit="cover",
            sharpen=1.5,
            watermark=str(SOURCES[0] / "0.png"),
            format="jpeg",
        ),
    ]
    return mr.Job(
        map=mapper,
        reduce=total,
        edits=edits,
        rules=rules,
        group=groups,
        program=rounds,
        find=("clusters", "duplicates", "neighbors"),
        output_name="{key}/{size}/{dimensions} {stem}",
    )


def each_with(deadly: str) -> mr.Job:
    """A job whose images see their group, and whose ``each`` ends its process at the image ``deadly``."""

    def mapper(image: mr.Image) -> Iterator[tuple[str, object]]:
        yield f"of {int(image.path[0]) % 3}", None

    def red(image: mr.Image) -> list[int]:
        pixels = image.thumbnail(8, 8)
        return [int(pixels[..., 0].sum()), pixels[..., 0].size]

    def add(one: list[int], other: list[int]) -> list[int]:
        return [left + right for left, right in zip(one, other, strict=True)]

    def even(image: mr.Image, key: str, statistic: list[int]) -> object:
        if image.path == deadly:
            os.kill(os.getpid(), signal.SIGSEGV)
        pixels = image.thumbnail(16, 16)
        pixels[..., 0] = statistic[0] // statistic[1]
        return pixels

    return mr.Job(map=mapper, statistic=mr.Statistic(red, add), each=even)


def planned(folder: Path, pending: bool) -> tuple[Exchange, list[tuple[str, str, int, object]]]:
    """An exchange of a few parts below ``folder``, and all records that are to arrive, in order. With ``pending``, every
    third key is done already."""
    keys = [f"key-{number:02}" for number in range(20)]
    made: list[Record] = []
    names = []
    for part in range(4):
        records = []
        for number in range(30):
            image = Entry(f"/photos/{part}-{number:02}.jpg", f"{part}-{number:02}.jpg", 10, "v")
            pairs = [
                (keys[(number * 7 + part + step) % len(keys)], {"n": number}) for step in range(2)
            ]
            records += make_records(image, 100, iter(pairs))
        records.sort(key=lambda record: (record.key, record.entry.uri, record.seq))
        names.append(f"records-{part}.parquet")
        pq.write_table(to_table(records, RECORDS), folder / names[-1], row_group_size=16)
        made += records
    made.sort(key=lambda record: (record.key, record.entry.uri, record.seq))
    scratch, weighed = folder / "scratch", folder / "weighed.parquet"
    paths = [str(folder / name) for name in names]
    weigh_groups(paths, weighed, scratch)
    parts = tuple(map(describe_table, names, paths))
    table = None
    if pending:
        groups = pq.read_table(weighed).to_pylist()
        done = [{"key": row["key"], "fingerprint": row["fingerprint"]} for row in groups[::3]]
        pq.write_table(pa.Table.from_pylist(done, DONE_GROUPS), folder / "done.parquet")
        write_pending(weighed, [str(folder / "done.parquet")], folder / "pending.parquet", scratch)
        weighed = folder / "pending.parquet"
        table = describe_table("pending.parquet", str(weighed))
        made = [record for record in made if record.key not in keys[::3]]
    exchange = Exchange(str(folder), parts, plan_partitions(weighed, 2), table)
    return exchange, [(record.key, record.entry.uri, record.seq, record.value) for record in made]


def until(condition: Callable[[], bool], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def is_running_python(pid: int) -> bool:
    """Whether the task's process is still at it; Spark uses the process again, and then it waits."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "python" in process.name().lower()
    except psutil.NoSuchProcess:
        return False
