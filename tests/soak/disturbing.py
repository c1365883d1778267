"""Carries out schedules, and compares what they leave with undisturbed runs."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tests.faults.states import everything, leftovers
from tests.services.seaweed import Seaweed
from tests.soak.orders import BOOT, ORDERS, OUT, SECOND, Order
from tests.soak.places import Place, make_trap, sprung
from tests.soak.schedules import ENDS, Schedule
from tests.soak.soak_process import ROOT, FailedError, Process

from mrimage.commit.out_folder import temporary_folder
from mrimage.commit.verify import verify
from mrimage.flow.results import read_facts
from mrimage.storage import open_store


class Disturber:
    """Runs jobs on one source below ``folder``, each of them once undisturbed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _fill(folder / "photos")
        make_trap(folder / "trap")
        boot = folder / "boot"
        boot.mkdir()
        (boot / "sitecustomize.py").write_text(BOOT)
        path = [str(boot), str(ROOT), str(ROOT / "src")]
        self.environment = {
            "PYTHONPATH": os.pathsep.join(path),
            "SPARK_LOCAL_IP": "127.0.0.1",
            # A cluster of its own, whatever else runs on this machine.
            "RAY_ADDRESS": "local",
        }
        self._expected: dict[str, dict[str, bytes]] = {}
        self._seaweed: Seaweed | None = None

    def close(self) -> None:
        """End the object store, if one was needed."""
        if self._seaweed:
            self._seaweed.stop()

    def carry_out(self, plan: Schedule, name: str) -> int:
        """Disturb, finish and compare. Returns how many orders were carried out: runs may end before
        the moment of an order. Raises FailedError, and keeps OUT then."""
        expected = self.undisturbed(plan.job)
        home = self._folder / name
        home.mkdir()
        if plan.place.is_remote:
            self._start_store()
        chance = random.Random(name)
        done = 0
        for orders, cut in zip(plan.runs, plan.cuts, strict=True):
            done += self._disturb(plan, home, orders)
            if not plan.place.is_remote:
                _cut_leftover(home / plan.place.name, cut, chance)
        self._finish(plan, home)
        out = home / plan.place.name
        if plan.place.is_remote:
            self._fetch(_out_of(plan, home), out)
        compare(out, expected)
        if imported := sprung(self._folder / "trap"):
            raise FailedError(f"modules of the working directory were imported: {imported}")
        shutil.rmtree(home)
        return done

    def out_of_undisturbed(self, job: str) -> Path:
        return self._folder / f"undisturbed-{job}" / "out"

    def undisturbed(self, job: str) -> dict[str, bytes]:
        """What a run of the job writes if nothing disturbs it: file names and contents."""
        if job not in self._expected:
            out = self.out_of_undisturbed(job)
            out.parent.mkdir()
            self._finish(Schedule(job, 1, (), (), Place()), out.parent)
            self._expected[job] = everything(out)
        return self._expected[job]

    def _finish(self, plan: Schedule, home: Path) -> None:
        with self._start(plan, home, {}) as process:
            status, line = process.result()
        if status != 0:
            raise FailedError(f"an undisturbed run ended with status {status}: {line}")

    def _disturb(self, plan: Schedule, home: Path, orders: tuple[Order, ...]) -> int:
        """Run with the orders. Returns how many of them were carried out."""
        folder = home / "orders"
        folder.mkdir()
        for order in orders:
            (folder / str(order)).touch()
        environment = {ORDERS: str(folder), OUT: _out_of(plan, home)}
        with self._start(plan, home, environment) as process:
            is_excused = self._attend(process, plan, home, folder)
            status, line = process.result()
        pending = [Order.parse(path.name) for path in folder.iterdir()]
        shutil.rmtree(folder)
        done = set(orders) - set(pending)
        was_ended = any(order.role == "driver" and order.action in ENDS for order in done)
        if status != 0 and not was_ended and not is_excused:
            raise FailedError(f"a run that nothing ended has status {status}: {line}")
        return len(done)

    def _attend(self, process: Process, plan: Schedule, home: Path, folder: Path) -> bool:
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
                was_overtaken |= self._run_second(plan, home)
            if pending != stops:
                # Again and again: an order's file goes shortly before its process stops.
                process.resume_stopped()
            time.sleep(0.1)
        return was_overtaken

    def _run_second(self, plan: Schedule, home: Path) -> bool:
        with self._start(plan, home, {}) as second:
            status, line = second.result()
        if status != 0 and "Only one run at a time" not in line:
            raise FailedError(f"the second of two runs ended with status {status}: {line}")
        return status == 0

    def _start(self, plan: Schedule, home: Path, environment: dict[str, str]) -> Process:
        source = str(self._folder / "photos")
        log = home / f"{time.monotonic_ns()}.log"
        out = _out_of(plan, home)
        arguments = [plan.job, source, out, plan.place.engine, str(plan.workers)]
        cwd = self._folder / "trap" if plan.place.is_trap else ROOT
        return Process(arguments, self.environment | environment, log, cwd)

    def _start_store(self) -> None:
        if self._seaweed:
            return
        folder = self._folder / "seaweed"
        folder.mkdir()
        self._seaweed = Seaweed(folder)
        self._seaweed.start()
        self._seaweed.make_bucket("soak")
        # For the runs, which inherit it, and for this process, which reads what they leave.
        os.environ.update(self._seaweed.environment)

    def _fetch(self, out: str, copy: Path) -> None:
        """Copy OUT from the object store to a local folder, and remove it there."""
        store = open_store(out)
        for item in list(store.list()):
            path = copy / item.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.read(item.path))
            store.delete(item.path)


def _out_of(plan: Schedule, home: Path) -> str:
    return f"s3://soak/{home.name}" if plan.place.is_remote else str(home / plan.place.name)


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


def compare(out: Path, expected: dict[str, bytes]) -> None:
    """Raises FailedError if OUT holds other outputs, something left over, or fails ``verify``."""
    found = everything(out)
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
