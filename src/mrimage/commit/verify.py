"""``mrimage verify``: does OUT still hold what its lineage says?"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
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
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import KNOWN, OUTPUTS
from mrimage.types import OutputRow, RunFacts

LINEAGE, QUARANTINED = "outputs.parquet", "quarantine.parquet"


def verify(store: Store, results: Path, facts: RunFacts, scratch: Path) -> Iterator[str]:
    """Every problem found, as a line: tables and outputs missing or altered, files that no run made, sums that do not
    add up.

    ``results`` is a local folder with the published tables.
    """
    bad = yield from _check_tables(store, results)
    yield from (f"damaged: {damage}" for damage in find_state_damage(store))
    if not any(name == QUARANTINED or name.startswith("catalogue/") for name in bad):
        yield from _check_accounting(results, facts, scratch)
    lineage = LINEAGE not in bad  # without it there is nothing to hold outputs against
    known: set[str] = set()
    if lineage:
        yield from _check_files(store, results, known)
        for shard, rows in _by_shard(results, scratch):
            yield from _check_shard(store, shard, rows)
    for item in store.list():
        top = item.path.partition("/")[0]
        if top in ("images", "groups"):
            if lineage and item.path not in known:
                yield f"foreign: {item.path} is not in the lineage"
        elif (top not in FOLDERS and item.path not in FILES) or (
            top == "catalogue" and not CATALOGUE_PART.fullmatch(item.path)
        ):
            yield f"foreign: {item.path} was made by no run"


def _check_tables(store: Store, results: Path) -> Generator[str, None, set[str]]:
    """Hold the published tables against the hashes kept when they were made; answers those not to be relied on."""
    published = read_published(store)
    if published is None and exists(store, PUBLISHED):
        yield f"damaged: {PUBLISHED}; run the job again to make it anew"
    tables = published.tables if published else {}
    bad: set[str] = set()
    for name in sorted({*FILES, *tables}):
        if name in tables and (results / name).is_file():
            with (results / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != tables[name]:
                    bad.add(name)
                    yield f"altered: {name}; delete it and run the job again to make it anew"
        elif name in tables or not exists(store, name):
            bad.add(name)
            yield f"missing: {name}; run the job again to make it anew"
    return bad


def _check_files(store: Store, results: Path, known: set[str]) -> Iterator[str]:
    """Hold each output that is a file of its own against its hash; ``known`` hears of every file of the lineage."""
    for batch in pq.ParquetFile(results / LINEAGE).iter_batches(
        10_000, columns=["output", "sha256"]
    ):
        for row in batch.to_pylist():
            file, member = split_output(row["output"])
            known.add(file)
            if not member:
                yield from _check_output(store, row["output"], row["sha256"])


def _check_output(store: Store, output: str, sha256: str) -> Iterator[str]:
    try:
        data = store.read(output)
    except NotFoundError:
        yield f"missing: {output}"
    except StoreError as error:
        yield f"unreadable: {output}: {error}"
    else:
        if hashlib.sha256(data).hexdigest() != sha256:
            yield f"altered: {output} does not have the hash of its lineage"


def _by_shard(results: Path, scratch: Path) -> Iterator[tuple[str, dict[str, OutputRow]]]:
    """The lineage of each shard, by output."""
    outputs = read_parquet([str(results / LINEAGE)], OUTPUTS)
    shard = "split_part(output, '!/', 1)"
    with connect(scratch) as connection:
        stream = batches(
            connection, f"SELECT * FROM {outputs} WHERE contains(output, '!/') ORDER BY {shard}"
        )
        rows = (OutputRow(**row) for batch in stream for row in batch.to_pylist())
        for name, members in groupby(rows, lambda row: split_output(row.output)[0]):
            yield name, {row.output: row for row in members}


def _check_shard(store: Store, shard: str, rows: dict[str, OutputRow]) -> Iterator[str]:
    """One pass over ``shard``, whose lineage is ``rows``."""
    try:
        for sample in read_shard(store, shard):
            output = f"{shard}!/{sample.name}"
            row = rows.pop(output, None)
            if row is None:
                yield f"foreign: {output} is not in the lineage"
            elif hashlib.sha256(sample.data).hexdigest() != row.sha256:
                yield f"altered: {output} does not have the hash of its lineage"
            elif sample.facts != facts_of(row):
                yield f"altered: the facts of {output} are not those of its lineage"
    except NotFoundError:
        yield f"missing: {shard} with {len(rows)} outputs"
    except (ImageError, StoreError) as error:
        yield f"unreadable: {shard}, {len(rows)} outputs not checked: {error}"
    else:
        yield from (f"missing: {output}" for output in rows)


def _check_accounting(results: Path, facts: RunFacts, scratch: Path) -> Iterator[str]:
    parts = sorted(str(part) for part in (results / "catalogue").glob("part-*.parquet"))
    catalogue = read_parquet(parts, KNOWN)
    with connect(scratch) as connection:
        rows = dict(
            connection.execute(
                f"SELECT status, count(*) FROM {catalogue} GROUP BY status"
            ).fetchall()
        )
    processed, quarantined = rows.get("processed", 0), rows.get("quarantined", 0)
    if facts.listed != processed + quarantined:
        yield f"accounting: {facts.listed} listed, but {processed} processed + {quarantined} quarantined"
    in_quarantine = pq.ParquetFile(results / QUARANTINED).metadata.num_rows
    if in_quarantine != quarantined:
        yield f"accounting: {quarantined} quarantined in the catalogue, but {in_quarantine} in {QUARANTINED}"
