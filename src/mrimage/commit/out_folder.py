"""OUT as a whole: is it ours, is it for this job, and starting over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mrimage.commit.damage import require_whole
from mrimage.commit.ledger import (
    ROOT,
    UNCLEAN,
    Committed,
    delete_all,
    delete_outputs,
    exists,
    is_description,
    owned,
)
from mrimage.commit.publish import CATALOGUE_PART, PUBLISHED
from mrimage.errors import NotFoundError, SinkError, SourceError, StoreError, UsageError
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
from mrimage.storage.names import local_path, printable, scheme
from mrimage.storage.places import holds


def check_apart(source: str, out: str) -> None:
    """Raise SourceError where one of the two contains the other, on any store: outputs would become input. Raises UsageError
    for a place without a name, and for an OUT whose name is not valid UTF-8: DuckDB cannot open what is in it."""
    source, out = absolute(source), absolute(out)
    if scheme(out) == "file" and printable(local_path(out)) != local_path(out):
        raise UsageError(
            f"Expected OUT with a name of valid UTF-8, but received {out}. Choose another OUT."
        )
    if scheme(out) == "file" and not is_nameable(local_path(out)):
        raise UsageError(
            f"Expected OUT without a backslash beside *, ? or [, but received {out}. Choose another OUT."
        )
    if holds(source, out) or holds(out, source):
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
                f"Expected OUT as a new or empty folder, or one of an earlier run, but {store.root} holds {foreign!r} and "
                f"no {JOB}. Choose another OUT, or remove what is there."
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
    elif is_ours:
        require_whole(store)
    if (
        is_ours and not fresh and not exists(store, PUBLISHED)
    ):  # the run before did not come to its end
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
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    except StoreError as error:
        if isinstance(error.__cause__, IsADirectoryError):
            return {}
        raise
    return job if is_description(job) else {}


def clear(store: Store) -> None:
    """Remove everything that a run writes. Commits go first, so that a kill in between leaves an OUT where nothing
    counts as done; the job's description goes last, so that OUT stays ours until then."""
    names = [name for folder in FOLDERS for name in owned(store, folder)]
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
    if scheme(store.root) == "file":
        for folder in FOLDERS[:-1]:  # empty by now, but for folders that an earlier stop left
            remove_empty_folders(local_path(store.root), folder)
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
    if scheme(store.root) == "file":
        shutil.rmtree(Path(local_path(store.root), STAGING), ignore_errors=True)
    clean = getattr(store, "sweep", None)
    if clean:
        clean()


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
