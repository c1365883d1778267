"""Vega, Vega-Lite and Vega-Embed as one script, which vl-convert makes without a network."""

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
"""A part of the last statement, which exports the libraries. A script without it was cut short."""

_MARK_WITHIN = 400
"""Characters at the end of the script that contain END_MARK."""

WAIT_SECONDS = 20.0
"""How long a job waits at its end for the process that makes the script, before it makes its own."""


def load() -> str:
    """Return the script, about 0.9 MB, from the user's cache folder.

    If it is not there, make it, which takes about 2 s, and keep it there.
    """
    path = cache_path()
    try:
        script = path.read_text(encoding="utf-8")
    except OSError:
        return _make(path)
    is_whole = END_MARK in script[-_MARK_WITHIN:]
    return script if is_whole else _make(path)


@contextmanager
def warm() -> Iterator[Callable[[], None]]:
    """Make the script in a process of its own while the block, a job, runs.

    Yields a function that waits for that process. No process is started if the cache has the script
    already, or cannot keep it. The process is gone after the block, however the block ends; if it
    was not done by then, ``load`` makes the script.
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
        maker.wait(WAIT_SECONDS)


def _can_keep(path: Path) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(path.parent, os.W_OK)


def cache_path() -> Path:
    """Return the path of the script for this version of vl-convert.

    It is below XDG_CACHE_HOME, or else below ``~/.cache``.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    name = f"vega-{version('vl-convert-python')}.js"
    return Path(base) / "mrimage" / name


def _make(path: Path) -> str:
    """Return a new script, and try to keep it at ``path``."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # A home that cannot be written costs the next report two seconds, and nothing else.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, delete=False
        ) as file:
            file.write(script)
        # The file gets its name when it is complete, so that no other process reads half of it.
        Path(file.name).replace(path)
    return script
