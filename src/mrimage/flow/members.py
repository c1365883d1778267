"""The second pass of a run: it merges the statistics of the groups, and edits the images that depend
on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from mrimage.commit.ledger import Committed, exists, localize
from mrimage.commit.members import MEMBERS
from mrimage.commit.publish import PUBLISHED
from mrimage.engine import Engine
from mrimage.flow.execution import Execution
from mrimage.flow.members_plan import MembersPlan
from mrimage.job.job import Plan
from mrimage.storage import Store
from mrimage.tasks.edit_members import MemberSplit, edit_members
from mrimage.tasks.trial import Trial


@dataclass(frozen=True)
class MembersPass:
    """The second pass of one run. ``outdate`` is called before anything in OUT changes."""

    plan: Plan
    store: Store
    engine: Engine
    scratch: Path
    execution: Execution
    outdate: Callable[[], None]

    def run(self) -> None:
        """Edit the images whose groups' statistics are new or have changed."""
        mapped = Committed(self.store, "map")
        names = mapped.tables("statistics")
        is_empty = not names and not Committed(self.store, MEMBERS).tasks
        # What is published was complete, and nothing has changed since.
        if is_empty or exists(self.store, PUBLISHED):
            return
        plan = MembersPlan(self.plan.job, self.store, self.scratch, self.outdate)
        with self.execution.phase("statistics", None):
            parts = localize(self.store, names, self.scratch)
            images = plan.make(parts)
        self.execution.add_quarantined(sum(Committed(self.store, MEMBERS).rows("quarantine")))
        if images:
            self._edit(plan.splits(parts), images)

    def _edit(self, splits: Iterator[MemberSplit], images: int) -> None:
        execution = self.execution
        self.outdate()
        first = next(splits)
        some_passed = bool(Committed(self.store, MEMBERS).tasks)
        execution.trial = Trial(over=some_passed or execution.budget.allows_all(execution.listed))
        trial_split = "" if execution.trial.over else first.id
        function = partial(edit_members, self.plan, first=trial_split)
        reports = self.engine.run(function, chain([first], splits))
        execution.run_tasks(MEMBERS, images, reports)
        execution.trial.end()
