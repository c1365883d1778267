"""Damage below ``_run/``: which file it is, and what to do about it.

Nothing here is read by a run that goes well, but for one look at the names and sizes of what earlier tasks committed. When
something fails, every file of the state is looked at, and if one is damaged, that is what the error says.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import ROOT, Committed, is_description, list_files, table_path, task_of
from mrimage.commit.publish import PUBLISHED, Published
from mrimage.errors import (
    AccountingError,
    EngineError,
    MrimageError,
    NotFoundError,
    SinkError,
    StoreError,
)
from mrimage.storage import Store
from mrimage.storage.layout import JOB
from mrimage.storage.parallel import in_parallel
from mrimage.tables.schemas import (
    DONE_GROUPS,
    GROUPS,
    KNOWN,
    MEMBERS,
    OUTPUTS,
    QUARANTINE,
    RECORDS,
    REMOVED,
    THUMBNAILS,
    WEIGHED,
)
from mrimage.types import RunFacts, TaskReport

PHASES = ("map", "reduce")

FACTS = f"{ROOT}/facts.json"

_TABLES = {
    f"{ROOT}/members.parquet": MEMBERS,
    f"{ROOT}/removed.parquet": REMOVED,
    f"{ROOT}/thumbnails.parquet": THUMBNAILS,
    f"{ROOT}/pending.parquet": WEIGHED,
    "groups.parquet": GROUPS,
    "outputs.parquet": OUTPUTS,
    "quarantine.parquet": QUARANTINE,
}
_PARTS = {
    "catalogue": KNOWN,
    "records": RECORDS,
    "outputs": OUTPUTS,
    "quarantine": QUARANTINE,
    "groups": DONE_GROUPS,
    "thumbnails": THUMBNAILS,
}

_ANEW = "Delete it and run the job again to make it anew."


@contextmanager
def explain_damage(store: Store) -> Iterator[None]:
    """Raise SinkError, naming the file and the way out, where the block failed because the state of OUT is damaged. Every other
    error goes on as it is."""
    try:
        yield
    except Exception as error:
        if _has_another_cause(error):
            raise
        damage = next(find_damage(store), None)
        if damage is None:
            raise
        raise SinkError(damage) from error


def _has_another_cause(error: Exception) -> bool:
    """Whether the error itself says what is wrong."""
    if isinstance(error, StoreError):
        return error.transient
    return isinstance(error, MrimageError) and not isinstance(error, (EngineError, AccountingError))


def require_intact(store: Store) -> None:
    """Raise SinkError if something of what earlier tasks committed is missing or has another size than when it was published."""
    phases = [Committed(store, phase) for phase in PHASES]
    published = _decoded(store, PUBLISHED, Published)
    if isinstance(published, Published) and published.state:
        if published.state == fingerprint(phases):
            return
        damage = next(find_damage(store), None)
    else:
        damage = next((line for phase in phases for line in _missing_tables(store, phase)), None)
    if damage:
        raise SinkError(damage)


def fingerprint(phases: Iterable[Committed]) -> str:
    """A hash of the names and sizes of everything that is committed."""
    digest = hashlib.sha256()
    for phase in phases:
        for item in sorted(phase.items(), key=lambda item: item.path):
            digest.update(f"{item.path} {item.size}\n".encode())
    return digest.hexdigest()


def find_damage(store: Store) -> Iterator[str]:
    """Every damaged file of the state of OUT and of its published tables, as an error message."""
    yield from find_state_damage(store)
    for name, kind in ((PUBLISHED, Published), (FACTS, RunFacts)):
        if isinstance(_decoded(store, name, kind), Exception):
            yield _message(store, name, "damaged", _ANEW)
    parts = [item.path for item in list_files(store, "catalogue") if item.path.endswith(".parquet")]
    for name, schema in (_TABLES | dict.fromkeys(parts, KNOWN)).items():
        if why := _wrong_table(store, name, schema):
            yield _message(store, name, why, _ANEW)


def find_state_damage(store: Store) -> Iterator[str]:
    """Every damaged file by which a run continues, as an error message."""
    job = _decoded(store, JOB, dict[str, object])
    if job is not None and not is_description(job):
        yield _message(store, JOB, "damaged", "Add --fresh to start over.")
    for phase in PHASES:
        yield from _damaged_tasks(store, phase)


def _damaged_tasks(store: Store, phase: str) -> Iterator[str]:
    top = f"{ROOT}/{phase}/"
    folders = {
        item.path.removeprefix(top).split("/")[0]
        for item in list_files(store, top)
        if "/" in item.path.removeprefix(top)
    }
    for name in sorted(folders):
        yield _message(store, top + name, "a folder", f"Remove it. {_redo(phase, name)}")
    committed = Committed(store, phase)
    yield from _missing_tables(store, committed)
    for kind, schema in _PARTS.items():
        for name in committed.tables(kind):
            if why := _wrong_table(store, name, schema):
                yield _message(store, name, why, _redo(phase, name))


def _missing_tables(store: Store, committed: Committed) -> Iterator[str]:
    """What a task has committed by its report, and what is not there."""
    there = {item.path for item in committed.items()}
    paths = [f"{ROOT}/{committed.phase}/{task}.json" for task in sorted(committed.tasks)]
    for path, report in zip(paths, in_parallel(store, partial(_report, store), paths), strict=True):
        way_out = _redo(committed.phase, path)
        if report is None:
            yield _message(store, path, "damaged", way_out)
            continue
        names = (table_path(report.phase, report.task, table) for table in report.tables)
        yield from (
            _message(store, name, "missing", way_out) for name in names if name not in there
        )


def _report(store: Store, path: str) -> TaskReport | None:
    found = _decoded(store, path, TaskReport)
    return found if isinstance(found, TaskReport) else None


def _redo(phase: str, path: str) -> str:
    """How to have the task again that committed ``path``."""
    what = "its images are mapped" if phase == "map" else "its groups are reduced"
    report = f"{ROOT}/{phase}/{task_of(path)}.json"
    return f"Remove {report} and run the job again, so that {what} again, or add --fresh to start over."


def _decoded(store: Store, name: str, kind: Any) -> object:
    """The document ``name``; None where there is none, and the error where it is not of its ``kind``."""
    try:
        return msgspec.json.decode(store.read(name), type=kind)
    except NotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return error
    except StoreError as error:
        if _is_folder(error):
            return error
        raise


def _wrong_table(store: Store, name: str, schema: pa.Schema) -> str | None:
    """Why the table ``name`` cannot be read as one with the columns of ``schema``; None where it can, or is not there."""
    try:
        data = store.read(name)
    except NotFoundError:
        return None
    except StoreError as error:
        if _is_folder(error):
            return "a folder"
        raise
    if not data:
        return "empty"
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        for _ in file.iter_batches():
            pass
        columns = set(file.schema_arrow.names)
    except Exception:  # noqa: BLE001 - Arrow may raise anything on bytes that are no Parquet file
        return "damaged"
    return None if columns.issuperset(schema.names) else "damaged"


def _is_folder(error: StoreError) -> bool:
    """Whether a local folder lies where a file should be."""
    return isinstance(error.__cause__, IsADirectoryError)


def _message(store: Store, name: str, why: str, way_out: str) -> str:
    return f"Expected {store.root.rstrip('/')}/{name} as a run wrote it, but it is {why}. {way_out}"
