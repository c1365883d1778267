"""``mrimage man``: the manual page, made from the parser of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from mrimage import __version__

_STATUS = (
    "0 for success, 1 for failure, 2 for bad usage, and 128 and the number of the signal for an "
    "interrupted command: 130 for Ctrl-C."
)


def manual(parser: argparse.ArgumentParser) -> str:
    """Return the manual page of all commands as roff, in the macros of man(7)."""
    return "".join(f"{line}\n" for line in _lines(parser))


def _lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    [commands] = [
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    ]
    summaries = {action.dest: action.help or "" for action in commands._choices_actions}
    yield f'.TH MRIMAGE 1 "" "mrimage {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "mrimage \\- MapReduce for images"
    yield ".SH SYNOPSIS"
    yield ".B mrimage"
    yield "\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]"
    yield ".SH COMMANDS"
    for name, command in commands.choices.items():
        yield f".SS mrimage {_escaped(name)}"
        yield f"{_sentence(summaries[name])}"
        yield ".PP"
        yield _usage(command)
        for group in command._action_groups:
            yield from _group(group)
    yield ".SH EXIT STATUS"
    yield _escaped(_STATUS)


def _usage(command: argparse.ArgumentParser) -> str:
    """The command with its arguments, but not its options, which are listed below it."""
    formatter = command._get_formatter()
    positionals = [action for action in command._actions if not action.option_strings]
    formatter.add_usage(None, positionals, [], prefix="")
    usage = " ".join(formatter.format_help().split())
    return f".B {_escaped(usage)} [options]"


def _group(group: argparse._ArgumentGroup) -> Iterator[str]:
    actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
    if not actions:
        return
    yield ".PP"
    yield f".I {_escaped(group.title or '')}"
    if group.description:
        yield f".br\n{_sentence(group.description)}"
    for action in actions:
        yield ".TP"
        yield f".B {_escaped(_invocation(action))}"
        # argparse formats help with the % operator.
        yield _sentence((action.help or "") % {"prog": "mrimage"})


def _invocation(action: argparse.Action) -> str:
    """The option with its value, or the name of an argument."""
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.choices:
        value = "|".join(map(str, action.choices))
    if not value and action.nargs is None and not isinstance(action.default, bool):
        value = action.dest.upper()
    if not action.option_strings:
        return value or action.dest
    options = ", ".join(action.option_strings)
    return f"{options} {value}" if value and action.nargs != 0 else options


def _sentence(text: str) -> str:
    text = text.strip()
    return _escaped(f"{text[:1].upper()}{text[1:]}".rstrip(".") + ".") if text else ""


def _escaped(text: str) -> str:
    """``text`` on one line, of which roff takes nothing for a request or an escape."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line[:1] in (".", "'") else line
