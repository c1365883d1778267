"""``mrimage verify``: does OUT still hold what its lineage says?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq

from mrimage.errors import ImageError, NotFoundError, StoreError
from mrimage.sink.place import FILES, FOLDERS
from mrimage.sink.sample import facts_of
from mrimage.sink.shards import read_shard, split_output
from mrimage.storage import Store
from mrimage.tables.duck import batches, connect, read_parquet
from mrimage.tables.schemas import KNOWN, OUTPUTS
from mrimage.types import OutputRow, RunFacts


def verify(store: Store, results: Path, facts: RunFacts, scratch: Path) -> Iterator[str]:
    """Every problem found, as a line: outputs missing or altered, files that no run made, sums that do not add up.

    ``results`` is a local folder with the published tables.
    """
    yield from _check_accounting(results, facts, scratch)
    known: set[str] = set()
    for batch in pq.ParquetFile(results / "outputs.parquet").iter_batches(10_000, columns=["output", "sha256"]):
        for row in batch.to_pylist():
            file, member = split_output(row["output"])
            known.add(file)
            if not member:
                yield from _check_output(store, row["output"], row["sha256"])
    for shard, rows in _by_shard(results, scratch):
        yield from _check_shard(store, shard, rows)
    for item in store.list():
        top = item.path.partition("/")[0]
        if top in ("images", "groups", "shards") and item.path not in known:
            yield f"foreign: {item.path} is not in the lineage"
        elif top not in FOLDERS and item.path not in FILES:
            yield f"foreign: {item.path} was made by no run"


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
    outputs = read_parquet([str(results / "outputs.parquet")], OUTPUTS)
    shard = "split_part(output, '!/', 1)"
    with connect(scratch) as connection:
        stream = batches(connection, f"SELECT * FROM {outputs} WHERE contains(output, '!/') ORDER BY {shard}")
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
    catalogue = sorted(str(path) for path in (results / "catalogue").glob("*.parquet"))
    with connect(scratch) as connection:
        rows = dict(
            connection.execute(
                f"SELECT status, count(*) FROM {read_parquet(catalogue, KNOWN)} GROUP BY status"
            ).fetchall()
            if catalogue
            else []
        )
    processed, quarantined = rows.get("processed", 0), rows.get("quarantined", 0)
    if facts.listed != processed + quarantined:
        yield f"accounting: {facts.listed} listed, but {processed} processed + {quarantined} quarantined"
    in_quarantine = pq.ParquetFile(results / "quarantine.parquet").metadata.num_rows
    if in_quarantine != quarantined:
        yield f"accounting: {quarantined} quarantined in the catalogue, but {in_quarantine} in quarantine.parquet"
