"""The commands and the scripts of a page of documentation, and a shell that runs them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from mrimage.cli.main import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """The blocks of ``page`` in ``languages``, each with its language, in order."""
    return _blocks(page.read_text(), languages)


def _blocks(text: str, languages: tuple[str, ...]) -> list[tuple[str, str]]:
    found = _BLOCK.finditer(text)
    return [(block[1], block[2]) for block in found if block[1] in languages]


def headings(page: Path) -> list[str]:
    """The headings of the second level, with their signs."""
    return [line for line in page.read_text().splitlines() if line.startswith("## ")]


def blocks_below(page: Path, heading: str, *languages: str) -> list[tuple[str, str]]:
    """The blocks from ``heading`` to the next heading of the same level."""
    level = heading.split()[0]
    below = page.read_text().split(f"{heading}\n", 1)[1].split(f"\n{level} ", 1)[0]
    return _blocks(below, languages)


def run_blocks(page: Path, *languages: str) -> None:
    """Run the blocks of ``page`` in the working directory, each language in its own way."""
    found = blocks(page, *languages)
    assert found
    for language, text in found:
        if language == "python":
            run_script(text)
        else:
            run_commands(text)


def run_script(text: str) -> None:
    """Run a script in a Python of its own."""
    Path("script.py").write_text(text)
    subprocess.run([sys.executable, "script.py"], check=True, stdout=subprocess.DEVNULL)


def run_commands(text: str) -> None:
    """Run each command. mrimage itself runs in this process and without thumbnails, because they
    and the start of Python would take longer than the command; anything else runs in Bash."""
    for command in _commands(text):
        words = shlex.split(command)
        if words[0] != "mrimage":
            subprocess.run(["bash", "-euc", command], check=True)
            continue
        target = words[words.index(">") + 1] if ">" in words else None
        _mrimage(words[1 : words.index(">")] if target else words[1:], target)


def _mrimage(arguments: list[str], target: str | None) -> None:
    alone = []
    if arguments[0] == "run":
        alone = ["--no-thumbnails"]
        if "--engine" not in arguments:
            alone += ["--workers", "1"]
    if target is None:
        assert main([*arguments, *alone]) == 0, arguments
        return
    stdout = sys.stdout
    with Path(target).open("w") as sys.stdout:
        try:
            assert main([*arguments, *alone]) == 0, arguments
        finally:
            sys.stdout = stdout


def _commands(text: str) -> list[str]:
    """The commands of a block: a command ends with its line, unless a quote is open or the line
    ends with a backslash."""
    commands = []
    waiting = ""
    for line in text.splitlines():
        waiting += f"{line}\n"
        is_open = waiting.count('"') % 2 or waiting.count("'") % 2 or line.endswith("\\")
        if not is_open:
            commands.append(waiting.replace("\\\n", " ").strip())
            waiting = ""
    assert not waiting
    return [command for command in commands if command and not command.startswith("#")]
