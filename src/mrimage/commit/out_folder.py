"""OUT as a whole: is it ours, is it for this job, and starting over."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
from mrimage.job.job import Plan, absolute
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


def require_place(store: Store, plan: Plan, fresh: bool) -> bool:
    """Raise SinkError when OUT holds files that no run of ours wrote, or, unless ``fresh``, another job. Answers whether
    an earlier run made OUT."""
    earlier = read_job(store)
    if earlier is None:
        foreign = next((name for name in _top(store) if name not in (ROOT,)), None)
        if foreign is not None:
            raise SinkError(
                f"Expected OUT as a new or empty folder, or one of an earlier run, but {store.root} holds {foreign!r}. "
                "Choose another OUT."
            )
    elif not fresh and not earlier:
        raise SinkError(
            f"Expected {store.root}/{JOB} as a run wrote it, but it is damaged. Add --fresh to start over."
        )
    elif not fresh and (difference := _difference(earlier, _description(plan))):
        raise SinkError(
            f"Expected the job that {store.root} was made by, but received one with {difference}. "
            "Choose another OUT, or add --fresh to start over."
        )
    return earlier is not None


def claim(store: Store, plan: Plan, fresh: bool) -> None:
    """Make OUT this job's. Raises SinkError where ``require_place`` does.

    ``fresh`` removes what an earlier run wrote, and nothing else.
    """
    is_ours = require_place(store, plan, fresh)
    if is_ours and fresh:
        clear(store)
    elif is_ours and not exists(store, PUBLISHED):  # the run before did not come to its end
        store.write(UNCLEAN, b"")
    for phase in ("map", "reduce"):
        # An attempt that was killed may have written a table that the next one has no need of, but would claim.
        delete_all(store, Committed(store, phase).leftovers())
    if fresh or not is_ours:
        text = msgspec.json.format(msgspec.json.encode(_description(plan), order="sorted"))
        store.write(JOB, text, durable=True)  # without it OUT would be somebody else's


def read_job(store: Store) -> dict[str, object] | None:
    """The description of the job that made OUT, None where no run of ours did, and an empty one where it is damaged."""
    try:
        job: dict[str, object] = msgspec.json.decode(store.read(JOB))
    except NotFoundError:
        return None
    except msgspec.DecodeError:
        return {}
    return job


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


def _description(plan: Plan) -> dict[str, object]:
    return plan.job.describe() | {"source": plan.source}


def _difference(earlier: dict[str, object], now: dict[str, object]) -> str:
    """The options that differ, as text: ``key ["camera"] instead of ["format"]``."""
    told = []
    for name in sorted(earlier.keys() | now.keys()):
        before, after = earlier.get(name), now.get(name)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            told.append(_difference(before, after))
        else:
            told.append(f"{name} {_show(after)} instead of {_show(before)}")
    return ", ".join(told)


def _show(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _top(store: Store) -> Iterator[str]:
    """Names directly below OUT, at least one of them if there are any."""
    if scheme(store.root) == "file":
        root = Path(local_path(store.root))
        yield from sorted(path.name for path in root.iterdir()) if root.is_dir() else ()
        return
    for item in store.list():
        yield item.path.partition("/")[0]
