"""Small images and runs that every folder of tests uses."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image
from tests.services.fixtures import (
    hadoop,
    hdfs_folder,
    s3_environment,
    s3_folder,
    seaweed,
    upload,
)

from mrimage.storage import Store

__all__ = ["hadoop", "hdfs_folder", "s3_environment", "s3_folder", "seaweed", "upload"]

# Ray reads these once, when a process first imports it, and collecting the doctests imports it.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(16)
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

# A busy machine is no fault of a test.
settings.register_profile(
    "any-machine", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

ROOT = Path(__file__).parents[1]

TOGETHER = {
    "spark": (
        "tests/spark/test_cluster.py",
        "tests/spark/test_machines.py",
        "tests/spark/test_packed.py",
    ),
    "engines": ("tests/engine/",),
    "s3": (
        "tests/storage/test_s3.py",
        "tests/storage/test_faults.py",
        "tests/storage/test_races.py",
        "tests/storage/test_secrets.py",
        "tests/flow/test_apart.py",
        "tests/sink/test_remote_shards.py",
    ),
    "pages": ("tests/report/",),
    "explore": ("tests/explore/",),
    "doctests": ("src/",),
}
"""Files that share a server, a cluster or a browser: one worker runs them, and starts it once."""

SLOW = ("spark", "soak", "storage", "engine", "faults", "report", "explore", "docs")
"""Folders whose files take long, the slowest first."""


def group_of(path: str) -> str:
    """The group of the file ``path``, which is relative to the project: the file itself for most."""
    found = (name for name, places in TOGETHER.items() if path.startswith(places))
    return next(found, path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each group of tests to one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.partition("::")[0])

    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow groups first, so that no core is left alone with one at the end. Take one of each
    folder at a time, because what is alike needs the same: memory, cores or the disk."""
    turns: dict[str, tuple[int, int]] = {}
    counts = Counter[str]()
    groups = {item: group_of(item.path.relative_to(ROOT).as_posix()) for item in items}
    for item, group in groups.items():
        folder = item.path.parent.name
        if folder in SLOW and group not in turns:
            turns[group] = (counts[folder], SLOW.index(folder))
            counts[folder] += 1
    last = (len(turns), 0)
    items.sort(key=lambda item: turns.get(groups[item], last))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Nine small sound images in three color spaces and two folders, and one bad file of each simple kind."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for number in range(4):
        color = (40 * number, 255 - 40 * number, 90)
        Image.new("RGB", (64, 48), color).save(folder / f"wide {number}.jpg", quality=95)
        Image.new("L", (30, 40), 20 * number).save(folder / "trip" / f"tall-{number}.png")
    Image.new("CMYK", (20, 20), (10, 20, 30, 0)).save(folder / "trip" / "ink.jpg")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no image at all")
    (folder / "README.txt").write_text("not an entry")
    return folder


@pytest.fixture
def rows() -> Callable[[Path, str], list[dict[str, object]]]:
    """Rows of a published table of OUT, by its name."""

    def read(out: Path, table: str) -> list[dict[str, object]]:
        path = out / table if table == "catalogue" else out / f"{table}.parquet"
        return pq.read_table(path).to_pylist()

    return read


@pytest.fixture
def real_report() -> None:
    """Runs of the test write the real page and summary, because the test looks at them."""


@pytest.fixture(autouse=True)
def plain_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process write an empty page and summary, unless a test asks for ``real_report``.
    The real ones are more than half of the time of a small run."""
    if "real_report" in request.fixturenames:
        return

    def write_report(store: Store, *_: object, **__: object) -> None:
        for name in ("report.html", "summary.json"):
            store.write(name, b"")

    monkeypatch.setattr("mrimage.flow.phases.write_report", write_report)
