"""``mrimage completion``: scripts that complete commands, options and their values in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
_mrimage() {{
    local command="${{COMP_WORDS[1]}}" current="${{COMP_WORDS[COMP_CWORD]}}"
    local previous="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "$command $previous" in
{values}
        esac
        if [ -z "$words" ] && [ "${{current:0:1}}" = "-" ]; then
            case "$command" in
{options}
            esac
        fi
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -o bashdefault -F _mrimage mrimage
"""

_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
"""zsh runs the script of bash."""


def completion_script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return the script for a shell, one of SHELLS."""
    commands = _commands_of(parser)
    if shell == "fish":
        return "".join(_fish_lines(commands))
    script = _bash(commands)
    return script if shell == "bash" else _ZSH + script


def _commands_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    raise AssertionError("the parser has no commands")


def _bash(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    values = []
    options = []
    for name, parser in commands.items():
        flags = [flag for flag, _, _ in _options_of(parser)]
        options.append(f'                {name}) words="{" ".join(flags)}" ;;')
        for flag, _, known in _options_of(parser):
            if known:
                values.append(f'            "{name} {flag}") words="{" ".join(known)}" ;;')
    return _BASH.format(
        commands=" ".join(commands), values="\n".join(values), options="\n".join(options)
    )


def _fish_lines(commands: Mapping[str, argparse.ArgumentParser]) -> Iterator[str]:
    for name, parser in commands.items():
        description = (parser.description or "").replace("'", "")
        yield f"complete -c mrimage -n __fish_use_subcommand -f -a {name} -d '{description}'\n"
        for flag, takes_value, known in _options_of(parser):
            line = f"complete -c mrimage -n '__fish_seen_subcommand_from {name}' -l {flag[2:]}"
            if known:
                line += f" -x -a '{' '.join(known)}'"
            elif takes_value:
                line += " -r"
            yield f"{line}\n"


def _options_of(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, bool, list[str]]]:
    """Yield each option of a command: its name, whether it takes a value, and known values."""
    for action in parser._actions:
        flags = [flag for flag in action.option_strings if flag.startswith("--")]
        if flags:
            known = [str(value) for value in getattr(action, "completions", action.choices or ())]
            yield flags[0], action.nargs != 0, known
