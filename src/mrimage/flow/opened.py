"""``mrimage.open``: the results of a finished run, to hold in Python."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage import report
from mrimage.commit.damage import explain_damage
from mrimage.commit.ledger import exists, list_names, localize
from mrimage.commit.out_folder import temporary_folder
from mrimage.errors import NotFoundError
from mrimage.flow.arguments import path_or_url, store_settings
from mrimage.flow.results import read_facts, results_folder
from mrimage.flow.summary import Summary
from mrimage.image import Image
from mrimage.sink.shards import output_uri
from mrimage.storage import StoreSettings, open_store, open_uri
from mrimage.types import RunFacts

_GROUP_DUPLICATES = "/duplicates.parquet"
"""How the name of an output of ``--group duplicates`` ends."""


class Results:
    """The results of a finished run: its tables, its images, and SQL over them.

    A table is read when it is first asked for, as a pyarrow.Table: ``.to_pandas()`` makes a frame,
    and ``polars.from_arrow`` uses the same memory. Nothing in OUT is run, and nothing is written.
    The files of a remote OUT are copied to a temporary folder, once; ``close`` or the end of a
    ``with`` block removes it.
    """

    def __init__(self, out: str, stores: StoreSettings) -> None:
        """Raises SinkError if ``out`` is not the OUT of a finished run."""
        self._stores = stores
        self._store = open_store(out, stores)
        self._copies = ExitStack()
        weakref.finalize(self, self._copies.close)
        with explain_damage(self._store):
            self.facts: RunFacts = read_facts(self._store)

    @cached_property
    def catalogue(self) -> pa.Table:
        """One row for each image of the source, with its status."""
        return self._table(list_names(self._store, "catalogue"))

    @cached_property
    def outputs(self) -> pa.Table:
        """The lineage: one row for each output."""
        return self._table(["outputs.parquet"])

    @cached_property
    def groups(self) -> pa.Table:
        """One row for each key, with sizes."""
        return self._table(["groups.parquet"])

    @cached_property
    def quarantine(self) -> pa.Table:
        """The images that failed, each with a reason."""
        return self._table(["quarantine.parquet"])

    @cached_property
    def members(self) -> pa.Table:
        """The images of each group: key and uri."""
        return self._table(["_run/members.parquet"])

    @cached_property
    def findings(self) -> pa.Table | None:
        """What the job found about single images; None if the job did not look for anything."""
        return self._found("findings.parquet")

    @cached_property
    def clusters(self) -> pa.Table | None:
        """The images by cluster; None if the job did not look for clusters."""
        return self._found("clusters.parquet")

    @cached_property
    def neighbors(self) -> pa.Table | None:
        """The most similar images of each image; None if the job did not look for them."""
        return self._found("neighbors.parquet")

    @cached_property
    def duplicates(self) -> pa.Table | None:
        """The copies that the job found; None if it did not look for copies, or found none.

        Those of ``--group duplicates`` have their group in the column ``key``.
        """
        found = self._found("duplicates.parquet")
        return self._duplicates_of_groups() if found is None else found

    @property
    def summary(self) -> Summary:
        """What ``mrimage.run`` returned."""
        return Summary(self.facts, self._stores)

    def sql(self, query: str) -> pa.Table:
        """Return the result of a query in DuckDB's SQL.

        It can read the tables of the run and nothing else, and it cannot write: see ``mrimage
        query``. Raises UsageError if DuckDB cannot run it.
        """
        return report.query_table(self._folder, query)

    def images(self, key: str | None = None) -> Iterator[Image]:
        """Yield the processed images of the source, sorted by uri; with ``key``, those of a group.

        An image is read only when it is asked for something. Raises StoreError for a source whose
        store cannot be reached.
        """
        processed = pc.field("status") == "processed"
        chosen = self.catalogue.filter(processed)
        if key is not None:
            members = self.members.filter(pc.field("key") == key)
            chosen = chosen.filter(
                pc.is_in(chosen["uri"], value_set=members["uri"].combine_chunks())
            )
        for uri in chosen["uri"]:
            yield Image(open_uri(uri.as_py(), self._stores))

    def edited_images(self, key: str | None = None) -> Iterator[Image]:
        """Yield the images that the job's edits made, sorted by name; with ``key``, those of a
        group."""
        is_edited = pc.starts_with(self.outputs["output"], "images/")
        # Sidecars of originals have no width.
        chosen = self.outputs.filter(is_edited)
        chosen = chosen.filter(pc.is_valid(chosen["width"]))
        if key is not None:
            chosen = chosen.filter(pc.field("key") == key)
        for output in sorted(map(str, chosen["output"].to_pylist())):
            yield Image(open_uri(output_uri(self._store, output), self._stores))

    def close(self) -> None:
        """Remove the local copies of a remote OUT. Tables that were read stay valid."""
        self._copies.close()
        for name in ("_folder", "_scratch"):
            self.__dict__.pop(name, None)

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"mrimage.open({self._store.root!r})\n{self.summary!r}"

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()

    @cached_property
    def _folder(self) -> Path:
        """A local folder with the published tables."""
        return self._copies.enter_context(results_folder(self._store, self._scratch))

    @cached_property
    def _scratch(self) -> Path:
        """Where the copies of a remote OUT go."""
        if self._store.local:
            return Path(self._store.local)  # it needs no copies
        return self._copies.enter_context(temporary_folder())

    def _table(self, names: list[str]) -> pa.Table:
        with explain_damage(self._store):
            if not names:
                raise NotFoundError(f"{self._store.root} has no catalogue.")
            paths = localize(self._store, names, self._scratch)
            return pa.concat_tables([pq.read_table(path, memory_map=True) for path in paths])

    def _found(self, name: str) -> pa.Table | None:
        return self._table([name]) if exists(self._store, name) else None

    def _duplicates_of_groups(self) -> pa.Table | None:
        is_one = pc.ends_with(self.outputs["output"], _GROUP_DUPLICATES)
        rows = self.outputs.filter(is_one).sort_by("key")
        tables = []
        for row in rows.to_pylist():
            table = self._table([row["output"]])
            keys = pa.array([row["key"]] * table.num_rows, pa.string())
            tables.append(table.add_column(0, "key", keys))
        return pa.concat_tables(tables) if tables else None


def open(
    out: str | os.PathLike[str], *, endpoint: str | None = None, addressing: str | None = None
) -> Results:
    """Open the OUT of a finished run, a path or a url.

    ``endpoint`` and ``addressing`` are those of ``mrimage.run``. Raises SinkError if OUT is not
    that of a finished run, and UsageError for a wrong value.
    """
    stores = store_settings(endpoint=endpoint, addressing=addressing)
    return Results(path_or_url("out", out), stores)
