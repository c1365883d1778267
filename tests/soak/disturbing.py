"""Carries out schedules, and compares what they leave with undisturbed runs."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from tests.faults.states import everything, leftovers
from tests.soak.orders import BOOT, ORDERS, OUT, SECOND, Order
from tests.soak.schedules import ENDS, Schedule
from tests.soak.soak_process import ROOT, FailedError, Process

from mrimage.commit.out_folder import temporary_folder
from mrimage.commit.verify import verify
from mrimage.flow.results import read_facts
from mrimage.storage import open_store


class Disturber:
    """Runs jobs on one source below ``folder``, each of them once undisturbed."""

    def __init__(self, folder: Path, engine: str) -> None:
        self._folder, self._engine = folder, engine
        _fill(folder / "photos")
        boot = folder / "boot"
        boot.mkdir()
        (boot / "sitecustomize.py").write_text(BOOT)
        path = [str(boot), str(ROOT), str(ROOT / "src")]
        self.environment = {"PYTHONPATH": os.pathsep.join(path)}
        self._expected: dict[str, dict[str, bytes]] = {}

    def carry_out(self, plan: Schedule, name: str) -> int:
        """Disturb, finish and compare. Returns how many orders were carried out: runs may end before
        the moment of an order. Raises FailedError, and keeps OUT then."""
        expected = self.undisturbed(plan.job)
        out = self._folder / name
        chance = random.Random(name)
        done = 0
        for orders, cut in zip(plan.runs, plan.cuts, strict=True):
            done += self._disturb(plan, out, orders)
            _cut_leftover(out, cut, chance)
        self._finish(plan.job, out, plan.workers)
        compare(out, expected)
        shutil.rmtree(out)
        return done

    def out_of_undisturbed(self, job: str) -> Path:
        return self._folder / f"undisturbed-{job}"

    def undisturbed(self, job: str) -> dict[str, bytes]:
        """What a run of the job writes if nothing disturbs it: file names and contents."""
        if job not in self._expected:
            out = self.out_of_undisturbed(job)
            self._finish(job, out, workers=1)
            self._expected[job] = contents(out)
        return self._expected[job]

    def _finish(self, job: str, out: Path, workers: int) -> None:
        with self._start(job, out, workers, {}) as process:
            status, line = process.result()
        if status != 0:
            raise FailedError(f"an undisturbed run ended with status {status}: {line}")

    def _disturb(self, plan: Schedule, out: Path, orders: tuple[Order, ...]) -> int:
        """Run with the orders. Returns how many of them were carried out."""
        folder = out.with_name(f"{out.name}-orders")
        folder.mkdir()
        for order in orders:
            (folder / str(order)).touch()
        environment = {ORDERS: str(folder), OUT: str(out)}
        with self._start(plan.job, out, plan.workers, environment) as process:
            is_excused = self._attend(process, plan, out, folder)
            status, line = process.result()
        pending = [Order.parse(path.name) for path in folder.iterdir()]
        shutil.rmtree(folder)
        done = set(orders) - set(pending)
        was_ended = any(order.role == "driver" and order.action in ENDS for order in done)
        if status != 0 and not was_ended and not is_excused:
            raise FailedError(f"a run that nothing ended has status {status}: {line}")
        return len(done)

    def _attend(self, process: Process, plan: Schedule, out: Path, folder: Path) -> bool:
        """Start second runs and resume what is stopped until the run ends. Returns whether a second
        run did the job, so that the first may find OUT in use."""
        actions = {path: Order.parse(path.name).action for path in folder.iterdir()}
        stops = {path for path in actions if actions[path] in (SECOND, "SIGSTOP")}
        pending = set(stops)
        was_overtaken = False
        while stops and process.is_running():
            begun = {path for path in pending if not path.exists()}
            pending -= begun
            if any(actions[path] == SECOND for path in begun):
                was_overtaken |= self._run_second(plan, out)
            if pending != stops:
                # Again and again: an order's file goes shortly before its process stops.
                process.resume_stopped()
            time.sleep(0.1)
        return was_overtaken

    def _run_second(self, plan: Schedule, out: Path) -> bool:
        with self._start(plan.job, out, plan.workers, {}) as second:
            status, line = second.result()
        if status != 0 and "Expected to be alone" not in line:
            raise FailedError(f"the second of two runs ended with status {status}: {line}")
        return status == 0

    def _start(self, job: str, out: Path, workers: int, environment: dict[str, str]) -> Process:
        source = str(self._folder / "photos")
        log = out.with_name(f"{out.name}-{time.monotonic_ns()}.log")
        arguments = [job, source, str(out), self._engine, str(workers)]
        return Process(arguments, self.environment | environment, log)


def _fill(folder: Path) -> None:
    """Noise of three shapes and three formats, and three files that are quarantined."""
    folder.mkdir()
    for number in range(15):
        shape = (30, 40 + number % 3) if number % 4 == 0 else (30, 40 + number % 3, 3)
        noise = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
        suffix = ("jpg", "png", "webp")[number % 3]
        Image.fromarray(noise).save(folder / f"{number:02}.{suffix}")
    whole = (folder / "00.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no image at all")


def _cut_leftover(out: Path, share: float, chance: random.Random) -> None:
    """Cut off a temporary file that a killed run left, if there is one."""
    paths = sorted(out.rglob("*"))
    found = [path for path in paths if path.is_file() and _is_temporary(path)]
    if found and share:
        path = chance.choice(found)
        os.truncate(path, int(path.stat().st_size * share))


def _is_temporary(path: Path) -> bool:
    return "scratch" in path.parts or path.name.startswith(".mrimage")


def contents(out: Path) -> dict[str, bytes]:
    """Every output by its name. Of shards, every image instead: a run that continues another one
    cuts what is left to map into other tasks, and so spreads the images over other shards."""
    found = everything(out)
    lineage = pq.read_table(out / "outputs.parquet").to_pylist()
    if not any("!/" in row["output"] for row in lineage):
        return found
    shards = {name for name in found if name.startswith("images/")}
    whole = {name: found[name] for name in found.keys() - shards - {"outputs.parquet"}}
    # ``verify`` holds the bytes in the shards against these hashes.
    images = {f"{row['uri']} {row['key']}": row["sha256"].encode() for row in lineage}
    return whole | images


def compare(out: Path, expected: dict[str, bytes]) -> None:
    """Raises FailedError if OUT holds other outputs, something left over, or fails ``verify``."""
    found = contents(out)
    names = sorted(found.keys() | expected.keys())
    different = [name for name in names if found.get(name) != expected.get(name)]
    if different:
        raise FailedError(f"{len(different)} files differ: {', '.join(different[:5])}")
    if left := leftovers(out):
        raise FailedError(f"temporary files are left: {', '.join(left[:5])}")
    store = open_store(str(out))
    with temporary_folder() as scratch:
        problems = [problem.text for problem in verify(store, out, read_facts(store), scratch)]
    if problems:
        raise FailedError(f"verify found {len(problems)} problems: {problems[0]}")
