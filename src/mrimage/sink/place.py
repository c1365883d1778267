"""OUT as a whole: is it ours, is it for this job, and starting over."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mrimage.errors import NotFoundError, SinkError, SourceError
from mrimage.job import Plan
from mrimage.sink.prune import delete_outputs
from mrimage.sink.state import ROOT, list_names
from mrimage.storage import Store
from mrimage.storage.local import LocalStore
from mrimage.storage.names import local_path, scheme

JOB = f"{ROOT}/job.json"
FOLDERS = ("images", "groups", "catalogue", "shards", ROOT)
FILES = ("groups.parquet", "outputs.parquet", "quarantine.parquet", "report.html", "summary.json")
"""Everything that a run writes below OUT."""


def check_apart(source: str, out: str) -> None:
    """Raise SourceError where one of two local folders contains the other: outputs would become input."""
    if scheme(source) != "file" or scheme(out) != "file":
        return
    inside, outside = Path(local_path(source)).resolve(), Path(local_path(out)).resolve()
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise SourceError(
            f"Expected SOURCE and OUT apart from each other, but received {source!r} and {out!r}, of which one holds "
            "the other. Choose an OUT outside the source."
        )


def claim(store: Store, plan: Plan, fresh: bool) -> None:
    """Make OUT this job's. Raises SinkError when it holds files that no run of ours wrote, or another job.

    ``fresh`` removes what an earlier run wrote, and nothing else.
    """
    earlier = read_job(store)
    if earlier is None:
        foreign = next((name for name in _top(store) if name not in (ROOT,)), None)
        if foreign is not None:
            raise SinkError(
                f"Expected OUT as a new or empty folder, or one of an earlier run, but {store.root} holds {foreign!r}. "
                "Choose another OUT."
            )
    elif fresh:
        clear(store)
    elif difference := _difference(earlier, _description(plan)):
        raise SinkError(
            f"Expected the job that {store.root} was made by, but received one with {difference}. "
            "Choose another OUT, or add --fresh to start over."
        )
    if earlier is None or fresh:
        store.write(JOB, msgspec.json.format(msgspec.json.encode(_description(plan), order="sorted")))


def read_job(store: Store) -> dict[str, object] | None:
    """The description of the job that made OUT, None where no run of ours did."""
    try:
        job: dict[str, object] = msgspec.json.decode(store.read(JOB))
    except NotFoundError:
        return None
    return job


def clear(store: Store) -> None:
    """Remove everything that a run writes. Commits go first, so that a kill in between leaves an OUT where nothing
    counts as done; the job's description goes last, so that OUT stays ours until then."""
    names = [name for folder in FOLDERS for name in list_names(store, folder)]
    names = [name for name in names if name not in (JOB, f"{ROOT}/lock")]
    commits = sorted(name for name in names if name.startswith(f"{ROOT}/") and name.endswith(".json"))
    delete_outputs(store, [*commits, *sorted(set(names) - set(commits)), *FILES])
    store.delete(JOB)


@contextmanager
def scratch_folder(store: Store) -> Iterator[Path]:
    """A local folder for what a run need not keep: below OUT where that is local, as it may be large.

    What an earlier run left there when it was killed goes first.
    """
    if scheme(store.root) != "file":
        with tempfile.TemporaryDirectory(prefix="mrimage-") as folder:
            yield Path(folder)
        return
    path = Path(local_path(store.root), ROOT, "scratch")
    if path.exists():
        shutil.rmtree(path)
        LocalStore(store.root).sweep()  # what a killed writer had begun
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


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
        yield from sorted(path.name for path in Path(local_path(store.root)).iterdir())
        return
    for item in store.list():
        yield item.path.partition("/")[0]
