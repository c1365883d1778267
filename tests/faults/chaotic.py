"""A run that harms itself: a program for the chaos test.

    python chaotic.py PHOTOS OUT [TRIGGER:TARGET ...]

A trigger is ``after-SECONDS``, ``map-N`` or ``reduce-N`` (that many commits more), ``careful`` (a guarded child is
running) or ``step-N`` (the driver changes the Nth name below OUT). The target is ``run``, ``group`` or ``worker``,
and ends by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from tests.faults.poisons import swallow

import mrimage as mr
from mrimage.flow import splitting
from mrimage.flow.run import RunOptions, run
from mrimage.types import Limits


def poisonous(image: mr.Image):
    """A mapper that some images bring down, by their names."""
    swallow(image.uri.rpartition("/")[2].partition("-")[0])
    yield image.metadata.format, None


JOB = mr.Job(
    map=poisonous,
    edits=mr.Edits(resize=(16, 16)),
    group=("mean",),
    limits=Limits(deadline=2.0, memory=1 << 30),
)


def strike(target: str) -> None:
    if target == "run":
        os.kill(os.getpid(), signal.SIGKILL)
    if target == "group":
        os.killpg(0, signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):  # it ended while we looked
        for worker in psutil.Process().children()[:1]:
            worker.kill()


def is_careful() -> bool:
    return any(
        "mrimage.guard.guard" in child.cmdline()
        for child in psutil.Process().children(recursive=True)
    )


def ready(trigger: str, out: Path) -> Callable[[], bool]:
    """A question to be asked again and again, until it is time."""
    name, _, number = trigger.partition("-")
    if name == "after":
        end = time.monotonic() + float(number)
        return lambda: time.monotonic() >= end
    if name == "careful":
        return is_careful
    commits = out / "_run" / name
    before = len(list(commits.glob("*.json")))
    return lambda: len(list(commits.glob("*.json"))) >= before + int(number)


def watch(orders: list[str], out: Path) -> None:
    for order in orders:
        trigger, _, target = order.partition(":")
        is_time = ready(trigger, out)
        while True:
            try:
                if is_time():
                    break
            except psutil.Error:
                continue  # a process ended while we looked
            time.sleep(0.01)
        strike(target)


def count_steps(number: int, out: Path) -> None:
    steps = 0

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event in ("os.rename", "os.remove") and str(arguments[0]).startswith(f"{out}/"):
            steps += 1
            if steps == number:
                strike("run")

    sys.addaudithook(audit)


if __name__ == "__main__":
    photos, out, *orders = sys.argv[1:]
    splitting.PIXEL_SPLIT = (1500, 1500)
    for order in [order for order in orders if order.startswith("step-")]:
        count_steps(int(order.partition(":")[0].partition("-")[2]), Path(out))
    rest = [order for order in orders if not order.startswith("step-")]
    threading.Thread(target=watch, args=(rest, Path(out)), daemon=True).start()
    summary = run(JOB, photos, out, RunOptions(workers=2, thumbnails=False, retries=20))
    print(summary.images, summary.processed, summary.quarantined)
