"""The pages of the site that are made from the code: the command line, the API and the examples."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import mrimage
from mrimage.cli.arguments import make_parser

ERRORS = "Errors"

SECTIONS = {
    "Run a job": ("run", "Job", "Edits", "Crop", "Rule", "Limits", "Summary"),
    "Mappers, reducers and extractors": (
        "Image",
        "Output",
        "contact_sheet",
        "open_image",
        "extractor",
        "batched",
        "Statistic",
    ),
    "Rounds": ("Round", "Table"),
    "Results": ("open", "Results"),
}
"""The public names by section. What no section has is an error, or comes last."""


def make(root: Path) -> dict[str, str]:
    """The Markdown of each page, by its name."""
    return {
        "command-line.md": "\n".join(_command_line()),
        "api.md": "\n".join(_api()),
        "examples.md": "\n".join(_examples(root / "examples")),
    }


def _command_line() -> Iterator[str]:
    yield "# Command line\n"
    yield "`mrimage COMMAND --help` prints the same text. The [guide](guide.md#every-option) has the"
    yield "options of a run together with their names in Python.\n"
    for name, command, meaning in commands():
        yield f"## mrimage {name}\n"
        yield f"{meaning[:1].upper()}{meaning[1:]}.\n"
        yield f"```text\n{_usage(command)}\n```\n"
        for group in command._action_groups:
            yield from _options(group)
    yield "## Exit status\n"
    yield "[What each exit status means](guide.md#exit-status)."


def commands() -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Each command with its parser and its meaning, in the order of the help."""
    parser = make_parser()
    [subparsers] = [
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    ]
    for choice in subparsers._choices_actions:
        yield choice.dest, subparsers.choices[choice.dest], str(choice.help)


def _usage(command: argparse.ArgumentParser) -> str:
    """One line of usage: the options are in the tables below it."""
    places = [action for action in command._actions if not action.option_strings]
    names = [f"{_value(action)}..." if action.nargs == "+" else _value(action) for action in places]
    return " ".join([command.prog, *names, "[options]"])


def _options(group: argparse._ArgumentGroup) -> Iterator[str]:
    rows = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
    rows = [action for action in rows if "--help" not in action.option_strings]
    if not rows:
        return
    title = "arguments" if group.title == "positional arguments" else str(group.title)
    yield f"### {title[:1].upper()}{title[1:]} {{: .of-a-command }}\n"
    if group.description:
        yield f"{group.description}\n"
    yield "| option | meaning |"
    yield "| --- | --- |"
    for action in rows:
        cells = (f"`{_invocation(action)}`", str(action.help or "").replace("%%", "%"))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _invocation(action: argparse.Action) -> str:
    if not action.option_strings:
        return _value(action)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {_value(action)}"


def _value(action: argparse.Action) -> str:
    if action.metavar:
        return str(action.metavar)
    if action.choices:
        return f"{{{','.join(map(str, action.choices))}}}"
    return action.dest.upper()


def _api() -> Iterator[str]:
    yield "# API reference\n"
    yield "All public names are in `mrimage`. `import mrimage as mr` loads none of them until it is used.\n"
    for title, names in _sections().items():
        yield f"## {title}\n"
        for name in names:
            yield f"::: {mrimage._MODULES[name]}.{name}\n"


def _sections() -> dict[str, tuple[str, ...]]:
    placed = {name for names in SECTIONS.values() for name in names}
    others = [name for name in mrimage.__all__ if name not in placed and name in mrimage._MODULES]
    errors = tuple(name for name in others if name.endswith("Error"))
    rest = tuple(name for name in others if name not in errors)
    return {**SECTIONS, **({"More": rest} if rest else {}), ERRORS: errors}


def _examples(folder: Path) -> Iterator[str]:
    yield "# Examples\n"
    yield "The tests run each of these files on real photographs. Each says at its top how to call it.\n"
    for path in sorted(folder.iterdir()):
        if path.suffix == ".ipynb":
            yield from _notebook(path)
        elif path.suffix in (".py", ".toml"):
            yield f"## {path.name}\n"
            language = "python" if path.suffix == ".py" else "toml"
            yield f"```{language}\n{path.read_text().rstrip()}\n```\n"


def _notebook(path: Path) -> Iterator[str]:
    """The cells of a notebook. Its first heading becomes one of this page."""
    yield f"## {path.name}\n"
    for cell in json.loads(path.read_text())["cells"]:
        text = "".join(cell["source"]).rstrip()
        if cell["cell_type"] == "code":
            yield f"```python\n{text}\n```\n"
        else:
            yield "\n".join(
                f"**{line.lstrip('# ')}**" if line.startswith("#") else line
                for line in text.splitlines()
            )
            yield ""
