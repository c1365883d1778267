"""Vega, Vega-Lite and Vega-Embed as one script, made by vl-convert without a network and kept between runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

END_MARK = "window.vegaEmbed="
"""How a whole bundle is told from a cut one: the last statement exports the libraries."""


def load() -> str:
    """The script (about 0.9 MB), from the user's cache folder, or made now (about 2 s) and put there."""
    path = cache_path()
    try:
        script = path.read_text(encoding="utf-8")
    except OSError:
        return _make(path)
    return script if END_MARK in script[-400:] else _make(path)


def warm() -> subprocess.Popen[bytes] | None:
    """Make the script in a process of its own while a job runs, so that its report need not wait.

    None where it is there already. The caller waits for the process; it ends by itself and is never needed:
    without it ``load`` makes the script.
    """
    if cache_path().exists():
        return None
    code = "from mrimage.report import bundle; bundle.load()"
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def cache_path() -> Path:
    """Where the script of this version of vl-convert is kept: below XDG_CACHE_HOME, or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mrimage" / f"vega-{version('vl-convert-python')}.js"


def _make(path: Path) -> str:
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            file.write(script)
        Path(file.name).replace(path)
    except OSError:
        return script  # A read-only home only costs the next report its two seconds.
    return script
