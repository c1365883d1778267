"""The arguments of all commands. The options of a job and of a run come from the table in
``job.fields``."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, TypeAlias

from mrimage import __version__
from mrimage.cli.completion import SHELLS
from mrimage.errors import UsageError
from mrimage.job.defaults import describe_default
from mrimage.job.field import Field, Section
from mrimage.job.fields import JOB_FIELDS, JOB_SECTIONS, RUN, RUN_FIELDS, STORES
from mrimage.job.option_types import FLAG
from mrimage.mappers.keys import KEY_NAMES
from mrimage.patterns import PATTERNS
from mrimage.reducers import GROUPS

OUT_HELP = "the folder with the results of a run, here or in a store"


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        raise UsageError(f"{sentence}. See {self.prog} --help.")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line. Raises UsageError, which suggests the nearest option for one that does
    not exist."""
    parser = make_parser()
    options, rest = parser.parse_known_args(arguments)
    unknown = [argument for argument in rest if argument.startswith("-")]
    if unknown:
        raise UsageError(_unknown_option(options, unknown[0].partition("=")[0]))
    if rest:
        raise UsageError(
            f"Unrecognized arguments: {' '.join(rest)}. See mrimage {options.name} --help."
        )
    if options.name in ("run", "retry"):
        _check_values(options)
    return options


def _check_values(options: argparse.Namespace) -> None:
    """Raise UsageError for a wrong value now, before the modules of a run are imported."""
    for field in (*JOB_FIELDS.values(), *RUN_FIELDS.values()):
        value = getattr(options, field.name, None)
        if value is not None:
            field.type.from_text(field.flag, value)


def _unknown_option(options: argparse.Namespace, option: str) -> str:
    command = f"mrimage {options.name}"
    near = difflib.get_close_matches(option, options.known, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return f"{command} has no option {option}.{hint} See {command} --help."


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands, each with its options."""
    parser = Parser(prog="mrimage", description="MapReduce for images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"mrimage {__version__}")
    commands = parser.add_subparsers(
        dest="name", required=True, metavar="COMMAND", parser_class=Parser
    )
    _add_run(commands)
    _add_retry(commands)
    _add_commands_on_results(commands)

    inspect = _command(
        commands, "inspect", "show images' metadata as a mapper sees it", "inspect_files"
    )
    inspect.add_argument("files", nargs="+", metavar="FILE", help="an image")
    inspect.add_argument("--json", action="store_true", help="one line of JSON for each file")

    _add_similar(commands)
    _command(
        commands,
        "doctor",
        "show which formats, engines and stores are available here",
        "show_doctor",
    )

    completion = _command(
        commands, "completion", "print a script that completes commands in a shell", "complete"
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")
    completion.set_defaults(parser=parser)

    manual = _command(commands, "man", "print the manual page", "print_manual")
    manual.set_defaults(parser=parser)

    demo = _command(
        commands, "demo", "make a folder of real photographs to try things on", "make_demo"
    )
    demo.add_argument("folder", metavar="DIR", help="the folder, which is new or a demo's")
    for command in commands.choices.values():
        command.set_defaults(known=sorted(command._option_string_actions))
    return parser


def _command(commands: Commands, name: str, help: str, handler: str) -> argparse.ArgumentParser:
    """Add a command that the function named ``handler`` in ``cli.commands`` carries out."""

    def handle(options: argparse.Namespace) -> int:
        # Imported late: --help and bad usage need none of it.
        from mrimage.cli import commands as handlers

        status: int = getattr(handlers, handler)(options)
        return status

    description = f"{help[:1].upper()}{help[1:]}."
    parser = commands.add_parser(name, help=help, description=description, allow_abbrev=False)
    parser.set_defaults(handler=handle)
    return parser


def _add_run(commands: Commands) -> None:
    parser = _command(
        commands, "run", "group the images of SOURCE and process each group into OUT", "run_job"
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="+",
        help="a folder, an archive or a list of images, here or in a store; several make one OUT; - "
        "reads the names of images from standard input",
    )
    parser.add_argument("out", metavar="OUT", help="a folder for the results, here or in a store")
    parser.add_argument(
        "--job", metavar="FILE.toml|module:name", help="the job; other options override it"
    )
    for section in JOB_SECTIONS:
        _add_section(parser, section)
    run_group = _add_section(parser, RUN)
    run_group.add_argument(
        "--dry-run", action="store_true", help="show what would happen, and stop"
    )
    _add_output_options(run_group)
    _add_section(parser, STORES)


def _add_retry(commands: Commands) -> None:
    parser = _command(commands, "retry", "try the quarantined images of OUT again", "retry_images")
    parser.add_argument("out", metavar="OUT", help=OUT_HELP)
    parser.add_argument(
        "--reason", action="append", help="only images quarantined for this reason; repeatable"
    )
    _add_job_of_out(parser)
    _add_fields(parser, (JOB_FIELDS[name] for name in ("deadline", "memory")))
    run_group = parser.add_argument_group(RUN.title)
    # --fresh would delete the images in quarantine along with everything else.
    _add_fields(run_group, (field for field in RUN.fields if field.name != "fresh"))
    _add_output_options(run_group)
    _add_section(parser, STORES)


def _add_job_of_out(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the functions of OUT's job come from."""
    functions = parser.add_mutually_exclusive_group()
    functions.add_argument(
        "--job",
        metavar="FILE.toml|module:name",
        help="the job that OUT was made with, needed if it uses functions of your own",
    )
    functions.add_argument(
        "--trust",
        action="store_true",
        help="import the functions that OUT names; use it only if you know who made OUT",
    )


def _add_commands_on_results(commands: Commands) -> None:
    report = _command(commands, "report", "make OUT's report again", "make_report")
    report.add_argument("out", metavar="OUT", help=OUT_HELP)
    _add_store_options(report)
    report.add_argument(
        "--against", metavar="OTHER", help="also show what changed since the run in OTHER"
    )
    _add_fields(report, (RUN_FIELDS[name] for name in ("title", "owner")))
    report.add_argument("--places", action="store_true", help="add a coarse map of GPS positions")
    report.add_argument(
        "--pdf",
        metavar="FILE",
        help="also write the report as a PDF, laid out by WeasyPrint: like the printed page, but it "
        "breaks pages elsewhere (needs the extra pdf)",
    )
    report.add_argument("--png", metavar="DIR", help="also write every chart as an image into DIR")

    check = _command(commands, "check", "test what a pipeline expects of OUT", "check_expectations")
    check.add_argument("out", metavar="OUT", help=OUT_HELP)
    check.add_argument(
        "--expect",
        action="append",
        metavar="EXPECTATION",
        help="what must be true, such as 'quarantined = 0', 'blurred <= 1%%' or "
        "'min(width) >= 640'; repeatable",
    )
    check.add_argument(
        "--file", metavar="FILE.toml", help="a file with expect = ['quarantined = 0', ...]"
    )
    _add_store_options(check)

    query = _command(
        commands,
        "query",
        "run SQL on OUT's tables: catalogue, groups, outputs, quarantine",
        "run_query",
    )
    query.add_argument("out", metavar="OUT", help=OUT_HELP)
    query.add_argument("sql", metavar="SQL", help="a query in DuckDB's SQL")
    _add_store_options(query)
    query.add_argument(
        "--format",
        choices=["table", "csv", "json"],
        default="table",
        help="how the answer is printed (default: table)",
    )
    query.add_argument(
        "--no-quote-formulas",
        dest="quote_formulas",
        action="store_false",
        help="in CSV, write text that a spreadsheet takes for a formula as it is "
        "(default: put an apostrophe before it)",
    )
    query.add_argument(
        "--unsafe",
        action="store_true",
        help="let the SQL read and write other files, use the network and load extensions",
    )

    explore = _command(
        commands,
        "explore",
        "look through OUT's images in a browser: filter, compare, select",
        "explore_out",
    )
    explore.add_argument("out", metavar="OUT", help=OUT_HELP)
    explore.add_argument(
        "--port", type=int, default=0, metavar="N", help="the server's port (default: a free one)"
    )
    explore.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="answer on this address of the machine (default: 127.0.0.1, this machine only)",
    )
    explore.add_argument("--open", action="store_true", help="open the page in the browser")
    explore.add_argument(
        "--export",
        metavar="DIR",
        help="write the page as files into DIR, which need no server, and stop",
    )
    _add_store_options(explore)

    verify = _command(
        commands, "verify", "re-hash OUT's outputs and re-check its accounting", "verify_out"
    )
    verify.add_argument("out", metavar="OUT", help=OUT_HELP)
    _add_store_options(verify)
    verify.add_argument(
        "--repair",
        action="store_true",
        help="run the job again for the outputs that are missing or altered",
    )
    _add_job_of_out(verify)
    _add_fields(verify, (RUN_FIELDS[name] for name in ("engine", "workers")))


def _add_similar(commands: Commands) -> None:
    similar = _command(
        commands,
        "similar",
        "look for pictures in OUT that need not be of its source; the exit status is 3 if none is "
        "there",
        "find_similar",
    )
    similar.add_argument("out", metavar="OUT", help=OUT_HELP)
    similar.add_argument("files", nargs="*", metavar="FILE", help="a picture to look for")
    similar.add_argument(
        "--against", metavar="OUT", help="look for all images of this other run instead of files"
    )
    similar.add_argument(
        "--similar",
        choices=["copies", "same-picture", "same-scene"],
        default="same-picture",
        help="what counts as one picture",
    )
    similar.add_argument(
        "--limit", type=int, default=10, metavar="N", help="at most so many for each picture"
    )
    similar.add_argument("--json", action="store_true", help="one line of JSON for each picture")
    _add_store_options(similar)


def _add_output_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that say what a run prints. They are not part of RunOptions."""
    parser.add_argument("--json", action="store_true", help="print the summary as JSON on stdout")
    parser.add_argument("--debug", action="store_true", help="print a traceback with an error")


def _add_store_options(parser: argparse._ActionsContainer) -> None:
    _add_fields(parser, (RUN_FIELDS[name] for name in ("endpoint", "addressing")))


def _add_section(parser: argparse.ArgumentParser, section: Section) -> argparse._ArgumentGroup:
    group = parser.add_argument_group(section.title, section.note or None)
    _add_fields(group, section.fields)
    return group


def _add_fields(parser: argparse._ActionsContainer, fields: Iterable[Field]) -> None:
    """Add an argument for each field that has an option. Its value stays text until
    ``OptionType.from_text`` converts it."""
    for field in fields:
        if not field.flag:
            continue
        # argparse formats help with the % operator.
        text = describe(field).replace("%", "%%")
        if field.type is FLAG:
            given = not field.flag.startswith("--no-")
            parser.add_argument(
                field.flag, dest=field.name, action="store_const", const=given, help=text
            )
        else:
            action = parser.add_argument(
                field.flag,
                dest=field.name,
                action=_action_of(field),
                metavar=field.metavar or field.type.metavar,
                help=text,
            )
            vars(action)["completions"] = list(describe_values(field))


def _action_of(field: Field) -> str | type[argparse.Action]:
    """What argparse does with the values of an option."""
    if not field.joined:
        return "append" if field.repeatable else "store"

    class Join(argparse.Action):
        def __call__(
            self,
            parser: argparse.ArgumentParser,
            namespace: argparse.Namespace,
            values: object,
            option: str | None = None,
        ) -> None:
            earlier = getattr(namespace, self.dest, None)
            joined = values if earlier is None else f"{earlier}{field.joined}{values}"
            setattr(namespace, self.dest, joined)

    return Join


def describe(field: Field) -> str:
    """Describe the option: its meaning, its values if they can be listed, and its default."""
    text = field.help
    values = list(describe_values(field).values())
    if values:
        text += f": {', '.join(values)}"
    if field.repeatable:
        text += "; repeatable"
    default = describe_default(field)
    return f"{text} (default: {default})" if default else text


def describe_values(field: Field) -> Mapping[str, str]:
    """Return the values of the option, each with a short description. Empty if they cannot be
    listed."""
    if field.name == "key":
        return {name: name for name in KEY_NAMES}
    if field.name == "group":
        return {name: f"{name} ({reducer.help})" for name, reducer in GROUPS.items()}
    if field.name == "find":
        return {name: f"{name} ({pattern.help})" for name, pattern in PATTERNS.items()}
    return {name: name for name in field.type.names}
