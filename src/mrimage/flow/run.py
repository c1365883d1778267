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
from itertools import chain
from pathlib import Path

import msgspec

from mrimage import report
from mrimage.commit.again import quarantined_for, try_again
from mrimage.commit.damage import damage_named, fingerprint
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
from mrimage.commit.lock import locked
from mrimage.commit.out_folder import check_apart, claim, scratch_folder, write_job
from mrimage.commit.prune import forget_reduced, prune_groups, prune_split
from mrimage.commit.publish import (
    PUBLISHED,
    Published,
    Publisher,
    count_quarantined,
    is_whole,
    read_published,
)
from mrimage.commit.removed import forget_removed, tell_removed
from mrimage.engine import Engine, EngineOptions, open_engine
from mrimage.errors import DeniedError, JobError, SourceError, StoreError
from mrimage.flow.budget import Budget
from mrimage.flow.check import checked
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
from mrimage.job.description import Description, describe, identities, note_uses
from mrimage.job.job import Job, Plan
from mrimage.job.job import RunOptions as RunOptions
from mrimage.job.portable import dumps
from mrimage.report import text
from mrimage.shuffle.exchange import Exchange, Part, describe_part
from mrimage.shuffle.planning import plan_partitions, weigh_groups, write_pending
from mrimage.source import Selection, cut_splits, list_entries
from mrimage.storage import Store, open_store, redact
from mrimage.storage.deliver import deliver
from mrimage.storage.local import system_errors
from mrimage.tables.schemas import THUMBNAILS
from mrimage.tasks.faults import MOST_FAULTS, fault_of_ours
from mrimage.tasks.gallery import TABLE as THUMBNAILS_TABLE
from mrimage.tasks.gallery import cut_gallery, draw_gallery
from mrimage.tasks.map_split import map_split
from mrimage.tasks.reduce_partition import reduce_partition
from mrimage.tasks.trial import Trial
from mrimage.types import Entry, Partition, PhaseFacts, RunFacts, TaskReport

TASKS = ("mrimage.tasks.map_split", "mrimage.tasks.reduce_partition")
"""Modules that workers import while the source is listed."""

HEADER_SPLIT = (200, 2_000)
"""Images of a split when only headers are read: fewer in a small job, so that all workers wait for a remote store."""

PIXEL_SPLIT = (8 << 20, 128 << 20)
"""Bytes of a split when whole images are read: smaller in a small job, so that no worker waits long for the last."""


def run(job: Job, source: str, out: str, how: RunOptions = RunOptions()) -> Summary:  # noqa: B008 - it is frozen
    """Do ``job`` on every image of ``source``, into ``out``; what an earlier run of it has done is kept.

    Raises UsageError for a job that is not well-formed, JobError (see ``errors``) for one that cannot be done.
    """
    job = checked(job)
    if how.workers != 1 or how.engine != "local":
        dumps(job)  # a job that cannot be sent is refused before anything is written
    check_apart(source, out)
    budget = Budget.parse(how.max_failures)
    plan = Plan(job, source, out, how.stores)
    with system_errors(out), ExitStack() as stack:
        warm = how.fresh or not exists(open_store(out, plan.stores), PUBLISHED)
        options = EngineOptions(
            how.workers,
            how.retries,
            how.speculate,
            job.limits.memory,
            how.quiet,
            warm,
            preload=TASKS,
        )
        engine = open_engine(how.engine, options)
        stack.callback(engine.close)
        require_images(plan, how.strict)
        opened = open_store(out, plan.stores, create=True)
        held = stack.enter_context(locked(opened, _sayer(how.quiet)))
        store = held.store
        plan = replace(plan, lease=held.lease)
        stack.enter_context(damage_named(store))
        stack.callback(note_uses, job, identities(job))
        description = describe(plan)
        other_reduce = claim(store, plan, description, how.fresh)
        scratch = stack.enter_context(scratch_folder(store))
        stack.callback(engine.close)  # workers write there: they end before it goes
        warmed = stack.enter_context(report.warm() if warm else nullcontext(lambda: None))
        this = Run(plan, description, how, store, engine, scratch, budget, watch(how.quiet), warmed)
        this.forget_faults()
        if other_reduce:
            this.forget_reduced(other_reduce)
        inventory = this.list_source()
        this.forget_gone(inventory)
        this.map(inventory)
        exchange, weighed = this.plan_shuffle()
        this.reduce(exchange)
        published = this.publish(weighed)
        this.draw_thumbnails()
        summary = this.report(published)
        this.require_no_faults()
        return summary


def _sayer(quiet: bool) -> Callable[[str], None]:
    """What prints a line for the person who waits, or nothing."""

    def say(message: str) -> None:
        if not quiet:
            print(f"mrimage: {message}", file=sys.stderr)

    return say


@dataclass
class Leftovers:
    """What a listing came by that is no entry: how many files, members and rows, by reason; and the folders that it
    could not look into."""

    ignored: Counter[str] = field(default_factory=Counter)
    unlisted: list[tuple[str, StoreError]] = field(default_factory=list)
    earlier: Counter[str] = field(default_factory=Counter)

    def ignore(self, path: str, reason: str) -> None:
        self.ignored[reason] += 1

    def leave_out(self, folder: str) -> None:
        """Count a file that an earlier run wrote below ``folder``."""
        self.ignored["earlier run"] += 1
        self.earlier[folder] += 1

    def miss(self, uri: str, error: StoreError) -> None:
        self.ignored["folder"] += 1
        self.unlisted.append((uri, error))


def entries_of(plan: Plan, leftovers: Leftovers, strict: bool) -> Iterator[Entry]:
    """The plan's source, listed by the job's selection. A folder that cannot be listed is among the ``leftovers``, or
    raises SourceError where ``strict``."""
    selection = Selection(plan.job.include, plan.job.exclude, plan.job.all_files)
    unlisted = None if strict else leftovers.miss
    return list_entries(
        plan.source, selection, leftovers.ignore, plan.stores, unlisted, leftovers.leave_out
    )


def require_images(plan: Plan, strict: bool) -> None:
    """Raise SourceError for a source that is missing or holds no image, before anything is written."""
    leftovers = Leftovers()
    if next(entries_of(plan, leftovers, strict), None) is None:
        raise SourceError(
            f"Expected images in {plan.source}, but found none (ignored {describe_ignored(leftovers.ignored)}). "
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
    description: Description
    how: RunOptions
    store: Store
    engine: Engine
    scratch: Path
    budget: Budget
    progress: Progress
    warmed: Callable[[], None]
    started: float = field(default_factory=time.time)
    phases: list[PhaseFacts] = field(default_factory=list)
    tasks: list[TaskReport] = field(default_factory=list)
    leftovers: Leftovers = field(default_factory=Leftovers)
    listed: int = 0
    repeated: int = 0
    bytes: int = 0
    reused: int = 0
    quarantined: int = 0
    faults: int = 0
    removed: tuple[int, tuple[str, ...]] = (0, ())
    trial: Trial = field(default_factory=Trial)

    def forget_reduced(self, changed: str) -> None:
        """Take back what other reducers made; OUT is this job's from then on."""
        self.progress.say(
            f"The job has {changed}. What map has done is kept; all groups are reduced again."
        )
        self._touch()
        forget_reduced(self.store)
        write_job(self.store, self.description)

    def forget_faults(self) -> None:
        """Have images on which mrimage itself failed tried again: another version may do better."""
        if try_again(self.store, self.scratch, {"internal"}):
            self._touch()
            shutil.rmtree(
                self.scratch / "copies", ignore_errors=True
            )  # what they are copies of has changed

    def require_no_faults(self) -> None:
        """Raise InternalError where mrimage itself failed on an image."""
        found = quarantined_for(self.store, self.scratch, "internal")
        if found:
            raise fault_of_ours(found, len(found))

    def list_source(self) -> Inventory:
        """List the source once, to disk."""
        committed = Committed(self.store, "map")
        parts = localize(self.store, committed.tables("catalogue"), self.scratch)
        inventory = Inventory(self.scratch, parts)
        with self._phase("list", None):
            inventory.write(self._counted(entries_of(self.plan, self.leftovers, self.how.strict)))
            rows = inventory.rows()
            locked = [
                uri for uri, error in self.leftovers.unlisted if isinstance(error, DeniedError)
            ]
            inventory.keep_below(locked)
            self.listed, self.bytes = inventory.totals()
            self.repeated = rows - inventory.listed_now()
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
        if not images:
            self._execute("map", 0, iter(()))
            return
        self._touch()
        first = next(splits)
        function = partial(map_split, self.plan, first=first.id if self._is_on_trial() else "")
        with self._forgotten_on_fault():
            self._execute("map", images, self.engine.run(function, chain([first], splits)))
            self.trial.end()

    def _is_on_trial(self) -> bool:
        """Whether a job that fails on all of its first images is to stop: not where an earlier run got images through, nor
        where any number of failures is wanted."""
        self.trial.over = self.reused > self.quarantined or self.budget.allows_all(self.listed)
        return not self.trial.over

    @contextmanager
    def _forgotten_on_fault(self) -> Iterator[None]:
        """When the job's own code has failed on every image, nothing is kept of it: OUT is free for the mended job."""
        try:
            yield
        except JobError as error:
            is_fault = (
                type(error) is JobError
            )  # of the job, and not of the budget, a store or the engine
            if (
                is_fault
                and self.reused == 0
                and not any(task.images > task.quarantined for task in self.tasks)
            ):
                self.engine.close()
                committed = Committed(self.store, "map")
                committed.forget(list(committed.tasks))
            raise

    def plan_shuffle(self) -> tuple[Exchange, Path]:
        """Weigh the keys that map emitted, and cut those that are not reduced yet into partitions."""
        weighed = self.scratch / "weighed.parquet"
        with self._phase("plan", None):
            names = Committed(self.store, "map").tables("records")
            parts = localize(self.store, names, self.scratch)
            weigh_groups(parts, weighed, self.scratch)
            if not self.plan.job.reduces:
                return Exchange(self.plan.out), weighed
            partitions, pending = self._plan_partitions(weighed)
            described = tuple(map(describe_part, names, parts)) if partitions else ()
            return Exchange(
                self.plan.out, described, partitions, pending, self.plan.stores
            ), weighed

    def _plan_partitions(self, weighed: Path) -> tuple[tuple[Partition, ...], Part | None]:
        """The partitions of what is not reduced yet; and where that is not everything, the table of its keys."""
        reduced = Committed(self.store, "reduce")
        if prune_groups(self.store, reduced, weighed, self.scratch):
            self._touch()
        done = localize(self.store, reduced.tables("groups"), self.scratch)
        if not done:
            return plan_partitions(weighed, self.engine.workers), None
        pending = self.scratch / "pending.parquet"
        write_pending(weighed, done, pending, self.scratch)
        partitions = plan_partitions(pending, self.engine.workers)
        if not partitions:
            return (), None
        described = describe_part(f"{ROOT}/pending.parquet", str(pending))
        deliver(self.store, pending, described.name)
        return partitions, described

    def reduce(self, exchange: Exchange) -> None:
        """Exchange the records and reduce every partition."""
        if not exchange.partitions:
            return
        self._touch()
        self._charge(sum(Committed(self.store, "reduce").rows("quarantine")))
        images = sum(partition.images for partition in exchange.partitions)
        function = partial(reduce_partition, self.plan)
        reports = self.engine.shuffle(function, exchange, self.scratch)
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
        self.budget.check(published.quarantined, self.listed - published.ignored)
        return published

    def draw_thumbnails(self) -> None:
        """Make the report's pictures."""
        if not self.how.thumbnails or exists(self.store, THUMBNAILS_TABLE):
            return
        self.store.delete(FACTS)
        with results_folder(self.store, self.scratch) as results:
            shown = [
                (thumbnail.uri, thumbnail.is_output)
                for thumbnail in report.choose_thumbnails(results)
            ]
            weighed = report.choose_weighed(results)
        if shown:
            tasks = cut_gallery(shown, weighed, self.engine.workers)
            function = partial(draw_gallery, self.plan)
            self._execute("thumbnails", len(shown) + len(weighed), self.engine.run(function, tasks))
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
        return Summary(facts, self.plan.stores)

    def _facts(self, published: Published) -> RunFacts:
        listed = self.listed - published.ignored
        ignored = self.leftovers.ignored + Counter({"not an image": published.ignored})
        return RunFacts(
            source=self.plan.source,
            out=self.plan.out,
            command=redact(self.how.command),
            job=self.description.job,
            engine=self.engine.name,
            workers=self.engine.workers,
            plan_hash=self.description.hash(),
            versions=library_versions(),
            started=self.started,
            listed=listed,
            processed=published.processed,
            quarantined=published.quarantined,
            ignored=ignored.total(),
            ignored_reasons=dict(sorted(ignored.items())),
            repeated=self.repeated,
            unlisted=tuple(str(error) for _, error in self.leftovers.unlisted),
            earlier=dict(sorted(self.leftovers.earlier.items())),
            reused=min(self.reused, listed),
            bytes=published.bytes,
            groups=published.groups,
            outputs=published.outputs,
            removed=self.removed[0],
            removed_outputs=self.removed[1],
            reasons=published.reasons,
            gain_maps_dropped=published.gain_maps_dropped,
            phases=tuple(self.phases),
            tasks=tuple(self.tasks),
        )

    def _execute(self, name: str, images: int, reports: Iterator[TaskReport]) -> None:
        """Run a phase of tasks to its end, watching the failure budget."""
        with self._phase(name, images):
            for report in reports:
                self.tasks.append(report)
                task_done(self.progress, report)
                if name == "map":
                    self._hear_of_code(report)
                if name != "thumbnails":
                    self._charge(report.quarantined)
                    self._bear(report.reasons.get("internal", 0))

    def _hear_of_code(self, report: TaskReport) -> None:
        """Say at once what the job's own code said of the first image on which it failed."""
        if report.code_error and not self.trial.message:
            self.progress.say(f"mapper-failed: {text.cut(report.code_error, 500)}")
        self.trial.count(report.images - report.quarantined, report.code_errors, report.code_error)

    def _charge(self, quarantined: int) -> None:
        """Count images in quarantine against the failure budget. Tasks of reduce may have failed on the same one, or on one
        that is none of the source's: before that ends a run, they are counted by name."""
        self.quarantined += quarantined
        if not self.budget.allows(self.quarantined, self.listed):
            self.quarantined = count_quarantined(self.store, self.scratch)
            self.budget.check(self.quarantined, self.listed)

    def _bear(self, faults: int) -> None:
        """Count images on which mrimage itself failed. Raises InternalError when there are too many."""
        self.faults += faults
        if faults and self.faults >= MOST_FAULTS:
            self.require_no_faults()

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

    def _touch(self) -> None:
        """From here on the published tables and the report are out of date."""
        for name in (FACTS, PUBLISHED, THUMBNAILS_TABLE):
            self.store.delete(name)
