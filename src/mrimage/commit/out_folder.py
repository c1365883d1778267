"""OUT as a whole: check whom it belongs to, claim it for a job, and clear it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import msgspec

from mrimage.commit.damage import require_intact
from mrimage.commit.ledger import (
    ROOT,
    UNCLEAN,
    Committed,
    delete_all,
    delete_outputs,
    exists,
    is_description,
    owned_files,
)
from mrimage.commit.older_versions import forget_older_versions
from mrimage.commit.publish import CATALOGUE_PART, PUBLISHED
from mrimage.commit.rounds import task_phases
from mrimage.errors import NotFoundError, SinkError, SourceError, StoreError, UsageError
from mrimage.job.description import (
    AFTER_MAP,
    MEMBERS,
    Description,
    changed_fields,
    decode,
    explain_fields,
)
from mrimage.job.job import Plan, absolute
from mrimage.report.tables.files import is_nameable
from mrimage.report.tables.spill import PREFIX as PREFIX
from mrimage.report.tables.spill import temporary_folder as temporary_folder
from mrimage.storage import Store
from mrimage.storage.disk import remove_empty_folders
from mrimage.storage.layout import FILES as FILES
from mrimage.storage.layout import FOLDERS as FOLDERS
from mrimage.storage.layout import FOUND, HISTORY
from mrimage.storage.layout import JOB as JOB
from mrimage.storage.local import STAGING, store_error
from mrimage.storage.names import path_if_local, printable
from mrimage.storage.overlap import contains


def check_apart(source: str, out: str) -> None:
    """Raise SourceError if SOURCE or OUT contains the other, on any store: outputs would become
    input.

    Raises UsageError if the name of OUT is not valid UTF-8, or is a pattern for DuckDB: DuckDB
    could not open the tables there.
    """
    source = absolute(source)
    out = absolute(out)
    out_path = path_if_local(out)
    if out_path is not None and printable(out_path) != out_path:
        raise UsageError(f"The name of OUT must be valid UTF-8, but got {out}. Choose another OUT.")
    if out_path is not None and not is_nameable(out_path):
        raise UsageError(
            f"The name of OUT must not combine a backslash with *, ? or [, but got {out}. "
            "Choose another OUT."
        )
    if contains(source, out) or contains(out, source):
        raise SourceError(
            f"SOURCE and OUT must be apart from each other, but one of {source!r} and {out!r} "
            "contains the other. Choose an OUT outside the source."
        )


class OutStatus(Enum):
    """How OUT relates to a job."""

    NEW = auto()
    """OUT is empty."""
    SAME = auto()
    """OUT belongs to an earlier run of this job."""
    OTHER_REDUCE = auto()
    """OUT belongs to a job with the same map, but other reducers or another program."""
    FREE = auto()
    """OUT belongs to a job that can be cleared: because of --fresh, or because nothing of it is
    committed."""


def require_usable(store: Store, description: Description, fresh: bool) -> OutStatus:
    """How OUT relates to the job.

    Raises SinkError if OUT holds files that no run wrote, or, unless ``fresh``, the results of
    another job.
    """
    try:
        earlier = read_job(store)
    except msgspec.DecodeError:
        if fresh:
            return OutStatus.FREE
        raise SinkError(
            f"{store.root}/{JOB} must be the file that a run wrote, but it is damaged. "
            "Add --fresh to start over."
        ) from None
    if earlier is None:
        _require_empty(store)
        return OutStatus.NEW
    changed = changed_fields(earlier, description)
    if fresh or (changed and not _has_commits(store)):
        return OutStatus.FREE
    if not changed:
        return OutStatus.SAME
    if description.uses_records and set(changed) <= set(AFTER_MAP):
        comes_or_goes = any(
            bool(earlier.facts.get(name)) != bool(description.facts.get(name)) for name in MEMBERS
        )
        if not comes_or_goes:
            return OutStatus.OTHER_REDUCE
    raise SinkError(
        f"A run must have the job that {store.root} was made by, but this one has "
        f"{explain_fields(earlier, description, changed)}. Choose another OUT, or add --fresh to "
        "start over."
    )


def _require_empty(store: Store) -> None:
    foreign = next((name for name in _top(store) if name != ROOT), None)
    if foreign is not None:
        raise SinkError(
            f"OUT must be a new or empty folder, or one of an earlier run, but {store.root} holds "
            f"{foreign!r} and no {JOB}. Choose another OUT, or remove what is there."
        )


def _has_commits(store: Store) -> bool:
    return any(Committed(store, phase).tasks for phase in ("map", "reduce"))


@dataclass(frozen=True)
class Change:
    """What has changed in a job since its map was done: the names of its fields, and in words."""

    fields: tuple[str, ...]
    text: str


def claim(store: Store, plan: Plan, description: Description, fresh: bool) -> Change | None:
    """Claim OUT for the job. Raises SinkError like ``require_usable``.

    The results of an earlier run are removed if ``fresh`` is set, or if none of them was ever
    committed; nothing else is removed.

    Returns what has changed in the reducers and the program, None if nothing has. If they have
    changed, OUT still belongs to the earlier job: the caller forgets what they made, and then calls
    ``write_job``.
    """
    status = require_usable(store, description, fresh)
    if status is OutStatus.FREE:
        clear(store)
    elif status is not OutStatus.NEW:
        forget_older_versions(store, plan.job)
        require_intact(store)
        if not exists(store, PUBLISHED):
            # The run before did not finish, so there may be outputs without a lineage.
            store.write(UNCLEAN, b"")
    for committed in task_phases(store):
        # An attempt that was killed may have left a table that the next attempt does not write. Its
        # commit would claim that table.
        delete_all(store, committed.leftovers())
    if status in (OutStatus.NEW, OutStatus.FREE):
        write_job(store, description)
    if status is not OutStatus.OTHER_REDUCE:
        return None
    earlier = read_job(store)
    assert earlier
    changed = changed_fields(earlier, description)
    return Change(tuple(changed), explain_fields(earlier, description, changed))


def write_job(store: Store, description: Description) -> None:
    """Record that OUT belongs to the job.

    The write is durable, because without this file the next run would refuse OUT.
    """
    store.write(JOB, description.encode(), durable=True)


def read_job(store: Store) -> Description | None:
    """The description of the job that made OUT; None if no run did.

    Raises msgspec.DecodeError if it is damaged.
    """
    try:
        data = store.read(JOB)
    except NotFoundError:
        return None
    except StoreError as error:
        if isinstance(error.__cause__, IsADirectoryError):
            raise msgspec.DecodeError("it is a folder") from error
        raise
    try:
        description = decode(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error
    if not is_description(description.facts):
        raise msgspec.DecodeError("it is not the description of a job")
    return description


def clear(store: Store) -> None:
    """Remove everything that a run writes.

    Commits go first, so that after a kill in between nothing counts as done. The job's description
    goes last, so that until then OUT is recognized as one of a run.
    """
    names = {name for folder in FOLDERS for name in owned_files(store, folder) if _is_ours(name)}
    commits = {name for name in names if name.startswith(f"{ROOT}/") and name.endswith(".json")}
    delete_outputs(store, [*sorted(commits), *sorted(names - commits), *FILES, *FOUND])
    if store.local:
        # An interrupted run may have left folders without files.
        for folder in FOLDERS:
            if folder != ROOT:
                remove_empty_folders(str(store.local), folder)
    store.delete(JOB)


def _is_ours(name: str) -> bool:
    """Whether ``clear`` deletes a file of this name, among the other results of runs.

    It deletes the job's description last, and never the lock of the run that calls it, nor the
    history: each of its lines says of which source and job it is, so it stays true.
    """
    if name in (JOB, HISTORY, f"{ROOT}/lock"):
        return False
    return not name.startswith("catalogue/") or bool(CATALOGUE_PART.fullmatch(name))


@contextmanager
def scratch_folder(store: Store) -> Iterator[Path]:
    """Yield a local folder for the run's temporary files.

    If OUT is local, the folder is below OUT, because the files may be large. Files that are being
    written to OUT are there too, and whatever is left of them is removed with the folder.
    """
    if not store.local:
        with temporary_folder() as folder:
            yield folder
        return
    path = store.local / STAGING
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise store_error(error, "write", str(path)) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def require_no_links(root: Path) -> None:
    """Raise SinkError if ``_run`` in the local folder ``root``, or a file in it, is a link.

    No run makes one, and what is written there would end up elsewhere.
    """
    state = root / ROOT
    paths = [state]
    if state.is_dir() and not state.is_symlink():
        paths += sorted(state.iterdir())
    for path in paths:
        if path.is_symlink():
            # Unlike Path.readlink, os.readlink returns the target exactly as it was written.
            target = os.readlink(path)  # noqa: PTH115
            raise SinkError(
                f"{path} must not be a symbolic link, but it leads to {target}. Remove the link."
            )


def sweep(store: Store) -> None:
    """Remove the unfinished files and uploads that killed runs left below OUT."""
    if store.local:
        shutil.rmtree(store.local / STAGING, ignore_errors=True)
    store.sweep()


def _top(store: Store) -> Iterator[str]:
    """Yield the names directly below OUT. On a remote store a name may come several times."""
    if store.local:
        if store.local.is_dir():
            yield from sorted(path.name for path in store.local.iterdir())
        return
    for item in store.list():
        top, _, _ = item.path.partition("/")
        yield top
