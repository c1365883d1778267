"""``--from OUT --where SQL``: the images of an earlier run that a job takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.damage import explain_damage
from mrimage.commit.out_folder import temporary_folder
from mrimage.errors import SourceError, UsageError, quoted
from mrimage.flow.listing import expected_columns
from mrimage.flow.results import read_facts, results_folder
from mrimage.job.job import Plan
from mrimage.report.tables.condition import open_images
from mrimage.storage import open_store
from mrimage.storage.fields import encode_fields, plain_fields
from mrimage.tables.schemas import CHOSEN


@dataclass(frozen=True)
class Earlier:
    """What a job takes of an earlier run.

    ``chosen`` is a local table of the images, with the columns of CHOSEN. ``columns`` are the
    columns of the earlier run that the job uses as keys, or carries into shards: they become
    columns of the source.
    """

    chosen: Path
    columns: tuple[str, ...]
    images: int


@contextmanager
def earlier_of(plan: Plan) -> Iterator[Earlier | None]:
    """Yield what the job takes of an earlier run, or None if it takes nothing of one.

    Raises SinkError if OUT is not that of a finished run, UsageError if it is the run's own OUT or
    has another source, or if the condition is not valid, and SourceError if it selects no image.
    """
    job = plan.job
    if job.from_out is None:
        yield None
        return
    if job.from_out == plan.out:
        raise UsageError(
            f"--from needs the OUT of another run, but got that of this one, {plan.out}. "
            "Choose another OUT for this run."
        )
    store = open_store(job.from_out, plan.stores)
    with temporary_folder() as folder:
        with explain_damage(store):
            facts = read_facts(store)
            source = ", ".join(plan.sources)
            if facts.source != source:
                raise UsageError(
                    f"--from needs the OUT of an earlier run of the same source, but {job.from_out} "
                    f"was made from {facts.source}, and this run has {source}."
                )
            with results_folder(store, folder) as results:
                earlier = _choose(plan, results, folder / "chosen.parquet")
        if not earlier.images:
            selected = f"--where {quoted(job.where)} selects" if job.where else "--from has"
            raise SourceError(f"{selected} no image of {job.from_out}. Check the condition.")
        yield earlier


def _choose(plan: Plan, results: Path, chosen: Path) -> Earlier:
    """Write the images that the condition selects to the table ``chosen``."""
    images = 0
    with open_images(results) as run, pq.ParquetWriter(chosen, CHOSEN) as writer:
        free = [name for name in run.columns if name.lower() not in plan.job.taken]
        names = tuple(name for name in expected_columns(plan.job) if name in free)
        for batch in run.select(plan.job.where, names):
            fields = [""] * batch.num_rows
            if names:
                rows = batch.select(names).to_pylist()
                fields = [encode_fields(plain_fields(row)) for row in rows]
            identity = [batch.column(name) for name in ("uri", "size", "version")]
            table = pa.table([*identity, pa.array(fields, pa.string())], CHOSEN.names)
            writer.write_table(table.cast(CHOSEN))
            images += batch.num_rows
    return Earlier(chosen, names, images)
