"""The notebooks of examples/, run cell by cell in a real kernel."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from tests.docs.pages import ROOT
from tests.flow.test_notebook import activated, answer, kernel

import mrimage as mr

EXAMPLES = ROOT / "examples"


def cells(name: str) -> list[str]:
    notebook = json.loads((EXAMPLES / name).read_text())
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a wide, an upright and a square picture."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, size in {"wide.jpg": (60, 40), "tall.png": (40, 60), "square.png": (50, 50)}.items():
        Image.new("RGB", size, (30, 60, 200)).save(photos / name)
    return tmp_path


def run(name: str, folder: Path) -> list[dict[str, str]]:
    """What each cell shows."""
    with kernel({**activated(), "PYTHONPATH": str(ROOT / "src")}, folder) as client:
        return [answer(client, cell) for cell in cells(name)]


def test_the_first_steps_run(folder: Path) -> None:
    summary, table, image, edited, pixels, outputs = run("first_steps.ipynb", folder)
    assert "text/html" in summary
    assert "brightness" in table["text/plain"]
    assert "<img" in image["text/html"]
    assert "<img" in edited["text/html"]
    assert pixels["text/plain"].startswith("((50, 50, 3), dtype('uint8')")
    assert outputs["text/plain"] == "3"


def test_functions_of_a_notebook_run(folder: Path) -> None:
    _, skies, groups, shapes = run("own_functions.ipynb", folder)
    assert skies["text/plain"].count("1.0") == 3
    assert "37" in groups["text/plain"] or "30 %" in groups["text/plain"]
    count = msgspec.json.decode((folder / "histogram/groups/30 %25/count.json").read_bytes())
    assert count == {"images": 3}
    assert "landscape" in shapes["text/plain"]
    assert sorted(set(mr.open(folder / "shapes").outputs["key"].to_pylist())) == [
        "landscape",
        "portrait",
    ]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text())["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
