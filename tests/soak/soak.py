"""Runs schedules and mutated files by their numbers, and prints how each one went."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from tests.soak.disturbing import Disturber
from tests.soak.mutants import run_on
from tests.soak.places import ANY, missing_for
from tests.soak.schedules import schedule
from tests.soak.soak_process import FailedError

BATCH = 480
"""Mutated files of one run."""


class Soak:
    """``failures`` has the command that replays each failure. What failed is kept below ``folder``."""

    def __init__(self, folder: Path, seed: int, engine: str) -> None:
        self._folder, self._seed, self._engine = folder, seed, engine
        self._disturber = Disturber(folder)
        self.failures: list[str] = []
        self.carried_out = 0
        self.reasons: Counter[str] = Counter()

    def replay(self, name: str) -> None:
        """Do the schedule of a number, or the mutated file ``file-NUMBER``, again."""
        number = int(name.removeprefix("file-"))
        if name.startswith("file-"):
            self.run_files(range(number, number + 1))
        else:
            self.run_schedule(number)

    def run_schedule(self, number: int) -> None:
        plan = schedule(self._seed, number, self._engine)
        what = f"schedule {number}, {plan}"
        if missing := missing_for(plan.place):
            print(f"{what}: left out, because this machine lacks {missing}", flush=True)
            return
        try:
            done = self._disturber.carry_out(plan, f"schedule-{number}")
        except FailedError as error:
            self._fail(what, error, str(number))
        else:
            self.carried_out += done
            print(f"{what}: {done} carried out, the same bytes", flush=True)

    def close(self) -> None:
        self._disturber.close()

    def run_files(self, numbers: range) -> None:
        for start in range(numbers.start, numbers.stop, BATCH):
            batch = range(start, min(start + BATCH, numbers.stop))
            reasons = self._run_batch(batch)
            self.reasons += reasons
            counts = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            print(f"files {batch.start} to {batch.stop - 1}: {counts or 'FAILED'}", flush=True)

    def _run_batch(self, numbers: range) -> Counter[str]:
        """Run on the files; if that fails, on a half that fails too, until one file is left."""
        folder = self._folder / f"files-{numbers.start}-{numbers.stop}"
        environment = self._disturber.environment
        engine = "local" if self._engine == ANY else self._engine
        try:
            reasons = run_on(self._seed, numbers, folder, environment, engine)
        except FailedError as error:
            before = len(self.failures)
            middle = len(numbers) // 2
            for half in (numbers[:middle], numbers[middle:]):
                if middle and len(self.failures) == before:
                    self._run_batch(half)
            if len(self.failures) == before:
                self._fail(f"files in {folder}", error, f"file-{numbers.start}")
            return Counter()
        shutil.rmtree(folder)
        return reasons

    def _fail(self, what: str, error: FailedError, name: str) -> None:
        replay = f"python -m tests.soak --seed {self._seed} --engine {self._engine} --replay {name}"
        self.failures.append(replay)
        print(f"{what}: FAILED: {error}", f"kept in {self._folder}", replay, sep="\n  ", flush=True)
