"""Small images and runs that every folder of tests uses."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from mrimage.storage import Store

# Ray reads these once, when a process first imports it, and collecting the doctests imports it.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(16)
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

# A busy machine is no fault of a test.
settings.register_profile(
    "any-machine", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

SLOW = ("spark", "soak", "storage", "engine", "faults", "report")
"""Folders whose files take long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow files first, so that no core is left alone with one at the end. Take one of each
    folder at a time, because all of Spark's at once need more memory and cores than there are."""
    turns: dict[Path, tuple[int, int]] = {}
    counts = Counter[str]()
    for item in items:
        folder = item.path.parent.name
        if folder in SLOW and item.path not in turns:
            turns[item.path] = (counts[folder], SLOW.index(folder))
            counts[folder] += 1
    last = (len(turns), 0)
    items.sort(key=lambda item: turns.get(item.path, last))


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
def plain_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process write an empty page and summary. The real ones are more than half of the
    time of a small run, and this is for tests that look at neither."""

    def write_report(store: Store, *_: object, **__: object) -> None:
        for name in ("report.html", "summary.json"):
            store.write(name, b"")

    monkeypatch.setattr("mrimage.flow.phases.write_report", write_report)
