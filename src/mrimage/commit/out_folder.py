"""OUT as a whole: is it ours, is it for this job, and starting over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
from mrimage.errors import NotFoundError, SinkError, SourceError, StoreError, UsageError
from mrimage.job.description import (
    AFTER_MAP,
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
from mrimage.storage.layout import JOB as JOB
from mrimage.storage.local import STAGING, store_error
from mrimage.storage.names import path_if_local, printable
from mrimage.storage.overlap import contains


def check_apart(source: str, out: str) -> None:
    """Raise SourceError where one of the two contains the other, on any store: outputs would become input. Raises UsageError
    for a place without a name, and for an OUT whose name is not valid UTF-8: DuckDB cannot open what is in it."""
    source, out = absolute(source), absolute(out)
    out_path = path_if_local(out)
    if out_path is not None and printable(out_path) != out_path:
        raise UsageError(
            f"Expected OUT with a name of valid UTF-8, but received {out}. Choose another OUT."
        )
    if out_path is not None and not is_nameable(out_path):
        raise UsageError(
            f"Expected OUT without a backslash beside *, ? or [, but received {out}. Choose another OUT."
        )
    if contains(source, out) or contains(out, source):
        raise SourceError(
            f"Expected SOURCE and OUT apart from each other, but received {source!r} and {out!r}, of which one holds "
            "the other. Choose an OUT outside the source."
        )


class OutStatus(Enum):
    """What OUT is to a job."""

    NEW = auto()
    """Nobody's."""
    SAME = auto()
    """Of an earlier run of this job."""
    OTHER_REDUCE = auto()
    """Of a job whose map is this one's; only its reducers are others."""
    FREE = auto()
    """Of a job that is to be forgotten: by --fresh, or because it has committed nothing."""


def require_usable(store: Store, description: Description, fresh: bool) -> OutStatus:
    """What OUT is to the job. Raises SinkError when OUT holds files that no run of ours wrote, or, unless ``fresh``,
    the work of another job."""
    try:
        earlier = read_job(store)
    except msgspec.DecodeError:
        if fresh:
            return OutStatus.FREE
        raise SinkError(
            f"Expected {store.root}/{JOB} as a run wrote it, but it is damaged. Add --fresh to start over."
        ) from None
    if earlier is None:
        _require_empty(store)
        return OutStatus.NEW
    changed = changed_fields(earlier, description)
    if fresh or (changed and not _has_commits(store)):
        return OutStatus.FREE
    if not changed:
        return OutStatus.SAME
    if description.reduces and set(changed) <= set(AFTER_MAP):
        return OutStatus.OTHER_REDUCE
    raise SinkError(
        f"Expected the job that {store.root} was made by, but received one with "
        f"{explain_fields(earlier, description, changed)}. Choose another OUT, or add --fresh to start over."
    )


def _require_empty(store: Store) -> None:
    foreign = next((name for name in _top(store) if name != ROOT), None)
    if foreign is not None:
        raise SinkError(
            f"OUT must be a new or empty folder, or one of an earlier run, but {store.root} holds {foreign!r} and no {JOB}. "
            "Choose another OUT, or remove what is there."
        )


def _has_commits(store: Store) -> bool:
    return any(Committed(store, phase).tasks for phase in ("map", "reduce"))


def claim(store: Store, plan: Plan, description: Description, fresh: bool) -> str:
    """Make OUT this job's. Raises SinkError where ``require_usable`` does.

    What an earlier run wrote is removed where ``fresh`` asks for it, and where nothing of it was ever committed; nothing
    else is. Answers what has changed in the reducers, or an empty text. Where it has, OUT is this job's once
    ``write_job`` has been called, and what the earlier reducers made is to be forgotten before.
    """
    standing = require_usable(store, description, fresh)
    if standing is OutStatus.FREE:
        clear(store)
    elif standing is not OutStatus.NEW:
        forget_older_versions(store, plan.job)
        require_intact(store)
        if not exists(store, PUBLISHED):
            store.write(UNCLEAN, b"")  # the run before did not come to its end
    for phase in ("map", "reduce"):
        # An attempt that was killed may have written a table that the next one has no need of, but would claim.
        delete_all(store, Committed(store, phase).leftovers())
    if standing in (OutStatus.NEW, OutStatus.FREE):
        write_job(store, description)
    if standing is not OutStatus.OTHER_REDUCE:
        return ""
    earlier = read_job(store)
    assert earlier
    return explain_fields(earlier, description, changed_fields(earlier, description))


def write_job(store: Store, description: Description) -> None:
    """Write down whose OUT is."""
    store.write(JOB, description.encode(), durable=True)  # without it OUT would be somebody else's


def read_job(store: Store) -> Description | None:
    """The description of the job that made OUT, None where no run of ours did. Raises msgspec.DecodeError where it is
    damaged."""
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
    """Remove everything that a run writes. Commits go first, so that a kill in between leaves an OUT where nothing
    counts as done; the job's description goes last, so that OUT stays ours until then."""
    names = [name for folder in FOLDERS for name in owned_files(store, folder)]
    names = [name for name in names if name not in (JOB, f"{ROOT}/lock")]
    names = [
        name
        for name in names
        if not name.startswith("catalogue/") or CATALOGUE_PART.fullmatch(name)
    ]
    commits = sorted(
        name for name in names if name.startswith(f"{ROOT}/") and name.endswith(".json")
    )
    delete_outputs(store, [*commits, *sorted(set(names) - set(commits)), *FILES])
    if store.local:
        for folder in FOLDERS[:-1]:  # empty by now, but for folders that an earlier stop left
            remove_empty_folders(str(store.local), folder)
    store.delete(JOB)


@contextmanager
def scratch_folder(store: Store) -> Iterator[Path]:
    """A local folder for what a run need not keep: below OUT where that is local, as it may be large. There it
    also takes the temporary files of everything that is written to OUT, and their remains go with it.
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
    """Raise SinkError if ``_run`` in the local folder ``root``, or something in it, is a symbolic link: no run makes one, and
    what is written there would land elsewhere."""
    state = root / ROOT
    places = (
        [state, *sorted(state.iterdir())] if state.is_dir() and not state.is_symlink() else [state]
    )
    for place in places:
        if place.is_symlink():
            raise SinkError(
                f"Expected {place} as a run made it, but it is a symbolic link to {os.readlink(place)}. Remove the link."  # noqa: PTH115
            )


def sweep(store: Store) -> None:
    """Remove what killed writers had begun below OUT, on the stores where that leaves anything."""
    if store.local:
        shutil.rmtree(store.local / STAGING, ignore_errors=True)
    store.sweep()


def _top(store: Store) -> Iterator[str]:
    """Names directly below OUT, at least one of them if there are any."""
    if store.local:
        yield from (
            sorted(path.name for path in store.local.iterdir()) if store.local.is_dir() else ()
        )
        return
    for item in store.list():
        yield item.path.partition("/")[0]
