"""Publishing: the tables that people read, made from the committed parts, sorted, the same whatever the history.

A run that was killed and resumed, or grew over ten evenings, publishes the same bytes as one that was not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path

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
)
from mrimage.errors import AccountingError, NotFoundError
from mrimage.job.job import Job
from mrimage.shuffle.records import LARGEST_INT64
from mrimage.sink.shards import is_shard_name
from mrimage.storage import Store
from mrimage.storage.deliver import deliver
from mrimage.storage.parallel import in_parallel
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import (
    COUNTED,
    GAIN_MAPS,
    GROUPS,
    KNOWN,
    MAPPED_MEMBERS,
    MEMBERS,
    OUTPUTS,
    QUARANTINE,
    WEIGHED,
    catalogue_schema,
)

PUBLISHED = f"{ROOT}/published.json"
"""Written when everything else has been, and deleted before any of it changes."""

PRESENT = pa.schema([("name", pa.string())])

CATALOGUE_PART = re.compile(r"catalogue/part-\d{5,}\.parquet")

ROWS_PER_CHUNK = 50_000
CHUNKS_PER_FILE = 5
"""Rows of a row group, and row groups of a catalogue file."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the published tables hold, and how many files of the listing are ``ignored``, because they have no extension
    and are no images; ``tables`` are the SHA-256 of each, by its path below OUT, and ``state`` is a hash of
    what was committed then."""

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

    def account_for(self, listed: int) -> None:
        """``listed = processed + quarantined``, or the run has lost an image and says so. Files that are ``ignored`` are
        none of the images listed."""
        images = listed - self.ignored
        if images != self.processed + self.quarantined:
            raise AccountingError(
                f"Expected listed = processed + quarantined, but {images} were listed, {self.processed} "
                f"processed and {self.quarantined} quarantined. Run again with --fresh, and please report this."
            )


def read_published(store: Store) -> Published | None:
    """What the last run published, if nothing has been done since. Where that is damaged, it is made anew."""
    try:
        return msgspec.json.decode(store.read(PUBLISHED), type=Published)
    except (NotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def is_complete(store: Store, published: Published) -> bool:
    """Whether every published table is there."""
    return all(in_parallel(store, partial(exists, store), published.tables))


class Publisher:
    """Writes the published tables of one run."""

    def __init__(
        self, store: Store, scratch: Path, mapped: Committed, reduced: Committed, weighed: Path
    ) -> None:
        self._store, self._scratch, self._reduced, self._weighed = store, scratch, reduced, weighed
        self._hashes: dict[str, str] = {}
        self._map = {name: localize(store, mapped.tables(name), scratch) for name in _MAP_TABLES}
        self._reduce = {
            name: localize(store, reduced.tables(name), scratch) for name in _REDUCE_TABLES
        }

    def publish(self, job: Job) -> None:
        """Write catalogue, groups, outputs, quarantine and the members of each group."""
        self._write("quarantine.parquet", self._quarantine, QUARANTINE, "uri")
        self._write_catalogue(catalogue_schema(job.extract))
        self._write("groups.parquet", self._groups, GROUPS, "key")
        self._write("outputs.parquet", self._outputs, OUTPUTS, "key, output")
        self._write("_run/members.parquet", self._members, MEMBERS, "key, uri")
        unclean = exists(self._store, UNCLEAN)
        if unclean or job.output != "files":
            self._sweep(everything=unclean)
            self._store.delete(UNCLEAN)

    def count(self) -> Published:
        """Counts of what was published, read back from the committed tables."""
        counted = read_parquet(self._map["catalogue"], COUNTED)
        known = f"(FROM {counted} WHERE status <> 'ignored')"
        # The names of one file are images of their own, but its bytes are there once.
        files = (
            f"SELECT size FROM {known} WHERE file IS NULL "
            f"UNION ALL SELECT max(size) AS size FROM {known} WHERE file IS NOT NULL GROUP BY file"
        )
        with connect(self._scratch) as connection:

            def one(query: str) -> int:
                row = connection.execute(query).fetchone()
                return int(row[0]) if row else 0

            images = one(f"SELECT count(*) FROM {known}")
            reasons = dict(
                connection.execute(
                    f"SELECT reason, count(*) FROM {self._quarantine} GROUP BY reason ORDER BY count(*) DESC, reason"
                ).fetchall()
            )
            return Published(
                processed=images - sum(reasons.values()),
                quarantined=sum(reasons.values()),
                bytes=one(f"SELECT coalesce(sum(size), 0)::BIGINT FROM ({files})"),
                groups=one(f"SELECT count(*) FROM {self._groups}"),
                outputs=one(f"SELECT count(*) FROM {self._outputs}"),
                reasons=reasons,
                ignored=one(f"SELECT count(*) FROM {counted} WHERE status = 'ignored'"),
                gain_maps_dropped=one(
                    f"SELECT count(*) FROM {read_parquet(self._map['catalogue'], GAIN_MAPS)} WHERE NOT gain_map_kept"
                ),
                tables=self._hashes,
            )

    def _sweep(self, *, everything: bool) -> None:
        """Delete the outputs that the lineage does not name: they were left by attempts that were killed. Readers that take
        every shard of the folder would find images twice, so shards are looked for after every run."""
        present = self._scratch / "present.parquet"
        with pq.ParquetWriter(present, PRESENT, compression="zstd") as writer:
            for folder in ("images", "groups"):
                names = owned_files(self._store, folder)
                while part := list(islice(names, ROWS_PER_CHUNK)):
                    writer.write_table(pa.table({"name": part}, PRESENT))
        known = f"(SELECT split_part(output, '!/', 1) AS name FROM {self._outputs})"
        query = f"SELECT name FROM {read_parquet([str(present)], PRESENT)} p ANTI JOIN {known} k USING (name)"
        with connect(self._scratch) as connection:
            for batch in batches(connection, query):
                left = map(str, batch.column("name").to_pylist())
                delete_outputs(
                    self._store, [name for name in left if everything or is_shard_name(name)]
                )

    @property
    def _quarantine(self) -> str:
        return _quarantine_of(
            self._map["catalogue"], self._map["quarantine"], self._reduce["quarantine"]
        )

    @property
    def _outputs(self) -> str:
        rows = read_parquet(self._map["outputs"] + self._reduce["outputs"], OUTPUTS)
        return f"(SELECT {_names(OUTPUTS)} FROM {rows})"

    @property
    def _members(self) -> str:
        return read_parquet(self._map["members"], MAPPED_MEMBERS)

    @property
    def _groups(self) -> str:
        """A row per key, counted by its members: records that a combiner has merged no longer tell their images."""
        weighed = read_parquet([str(self._weighed)], WEIGHED)
        return f"""(
            SELECT key, count(*)::BIGINT AS images, least(sum(m.bytes), {LARGEST_INT64})::BIGINT AS bytes,
                   least(sum(m.pixels), {LARGEST_INT64})::BIGINT AS pixels, coalesce(any_value(w.records), 0) AS records
            FROM {self._members} m LEFT JOIN {weighed} w USING (key) GROUP BY key)"""

    def _write_catalogue(self, schema: pa.Schema) -> None:
        """Map's rows, with the images that failed in reduce marked, in files of bounded size."""
        rows = read_parquet(self._map["catalogue"], schema)
        failed = "c.status = 'processed' AND q.uri IS NOT NULL"
        columns = {name: f"c.{name}" for name in schema.names}
        columns["status"] = f"CASE WHEN {failed} THEN 'quarantined' ELSE c.status END AS status"
        columns["reason"] = f"CASE WHEN {failed} THEN q.reason ELSE c.reason END AS reason"
        table = f"(SELECT {', '.join(columns.values())} FROM {rows} c LEFT JOIN {self._quarantine} q ON c.uri = q.uri)"
        query = f"SELECT {_names(schema)} FROM {table} WHERE status <> 'ignored' ORDER BY uri"
        old = {
            name for name in owned_files(self._store, "catalogue") if CATALOGUE_PART.fullmatch(name)
        }
        with connect(self._scratch) as connection:
            chunks = rechunk(batches(connection, query), schema)
            for number, first in enumerate(chunks):
                part = chain(
                    [first], islice(chunks, CHUNKS_PER_FILE - 1)
                )  # never all of a file in memory
                name = f"catalogue/part-{number:05}.parquet"
                self._put(name, part, schema)
                old.discard(name)
        delete_all(self._store, sorted(old))

    def _write(self, name: str, table: str, schema: pa.Schema, order: str) -> None:
        with connect(self._scratch) as connection:
            query = f"SELECT {_names(schema)} FROM {table} ORDER BY {order}"
            self._put(name, rechunk(batches(connection, query), schema), schema)

    def _put(self, name: str, chunks: Iterable[pa.Table], schema: pa.Schema) -> None:
        path = self._scratch / "publish.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for chunk in chunks:
                writer.write_table(chunk)
        with path.open("rb") as file:
            self._hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        deliver(self._store, path, name)


def count_quarantined(store: Store, scratch: Path) -> int:
    """Images in quarantine by what is committed so far, each once."""
    mapped, reduced = Committed(store, "map"), Committed(store, "reduce")
    names = mapped.tables("catalogue"), mapped.tables("quarantine"), reduced.tables("quarantine")
    rows = _quarantine_of(*(localize(store, parts, scratch) for parts in names))
    with connect(scratch) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0]
    return int(count)


def _quarantine_of(catalogue: list[str], mapped: list[str], reduced: list[str]) -> str:
    """One row per image: where both phases failed it, the map's. A reducer of the user's may have opened images that are
    none of the source's; those are not accounted for."""
    rows = read_parquet(mapped + reduced, QUARANTINE)
    if reduced:
        rows = f"(SELECT * FROM {rows} q SEMI JOIN {read_parquet(catalogue, KNOWN)} c USING (uri))"
    return f"(SELECT DISTINCT ON (uri) * FROM {rows} ORDER BY uri, stage, reason, message)"


def rechunk(stream: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of ROWS_PER_CHUNK, the last one shorter: what a Parquet file looks like must not
    depend on how its rows arrived. No rows make one empty table."""
    held: list[pa.Table] = []
    rows = 0
    for batch in stream:
        held.append(pa.Table.from_batches([batch]).cast(schema))
        rows += batch.num_rows
        while rows >= ROWS_PER_CHUNK:
            table = pa.concat_tables(held)
            yield table.slice(0, ROWS_PER_CHUNK).combine_chunks()
            held, rows = [table.slice(ROWS_PER_CHUNK)], rows - ROWS_PER_CHUNK
    if rows or not held:
        yield pa.concat_tables(held or [schema.empty_table()]).combine_chunks()


_MAP_TABLES = ("catalogue", "members", "outputs", "quarantine")
_REDUCE_TABLES = ("outputs", "quarantine")


def _names(schema: pa.Schema) -> str:
    return ", ".join(f'"{name}"' for name in schema.names)
