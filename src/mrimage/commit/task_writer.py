"""What one task makes, collected and committed as a whole."""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mrimage.commit import ledger as state
from mrimage.errors import JobError
from mrimage.sink.files import Sink
from mrimage.storage import Store
from mrimage.storage.parallel import BackgroundWriter
from mrimage.tables.schemas import OUTPUTS, QUARANTINE
from mrimage.types import Attempt, Entry, Failure, OutputRow, TaskReport

if TYPE_CHECKING:
    from mrimage.image import Encoded


class TaskWriter:
    """Takes a task's outputs and failures; ``commit`` writes its tables, all at once, and then its report.

    Nothing counts before ``commit``: an attempt that ends earlier leaves at most whole outputs under names that
    the next attempt writes again with the same bytes.
    """

    def __init__(self, store: Store, sink: Sink, phase: str, task: str, attempt: Attempt) -> None:
        self.store, self.phase, self.task, self.attempt = store, phase, task, attempt
        self._sink = sink
        self._started, self._clock = time.time(), time.monotonic()
        self._outputs: dict[str, OutputRow] = {}
        self._folders: dict[str, str] = {}
        """Every folder of an output so far, with one of the outputs in it."""
        self._failures: list[Failure] = []
        self._tables: list[str] = []

    def image(self, entry: Entry, key: str, made: Encoded) -> None:
        """Put the image that was made of ``entry``, under ``key``."""
        path = self._sink.name(key, entry.path, made.extension)
        self.output(entry.uri, key, path, made.data, made.width, made.height)

    def output(
        self,
        uri: str | None,
        key: str,
        path: str,
        data: bytes,
        width: int | None,
        height: int | None,
    ) -> None:
        """Put one output. Raises JobError when the task has already made one of this name from other bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        made = self._outputs.get(path)
        if made is not None:
            if made.sha256 == sha256:
                return
            raise JobError(
                f"Expected different names for the outputs of key {key!r}, but two are named {path!r}."
            )
        self._require_no_folder(key, path)
        row = OutputRow(uri, key, path, width, height, len(data), sha256)
        self._outputs[path] = replace(row, output=self._sink.put(row, data))

    def _require_no_folder(self, key: str, path: str) -> None:
        """Raise JobError when ``path`` would be a file and a folder: an object store could hold both,
        a file system cannot."""
        parts = path.split("/")
        folders = ["/".join(parts[:count]) for count in range(1, len(parts))]
        inside = self._folders.get(path)
        outside = next((folder for folder in folders if folder in self._outputs), None)
        if inside or outside:
            file, member = (path, inside) if inside else (outside, path)
            raise JobError(
                f"The outputs of key {key!r} cannot be named both {file!r} and {member!r}: the first "
                "would be a file and a folder. Rename one of them."
            )
        self._folders.update(dict.fromkeys(folders, path))

    def fail(self, failure: Failure) -> None:
        """Put one image into quarantine."""
        self._failures.append(failure)

    def table(self, name: str, table: pa.Table) -> None:
        """Write one of the task's own tables now, because it has more than memory should hold until the commit."""
        self._tables.append(name)
        self.store.write(self._path(name), state.encode_arrow(table))

    def commit(self, images: int, size: int, tables: Mapping[str, pa.Table]) -> TaskReport:
        """Write the task's ``tables`` by name, lineage, quarantine and, last, the report: from here on the task is done."""
        lineage = _table(list(self._outputs.values()), OUTPUTS)
        failures = _table(self._failures, QUARANTINE)
        writer = BackgroundWriter(self.store)
        for name, table in {**tables, "outputs": lineage, "quarantine": failures}.items():
            if table.num_rows or name in tables:
                self._tables.append(name)
                writer.write(self._path(name), state.encode_arrow(table))
            elif (
                self.attempt.number > 1
            ):  # this commit must not claim what an attempt that failed had to tell
                self.store.delete(self._path(name))
        writer.send()
        try:
            self._sink.close()
        finally:  # no table may arrive after those of the next attempt
            writer.flush()
        own = [failure for failure in self._failures if failure.code_error]
        report = TaskReport(
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
            code_errors=dict(Counter(failure.code_error for failure in own)),
            code_error=f"{own[0].uri}: {own[0].message}" if own else "",
        )
        if self.attempt.number > 1 and self.phase != "thumbnails":  # those tasks write tables only
            self.store.write(state.UNCLEAN, b"")
        state.commit(self.store, report)
        return report

    def _path(self, table: str) -> str:
        return state.table_path(self.phase, self.task, table)


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    if (
        sys.platform == "linux"
    ):  # getrusage would count what the process was before it became this program
        with Path("/proc/self/status").open() as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _table(rows: Sequence[OutputRow | Failure], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(
        [{name: getattr(row, name) for name in schema.names} for row in rows], schema
    )
