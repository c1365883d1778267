"""Runs one round: map, shuffle and reduce over tables, or what of it earlier runs have not done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import (
    ROOT,
    Committed,
    encode_arrow,
    localize,
    read_column,
    task_of,
)
from mrimage.commit.prune import stale_keys
from mrimage.commit.rounds import (
    FOLDER,
    KINDS,
    RoundResult,
    phase_of,
    read_result,
    result_path,
    write_result,
)
from mrimage.engine import Engine
from mrimage.flow.execution import Execution
from mrimage.flow.tables import BATCH, Tables
from mrimage.job.job import Plan
from mrimage.rounds.planning import (
    bundle_parts,
    is_worth_compacting,
    parts_to_map,
    share_of,
)
from mrimage.rounds.round import Round, Step, step_of
from mrimage.rounds.table import Part, Table, content_id
from mrimage.shuffle.exchange import Exchange, describe_table
from mrimage.shuffle.planning import plan_round, sort_records, weigh_groups, write_pending
from mrimage.storage import Store
from mrimage.storage.deliver import deliver
from mrimage.tasks.map_table import map_table
from mrimage.tasks.reduce_table import reduce_table


@dataclass
class RoundRunner:
    """Runs the rounds of one program, and remembers their names in ``used`` and the files of their
    tables in ``paths``.

    ``outdate`` is called before anything that is committed changes.
    """

    plan: Plan
    store: Store
    engine: Engine
    scratch: Path
    execution: Execution
    tables: Tables
    outdate: Callable[[], None]
    used: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def run(self, round_: Round) -> Table:
        """Run the round, and return its table.

        If it is finished, and its tables have not changed since, nothing is done. If they have,
        then what has not changed in them is not mapped and reduced again.
        """
        step = step_of(round_, len(self.used) + 1)
        self.used.append(step.name)
        inputs = tuple(table.id for table in round_.tables)
        self._count_quarantined(step)
        result = read_result(self.store, step.name)
        if result is None or result.inputs != inputs:
            self.outdate()
            with self.execution.phase(f"round {step.number}", None):
                self.store.delete(result_path(step.name))
                self._map(step, round_)
                self._reduce(step)
                result = RoundResult(inputs, self._finish(step))
                write_result(self.store, step.name, result)
        self.paths.update(part.path for part in result.parts)
        return self.tables.table(step.name, result.parts)

    def _count_quarantined(self, step: Step) -> None:
        """Count the images that failed in this round in earlier runs."""
        for kind in KINDS:
            rows = Committed(self.store, phase_of(step.name, kind)).rows("quarantine")
            self.execution.add_quarantined(sum(rows))

    def _map(self, step: Step, round_: Round) -> None:
        """Map the parts that no committed task has mapped."""
        committed = Committed(self.store, phase_of(step.name, "map"))
        parts = parts_to_map(round_.tables)
        left = {part.id: part for part in parts}
        for path in committed.tables("parts"):
            done = set(read_column(self.store, path, "part"))
            if done <= left.keys():
                left = {id_: part for id_, part in left.items() if id_ not in done}
            else:
                # Some of its parts are gone or have changed, so the rest is mapped again.
                committed.forget([task_of(path)])
        share = share_of(sum(part.records for part in parts), self.engine.workers)
        bundles = bundle_parts(left.values(), share)
        reports = self.engine.run(partial(map_table, self.plan, step), bundles)
        self.execution.watch(f"round {step.number}", reports)

    def _reduce(self, step: Step) -> None:
        """Reduce the keys that no committed task has reduced with the same records."""
        exchange = self._exchange(step)
        if exchange.partitions:
            function = partial(reduce_table, self.plan, step)
            reports = self.engine.shuffle(function, exchange, self.scratch)
            self.execution.watch(f"round {step.number}", reports)
        if exchange.pending:
            self.store.delete(exchange.pending.name)

    def _exchange(self, step: Step) -> Exchange:
        """Weigh the keys that map has emitted, and plan the partitions of those that are not
        reduced yet."""
        import pyarrow.compute as pc

        names = Committed(self.store, phase_of(step.name, "map")).tables("records")
        paths = localize(self.store, names, self.scratch)
        weighed = self.scratch / f"{step.name}-weighed.parquet"
        weigh_groups(paths, weighed, self.scratch)
        reduced = Committed(self.store, phase_of(step.name, "reduce"))
        for path in reduced.tables("groups"):
            if stale_keys(self.store, path, weighed, self.scratch):
                reduced.forget([task_of(path)])
        done = reduced.tables("groups")
        pending = None
        keys = weighed
        if done:
            keys = self.scratch / f"{step.name}-pending.parquet"
            done_paths = localize(self.store, done, self.scratch)
            write_pending(weighed, done_paths, keys, self.scratch)
        records = pq.read_table(weighed, columns=["records"])["records"]
        share = share_of(pc.sum(records).as_py() or 0, self.engine.workers)
        partitions = plan_round(keys, share)
        if not partitions:
            return Exchange(self.plan.out)
        if done:
            name = f"{ROOT}/{FOLDER}/{step.name}/pending.parquet"
            pending = describe_table(name, str(keys))
            deliver(self.store, keys, name)
        tables = tuple(map(describe_table, names, paths))
        stores = self.plan.stores
        return Exchange(self.plan.out, tables, partitions, pending, stores, by_value=True)

    def _finish(self, step: Step) -> tuple[Part, ...]:
        """The parts of the round's table; many small ones are compacted into a few."""
        names = Committed(self.store, phase_of(step.name, "reduce")).tables("records")
        parts = self.tables.parts(names)
        records = sum(part.records for part in parts)
        if not is_worth_compacting(len(parts), records, self.engine.workers):
            return parts
        return self._compact(step, parts)

    def _compact(self, step: Step, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        paths = localize(self.store, [part.path for part in parts], self.scratch)
        path = self.scratch / f"{step.name}-compact.parquet"
        sort_records(paths, path, self.scratch)
        records = sum(part.records for part in parts)
        share = share_of(records, self.engine.workers)
        folder = f"{ROOT}/{FOLDER}/{step.name}"
        names = []
        for number, table in enumerate(_cut(path, share)):
            name = f"{folder}/table-{content_id(parts)}-{number:05}.parquet"
            self.store.write(name, encode_arrow(table))
            names.append(name)
        path.unlink()
        return self.tables.parts(names)


def _cut(path: Path, share: int) -> Iterator[pa.Table]:
    """Cut the table in a file into tables of about ``share`` rows."""
    held: list[pa.RecordBatch] = []
    rows = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(min(share, BATCH)):
            held.append(batch)
            rows += batch.num_rows
            if rows >= share:
                yield pa.Table.from_batches(held)
                held = []
                rows = 0
    if held:
        yield pa.Table.from_batches(held)
