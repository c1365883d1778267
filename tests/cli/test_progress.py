"""A run is visible: bars on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

COMMAND = (
    sys.executable,
    "-m",
    "mrimage.cli.main",
    "run",
    "--key",
    "format",
    "--resize",
    "16x16",
    "--workers",
    "1",
)


def on_terminal(*command: str) -> str:
    """What ``command`` shows on a terminal of 120 columns."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(master, 65536):
            shown += part
    except OSError:
        pass  # how Linux says that the other side has closed
    os.close(master)
    assert process.wait() == 0, shown
    return shown.decode()


def test_a_terminal_shows_a_bar_for_each_phase_with_rate_and_quarantine(
    photos: Path, tmp_path: Path
) -> None:
    shown = on_terminal(*COMMAND, str(photos), str(tmp_path / "out"))
    bars = shown.replace("\r", "\n").splitlines()
    for phase in ("list", "map", "plan", "publish", "thumbnails", "report"):
        assert any(line.startswith(f"{phase:<10}:") for line in bars), phase
    done = next(line for line in reversed(bars) if line.startswith("map "))
    assert "100%" in done
    assert "11/11" in done
    assert "images/s" in done
    assert "MB/s" in done
    assert "2 quarantined" in done
    assert re.search(
        r"report    : \d\d:\d\d", shown
    )  # seconds, where there is no number of images to show
    assert "11 listed = 9 processed + 2 quarantined" in shown


def test_elsewhere_a_phase_is_a_line_without_control_characters(
    photos: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*COMMAND, photos, tmp_path / "out"], capture_output=True, text=True, check=True
    )
    line = [line for line in done.stderr.splitlines() if line.startswith("map:")][
        -1
    ]  # every five seconds there is one
    assert line.startswith("map: 11 of 11 images, ")
    assert "2 quarantined" in line
    assert done.stderr.replace("\n", "").isprintable()


def test_quiet_shows_nothing(photos: Path, tmp_path: Path) -> None:
    assert on_terminal(*COMMAND, "--quiet", str(photos), str(tmp_path / "out")) == ""
