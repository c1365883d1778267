"""Damage in ``_run/``: which file it is, and how to recover.

A run that goes well only compares the names and sizes of what earlier tasks committed. If something
fails, every file of the state is checked, and the error names the damaged one.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.commit.ledger import (
    ROOT,
    Committed,
    exists,
    is_description,
    list_files,
    report_path,
    table_path,
    task_of,
)
from mrimage.commit.publish import CORRECTED_TABLE, PUBLISHED, Published
from mrimage.commit.rounds import FOUND_TABLE, CommittedRounds, RoundResult, task_phases
from mrimage.commit.split_plan import SPLITS, SplitPlan
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
    CORRECTED,
    DONE_GROUPS,
    EDITED,
    FINDINGS,
    GROUPS,
    KNOWN,
    MAPPED_MEMBERS,
    MEMBERS,
    OUTPUTS,
    PROGRAM_ROUNDS,
    QUARANTINE,
    RECORDS,
    REMOVED,
    ROUND_PARTS,
    STATISTICS,
    THUMBNAILS,
    WEIGHED,
)
from mrimage.types import RunFacts, TaskReport

FACTS = f"{ROOT}/facts.json"
"""The facts of the last run (``types.RunFacts``), from which the report can be made again."""

_PUBLISHED_TABLES = {
    f"{ROOT}/members.parquet": MEMBERS,
    CORRECTED_TABLE: CORRECTED,
    f"{ROOT}/removed.parquet": REMOVED,
    f"{ROOT}/thumbnails.parquet": THUMBNAILS,
    f"{ROOT}/pending.parquet": WEIGHED,
    "findings.parquet": FINDINGS,
    "groups.parquet": GROUPS,
    "outputs.parquet": OUTPUTS,
    "quarantine.parquet": QUARANTINE,
}
"""Schemas of the tables that a run makes from what is committed, by name."""

_TASK_TABLES = {
    "catalogue": KNOWN,
    "records": RECORDS,
    "members": MAPPED_MEMBERS,
    "outputs": OUTPUTS,
    "quarantine": QUARANTINE,
    "groups": DONE_GROUPS,
    "thumbnails": THUMBNAILS,
    "statistics": STATISTICS,
    "edited": EDITED,
    "parts": ROUND_PARTS,
    "rounds": PROGRAM_ROUNDS,
    FOUND_TABLE: pa.schema([]),
}
"""Schemas of the tables that tasks commit, by kind."""

_RESTORE = "Delete it and run the job again to restore it."
_CUT_ANEW = (
    "Remove it and run the job again, which then cuts what is left to map into other tasks, or add "
    "--fresh to start over."
)


@contextmanager
def explain_damage(store: Store) -> Iterator[None]:
    """If the block fails because the state of OUT is damaged, raise SinkError instead.

    It names the damaged file and how to recover. Every other error passes unchanged.
    """
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
    """Whether the error itself already says what is wrong."""
    if isinstance(error, StoreError):
        return error.transient
    if isinstance(error, (EngineError, AccountingError)):
        return False
    return isinstance(error, MrimageError)


def require_intact(store: Store) -> None:
    """Raise SinkError if a committed file is missing, or its size has changed since publication."""
    phases = task_phases(store)
    published = _decoded(store, PUBLISHED, Published)
    if isinstance(published, Published) and published.state:
        if published.state == fingerprint(store):
            return
        problems = find_damage(store)
    else:
        problems = _all_missing_tables(store, phases)
    damage = next(problems, None)
    if damage:
        raise SinkError(damage)


def _all_missing_tables(store: Store, phases: list[Committed]) -> Iterator[str]:
    for phase in phases:
        yield from _missing_tables(store, phase)


def fingerprint(store: Store) -> str:
    """A SHA-256, in hex, of the names and sizes of everything that is committed."""
    digest = hashlib.sha256()
    committed = [phase.items() for phase in task_phases(store)]
    for items in (*committed, CommittedRounds(store).others()):
        for item in sorted(items, key=lambda item: item.path):
            digest.update(f"{item.path} {item.size}\n".encode())
    return digest.hexdigest()


def find_damage(store: Store) -> Iterator[str]:
    """Yield an error message for every damaged file of the state and of the published tables."""
    yield from find_state_damage(store)
    documents: dict[str, Any] = {PUBLISHED: Published, FACTS: RunFacts}
    for name, document_type in documents.items():
        if isinstance(_decoded(store, name, document_type), Exception):
            yield _message(store, name, "damaged", _RESTORE)
    catalogue = [item.path for item in list_files(store, "catalogue")]
    parts = [name for name in catalogue if name.endswith(".parquet")]
    tables = _PUBLISHED_TABLES | dict.fromkeys(parts, KNOWN)
    for name, schema in tables.items():
        problem = _table_problem(store, name, schema)
        if problem:
            yield _message(store, name, problem, _RESTORE)


def find_state_damage(store: Store) -> Iterator[str]:
    """Yield an error message for every damaged file that a run needs to continue."""
    job = _decoded(store, JOB, dict[str, object])
    if job is not None and not is_description(job):
        yield _message(store, JOB, "damaged", "Add --fresh to start over.")
    if isinstance(_decoded(store, SPLITS, SplitPlan), Exception):
        yield _message(store, SPLITS, "damaged", _CUT_ANEW)
    for committed in task_phases(store):
        yield from _damaged_tasks(store, committed)
    yield from _damaged_results(store)


def _damaged_results(store: Store) -> Iterator[str]:
    """Yield an error message for every damaged result of a round, and every damaged or missing part
    of its table."""
    for path in CommittedRounds(store).results():
        way_out = f"Remove {path} and run the job again, or add --fresh to start over."
        result = _decoded(store, path, RoundResult)
        if not isinstance(result, RoundResult):
            yield _message(store, path, "damaged", way_out)
            continue
        for part in result.parts:
            problem = _table_problem(store, part.path, RECORDS)
            if problem or not exists(store, part.path):
                yield _message(store, part.path, problem or "missing", way_out)


def _damaged_tasks(store: Store, committed: Committed) -> Iterator[str]:
    phase = committed.phase
    for name in sorted(_folders(store, f"{ROOT}/{phase}/")):
        yield _message(store, name, "a folder", f"Remove it. {_redo(phase, name)}")
    yield from _missing_tables(store, committed)
    for kind, schema in _TASK_TABLES.items():
        for name in committed.tables(kind):
            problem = _table_problem(store, name, schema)
            if problem:
                yield _message(store, name, problem, _redo(phase, name))


def _folders(store: Store, top: str) -> set[str]:
    """Paths below OUT of the folders in ``top``. The ledger has only files there."""
    folders: set[str] = set()
    for item in list_files(store, top):
        name, slash, _ = item.path.removeprefix(top).partition("/")
        if slash:
            folders.add(top + name)
    if store.local and (store.local / top).is_dir():
        # An empty folder has no files to list.
        folders |= {top + path.name for path in (store.local / top).iterdir() if path.is_dir()}
    return folders


def _missing_tables(store: Store, committed: Committed) -> Iterator[str]:
    """Yield a message for every damaged report, and every table that a report names but is gone."""
    present = {item.path for item in committed.items()}
    paths = [report_path(committed.phase, task) for task in sorted(committed.tasks)]
    reports = in_parallel(store, partial(_report, store), paths)
    for path, report in zip(paths, reports, strict=True):
        way_out = _redo(committed.phase, path)
        if report is None:
            yield _message(store, path, "damaged", way_out)
            continue
        for table in report.tables:
            name = table_path(report.phase, report.task, table)
            if name not in present:
                yield _message(store, name, "missing", way_out)


def _report(store: Store, path: str) -> TaskReport | None:
    """The report at a path; None if it is damaged."""
    found = _decoded(store, path, TaskReport)
    return found if isinstance(found, TaskReport) else None


def _redo(phase: str, path: str) -> str:
    """How to repeat the task that committed the file ``path``."""
    what = "its groups are reduced"
    if phase == "map":
        what = "its images are mapped"
    elif phase == "members":
        what = "its images are edited"
    elif phase != "reduce":
        what = "it is done"
    report = report_path(phase, task_of(path))
    return (
        f"Remove {report} and run the job again, so that {what} again, or add --fresh to start "
        "over."
    )


def _decoded(store: Store, name: str, document_type: Any) -> object:
    """The document of this name; None if it is missing, and the error if it is damaged."""
    try:
        return msgspec.json.decode(store.read(name), type=document_type)
    except NotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return error
    except StoreError as error:
        if _is_folder(error):
            return error
        raise


def _table_problem(store: Store, name: str, schema: pa.Schema) -> str | None:
    """Why the table cannot be read with the columns of ``schema``.

    None if it can be, and also if it is missing.
    """
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
    except Exception:  # noqa: BLE001 - Arrow may raise anything for a file that is not Parquet
        return "damaged"
    return None if columns.issuperset(schema.names) else "damaged"


def _is_folder(error: StoreError) -> bool:
    """Whether reading failed because there is a local folder in place of the file."""
    return isinstance(error.__cause__, IsADirectoryError)


def _message(store: Store, name: str, problem: str, way_out: str) -> str:
    path = f"{store.root.rstrip('/')}/{name}"
    return f"{path} must be the file that a run wrote, but it is {problem}. {way_out}"
