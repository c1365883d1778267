"""Publish the tables that people read, sorted, from what the tasks committed.

The bytes depend only on the images and the job: a run that was killed and continued, or that grew
over many runs, publishes the same bytes as a single one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import (
    ROOT,
    UNCLEAN,
    Committed,
    delete_all,
    delete_outputs,
    exists,
    localize,
    owned_files,
    table_name,
)
from mrimage.commit.rounds import FOUND_TABLE, task_phases
from mrimage.commit.rule_counts import count_rules
from mrimage.errors import AccountingError, NotFoundError
from mrimage.image.finding_names import OF_PILE
from mrimage.job.catalogue import mapped_catalogue_of, published_catalogue_of
from mrimage.job.job import Job
from mrimage.shuffle.records import LARGEST_INT64
from mrimage.sink.shards import is_shard_name
from mrimage.storage import Store
from mrimage.storage.deliver import deliver
from mrimage.storage.layout import FOUND
from mrimage.storage.parallel import in_parallel
from mrimage.tables.column_types import Columns
from mrimage.tables.duck import batches, connect, quoted_name, read_parquet
from mrimage.tables.findings import findings_of, odd_columns
from mrimage.tables.found import SCHEMAS
from mrimage.tables.found_names import FoundColumns, found_columns
from mrimage.tables.schemas import (
    CORRECTED,
    COUNTED,
    EDITED,
    FINDINGS,
    GAIN_MAPS,
    GROUPS,
    KNOWN,
    MAPPED_MEMBERS,
    MEMBERS,
    OUTPUTS,
    QUARANTINE,
    WEIGHED,
)
from mrimage.tables.source_columns import with_columns
from mrimage.types import RuleCount

PUBLISHED = f"{ROOT}/published.json"
"""Written after everything else, and deleted before any of it changes."""

CORRECTED_TABLE = f"{ROOT}/corrected.parquet"
"""What group corrections did to each image."""

PRESENT = pa.schema([("name", pa.string())])
"""The files that exist in the folders of outputs."""

CATALOGUE_PART = re.compile(r"catalogue/part-\d{5,}\.parquet")

ROWS_PER_CHUNK = 50_000
"""Rows of a row group of a published table."""

CHUNKS_PER_FILE = 5
"""Row groups of a file of the catalogue."""

_MAP_TABLES = ("catalogue", "members", "outputs", "quarantine")
_LATER_TABLES = ("outputs", "quarantine", "edited")
"""The tables of the phases after map: reduce, members, rounds and programs."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the published tables contain, in numbers.

    ``ignored`` counts listed files that are not images, which turned out only when they were
    opened because their names have no extension. ``tables`` holds the SHA-256 of each table, by
    its path below OUT. ``rules`` counts the images of
    each rule of the job. ``state`` is a hash of what was committed at that time (see ``damage``).
    """

    processed: int
    quarantined: int
    bytes: int
    groups: int
    outputs: int
    reasons: dict[str, int]
    gain_maps_dropped: int = 0
    ignored: int = 0
    tables: dict[str, str] = field(default_factory=dict)
    state: str = ""
    rules: tuple[RuleCount, ...] = ()

    def account_for(self, listed: int) -> None:
        """Raise AccountingError unless every listed image was processed or quarantined.

        ``listed`` includes the ignored files, which are not images.
        """
        images = listed - self.ignored
        if images != self.processed + self.quarantined:
            raise AccountingError(
                f"Every listed image must be processed or quarantined, but {images} were listed, "
                f"{self.processed} processed and {self.quarantined} quarantined. Run again with "
                "--fresh, and please report this."
            )


def read_published(store: Store) -> Published | None:
    """What the last run published, if nothing has been done since.

    None if there is nothing, or if the file is damaged: the tables are then published again.
    """
    try:
        return msgspec.json.decode(store.read(PUBLISHED), type=Published)
    except (NotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def is_complete(store: Store, published: Published) -> bool:
    """Whether every published table exists."""
    return all(in_parallel(store, partial(exists, store), published.tables))


class Publisher:
    """Writes the published tables of one run, from what its phases have committed."""

    def __init__(
        self, store: Store, scratch: Path, phases: Sequence[Committed], weighed: Path
    ) -> None:
        self._store = store
        self._scratch = scratch
        self._weighed = weighed
        self._hashes: dict[str, str] = {}
        self._map, self._later = _local_phases(phases, _MAP_TABLES, scratch)
        self._found = [name for phase in phases for name in phase.tables(FOUND_TABLE)]

    def publish(self, job: Job, columns: Columns = ()) -> None:
        """Write the catalogue, the groups, the outputs, the quarantine and the groups' members.

        ``columns`` are the source's own, which the catalogue has too.

        Also deletes outputs that are not in the lineage, if there may be any.
        """
        self._write("quarantine.parquet", self._quarantine, QUARANTINE, "uri")
        self._write_catalogue(job, columns)
        self._write("groups.parquet", self._groups, GROUPS, "key")
        self._write("outputs.parquet", self._outputs, OUTPUTS, "key, output")
        if "findings" in job.extract:
            found = findings_of(self._catalogue(mapped_catalogue_of(job)))
            self._write("findings.parquet", found, FINDINGS, "uri, kind")
        self._write("_run/members.parquet", self._members, MEMBERS, "key, uri")
        self._write_corrected()
        self._publish_found()
        unclean = exists(self._store, UNCLEAN)
        if unclean or job.in_shards:
            self._sweep(everything=unclean)
            self._store.delete(UNCLEAN)

    def _publish_found(self) -> None:
        """Copy the tables that programs have made, and delete those that this job does not make."""
        made = {f"{table_name(path)}.parquet": path for path in self._found}
        for name, path in made.items():
            data = self._store.read(path)
            self._hashes[name] = hashlib.sha256(data).hexdigest()
            self._store.write(name, data)
        delete_all(self._store, [name for name in FOUND if name not in self._hashes])

    def count(self, job: Job) -> Published:
        """Count what was published, from the committed tables."""
        counted = read_parquet(self._map["catalogue"], COUNTED)
        gain_maps = read_parquet(self._map["catalogue"], GAIN_MAPS)
        images = f"(FROM {counted} WHERE status <> 'ignored')"
        # Each name of a file is an image of its own, but the bytes of the file exist once.
        files = (
            f"SELECT size FROM {images} WHERE file IS NULL UNION ALL "
            f"SELECT max(size) AS size FROM {images} WHERE file IS NOT NULL GROUP BY file"
        )
        with connect(self._scratch) as connection:
            number = partial(_number, connection)
            reasons = _count_reasons(connection, self._quarantine)
            quarantined = sum(reasons.values())
            return Published(
                processed=number(f"SELECT count(*) FROM {images}") - quarantined,
                quarantined=quarantined,
                bytes=number(f"SELECT coalesce(sum(size), 0)::BIGINT FROM ({files})"),
                groups=number(f"SELECT count(*) FROM {self._groups}"),
                outputs=number(f"SELECT count(*) FROM {self._outputs}"),
                reasons=reasons,
                ignored=number(f"SELECT count(*) FROM {counted} WHERE status = 'ignored'"),
                gain_maps_dropped=number(
                    f"SELECT count(*) FROM {gain_maps} WHERE NOT gain_map_kept"
                ),
                tables=self._hashes,
                rules=count_rules(
                    job.rules, job.plain_edits, self._members, self._outputs, self._scratch
                ),
            )

    def _sweep(self, *, everything: bool) -> None:
        """Delete outputs that the lineage does not name, left by attempts that were killed.

        Unless ``everything``, only shards are deleted. Every run with shards does that, because
        readers that take every shard of the folder would find images twice.
        """
        present = self._scratch / "present.parquet"
        self._list_outputs(present)
        known = f"(SELECT split_part(output, '!/', 1) AS name FROM {self._outputs})"
        query = f"""
            SELECT name FROM {read_parquet([str(present)], PRESENT)} p
            ANTI JOIN {known} k USING (name)
        """
        with connect(self._scratch) as connection:
            for batch in batches(connection, query):
                unknown = map(str, batch.column("name").to_pylist())
                stale = [name for name in unknown if everything or is_shard_name(name)]
                delete_outputs(self._store, stale)

    def _list_outputs(self, path: Path) -> None:
        """Write the names of all files in the folders of outputs to a table."""
        with pq.ParquetWriter(path, PRESENT, compression="zstd") as writer:
            for folder in ("images", "groups"):
                names = owned_files(self._store, folder)
                while chunk := list(islice(names, ROWS_PER_CHUNK)):
                    writer.write_table(pa.table({"name": chunk}, PRESENT))

    @property
    def _quarantine(self) -> str:
        return _quarantine_of(
            self._map["catalogue"], self._map["quarantine"], self._later["quarantine"]
        )

    @property
    def _outputs(self) -> str:
        rows = read_parquet(self._map["outputs"] + self._later["outputs"], OUTPUTS)
        return f"(SELECT {_names(OUTPUTS)} FROM {rows})"

    @property
    def _members(self) -> str:
        return read_parquet(self._map["members"], MAPPED_MEMBERS)

    @property
    def _groups(self) -> str:
        """One row per key, with sizes.

        They are counted by the key's members, because records that a combiner has merged no longer
        know their images.
        """
        weighed = read_parquet([str(self._weighed)], WEIGHED)
        return f"""(
            SELECT key,
                   count(*)::BIGINT AS images,
                   least(sum(m.bytes), {LARGEST_INT64})::BIGINT AS bytes,
                   least(sum(m.pixels), {LARGEST_INT64})::BIGINT AS pixels,
                   coalesce(any_value(w.records), 0) AS records
            FROM {self._members} m LEFT JOIN {weighed} w USING (key)
            GROUP BY key)"""

    def _write_corrected(self) -> None:
        """Write what group corrections did, if there are any."""
        rows = read_parquet(self._later["edited"], EDITED)
        corrected = f"(FROM {rows} WHERE method <> '' AND NOT failed)"
        with connect(self._scratch) as connection:
            count = _number(connection, f"SELECT count(*) FROM {corrected}")
        if count:
            self._write(CORRECTED_TABLE, corrected, CORRECTED, "key, method, uri")
        else:
            self._store.delete(CORRECTED_TABLE)

    def _catalogue(self, schema: pa.Schema) -> str:
        """A table expression of map's rows, with images that failed in reduce marked, and with the
        columns that need all images."""
        rows = read_parquet(self._map["catalogue"], schema)
        failed = "c.status = 'processed' AND q.uri IS NOT NULL"
        columns = {name: f"c.{quoted_name(name)}" for name in schema.names}
        columns["status"] = f"CASE WHEN {failed} THEN 'quarantined' ELSE c.status END AS status"
        columns["reason"] = f"CASE WHEN {failed} THEN q.reason ELSE c.reason END AS reason"
        pile = ""
        if set(OF_PILE) <= set(schema.names):
            one_row, odd = odd_columns(rows)
            pile = f"CROSS JOIN {one_row}"
            columns |= {name: f"{score} AS {name}" for name, score in odd.items()}
        return f"""(
            SELECT {", ".join(columns.values())}
            FROM {rows} c LEFT JOIN {self._quarantine} q ON c.uri = q.uri {pile})"""

    def _write_catalogue(self, job: Job, own: Columns) -> None:
        """Write the catalogue in files of bounded size. ``own`` are the source's columns, which
        map's tables have as JSON."""
        schema = mapped_catalogue_of(job)
        table = self._catalogue(schema)
        for found in found_columns(job.find):
            table = self._with_found(table, schema, found)
            for name in found.columns:
                schema = schema.append(SCHEMAS[found.table].field(name))
        published = published_catalogue_of(job, own)
        query = f"SELECT {_names(schema)} FROM {table} WHERE status <> 'ignored' ORDER BY uri"
        files = owned_files(self._store, "catalogue")
        old = {name for name in files if CATALOGUE_PART.fullmatch(name)}
        with connect(self._scratch) as connection:
            chunks = (
                with_columns(chunk, own, published, job.taken)
                for chunk in rechunk(batches(connection, query), schema)
            )
            for number, first in enumerate(chunks):
                # Both iterators share ``chunks``, so that only one chunk is in memory at a time.
                chunks_of_file = chain([first], islice(chunks, CHUNKS_PER_FILE - 1))
                name = f"catalogue/part-{number:05}.parquet"
                self._put(name, chunks_of_file, published)
                old.discard(name)
        delete_all(self._store, sorted(old))

    def _with_found(self, table: str, schema: pa.Schema, found: FoundColumns) -> str:
        """A table expression of the rows of ``table`` with columns that a program has found."""
        names = [name for name in self._found if table_name(name) == found.table]
        rows = read_parquet(localize(self._store, names, self._scratch), SCHEMAS[found.table])
        new = ", ".join(f"f.{quoted_name(name)}" for name in found.columns)
        old = ", ".join(f"c.{quoted_name(name)}" for name in schema.names)
        return f"(SELECT {old}, {new} FROM {table} c LEFT JOIN {rows} f ON c.uri = f.uri)"

    def _write(self, name: str, table: str, schema: pa.Schema, order: str) -> None:
        """Write the rows of a table expression as the table ``name``, sorted by ``order``."""
        query = f"SELECT {_names(schema)} FROM {table} ORDER BY {order}"
        with connect(self._scratch) as connection:
            self._put(name, rechunk(batches(connection, query), schema), schema)

    def _put(self, name: str, chunks: Iterable[pa.Table], schema: pa.Schema) -> None:
        """Write chunks as one file below OUT, and keep its hash."""
        path = self._scratch / "publish.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for chunk in chunks:
                writer.write_table(chunk)
        with path.open("rb") as file:
            self._hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        deliver(self._store, path, name)


def _local_phases(
    phases: Iterable[Committed], map_kinds: Iterable[str], scratch: Path
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Local paths of the committed tables, by kind: those of map, and those of all later phases."""
    mapped: dict[str, list[str]] = {kind: [] for kind in map_kinds}
    later: dict[str, list[str]] = {kind: [] for kind in _LATER_TABLES}
    for phase in phases:
        kinds = mapped if phase.phase == "map" else later
        for kind, paths in kinds.items():
            paths += localize(phase.store, phase.tables(kind), scratch)
    return mapped, later


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The single number that a query returns; 0 if it returns no row."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _count_reasons(connection: duckdb.DuckDBPyConnection, quarantine: str) -> dict[str, int]:
    """How many images failed for each reason, the most frequent first."""
    query = f"""
        SELECT reason, count(*) FROM {quarantine}
        GROUP BY reason ORDER BY count(*) DESC, reason
    """
    return dict(connection.execute(query).fetchall())


def count_quarantined(store: Store, scratch: Path) -> int:
    """The number of images in quarantine by what is committed so far; each counts once."""
    phases = task_phases(store)
    mapped, later = _local_phases(phases, ("catalogue", "quarantine"), scratch)
    rows = _quarantine_of(mapped["catalogue"], mapped["quarantine"], later["quarantine"])
    with connect(scratch) as connection:
        return _number(connection, f"SELECT count(*) FROM {rows}")


def _quarantine_of(catalogue: list[str], mapped: list[str], later: list[str]) -> str:
    """A table expression with one row per image in quarantine: of the first phase in which it failed.

    Images from outside the source, which the job's own reducer may open, are left out.
    """
    rows = read_parquet(mapped + later, QUARANTINE)
    if later:
        known = read_parquet(catalogue, KNOWN)
        rows = f"(SELECT * FROM {rows} q SEMI JOIN {known} c USING (uri))"
    # ORDER BY stage puts "map" before "members", "reduce" and "round", in this order.
    return f"(SELECT DISTINCT ON (uri) * FROM {rows} ORDER BY uri, stage, reason, message)"


def rechunk(stream: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the same rows in tables of ROWS_PER_CHUNK rows; the last one may be shorter.

    The layout of a Parquet file must not depend on how its rows arrived. If there are no rows,
    yields one empty table.
    """
    held: list[pa.Table] = []
    rows = 0
    for batch in stream:
        held.append(pa.Table.from_batches([batch]).cast(schema))
        rows += batch.num_rows
        while rows >= ROWS_PER_CHUNK:
            table = pa.concat_tables(held)
            yield table.slice(0, ROWS_PER_CHUNK).combine_chunks()
            held = [table.slice(ROWS_PER_CHUNK)]
            rows -= ROWS_PER_CHUNK
    if rows or not held:
        yield pa.concat_tables(held or [schema.empty_table()]).combine_chunks()


def _names(schema: pa.Schema) -> str:
    """The columns of the schema for a SELECT, quoted."""
    return ", ".join(map(quoted_name, schema.names))
