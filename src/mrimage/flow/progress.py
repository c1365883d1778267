"""The progress of a run on standard error: bars on a terminal, or else plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from mrimage.types import TaskReport

LINE_EVERY = 5.0
"""Seconds between lines if there is no terminal."""

SHORTEST = 1e-9
"""Seconds: avoids a division by zero when a phase has just started."""


class Progress(Protocol):
    """Shows the phases of a run and the tasks that finish."""

    def start(self, phase: str, images: int | None) -> None:
        """Start a phase that handles ``images`` images, or None if the number is not known yet."""
        ...

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None:
        """Add images that are done, their bytes, and how many of them are quarantined."""
        ...

    def finish(self) -> None:
        """End the phase, even if it failed."""
        ...

    def say(self, text: str) -> None:
        """Show a message at once, on a line of its own."""
        ...


def task_done(progress: Progress, report: TaskReport) -> None:
    """Show that a task has finished."""
    progress.advance(report.images, report.bytes, report.quarantined)


class Silent:
    """Shows nothing."""

    def start(self, phase: str, images: int | None) -> None: ...

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None: ...

    def finish(self) -> None: ...

    def say(self, text: str) -> None: ...


class Bars:
    """One progress bar per phase, for a terminal."""

    def start(self, phase: str, images: int | None) -> None:
        from tqdm import tqdm

        self._size = 0
        self._quarantined = 0
        self._started = time.monotonic()
        # Without a number of images there is nothing to fill a bar with.
        bar_format = None if images else "{desc}: {elapsed}{postfix}"
        self._bar = tqdm(
            total=images,
            desc=f"{phase:<10}",
            unit=" images",
            smoothing=0.1,
            dynamic_ncols=True,
            file=sys.stderr,
            bar_format=bar_format,
        )

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None:
        self._size += size
        self._quarantined += quarantined
        seconds = max(SHORTEST, time.monotonic() - self._started)
        facts = []
        if self._size:
            facts.append(f"{self._size / 1e6 / seconds:.1f} MB/s")
        if self._quarantined:
            facts.append(f"{self._quarantined} quarantined")
        self._bar.set_postfix_str(", ".join(facts), refresh=False)
        self._bar.update(images)

    def finish(self) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)


class Lines:
    """A line every few seconds and at the end of each phase."""

    def start(self, phase: str, images: int | None) -> None:
        self._phase = phase
        self._total = images
        self._images = 0
        self._size = 0
        self._quarantined = 0
        self._started = time.monotonic()
        self._last_line = self._started

    def advance(self, images: int, size: int = 0, quarantined: int = 0) -> None:
        self._images += images
        self._size += size
        self._quarantined += quarantined
        if time.monotonic() - self._last_line >= LINE_EVERY:
            self._last_line = time.monotonic()
            self._print(self._eta())

    def finish(self) -> None:
        self._print("done")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _eta(self) -> str:
        if not self._total or not self._images:
            return "running"
        elapsed = time.monotonic() - self._started
        left = elapsed * (self._total / self._images - 1)
        return f"{left:.0f} s left"

    def _print(self, state: str) -> None:
        seconds = max(SHORTEST, time.monotonic() - self._started)
        facts = [*self._facts(seconds), f"{seconds:.1f} s", state]
        self.say(f"{self._phase}: {', '.join(facts)}")

    def _facts(self, seconds: float) -> Iterator[str]:
        if not self._images:
            return
        of_total = f" of {self._total}" if self._total else ""
        yield f"{self._images}{of_total} images"
        yield f"{self._images / seconds:.0f} images/s"
        if self._size:
            yield f"{self._size / 1e6 / seconds:.1f} MB/s"
        yield f"{self._quarantined} quarantined"


def choose_progress(quiet: bool) -> Progress:
    """Return the kind of progress that fits this process's standard error."""
    if quiet:
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines()


def describe_interruption(
    tasks: Sequence[TaskReport], reused: int, listed: int, command: str
) -> str:
    """Say what an interrupted run has done, and how to continue it. An earlier run has mapped
    ``reused`` of the images."""
    mapped = [task for task in tasks if task.phase == "map"]
    reduced = [task for task in tasks if task.phase == "reduce"]
    if listed:
        images = reused + sum(task.images for task in mapped)
        done = f"{images} of {listed} images are mapped ({len(mapped)} splits in this run)"
    else:
        done = "no images were processed"
    if reduced:
        images = sum(task.images for task in reduced)
        done += f", {images} images are reduced ({len(reduced)} partitions in this run)"
    if command:
        how = f"run the same command again to continue: {command}"
    else:
        how = "run it again to continue."
    return f"interrupted: {done}. What is done is kept; {how}"
