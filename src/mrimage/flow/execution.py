"""Runs the phases of a run and watches them: progress, the failure budget, and failures of the job's
code and of our own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from mrimage.commit.publish import count_quarantined
from mrimage.commit.quarantine import quarantined_for
from mrimage.flow.budget import Budget
from mrimage.flow.progress import Progress, describe_interruption, task_done
from mrimage.report import text
from mrimage.storage import Store
from mrimage.tasks.faults import MOST_FAULTS, fault_of_ours
from mrimage.tasks.trial import Trial
from mrimage.types import PhaseFacts, TaskReport

Item = TypeVar("Item")

PROGRESS_STEP = 1_000
"""Entries of a listing between two steps of its progress bar."""


@dataclass
class Execution:
    """What a run has done so far. ``listed``, ``reused`` and ``quarantined`` count images.
    ``internal_failures`` counts those on which mrimage itself failed."""

    store: Store
    scratch: Path
    budget: Budget
    progress: Progress
    command: str
    phases: list[PhaseFacts] = field(default_factory=list)
    tasks: list[TaskReport] = field(default_factory=list)
    trial: Trial = field(default_factory=Trial)
    listed: int = 0
    reused: int = 0
    quarantined: int = 0
    internal_failures: int = 0

    def run_tasks(self, name: str, images: int, reports: Iterator[TaskReport]) -> None:
        """Run the phase ``name`` to its end. Raises BudgetError, JobError or InternalError if too
        many images fail."""
        with self.phase(name, images):
            self.watch(name, reports)

    def watch(self, name: str, reports: Iterator[TaskReport]) -> None:
        """Take the reports of tasks of the phase ``name``. Raises the errors of ``run_tasks``."""
        for report in reports:
            # The ledger has two phases for a round, which is one phase for people.
            self.tasks.append(replace(report, phase=name))
            task_done(self.progress, report)
            if name in ("map", "members"):
                self._watch_job_code(report)
            if name != "thumbnails":
                self.add_quarantined(report.quarantined)
                self._add_internal_failures(report.reasons.get("internal", 0))

    @contextmanager
    def phase(self, name: str, images: int | None) -> Iterator[None]:
        """Time the block as the phase ``name`` and show its progress. ``images`` is None if their
        number is not known, and 0 if there is nothing to show."""
        begun = time.monotonic()
        earlier_tasks = len(self.tasks)
        if images != 0:
            self.progress.start(name, images)
        try:
            with self.interruptible():
                yield
        finally:
            if images != 0:
                self.progress.finish()
            done = self.tasks[earlier_tasks:]
            self.phases.append(
                PhaseFacts(
                    name,
                    seconds=time.monotonic() - begun,
                    tasks=len(done),
                    images=sum(report.images for report in done),
                    bytes=sum(report.bytes for report in done),
                )
            )

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """If the block is interrupted, say what the run has done and how to continue it."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            if str(interrupt):
                raise
            message = describe_interruption(self.tasks, self.reused, self.listed, self.command)
            raise KeyboardInterrupt(message) from None

    def counted(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same ``items``, counted by the progress bar."""
        for number, item in enumerate(items, 1):
            yield item
            if number % PROGRESS_STEP == 0:
                self.progress.advance(PROGRESS_STEP)

    def add_quarantined(self, images: int) -> None:
        """Count quarantined images against the failure budget. Raises BudgetError if there are too
        many.

        Several reduce tasks may have failed on the same image, or on one from outside the source.
        So images are counted by name before they end the run.
        """
        self.quarantined += images
        if not self.budget.allows(self.quarantined, self.listed):
            self.quarantined = count_quarantined(self.store, self.scratch)
            self.budget.check(self.quarantined, self.listed)

    def require_no_internal_failures(self) -> None:
        """Raise InternalError if mrimage itself failed on an image."""
        found = quarantined_for(self.store, self.scratch, "internal")
        if found:
            raise fault_of_ours(found, len(found))

    def _watch_job_code(self, report: TaskReport) -> None:
        """Show the first error of the job's own code at once, and stop a job whose code always
        fails."""
        if report.code_error and not self.trial.message:
            self.progress.say(f"mapper-failed: {text.cut(report.code_error, 500)}")
        passed = report.images - report.quarantined
        self.trial.count(passed, report.code_errors, report.code_error)

    def _add_internal_failures(self, images: int) -> None:
        self.internal_failures += images
        if images and self.internal_failures >= MOST_FAULTS:
            self.require_no_internal_failures()
