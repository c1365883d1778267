"""``mrimage verify``: does OUT still hold what its lineage says?"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq

from mrimage.commit.damage import find_state_damage
from mrimage.commit.ledger import exists
from mrimage.commit.out_folder import FILES, FOLDERS
from mrimage.commit.publish import CATALOGUE_PART, PUBLISHED, read_published
from mrimage.errors import ImageError, NotFoundError, StoreError
from mrimage.sink.sample import facts_of
from mrimage.sink.shards import read_shard, split_output
from mrimage.storage import Store
from mrimage.storage.layout import FOUND
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import KNOWN, OUTPUTS
from mrimage.types import OutputRow, RunFacts

LINEAGE = "outputs.parquet"
QUARANTINED = "quarantine.parquet"

BATCH = 10_000
"""Rows of the lineage that are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, as a line of ``text``.

    ``outputs`` are those of the lineage that are missing or altered, and ``table`` is a published
    table that is. A run can make both again.
    """

    text: str
    outputs: tuple[str, ...] = ()
    table: str = ""


def verify(store: Store, results: Path, facts: RunFacts, scratch: Path) -> Iterator[Problem]:
    """Yield every problem.

    Problems are tables and outputs that are missing or altered, files that no run wrote, and
    numbers that do not add up. ``results`` is a local folder with the published tables.
    """
    unreliable = yield from _check_tables(store, results)
    for damage in find_state_damage(store):
        yield Problem(f"damaged: {damage}")
    catalogue_is_bad = any(name.startswith("catalogue/") for name in unreliable)
    if not catalogue_is_bad and QUARANTINED not in unreliable:
        yield from _check_accounting(results, facts, scratch)
    if LINEAGE in unreliable:
        # Outputs cannot be checked then, only the other files.
        yield from _check_names(store, None)
        return
    known: set[str] = set()
    yield from _check_files(store, results, known)
    for shard, rows in _by_shard(results, scratch):
        yield from _check_shard(store, shard, rows)
    yield from _check_names(store, known)


def _check_names(store: Store, known: set[str] | None) -> Iterator[Problem]:
    """Check that every file below OUT is one of a run.

    ``known`` are the files of the lineage; None if they are not known.
    """
    for item in store.list():
        top, _, _ = item.path.partition("/")
        if top in ("images", "groups"):
            if known is not None and item.path not in known:
                yield Problem(f"foreign: {item.path} is not in the lineage")
        elif not _is_run_file(item.path, top):
            yield Problem(f"foreign: {item.path} was not made by any run")


def _is_run_file(path: str, top: str) -> bool:
    """Whether a run writes a file of this name; ``top`` is its first folder."""
    if path in FILES or path in FOUND:
        return True
    if top == "catalogue":
        return bool(CATALOGUE_PART.fullmatch(path))
    return top in FOLDERS


def _check_tables(store: Store, results: Path) -> Generator[Problem, None, set[str]]:
    """Compare the published tables with the hashes recorded when they were written.

    Returns the names of those that are missing or altered.
    """
    published = read_published(store)
    if published is None and exists(store, PUBLISHED):
        yield Problem(f"damaged: {PUBLISHED}; run the job again to restore it")
    hashes = published.tables if published else {}
    unreliable: set[str] = set()
    for name in sorted({*FILES, *hashes}):
        if name in hashes and (results / name).is_file():
            if _sha256(results / name) != hashes[name]:
                unreliable.add(name)
                text = f"altered: {name}; delete it and run the job again to restore it"
                yield Problem(text, table=name)
        elif name in hashes or not exists(store, name):
            unreliable.add(name)
            yield Problem(f"missing: {name}; run the job again to restore it", table=name)
    return unreliable


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_files(store: Store, results: Path, known: set[str]) -> Iterator[Problem]:
    """Compare each output that is a file of its own with its hash.

    Adds every file of the lineage, shards included, to ``known``.
    """
    lineage = pq.ParquetFile(results / LINEAGE)
    for batch in lineage.iter_batches(BATCH, columns=["output", "sha256"]):
        for row in batch.to_pylist():
            file, member = split_output(row["output"])
            known.add(file)
            if not member:
                yield from _check_output(store, row["output"], row["sha256"])


def _check_output(store: Store, output: str, sha256: str) -> Iterator[Problem]:
    try:
        data = store.read(output)
    except NotFoundError:
        yield Problem(f"missing: {output}", (output,))
    except StoreError as error:
        yield Problem(f"unreadable: {output}: {error}")
    else:
        if hashlib.sha256(data).hexdigest() != sha256:
            text = f"altered: {output} does not have the hash in its lineage"
            yield Problem(text, (output,))


def _by_shard(results: Path, scratch: Path) -> Iterator[tuple[str, dict[str, OutputRow]]]:
    """Yield each shard with its lineage, by output."""
    outputs = read_parquet([str(results / LINEAGE)], OUTPUTS)
    query = f"""
        SELECT * FROM {outputs} WHERE contains(output, '!/')
        ORDER BY split_part(output, '!/', 1)
    """
    with connect(scratch) as connection:
        stream = batches(connection, query)
        rows = (OutputRow(**row) for batch in stream for row in batch.to_pylist())
        for shard, members in groupby(rows, key=_shard_of):
            yield shard, {row.output: row for row in members}


def _shard_of(row: OutputRow) -> str:
    shard, _ = split_output(row.output)
    return shard


def _check_shard(store: Store, shard: str, rows: dict[str, OutputRow]) -> Iterator[Problem]:
    """Compare a shard with its lineage, in one pass."""
    try:
        for sample in read_shard(store, shard):
            output = f"{shard}!/{sample.name}"
            row = rows.pop(output, None)
            if row is None:
                yield Problem(f"foreign: {output} is not in the lineage")
            elif hashlib.sha256(sample.data).hexdigest() != row.sha256:
                text = f"altered: {output} does not have the hash in its lineage"
                yield Problem(text, (output,))
            elif sample.facts != facts_of(row):
                text = f"altered: the facts of {output} are not those in its lineage"
                yield Problem(text, (output,))
    except NotFoundError:
        yield Problem(f"missing: {shard} with {len(rows)} outputs", tuple(rows))
    except ImageError as error:
        text = f"unreadable: {shard}, {len(rows)} outputs not checked: {error}"
        yield Problem(text, tuple(rows))
    except StoreError as error:
        # The store may be able to read it later.
        yield Problem(f"unreadable: {shard}, {len(rows)} outputs not checked: {error}")
    else:
        for output in rows:
            yield Problem(f"missing: {output}", (output,))


def _check_accounting(results: Path, facts: RunFacts, scratch: Path) -> Iterator[Problem]:
    """Check that every listed image was processed or quarantined, by the published tables."""
    parts = sorted(str(part) for part in (results / "catalogue").glob("part-*.parquet"))
    query = f"SELECT status, count(*) FROM {read_parquet(parts, KNOWN)} GROUP BY status"
    with connect(scratch) as connection:
        counts = dict(connection.execute(query).fetchall())
    processed = counts.get("processed", 0)
    quarantined = counts.get("quarantined", 0)
    if facts.listed != processed + quarantined:
        yield Problem(
            f"accounting: {facts.listed} listed, but {processed} processed + "
            f"{quarantined} quarantined"
        )
    in_quarantine = pq.ParquetFile(results / QUARANTINED).metadata.num_rows
    if in_quarantine != quarantined:
        yield Problem(
            f"accounting: {quarantined} quarantined in the catalogue, but {in_quarantine} in "
            f"{QUARANTINED}"
        )
