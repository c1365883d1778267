"""Vega, Vega-Lite and Vega-Embed as one script, made by vl-convert without a network and kept between runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

END_MARK = "window.vegaEmbed="
"""How a whole bundle is told from a cut one: the last statement exports the libraries."""

PATIENCE = 20.0
"""Seconds that a job waits for the script at its end; after that it makes it itself."""


def load() -> str:
    """The script (about 0.9 MB), from the user's cache folder, or made now (about 2 s) and put there."""
    path = cache_path()
    try:
        script = path.read_text(encoding="utf-8")
    except OSError:
        return _make(path)
    return script if END_MARK in script[-400:] else _make(path)


@contextmanager
def warm() -> Iterator[Callable[[], None]]:
    """Make the script in a process of its own while the block, a job, runs; the block gets a function that waits.

    Nothing is started where the script is there already or could not be kept. The process is gone when the block
    has ended, however it ended; without it ``load`` makes the script.
    """
    if cache_path().exists() or not _can_keep(cache_path()):
        yield lambda: None
        return
    command = [
        sys.executable,
        "-P",
        "-c",
        "from mrimage.report.charts import bundle; bundle.load()",
    ]
    quiet = subprocess.DEVNULL
    maker = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield lambda: _wait(maker)
    finally:
        maker.kill()
        maker.wait()


def _wait(maker: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        maker.wait(PATIENCE)


def _can_keep(path: Path) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(path.parent, os.W_OK)


def cache_path() -> Path:
    """Where the script of this version of vl-convert is kept: below XDG_CACHE_HOME, or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mrimage" / f"vega-{version('vl-convert-python')}.js"


def _make(path: Path) -> str:
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, delete=False
        ) as file:
            file.write(script)
        Path(file.name).replace(path)
    except OSError:
        return script  # A read-only home only costs the next report its two seconds.
    return script
