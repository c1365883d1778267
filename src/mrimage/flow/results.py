"""What a run left in OUT, wherever that is, as a local folder; and the report made from it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import msgspec

from mrimage import report
from mrimage.commit.damage import FACTS as FACTS
from mrimage.commit.ledger import ROOT, exists, list_names, localize
from mrimage.errors import NotFoundError, SinkError
from mrimage.storage import Store
from mrimage.storage.parallel import in_parallel
from mrimage.types import RunFacts

TABLES = (
    "groups.parquet",
    "outputs.parquet",
    "quarantine.parquet",
    f"{ROOT}/members.parquet",
    f"{ROOT}/removed.parquet",
    f"{ROOT}/thumbnails.parquet",
)


@contextmanager
def results_folder(store: Store, scratch: Path) -> Iterator[Path]:
    """The published tables as files below one local folder: OUT itself where it is local, else a copy."""
    if store.local:
        yield store.local
        return
    names = (*TABLES, FACTS)
    present = [
        name
        for name, there in zip(
            names, in_parallel(store, partial(exists, store), names), strict=True
        )
        if there
    ]
    localize(store, [*list_names(store, "catalogue"), *present], scratch)
    yield scratch / "copies"


def read_facts(store: Store) -> RunFacts:
    """What the last finished run said of itself. Raises SinkError where there was none, or where what it wrote is cut off,
    as a power failure can leave it."""
    why = f"there is no {FACTS}"
    try:
        return msgspec.json.decode(store.read(FACTS), type=RunFacts)
    except NotFoundError:
        pass
    except (msgspec.MsgspecError, UnicodeDecodeError):
        why = f"{FACTS} is damaged"
    raise SinkError(
        f"Expected {store.root} as the OUT of a finished run, but {why}. Check the place, or run the job again."
    )


def write_facts(store: Store, facts: RunFacts) -> None:
    """Keep what a run says of itself, so that its report can be made again; durably, and with it the report, which the
    next run takes for whole when it finds this."""
    store.write(FACTS, msgspec.json.encode(facts), durable=True)


def is_reported(store: Store, facts: RunFacts) -> bool:
    """Whether OUT has a report of a run that came to the same: this one has then changed nothing there.

    The facts are written last and deleted first, so a report that was not finished is none.
    """
    try:
        earlier = read_facts(store)
    except SinkError:
        return False
    same = all(getattr(earlier, name) == getattr(facts, name) for name in _OUTCOME)
    return same and exists(store, "report.html") and exists(store, report.SUMMARY)


_OUTCOME = (
    *("source", "out", "plan_hash", "versions"),
    *(
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
        "reasons",
    ),
)


def library_versions() -> dict[str, str]:
    """Python's version, and those of the libraries that a result may depend on."""
    names = ("mrimage", "pillow", "pyvips-binary", "simplejpeg", "duckdb", "pyarrow")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def write_report(
    store: Store,
    facts: RunFacts,
    scratch: Path,
    *,
    places: bool = False,
    against: Path | None = None,
    against_name: str = "",
) -> report.Report:
    """Make ``report.html`` and ``summary.json`` from the published tables; ``against`` is another run's folder, or a
    copy of it that is told by ``against_name``."""
    with results_folder(store, scratch) as results:
        made = report.build(
            results, facts, places=places, against=against, against_name=against_name
        )
    store.write("report.html", made.html)
    store.write("summary.json", msgspec.json.format(msgspec.json.encode(made.summary)))
    return made
