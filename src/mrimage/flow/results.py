"""The results of a run in OUT: their tables as a local folder, their facts, and the report."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import msgspec

from mrimage import report
from mrimage.commit.damage import FACTS as FACTS
from mrimage.commit.ledger import ROOT, delete_all, exists, list_names, localize, owned_files
from mrimage.errors import NotFoundError, SinkError
from mrimage.image.network.session import onnxruntime_version
from mrimage.storage import Store
from mrimage.storage.layout import FOUND, HISTORY, LISTS
from mrimage.storage.parallel import in_parallel
from mrimage.types import RunFacts

TABLES = (
    "groups.parquet",
    "outputs.parquet",
    "quarantine.parquet",
    f"{ROOT}/members.parquet",
    f"{ROOT}/corrected.parquet",
    f"{ROOT}/removed.parquet",
    f"{ROOT}/thumbnails.parquet",
    *FOUND,
)
"""The published tables besides the catalogue, which is a folder of files."""

_OUTCOME = (
    "source",
    "out",
    "plan_hash",
    "versions",
    "listed",
    "processed",
    "quarantined",
    "ignored",
    "ignored_reasons",
    "repeated",
    "unlisted",
    "bytes",
    "groups",
    "outputs",
    "rules",
    "reasons",
    "title",
    "owner",
)
"""The facts of a run that do not depend on when and how it ran."""


@contextmanager
def results_folder(store: Store, scratch: Path) -> Iterator[Path]:
    """Yield a local folder with the published tables: OUT itself if it is local, or else a copy."""
    if store.local:
        yield store.local
        return
    localize(store, [*list_names(store, "catalogue"), *_present(store, (*TABLES, FACTS))], scratch)
    copies = scratch / "copies"
    if (copies / "outputs.parquet").exists():
        localize(store, _present(store, report.wanted_files(copies)), scratch)
    yield copies


def _present(store: Store, names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that exist."""
    found = in_parallel(store, partial(exists, store), names)
    return [name for name, is_there in zip(names, found, strict=True) if is_there]


def read_facts(store: Store) -> RunFacts:
    """Read the facts of the last finished run. Raises SinkError if there are none, or if the file
    is cut off, as can happen in a power failure."""
    try:
        return msgspec.json.decode(store.read(FACTS), type=RunFacts)
    except NotFoundError:
        problem = f"there is no {FACTS} in it"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = f"its {FACTS} is damaged"
    raise SinkError(
        f"Cannot use {store.root} as the OUT of a finished run: {problem}. "
        "Check the path, or run the job again."
    )


def write_facts(store: Store, facts: RunFacts) -> None:
    """Store the facts of a run, so that its report can be made again. If they are there, the next
    run assumes that the report is complete, so this waits until both are safe from a power
    failure."""
    store.write(FACTS, msgspec.json.encode(facts), durable=True)


def is_reported(store: Store, facts: RunFacts) -> bool:
    """Whether OUT has the report of an earlier run with the same outcome, so that this run has
    changed nothing there.

    The facts are written last and deleted first, so an unfinished report has no facts.
    """
    try:
        earlier = read_facts(store)
    except SinkError:
        return False
    is_same = all(getattr(earlier, name) == getattr(facts, name) for name in _OUTCOME)
    return is_same and exists(store, "report.html") and exists(store, report.SUMMARY)


@cache
def library_versions(has_model: bool = False) -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result may depend on."""
    names = ["mrimage", "pillow", "pyvips-binary", "simplejpeg", "duckdb", "pyarrow"]
    versions = {name: version(name) for name in names}
    if has_model:
        # Not by the name of a package: onnxruntime-gpu has the same module.
        versions["onnxruntime"] = onnxruntime_version()
    return {"python": platform.python_version()} | versions


@contextmanager
def reporting(store: Store, scratch: Path) -> Iterator[report.Reporter]:
    """Yield what makes the report, from the published tables."""
    with results_folder(store, scratch) as results, report.Reporter(results) as reporter:
        yield reporter


def write_report(
    store: Store,
    facts: RunFacts,
    scratch: Path,
    reporter: report.Reporter,
    *,
    places: bool = False,
    against: Path | None = None,
    against_name: str = "",
    is_new: bool = False,
) -> report.Report:
    """Write ``report.html``, its long lists and ``summary.json``, made by ``reporter``.

    ``against`` is the folder of another run to compare with, or a local copy of it. The report
    calls it ``against_name``. A run that ``is_new`` is added to the history.
    """
    history = read_if_there(store, HISTORY)
    built = reporter.build(
        facts,
        places=places,
        against=against,
        against_name=against_name,
        history=history,
    )
    _write_lists(store, reporter, built, scratch)
    store.write("report.html", built.html)
    store.write("summary.json", msgspec.json.format(msgspec.json.encode(built.summary)))
    if is_new:
        store.write(HISTORY, report.next_history(history, built.figures))
    return built


def _write_lists(
    store: Store, reporter: report.Reporter, built: report.Report, scratch: Path
) -> None:
    """Write the lists that are too long for the page, and remove those of an earlier report."""
    if store.local and (store.local / LISTS).is_symlink():
        raise SinkError(
            f"{store.local / LISTS} must be a folder, but it is a symbolic link. Remove the link."
        )
    folder = scratch / LISTS
    folder.mkdir(parents=True, exist_ok=True)
    lists = reporter.write_lists(built.figures, folder)
    for name, path in lists.items():
        store.write(name, path.read_bytes())
    delete_all(store, [name for name in owned_files(store, LISTS) if name not in lists])


def read_if_there(store: Store, name: str) -> bytes:
    """Return the content of a file below OUT, which is empty if there is no such file."""
    try:
        return store.read(name)
    except NotFoundError:
        return b""
