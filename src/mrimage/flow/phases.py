"""The phases of a run, in order. Each is a method of ``RunPhases``."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from mrimage.commit.damage import fingerprint
from mrimage.commit.inventory import Inventory
from mrimage.commit.ledger import (
    ROOT,
    Committed,
    delete_all,
    exists,
    localize,
    merge_tables,
    task_of,
)
from mrimage.commit.members import MEMBERS
from mrimage.commit.model_copy import write_model_copy
from mrimage.commit.older_versions import forget_other_columns
from mrimage.commit.out_folder import Change, write_job
from mrimage.commit.prune import forget_outputs, prune_groups, prune_split
from mrimage.commit.publish import (
    PUBLISHED,
    Published,
    Publisher,
    is_complete,
    read_published,
)
from mrimage.commit.quarantine import try_again
from mrimage.commit.removed import forget_removed, publish_removed
from mrimage.commit.rounds import PROGRAM, task_phases
from mrimage.commit.split_plan import (
    SplitPlan,
    forget_split_plan,
    read_split_plan,
    write_split_plan,
)
from mrimage.engine import Engine
from mrimage.errors import DeniedError, JobError
from mrimage.flow.earlier import Earlier
from mrimage.flow.execution import Execution
from mrimage.flow.listing import ListingCounts, entries_of
from mrimage.flow.members import MembersPass
from mrimage.flow.programs import run_programs
from mrimage.flow.results import (
    FACTS,
    is_reported,
    library_versions,
    reporting,
    write_facts,
    write_report,
)
from mrimage.flow.rounds import RoundRunner
from mrimage.flow.splitting import split_limits
from mrimage.flow.summary import Summary
from mrimage.flow.tables import Tables
from mrimage.job.description import PROGRAMS, REDUCERS, Description
from mrimage.job.job import Plan, RunOptions
from mrimage.report import Reporter
from mrimage.rounds.programs import NamedProgram
from mrimage.shuffle.exchange import Exchange, SortedTable, describe_table
from mrimage.shuffle.planning import plan_partitions, weigh_groups, write_pending
from mrimage.source import cut_splits, find_starts
from mrimage.storage import Store, redact
from mrimage.storage.deliver import deliver
from mrimage.tables.schemas import THUMBNAILS
from mrimage.tasks.gallery import TABLE as THUMBNAILS_TABLE
from mrimage.tasks.gallery import cut_gallery, draw_gallery
from mrimage.tasks.map_split import map_split
from mrimage.tasks.reduce_partition import reduce_partition
from mrimage.types import Partition, RunFacts


@dataclass
class RunPhases:
    """One run in progress: its folders, and what its phases hand to each other.

    ``wait_for_bundle`` returns when the report's scripts are ready. A separate process makes them
    in the meantime.
    """

    plan: Plan
    description: Description
    options: RunOptions
    store: Store
    engine: Engine
    scratch: Path
    execution: Execution
    wait_for_bundle: Callable[[], None]
    started: float = field(default_factory=time.time)
    programs: tuple[NamedProgram, ...] = ()
    earlier: Earlier | None = None
    counts: ListingCounts = field(default_factory=ListingCounts)
    repeated: int = 0
    bytes: int = 0
    removed: tuple[int, tuple[str, ...]] = (0, ())

    def forget_changed(self, change: Change) -> None:
        """Take back what the earlier reducers or the earlier program made. From then on OUT belongs
        to this job."""
        reduces_again = bool(set(change.fields) & set(REDUCERS))
        self.execution.progress.say(f"The job has {change.text}. {_explain_again(change)}")
        self._outdate()
        if reduces_again:
            forget_outputs(self.store, "reduce")
        if "each" in change.fields:
            forget_outputs(self.store, MEMBERS)
        if "program" in change.fields:
            forget_outputs(self.store, PROGRAM)
        write_job(self.store, self.description)

    def retry_internal_failures(self) -> None:
        """Have images on which mrimage itself failed tried again: this may be a newer version."""
        if try_again(self.store, self.scratch, {"internal"}):
            self._outdate()
            self._drop_copies()

    def list_source(self) -> Inventory:
        """List the source once, to disk."""
        committed = Committed(self.store, "map")
        parts = localize(self.store, committed.tables("catalogue"), self.scratch)
        inventory = Inventory(self.scratch, parts, self.plan.job.taken)
        with self.execution.phase("list", None):
            entries = entries_of(self.plan, self.counts, self.options.strict)
            inventory.write(self.execution.counted(entries))
            if self.earlier:
                self.counts.ignored["not selected"] += inventory.select(self.earlier.chosen)
            left_out = inventory.narrow(self.plan.job.sample, self.plan.job.limit)
            self.counts.ignored["not in the sample"] += left_out
            self.counts.ignored += Counter()  # without counts of 0
            rows = inventory.rows()
            # What an earlier run did in a folder that is locked now is kept.
            locked = [uri for uri, error in self.counts.unlisted if isinstance(error, DeniedError)]
            inventory.keep_below(locked)
            self.execution.listed, self.bytes = inventory.totals()
            self.repeated = rows - inventory.listed_now()
        self.plan = replace(self.plan, columns=inventory.columns())
        if forget_other_columns(self.store, self.plan):
            self._outdate()
            self._drop_copies()
            inventory.update_catalogue([])
        return inventory

    def forget_gone(self, inventory: Inventory) -> None:
        """Take back what was committed of images that are gone from the source or have changed."""
        committed = Committed(self.store, "map")
        combined = self.plan.job.combine is not None
        gone = inventory.gone()
        for part, uris in gone:
            self._outdate()
            prune_split(self.store, committed, task_of(part), uris, combined)
        if gone:
            self._drop_copies()
            parts = Committed(self.store, "map").tables("catalogue")
            inventory.update_catalogue(localize(self.store, parts, self.scratch))

    def map(self, inventory: Inventory) -> None:
        """Map the images that no committed split holds."""
        execution = self.execution
        images, size = inventory.totals_to_map()
        execution.reused = execution.listed - images
        execution.quarantined = sum(Committed(self.store, "map").rows("quarantine"))
        execution.budget.check(execution.quarantined, execution.listed)
        if not images:
            execution.run_tasks("map", 0, iter(()))
            forget_split_plan(self.store)
            return
        self._outdate()
        write_model_copy(self.store, self.plan.job)
        plan = self._plan_splits(inventory, images, size)
        shuffle = self.plan.job.shuffle
        entries = inventory.to_map(shuffle)
        splits = cut_splits(entries, plan.max_bytes, plan.max_count, plan.starts, shuffle)
        first = next(splits)
        trial_split = first.id if self._is_on_trial() else ""
        function = partial(map_split, self.plan, first=trial_split)
        with self._forgotten_if_job_fails():
            reports = self.engine.run(function, chain([first], splits))
            execution.run_tasks("map", images, reports)
            execution.trial.end()
        forget_split_plan(self.store)

    def _plan_splits(self, inventory: Inventory, images: int, size: int) -> SplitPlan:
        """The plan of the run that this one continues; else a new one for ``images`` images of
        ``size`` bytes in all, which is kept."""
        plan = read_split_plan(self.store)
        if plan is None:
            limits = split_limits(self.plan.job, images, size, self.engine.workers)
            shuffle = self.plan.job.shuffle
            starts = find_starts(inventory.outlines_to_map(shuffle), *limits, shuffle)
            plan = SplitPlan(*limits, tuple(starts))
            write_split_plan(self.store, plan)
        return plan

    def _is_on_trial(self) -> bool:
        """Whether the job stops if its code fails on all of the first images. It does not if an
        earlier run processed some images, or if any number of failures is allowed."""
        execution = self.execution
        some_passed = execution.reused > execution.quarantined
        execution.trial.over = some_passed or execution.budget.allows_all(execution.listed)
        return not execution.trial.over

    @contextmanager
    def _forgotten_if_job_fails(self) -> Iterator[None]:
        """If the job's own code fails on every image, keep nothing, so that OUT is free for the
        corrected job."""
        try:
            yield
        except JobError as error:
            # A subclass is a fault of the budget, a store or the engine.
            is_of_the_job = type(error) is JobError
            tasks = self.execution.tasks
            some_passed = any(task.images > task.quarantined for task in tasks)
            if is_of_the_job and self.execution.reused == 0 and not some_passed:
                self.engine.close()
                committed = Committed(self.store, "map")
                committed.forget(list(committed.tasks))
            raise

    def plan_shuffle(self) -> tuple[Exchange, Path]:
        """Weigh the keys that map emitted, and assign those that are not reduced yet to
        partitions."""
        weighed = self.scratch / "weighed.parquet"
        with self.execution.phase("plan", None):
            names = Committed(self.store, "map").tables("records")
            parts = localize(self.store, names, self.scratch)
            weigh_groups(parts, weighed, self.scratch)
            if not self.plan.job.reduces:
                return Exchange(self.plan.out), weighed
            partitions, pending = self._plan_partitions(weighed)
            described = tuple(map(describe_table, names, parts)) if partitions else ()
            exchange = Exchange(self.plan.out, described, partitions, pending, self.plan.stores)
            return exchange, weighed

    def _plan_partitions(self, weighed: Path) -> tuple[tuple[Partition, ...], SortedTable | None]:
        """The partitions of groups that are not reduced yet, and the table of their keys if some are."""
        reduced = Committed(self.store, "reduce")
        if prune_groups(self.store, reduced, weighed, self.scratch):
            self._outdate()
        done = localize(self.store, reduced.tables("groups"), self.scratch)
        if not done:
            return plan_partitions(weighed, self.engine.workers), None
        pending = self.scratch / "pending.parquet"
        write_pending(weighed, done, pending, self.scratch)
        partitions = plan_partitions(pending, self.engine.workers)
        if not partitions:
            return (), None
        described = describe_table(f"{ROOT}/pending.parquet", str(pending))
        deliver(self.store, pending, described.name)
        return partitions, described

    def reduce(self, exchange: Exchange) -> None:
        """Exchange the records and reduce every partition."""
        if not exchange.partitions:
            return
        self._outdate()
        self.execution.add_quarantined(sum(Committed(self.store, "reduce").rows("quarantine")))
        images = sum(partition.images for partition in exchange.partitions)
        function = partial(reduce_partition, self.plan)
        reports = self.engine.shuffle(function, exchange, self.scratch)
        self.execution.run_tasks("reduce", images, reports)

    def members(self) -> None:
        """Edit the images that depend on their groups, in a second pass."""
        MembersPass(
            self.plan,
            self.store,
            self.engine,
            self.scratch,
            self.execution,
            self._outdate,
        ).run()

    def rounds(self) -> None:
        """Run the programs. Their rounds are kept as long as they use them."""
        with self.execution.interruptible():
            run_programs(self.programs, self._round_runner)

    def _round_runner(self) -> RoundRunner:
        return RoundRunner(
            self.plan,
            self.store,
            self.engine,
            self.scratch,
            self.execution,
            Tables(self.store, self.scratch, self.plan.job),
            self._outdate,
        )

    def publish(self, weighed: Path) -> Published:
        """Make the tables that people read, unless nothing has changed since they were made."""
        listed = self.execution.listed
        with self.execution.phase("publish", None):
            published = read_published(self.store)
            if published is None or not is_complete(self.store, published):
                published = self._publish_anew(weighed)
            else:
                published.account_for(listed)
        self.execution.budget.check(published.quarantined, listed - published.ignored)
        return published

    def _publish_anew(self, weighed: Path) -> Published:
        phases = task_phases(self.store)
        publisher = Publisher(self.store, self.scratch, phases, weighed)
        publisher.publish(self.plan.job, self.plan.columns)
        published = publisher.count(self.plan.job)
        delete_all(self.store, [name for phase in phases for name in phase.leftovers()])
        published.account_for(self.execution.listed)
        published = replace(published, state=fingerprint(self.store))
        self.store.write(PUBLISHED, msgspec.json.encode(published), durable=True)
        return published

    def report(self, published: Published) -> Summary:
        """Make the thumbnails, and write facts, summary and page, unless nothing has changed since
        they were written."""
        needs_thumbnails = self.options.thumbnails and not exists(self.store, THUMBNAILS_TABLE)
        facts = self._facts(published)
        if needs_thumbnails or not is_reported(self.store, facts):
            self.store.delete(FACTS)
            self.removed = publish_removed(self.store, self.scratch)
            with reporting(self.store, self.scratch) as reporter:
                if needs_thumbnails:
                    self._draw_thumbnails(reporter)
                self._write_report(reporter, published)
            facts = self._facts(published)
            write_facts(self.store, facts)
        forget_removed(self.store)
        return Summary(facts, self.plan.stores)

    def _draw_thumbnails(self, reporter: Reporter) -> None:
        """Make the thumbnails that the report will show."""
        chosen = reporter.choose_thumbnails()
        weighed = reporter.choose_conversion_samples()
        if chosen:
            shown = [(thumbnail.uri, thumbnail.is_output) for thumbnail in chosen]
            tasks = cut_gallery(shown, weighed, self.engine.workers)
            reports = self.engine.run(partial(draw_gallery, self.plan), tasks)
            self.execution.run_tasks("thumbnails", len(shown) + len(weighed), reports)
        made = Committed(self.store, "thumbnails")
        merge_tables(self.store, made.tables("thumbnails"), THUMBNAILS_TABLE, THUMBNAILS)
        made.forget(made.tasks)
        localize(self.store, [THUMBNAILS_TABLE], self.scratch)
        reporter.read_again("thumbnails")

    def _write_report(self, reporter: Reporter, published: Published) -> None:
        with self.execution.phase("report", None):
            self.wait_for_bundle()
            facts = self._facts(published)
            write_report(self.store, facts, self.scratch, reporter, is_new=True)

    def _facts(self, published: Published) -> RunFacts:
        execution = self.execution
        # A file without an extension turns out not to be an image only when map opens it.
        listed = execution.listed - published.ignored
        ignored = self.counts.ignored + Counter({"not an image": published.ignored})
        return RunFacts(
            source=", ".join(self.plan.sources),
            out=self.plan.out,
            command=redact(self.options.command),
            job=self.description.job,
            engine=self.engine.name,
            workers=self.engine.workers,
            plan_hash=self.description.hash(),
            versions=library_versions(self.plan.job.network is not None),
            started=self.started,
            listed=listed,
            processed=published.processed,
            quarantined=published.quarantined,
            ignored=ignored.total(),
            ignored_reasons=dict(sorted(ignored.items())),
            repeated=self.repeated,
            unlisted=tuple(str(error) for _, error in self.counts.unlisted),
            earlier=dict(sorted(self.counts.earlier.items())),
            reused=min(execution.reused, listed),
            bytes=published.bytes,
            groups=published.groups,
            outputs=published.outputs,
            removed=self.removed[0],
            removed_outputs=self.removed[1],
            reasons=published.reasons,
            gain_maps_dropped=published.gain_maps_dropped,
            rules=published.rules,
            title=self.options.title,
            owner=self.options.owner,
            phases=tuple(execution.phases),
            tasks=tuple(execution.tasks),
        )

    def _outdate(self) -> None:
        """From here on the published tables and the report are out of date."""
        for name in (FACTS, PUBLISHED, THUMBNAILS_TABLE):
            self.store.delete(name)

    def _drop_copies(self) -> None:
        """Drop local copies of tables that have changed in OUT."""
        shutil.rmtree(self.scratch / "copies", ignore_errors=True)


def _explain_again(change: Change) -> str:
    """Say what is kept, and what is done again."""
    reduces = bool(set(change.fields) & set(REDUCERS))
    if not set(change.fields) & set(PROGRAMS):
        return "What map has done is kept; all groups are reduced again."
    if reduces:
        return "What map has done is kept; all groups are reduced, and the program runs, again."
    return "What map and reduce have done is kept; the program runs again."
