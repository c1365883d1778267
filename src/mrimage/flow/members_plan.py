"""The plan of the second pass: the statistics of the groups, merged, and the images that depend on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import Committed, localize, task_of
from mrimage.commit.members import MEMBERS, prune_members
from mrimage.job.job import Job
from mrimage.storage import Store
from mrimage.storage.fields import decode_fields
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.entries import place_of
from mrimage.tables.schemas import CURRENT_MEMBERS, EDITED, GOALS, SPLIT_GOALS, STATISTICS
from mrimage.tasks.edit_member import ImageMembers, Member
from mrimage.tasks.edit_members import MemberSplit
from mrimage.tasks.goals import write_goals
from mrimage.types import Entry

Row = dict[str, Any]
"""A row of a table, by column."""


@dataclass(frozen=True)
class MembersPlan:
    """What the second pass has to edit. ``outdate`` is called before anything in OUT changes, and
    ``scratch`` is a local folder for tables."""

    job: Job
    store: Store
    scratch: Path
    outdate: Callable[[], None]

    def make(self, parts: list[str]) -> int:
        """Find what has to be edited, and remove what is out of date.

        ``parts`` are local paths of the tables of STATISTICS. Returns the number of images to edit.
        """
        write_goals(self.job, parts, self._goals, self.scratch)
        self._write(_current_query(parts, self._goals), CURRENT_MEMBERS, self._current)
        if prune_members(self.store, self._current, self.scratch):
            self.outdate()
        names = Committed(self.store, MEMBERS).tables("edited")
        # The tables of tasks may just have been rewritten.
        done = localize(self.store, names, self.scratch / "pruned")
        current = read_parquet([str(self._current)], CURRENT_MEMBERS)
        self._write(
            f"""SELECT c.* FROM {current} c
            ANTI JOIN {read_parquet(done, EDITED)} e USING (key, method, uri, fingerprint)
            ORDER BY split, uri, key""",
            CURRENT_MEMBERS,
            self._pending,
        )
        self._write(_split_goals_query(self._pending, self._goals), SPLIT_GOALS, self._split_goals)
        pending = read_parquet([str(self._pending)], CURRENT_MEMBERS)
        with connect(self.scratch) as connection:
            query = f"SELECT count(DISTINCT (split, uri)) FROM {pending}"
            row = connection.execute(query).fetchone()
        assert row
        return int(row[0])

    def splits(self, parts: list[str]) -> Iterator[MemberSplit]:
        """Yield a task for each split of map with images to edit. One at a time is in memory."""
        paths: dict[str, list[str]] = defaultdict(list)
        for path in parts:
            paths[task_of(path)].append(path)
        goals = _by_split(self._split_goals)
        for split, pending in _by_split(self._pending):
            needed: list[Row] = []
            if self.job.statistic or not self.job.each:
                goal_split, found = next(goals)
                assert goal_split == split
                needed = list(found)
            yield MemberSplit.of(_images(pending, needed, paths[split]))

    @property
    def _goals(self) -> Path:
        return self.scratch / "members-goals.parquet"

    @property
    def _current(self) -> Path:
        return self.scratch / "members-current.parquet"

    @property
    def _pending(self) -> Path:
        return self.scratch / "members-pending.parquet"

    @property
    def _split_goals(self) -> Path:
        return self.scratch / "members-split-goals.parquet"

    def _write(self, query: str, schema: pa.Schema, target: Path) -> None:
        with (
            connect(self.scratch) as connection,
            pq.ParquetWriter(target, schema, compression="zstd") as writer,
        ):
            for batch in batches(connection, query, rows=1_000):
                writer.write_batch(batch.cast(schema))


def _current_query(parts: list[str], goals: Path) -> str:
    """Everything that is to be edited, with a fingerprint of what the result depends on."""
    goal = read_parquet([str(goals)], GOALS)
    return f"""
        SELECT split_part(parse_filename(s.filename), '.', 1) AS split, s.key, s.method, s.uri,
               md5(s.digest || '-' || coalesce(own.digest, common.digest, '')) AS fingerprint
        FROM {read_parquet(parts, STATISTICS, filename=True)} s
        LEFT JOIN (FROM {goal} WHERE uri = '') common
            ON common.key = s.key AND common.method = s.method
        LEFT JOIN (FROM {goal} WHERE uri <> '') own
            ON own.key = s.key AND own.method = s.method AND own.uri = s.uri
    """


def _split_goals_query(pending: Path, goals: Path) -> str:
    """The goals that each split needs: each that its images share only once."""
    wanted = read_parquet([str(pending)], CURRENT_MEMBERS)
    goal = read_parquet([str(goals)], GOALS)
    return f"""
        SELECT w.split, g.* FROM (SELECT DISTINCT split, key, method FROM {wanted}) w
        JOIN (FROM {goal} WHERE uri = '') g USING (key, method)
        UNION ALL
        SELECT w.split, g.* FROM {wanted} w
        JOIN (FROM {goal} WHERE uri <> '') g USING (key, method, uri)
        ORDER BY split, key, uri
    """


def _by_split(table: Path) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield the rows of a table that is sorted by split, split by split."""
    rows = (
        row
        for batch in pq.ParquetFile(table).iter_batches(batch_size=1_000)
        for row in batch.to_pylist()
    )
    yield from groupby(rows, key=itemgetter("split"))


def _images(
    pending: Iterator[Row], goals: list[Row], statistics: list[str]
) -> Iterator[ImageMembers]:
    """Yield the images of one split. ``statistics`` are its tables."""
    values = {(goal["key"], goal["method"], goal["uri"]): goal["value"] for goal in goals}
    known = {
        (row["key"], row["method"], row["uri"]): row
        for path in statistics
        for row in pq.read_table(path, schema=STATISTICS).to_pylist()
    }
    for uri, members in groupby(pending, key=itemgetter("uri")):
        found = []
        for member in members:
            name = (member["key"], member["method"])
            row = known[*name, uri]
            goal = values.get((*name, uri), values.get((*name, "")))
            found.append(Member(*name, member["fingerprint"], row["value"], goal))
        entry = Entry(
            uri,
            row["path"],
            row["size"],
            row["version"],
            place_of(row["place"]),
            fields=decode_fields(row["fields"]),
        )
        yield ImageMembers(entry, tuple(found), row["carried"])
