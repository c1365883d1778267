"""A run in a real Jupyter kernel: with the locked packages, which are without ipywidgets, as in VS Code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from PIL import Image

SOURCES = str(Path(__file__).parents[2] / "src")


@contextmanager
def kernel(env: dict[str, str], folder: Path) -> Iterator[Any]:
    """A client of a kernel of this Python, which runs in ``folder`` with ``env``."""
    manager = KernelManager()
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name="this Python", language="python")
    manager.start_kernel(env=env, cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=240)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def answer(client: Any, cell: str) -> dict[str, str]:
    """What a cell shows, by its kind."""
    shown: dict[str, str] = {}

    def keep(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "error":
            pytest.fail("\n".join(content["traceback"]))
        shown.update(content.get("data", {}))

    client.execute_interactive(cell, timeout=240, output_hook=keep, allow_stdin=False)
    return shown


def activated() -> dict[str, str]:
    """This environment as ``activate`` leaves it."""
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "VIRTUAL_ENV": sys.prefix}


def not_activated() -> dict[str, str]:
    """The Python of a virtual environment, started by its path: nothing else leads there."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return env | {"PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize("environment", [activated, not_activated])
def test_a_run_in_a_notebook_shows_its_summary(environment: Any, tmp_path: Path) -> None:
    assert find_spec("ipywidgets") is None, "Expected a kernel without ipywidgets."
    (tmp_path / "photos").mkdir()
    for side in (10, 20, 30):
        Image.new("RGB", (side, side)).save(tmp_path / "photos" / f"{side}.png")
    mapper = "def by_side(image):\n    yield str(image.metadata.width), {'uri': image.uri}"
    with kernel(environment() | {"PYTHONPATH": SOURCES}, tmp_path) as client:
        answer(client, f"import mrimage as mr\n{mapper}")
        shown = answer(
            client, "done = mr.run(mr.Job(map=by_side), 'photos', 'out', workers=2)\ndone"
        )
        assert "3 listed = 3 processed + 0 quarantined" in shown["text/plain"]
        assert "<figure" in shown["text/html"]
        assert answer(client, "done.groups") == {"text/plain": "3"}
        asked = "from mrimage import report\nfrom pathlib import Path\n"
        asked += "report.query(Path('out'), 'SELECT count(*) AS images FROM image', 'csv')"
        assert answer(client, asked) == {"text/plain": r"'images\n3\n'"}
