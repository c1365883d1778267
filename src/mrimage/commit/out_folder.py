"""OUT as a whole: is it ours, is it for this job, and starting over."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

import msgspec

from mrimage.commit.ledger import (
    ROOT,
    UNCLEAN,
    Committed,
    delete_all,
    delete_outputs,
    exists,
    list_names,
)
from mrimage.commit.publish import PUBLISHED
from mrimage.errors import NotFoundError, SinkError, SourceError, UsageError
from mrimage.job.description import AFTER_MAP, Description, changed_fields, decode, explain_fields
from mrimage.job.job import absolute
from mrimage.storage import Store
from mrimage.storage.local import STAGING, store_error
from mrimage.storage.names import local_path, printable, scheme

JOB = f"{ROOT}/job.json"
FOLDERS = ("images", "groups", "catalogue", ROOT)
FILES = ("groups.parquet", "outputs.parquet", "quarantine.parquet", "report.html", "summary.json")
"""Everything that a run writes below OUT."""

PREFIX = "mrimage-scratch-"
YOUNG = 60.0
"""Seconds for which a temporary folder without a lock is left alone: its owner may be about to lock it."""


def check_apart(source: str, out: str) -> None:
    """Raise SourceError where one of two local folders contains the other: outputs would become input. Raises UsageError
    for a place without a name, and for an OUT whose name is not valid UTF-8: DuckDB cannot open what is in it."""
    source, out = absolute(source), absolute(out)
    if scheme(out) == "file" and printable(local_path(out)) != local_path(out):
        raise UsageError(
            f"Expected OUT with a name of valid UTF-8, but received {out}. Choose another OUT."
        )
    if scheme(source) != "file" or scheme(out) != "file":
        return
    inside, outside = (
        Path(os.path.realpath(local_path(place))) for place in (source, out)
    )  # resolve() fails on loops
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise SourceError(
            f"Expected SOURCE and OUT apart from each other, but received {source!r} and {out!r}, of which one holds "
            "the other. Choose an OUT outside the source."
        )


class Standing(Enum):
    """What OUT is to a job."""

    NEW = auto()
    """Nobody's."""
    SAME = auto()
    """Of an earlier run of this job."""
    OTHER_REDUCE = auto()
    """Of a job whose map is this one's; only its reducers are others."""
    FREE = auto()
    """Of a job that is to be forgotten: by --fresh, or because it has committed nothing."""


def require_place(store: Store, description: Description, fresh: bool) -> Standing:
    """What OUT is to the job. Raises SinkError when OUT holds files that no run of ours wrote, or, unless ``fresh``,
    the work of another job."""
    try:
        earlier = read_job(store)
    except msgspec.DecodeError:
        if fresh:
            return Standing.FREE
        raise SinkError(
            f"Expected {store.root}/{JOB} as a run wrote it, but it is damaged. Add --fresh to start over."
        ) from None
    if earlier is None:
        _require_empty(store)
        return Standing.NEW
    changed = changed_fields(earlier, description)
    if fresh or (changed and not _has_commits(store)):
        return Standing.FREE
    if not changed:
        return Standing.SAME
    if description.reduces and set(changed) <= set(AFTER_MAP):
        return Standing.OTHER_REDUCE
    raise SinkError(
        f"Expected the job that {store.root} was made by, but received one with "
        f"{explain_fields(earlier, description, changed)}. Choose another OUT, or add --fresh to start over."
    )


def _require_empty(store: Store) -> None:
    foreign = next((name for name in _top(store) if name != ROOT), None)
    if foreign is not None:
        raise SinkError(
            f"Expected OUT as a new or empty folder, or one of an earlier run, but {store.root} holds {foreign!r}. "
            "Choose another OUT."
        )


def _has_commits(store: Store) -> bool:
    return any(Committed(store, phase).tasks for phase in ("map", "reduce"))


def claim(store: Store, description: Description, fresh: bool) -> str:
    """Make OUT this job's. Raises SinkError where ``require_place`` does.

    What an earlier run wrote is removed where ``fresh`` asks for it, and where nothing of it was ever committed; nothing
    else is. Answers what has changed in the reducers, or an empty text. Where it has, OUT is this job's once
    ``write_job`` has been called, and what the earlier reducers made is to be forgotten before.
    """
    standing = require_place(store, description, fresh)
    if standing is Standing.FREE:
        clear(store)
    elif standing is not Standing.NEW and not exists(
        store, PUBLISHED
    ):  # the run before did not come to its end
        store.write(UNCLEAN, b"")
    for phase in ("map", "reduce"):
        # An attempt that was killed may have written a table that the next one has no need of, but would claim.
        delete_all(store, Committed(store, phase).leftovers())
    if standing in (Standing.NEW, Standing.FREE):
        write_job(store, description)
    if standing is not Standing.OTHER_REDUCE:
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
        return decode(store.read(JOB))
    except NotFoundError:
        return None


def clear(store: Store) -> None:
    """Remove everything that a run writes. Commits go first, so that a kill in between leaves an OUT where nothing
    counts as done; the job's description goes last, so that OUT stays ours until then."""
    names = [name for folder in FOLDERS for name in list_names(store, folder)]
    names = [name for name in names if name not in (JOB, f"{ROOT}/lock")]
    commits = sorted(
        name for name in names if name.startswith(f"{ROOT}/") and name.endswith(".json")
    )
    delete_outputs(store, [*commits, *sorted(set(names) - set(commits)), *FILES])
    if scheme(store.root) == "file":
        for folder in FOLDERS[:-1]:  # empty by now, but for folders that an earlier stop left
            shutil.rmtree(Path(local_path(store.root), folder), ignore_errors=True)
    store.delete(JOB)


@contextmanager
def scratch_folder(store: Store) -> Iterator[Path]:
    """A local folder for what a run need not keep: below OUT where that is local, as it may be large. There it
    also takes the temporary files of everything that is written to OUT, and their remains go with it.
    """
    if scheme(store.root) != "file":
        with temporary_folder() as folder:
            yield folder
        return
    path = Path(local_path(store.root), STAGING)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise store_error(error, "write", str(path)) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(store: Store) -> None:
    """Remove what killed writers had begun below OUT, on the stores where that leaves anything."""
    if scheme(store.root) == "file":
        shutil.rmtree(Path(local_path(store.root), STAGING), ignore_errors=True)
    clean = getattr(store, "sweep", None)
    if clean:
        clean()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder outside OUT that goes with the block; those of killed processes go first.

    Its owner holds a lock on it, which the kernel takes away when the owner ends.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_abandoned(left)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(folder)
        finally:
            os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return  # gone, or another user's
    try:
        status = os.fstat(descriptor)
        if status.st_uid == os.getuid() and time.time() - status.st_mtime > YOUNG:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # somebody is at work there
    finally:
        os.close(descriptor)


def _top(store: Store) -> Iterator[str]:
    """Names directly below OUT, at least one of them if there are any."""
    if scheme(store.root) == "file":
        root = Path(local_path(store.root))
        yield from sorted(path.name for path in root.iterdir()) if root.is_dir() else ()
        return
    for item in store.list():
        yield item.path.partition("/")[0]
