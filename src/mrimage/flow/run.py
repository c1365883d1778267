"""The whole story of a run: list, split, map, plan, shuffle, reduce, publish, report."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import msgspec

from mrimage import report
from mrimage.commit.damage import damage_named, fingerprint
from mrimage.commit.inventory import Inventory
from mrimage.commit.ledger import (
    ROOT,
    Committed,
    delete_all,
    deliver,
    exists,
    localize,
    merge_tables,
    task_of,
)
from mrimage.commit.lock import locked
from mrimage.commit.out_folder import check_apart, claim, scratch_folder
from mrimage.commit.prune import prune_groups, prune_split
from mrimage.commit.publish import (
    PUBLISHED,
    Published,
    Publisher,
    count_quarantined,
    is_whole,
    read_published,
)
from mrimage.commit.removed import forget_removed, tell_removed
from mrimage.engine import Engine, Options, open_engine
from mrimage.errors import SourceError
from mrimage.flow.budget import Budget
from mrimage.flow.check import check_job
from mrimage.flow.progress import Progress, task_done, unfinished, watch
from mrimage.flow.results import (
    FACTS,
    is_reported,
    library_versions,
    results_folder,
    write_facts,
    write_report,
)
from mrimage.flow.summary import Summary, describe_ignored
from mrimage.job.job import How as How
from mrimage.job.job import Job, Plan
from mrimage.reducers import reducers_of
from mrimage.shuffle.planning import plan_partitions, weigh_groups, write_pending
from mrimage.source import Selection, cut_splits, list_entries
from mrimage.source.earlier import OnEarlier
from mrimage.storage import Store, open_store, redact
from mrimage.storage.local import system_errors
from mrimage.tables.schemas import THUMBNAILS
from mrimage.tasks.gallery import TABLE as THUMBNAILS_TABLE
from mrimage.tasks.gallery import cut_wishes, draw_thumbnails
from mrimage.tasks.map_split import map_split
from mrimage.types import Entry, Exchange, PhaseFacts, RunFacts, TaskReport

HEADER_SPLIT = (200, 2_000)
"""Images of a split when only headers are read: fewer in a small job, so that all workers wait for a remote store."""

PIXEL_SPLIT = (8 << 20, 128 << 20)
"""Bytes of a split when whole images are read: smaller in a small job, so that no worker waits long for the last."""


def run(job: Job, source: str, out: str, how: How = How()) -> Summary:  # noqa: B008 - How is frozen
    """Do ``job`` on every image of ``source``, into ``out``; what an earlier run of it has done is kept.

    Raises UsageError for a job that is not well-formed, JobError (see ``errors``) for one that cannot be done.
    """
    require_sense(job)
    check_apart(source, out)
    budget = Budget.parse(how.max_failures)
    plan = Plan(job, source, out, how.stores)
    plan.stores.apply()
    with system_errors(out), ExitStack() as stack:
        warm = how.fresh or not exists(open_store(out), PUBLISHED)
        options = Options(
            how.workers, how.retries, how.speculate, job.limits.memory, how.quiet, warm
        )
        engine = open_engine(how.engine, options)
        stack.callback(engine.close)
        require_images(plan)
        held = stack.enter_context(locked(open_store(out, create=True), _sayer(how.quiet)))
        store, plan = held.store, replace(plan, lease=held.lease)
        stack.enter_context(damage_named(store))
        claim(store, plan, how.fresh)
        scratch = stack.enter_context(scratch_folder(store))
        stack.callback(engine.close)  # workers write there: they end before it goes
        warmed = stack.enter_context(report.warm() if warm else nullcontext(lambda: None))
        this = Run(plan, how, store, engine, scratch, budget, watch(how.quiet), warmed)
        inventory = this.list_source()
        this.forget_gone(inventory)
        this.map(inventory)
        exchange, weighed = this.plan_shuffle()
        this.reduce(exchange)
        published = this.publish(weighed)
        this.draw_thumbnails()
        return this.report(published)


def _sayer(quiet: bool) -> Callable[[str], None]:
    """What prints a line for the person who waits, or nothing."""

    def say(message: str) -> None:
        if not quiet:
            print(f"mrimage: {message}", file=sys.stderr)

    return say


def require_sense(job: Job) -> None:
    """Raise UsageError for a job that names a key, an extractor or a reducer that does not exist."""
    check_job(job)
    reducers_of(job)


def entries_of(
    plan: Plan, on_ignored: Callable[[str], None], on_earlier: OnEarlier
) -> Iterator[Entry]:
    """The plan's source, listed by the job's selection."""
    selection = Selection(plan.job.include, plan.job.exclude, plan.job.all_files)
    return list_entries(plan.source, selection, on_ignored, on_earlier)


def require_images(plan: Plan) -> None:
    """Raise SourceError for a source that is missing or holds no image, before anything is written."""
    ignored: list[str] = []
    if next(entries_of(plan, ignored.append, ignored.append), None) is None:
        raise SourceError(
            f"Expected images in {plan.source}, but found none (ignored: {describe_ignored(len(ignored))}). "
            "Check the place, --include and --exclude, or add --all-files."
        )


def split_limits(job: Job, images: int, size: int, workers: int) -> tuple[int, int]:
    """Most bytes and most images of a split, for ``images`` of ``size`` bytes in all."""
    fewest, most = HEADER_SPLIT
    if not job.needs_bytes:
        return 1 << 62, min(most, max(fewest, images // (4 * workers)))
    smallest, largest = PIXEL_SPLIT
    if job.output != "files":  # a shard is no larger than what one task makes
        return min(2 * largest, max(smallest, size // (2 * workers))), 10 * most
    return min(largest, max(smallest, size // (8 * workers))), most


@dataclass
class Run:
    """One run in progress: its places, and what it has seen so far."""

    plan: Plan
    how: How
    store: Store
    engine: Engine
    scratch: Path
    budget: Budget
    progress: Progress
    warmed: Callable[[], None]
    started: float = field(default_factory=time.time)
    phases: list[PhaseFacts] = field(default_factory=list)
    tasks: list[TaskReport] = field(default_factory=list)
    ignored: int = 0
    earlier: Counter[str] = field(default_factory=Counter)
    listed: int = 0
    bytes: int = 0
    reused: int = 0
    quarantined: int = 0
    removed: tuple[int, tuple[str, ...]] = (0, ())

    def list_source(self) -> Inventory:
        """List the source once, to disk."""
        committed = Committed(self.store, "map")
        parts = localize(self.store, committed.tables("catalogue"), self.scratch)
        inventory = Inventory(self.scratch, parts)
        with self._phase("list", None):
            inventory.write(self._counted(entries_of(self.plan, self._ignore, self._leave_out)))
            self.listed, self.bytes = inventory.totals()
        return inventory

    def forget_gone(self, inventory: Inventory) -> None:
        """Take back what was committed of images that the source no longer holds as they were."""
        committed = Committed(self.store, "map")
        gone = inventory.gone()
        for part, uris in gone:
            self._touch()
            combined = self.plan.job.combine is not None
            prune_split(self.store, committed, task_of(part), uris, combined)
        if gone:
            shutil.rmtree(
                self.scratch / "copies", ignore_errors=True
            )  # what they are copies of has changed
            parts = Committed(self.store, "map").tables("catalogue")
            inventory.learn(localize(self.store, parts, self.scratch))

    def map(self, inventory: Inventory) -> None:
        """Map what no committed split holds."""
        images, size = inventory.totals_to_map()
        self.reused = self.listed - images
        committed = Committed(self.store, "map")
        self.quarantined = sum(committed.rows("quarantine"))
        self.budget.check(self.quarantined, self.listed)
        splits = (
            cut_splits(
                inventory.to_map(), *split_limits(self.plan.job, images, size, self.engine.workers)
            )
            if images
            else iter(())
        )
        if images:
            self._touch()
        self._execute("map", images, self.engine.run(partial(map_split, self.plan), splits))

    def plan_shuffle(self) -> tuple[Exchange, Path]:
        """Weigh the keys that map emitted, and cut those that are not reduced yet into partitions."""
        weighed = self.scratch / "weighed.parquet"
        with self._phase("plan", None):
            names = Committed(self.store, "map").tables("records")
            weigh_groups(localize(self.store, names, self.scratch), weighed, self.scratch)
            if not self.plan.job.reduces:
                return Exchange((), ()), weighed
            reduced = Committed(self.store, "reduce")
            if prune_groups(self.store, reduced, weighed, self.scratch):
                self._touch()
            done = localize(self.store, reduced.tables("groups"), self.scratch)
            if not done:
                return Exchange(
                    tuple(names), plan_partitions(weighed, self.engine.workers)
                ), weighed
            pending = self.scratch / "pending.parquet"
            write_pending(weighed, done, pending, self.scratch)
            partitions = plan_partitions(pending, self.engine.workers)
            if not partitions:
                return Exchange((), ()), weighed
            deliver(self.store, pending, f"{ROOT}/pending.parquet")
            return Exchange(tuple(names), partitions, f"{ROOT}/pending.parquet"), weighed

    def reduce(self, exchange: Exchange) -> None:
        """Exchange the records and reduce every partition."""
        if not exchange.partitions:
            return
        self._touch()
        self._charge(sum(Committed(self.store, "reduce").rows("quarantine")))
        images = sum(partition.images for partition in exchange.partitions)
        reports = self.engine.reduce(self.plan, exchange, self.scratch)
        self._execute("reduce", images, reports)

    def publish(self, weighed: Path) -> Published:
        """Make the tables that people read, unless nothing has changed since they were made."""
        with self._phase("publish", None):
            published = read_published(self.store)
            if published is None or not is_whole(self.store, published):
                mapped, reduced = Committed(self.store, "map"), Committed(self.store, "reduce")
                publisher = Publisher(self.store, self.scratch, mapped, reduced, weighed)
                publisher.publish(self.plan.job)
                published = publisher.summarise()
                delete_all(self.store, [*mapped.leftovers(), *reduced.leftovers()])
                published.account_for(self.listed)
                published = replace(published, state=fingerprint((mapped, reduced)))
                self.store.write(PUBLISHED, msgspec.json.encode(published), durable=True)
            else:
                published.account_for(self.listed)
        self.budget.check(published.quarantined, self.listed)
        return published

    def draw_thumbnails(self) -> None:
        """Make the report's pictures."""
        if not self.how.thumbnails or exists(self.store, THUMBNAILS_TABLE):
            return
        self.store.delete(FACTS)
        with results_folder(self.store, self.scratch) as results:
            wishes = [(wish.uri, wish.is_output) for wish in report.choose_thumbnails(results)]
            weighed = report.choose_weighed(results)
        if wishes:
            splits = cut_wishes(wishes, weighed, self.engine.workers)
            function = partial(draw_thumbnails, self.plan)
            self._execute(
                "thumbnails", len(wishes) + len(weighed), self.engine.run(function, splits)
            )
        made = Committed(self.store, "thumbnails")
        merge_tables(self.store, made.tables("thumbnails"), THUMBNAILS_TABLE, THUMBNAILS)
        made.forget(made.tasks)

    def report(self, published: Published) -> Summary:
        """Write facts, summary and page, unless nothing has changed since they were written."""
        facts = self._facts(published)
        if not is_reported(self.store, facts):
            with self._phase("report", None):
                self.warmed()
                self.removed = tell_removed(self.store, self.scratch)
                write_report(self.store, self._facts(published), self.scratch)
            facts = self._facts(published)
            write_facts(self.store, facts)
        forget_removed(self.store)
        return Summary(facts)

    def _facts(self, published: Published) -> RunFacts:
        job = self.plan.job
        return RunFacts(
            source=self.plan.source,
            out=self.plan.out,
            command=redact(self.how.command),
            job=job.describe(),
            engine=self.engine.name,
            workers=self.engine.workers,
            plan_hash=self.plan.hash(),
            versions=library_versions(),
            started=self.started,
            listed=self.listed,
            processed=published.processed,
            quarantined=published.quarantined,
            ignored=self.ignored,
            earlier=dict(sorted(self.earlier.items())),
            reused=self.reused,
            bytes=published.bytes,
            groups=published.groups,
            outputs=published.outputs,
            removed=self.removed[0],
            removed_outputs=self.removed[1],
            reasons=published.reasons,
            phases=tuple(self.phases),
            tasks=tuple(self.tasks),
        )

    def _execute(self, name: str, images: int, reports: Iterator[TaskReport]) -> None:
        """Run a phase of tasks to its end, watching the failure budget."""
        with self._phase(name, images):
            for report in reports:
                self.tasks.append(report)
                task_done(self.progress, report)
                if name != "thumbnails":
                    self._charge(report.quarantined)

    def _charge(self, quarantined: int) -> None:
        """Count images in quarantine against the failure budget. Tasks of reduce may have failed on the same one, or on one
        that is none of the source's: before that ends a run, they are counted by name."""
        self.quarantined += quarantined
        if not self.budget.allows(self.quarantined, self.listed):
            self.quarantined = count_quarantined(self.store, self.scratch)
            self.budget.check(self.quarantined, self.listed)

    @contextmanager
    def _phase(self, name: str, images: int | None) -> Iterator[None]:
        begun, tasks = time.monotonic(), len(self.tasks)
        if images != 0:
            self.progress.start(name, images)
        try:
            yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                unfinished(self.tasks, self.reused, self.listed, self.how.command)
            ) from None
        finally:
            if images != 0:
                self.progress.finish()
            mine = self.tasks[tasks:]
            self.phases.append(
                PhaseFacts(
                    name,
                    time.monotonic() - begun,
                    len(mine),
                    sum(report.images for report in mine),
                    sum(report.bytes for report in mine),
                )
            )

    def _counted(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for number, entry in enumerate(entries, 1):
            yield entry
            if number % 1_000 == 0:
                self.progress.advance(1_000)

    def _ignore(self, path: str) -> None:
        self.ignored += 1

    def _leave_out(self, folder: str) -> None:
        self.ignored += 1
        self.earlier[folder] += 1

    def _touch(self) -> None:
        """From here on the published tables and the report are out of date."""
        for name in (FACTS, PUBLISHED, THUMBNAILS_TABLE):
            self.store.delete(name)
