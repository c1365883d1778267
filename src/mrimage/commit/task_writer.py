"""Collect the results of one task, and commit them as a whole."""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from mrimage.commit.ledger import UNCLEAN, commit_task, encode_arrow, table_path
from mrimage.commit.rounds import is_of_round
from mrimage.errors import JobError
from mrimage.sink.files import Sink
from mrimage.sink.sample import NO_EXTRAS
from mrimage.storage import Store
from mrimage.storage.parallel import BackgroundWriter
from mrimage.tables.schemas import OUTPUTS, QUARANTINE
from mrimage.types import Attempt, Entry, Failure, OutputRow, TaskReport


class Made(Protocol):
    """A finished file; width and height are in pixels, None if it is not an image."""

    @property
    def data(self) -> bytes: ...

    @property
    def width(self) -> int | None: ...

    @property
    def height(self) -> int | None: ...

    @property
    def extension(self) -> str: ...


class TaskWriter:
    """Writes a task's outputs. ``commit`` writes its tables and then its report.

    Nothing counts before ``commit``. An attempt that ends earlier leaves at most complete outputs,
    and the next attempt writes the same bytes under the same names.
    """

    def __init__(self, store: Store, sink: Sink, phase: str, task: str, attempt: Attempt) -> None:
        self.store = store
        self.phase = phase
        self.task = task
        self.attempt = attempt
        self._sink = sink
        self._started = time.time()
        self._clock = time.monotonic()
        self._outputs: dict[str, OutputRow] = {}
        self._folders: dict[str, str] = {}
        """Every folder of an output so far, with one of the outputs in it."""
        self._failures: list[Failure] = []
        self._tables: list[str] = []

    def image(
        self,
        entry: Entry,
        key: str,
        made: Made,
        extras: Mapping[str, object] = NO_EXTRAS,
        size: str = "",
    ) -> str:
        """Write what was made of an entry under ``key``, named after the entry. Shards have the
        ``extras`` beside it, and a template of names has its values there. ``size`` names one of
        several sizes. Returns the name."""
        path = self._sink.name(key, entry.path, made.extension, extras, size)
        self.output(entry.uri, key, path, made.data, made.width, made.height, extras)
        return path

    def output(
        self,
        uri: str | None,
        key: str,
        path: str,
        data: bytes,
        width: int | None,
        height: int | None,
        extras: Mapping[str, object] = NO_EXTRAS,
    ) -> None:
        """Write one output.

        Raises JobError if the task has already written one of the same name with other bytes.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        earlier = self._outputs.get(path)
        if earlier is not None:
            if earlier.sha256 == sha256:
                return
            raise JobError(
                f"The outputs of key {key!r} need different names, but two are named {path!r}."
            )
        self._require_no_folder(key, path)
        row = OutputRow(uri, key, path, width, height, len(data), sha256)
        self._outputs[path] = replace(row, output=self._sink.put(row, data, extras))

    def _require_no_folder(self, key: str, path: str) -> None:
        """Raise JobError if a name would be both a file and a folder.

        An object store could hold both, but a file system cannot.
        """
        parts = path.split("/")
        folders = ["/".join(parts[:count]) for count in range(1, len(parts))]
        inside = self._folders.get(path)
        if inside:
            raise _file_and_folder(key, path, inside)
        outside = next((folder for folder in folders if folder in self._outputs), None)
        if outside:
            raise _file_and_folder(key, outside, path)
        self._folders.update(dict.fromkeys(folders, path))

    def fail(self, failure: Failure) -> None:
        """Put one image into quarantine."""
        self._failures.append(failure)

    def table(self, name: str, table: pa.Table) -> None:
        """Write one of the task's tables now rather than keep it in memory until the commit."""
        self._tables.append(name)
        self.store.write(self._path(name), encode_arrow(table))

    def commit(self, images: int, size: int, tables: Mapping[str, pa.Table]) -> TaskReport:
        """Write the task's tables, lineage, quarantine and, last, the report.

        ``images`` and ``size`` are the number of images and their bytes. The task is done once the
        report is written.
        """
        writer = BackgroundWriter(self.store)
        self._write_tables(writer, tables)
        try:
            self._sink.close()
        finally:
            # If closing fails, no table of this attempt may arrive after those of the next one.
            writer.flush()
        report = self._report(images, size)
        # The tasks that make thumbnails, and those of rounds, write no outputs, only tables.
        writes_outputs = self.phase != "thumbnails" and not is_of_round(self.phase)
        if self.attempt.number > 1 and writes_outputs:
            self.store.write(UNCLEAN, b"")
        commit_task(self.store, report)
        return report

    def _write_tables(self, writer: BackgroundWriter, tables: Mapping[str, pa.Table]) -> None:
        """Send the tables; the lineage and the quarantine only if they have rows."""
        lineage = _table(list(self._outputs.values()), OUTPUTS)
        failures = _table(self._failures, QUARANTINE)
        everything = {**tables, "outputs": lineage, "quarantine": failures}
        for name, table in everything.items():
            if table.num_rows or name in tables:
                self._tables.append(name)
                writer.write(self._path(name), encode_arrow(table))
            elif self.attempt.number > 1:
                # An earlier attempt may have written it, and this commit must not claim that.
                self.store.delete(self._path(name))
        writer.send()

    def _report(self, images: int, size: int) -> TaskReport:
        code_failures = [failure for failure in self._failures if failure.code_error]
        first_code_error = ""
        if code_failures:
            first_code_error = f"{code_failures[0].uri}: {code_failures[0].message}"
        return TaskReport(
            task=self.task,
            phase=self.phase,
            images=images,
            bytes=size,
            quarantined=len(self._failures),
            outputs=len(self._outputs),
            started=self._started,
            seconds=time.monotonic() - self._clock,
            peak_memory=peak_memory(),
            worker=self.attempt.worker,
            attempts=self.attempt.number,
            speculative=self.attempt.speculative,
            errors=self.attempt.errors,
            reasons=dict(Counter(failure.reason for failure in self._failures)),
            tables=tuple(sorted(self._tables)),
            code_errors=dict(Counter(failure.code_error for failure in code_failures)),
            code_error=first_code_error,
        )

    def _path(self, table: str) -> str:
        return table_path(self.phase, self.task, table)


def _file_and_folder(key: str, file: str, member: str) -> JobError:
    return JobError(
        f"The outputs of key {key!r} cannot be named both {file!r} and {member!r}: the first "
        "would be a file and a folder. Rename one of them."
    )


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    if sys.platform == "linux":
        # getrusage would include the memory of the process that forked this one, before its exec.
        with Path("/proc/self/status").open() as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    import resource

    # On macOS this is in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _table(rows: Sequence[OutputRow | Failure], schema: pa.Schema) -> pa.Table:
    """The rows as a table with the columns of ``schema``."""
    values = [{name: getattr(row, name) for name in schema.names} for row in rows]
    return pa.Table.from_pylist(values, schema)
