"""What a person sees while a job runs: bars on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Protocol

from mrimage.types import TaskReport

LINE_EVERY = 5.0
"""Seconds between lines where there is no terminal."""


class Progress(Protocol):
    """Hears of phases and finished tasks."""

    def start(self, phase: str, images: int | None) -> None:
        """A phase begins; ``images`` is how many it will handle, None where that is not known yet."""
        ...

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None:
        """So many more images, bytes and quarantined images are done."""
        ...

    def finish(self) -> None:
        """The phase is over, however it ended."""
        ...

    def say(self, text: str) -> None:
        """Something that a person should know now, on a line of its own."""
        ...


def task_done(progress: Progress, report: TaskReport) -> None:
    """Tell ``progress`` of a finished task."""
    progress.advance(report.images, report.bytes, report.quarantined)


class Silent:
    """Shows nothing."""

    def start(self, phase: str, images: int | None) -> None: ...

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None: ...

    def finish(self) -> None: ...

    def say(self, text: str) -> None: ...


class Bars:
    """One bar a phase, on a terminal."""

    def start(self, phase: str, images: int | None) -> None:
        from tqdm import tqdm

        self._size = self._quarantined = 0
        self._started = time.monotonic()
        self._bar = tqdm(
            total=images,
            desc=f"{phase:<10}",
            unit=" images",
            smoothing=0.1,
            dynamic_ncols=True,
            file=sys.stderr,
            bar_format=None if images else "{desc}: {elapsed}{postfix}",
        )

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None:
        self._size += size
        self._quarantined += quarantined
        rate = self._size / 1e6 / max(1e-9, time.monotonic() - self._started)
        facts = f"{rate:.1f} MB/s" if self._size else ""
        if self._quarantined:
            facts += f", {self._quarantined} quarantined"
        self._bar.set_postfix_str(facts.lstrip(", "), refresh=False)
        self._bar.update(images)

    def finish(self) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)


class Lines:
    """A line at a phase's start and end, and every few seconds between."""

    def start(self, phase: str, images: int | None) -> None:
        self._phase, self._total = phase, images
        self._images = self._size = self._quarantined = 0
        self._started = self._last = time.monotonic()

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None:
        self._images += images
        self._size += size
        self._quarantined += quarantined
        if time.monotonic() - self._last >= LINE_EVERY:
            self._last = time.monotonic()
            self._print(self._eta())

    def finish(self) -> None:
        self._print("done")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _eta(self) -> str:
        if not self._total or not self._images:
            return "running"
        left = (time.monotonic() - self._started) * (self._total / self._images - 1)
        return f"{left:.0f} s left"

    def _print(self, state: str) -> None:
        seconds = max(1e-9, time.monotonic() - self._started)
        of = f" of {self._total}" if self._total else ""
        if not self._images:
            print(f"{self._phase}: {seconds:.1f} s, {state}", file=sys.stderr, flush=True)
            return
        facts = [f"{self._images}{of} images", f"{self._images / seconds:.0f} images/s"]
        if self._size:
            facts.append(f"{self._size / 1e6 / seconds:.1f} MB/s")
        facts.append(f"{self._quarantined} quarantined")
        print(
            f"{self._phase}: {', '.join(facts)}, {seconds:.1f} s, {state}",
            file=sys.stderr,
            flush=True,
        )


def choose_progress(quiet: bool) -> Progress:
    """The right one for this process's standard error."""
    if quiet:
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines()


def describe_interruption(
    tasks: Sequence[TaskReport], reused: int, listed: int, command: str
) -> str:
    """What an interrupted run has done, and how to go on. ``reused`` images were mapped by an earlier run."""
    mapped = [task for task in tasks if task.phase == "map"]
    reduced = [task for task in tasks if task.phase == "reduce"]
    images = reused + sum(task.images for task in mapped)
    done = (
        f"{images} of {listed} images are mapped ({len(mapped)} splits in this run)"
        if listed
        else "nothing is new"
    )
    if reduced:
        done += f", {sum(task.images for task in reduced)} images are reduced ({len(reduced)} partitions in this run)"
    again = (
        f"run the same command again to continue: {command}"
        if command
        else "run it again to continue."
    )
    return f"interrupted: {done}. What is done is kept; {again}"
