"""The command line: arguments -> Job -> run. Exit status 0 done, 1 not done, 2 bad usage."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from mrimage import __version__
from mrimage.errors import MrimageError, UsageError

EDITS_HELP = "applied to each image in this order: orient, crop, resize, colour, correct, encode"

KEY_HELP = (
    "group by (default: dimensions); several make a compound key: all (one group), alpha, aspect, bit_depth, camera, camera_make, "
    "color_space, dimensions, folder, format, icc_profile, iso, lens, megapixels, month, orientation (landscape, "
    "portrait or square, as displayed; the catalogue's column of this name is EXIF's 1 to 8), software, year"
)
"""Written out, so that --help loads nothing; a test holds it against the keys that there are."""

GROUP_HELP = (
    "a group reducer: contact-sheet, duplicates (clusters of equal and of similar images; decodes each image), mean; "
    "repeatable"
)

ENGINE_HELP = (
    "local (default): processes of this machine; spark: the session that spark-submit provides, or Spark on this "
    "machine; or a Spark master: spark://HOST:PORT, local[N], yarn, k8s://URL"
)

INTERRUPTED = "interrupted. What is done is kept; run the same command again to continue."


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and with the status of bad usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}. See mrimage --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``mrimage`` and answer its exit status."""
    _make_streams_sound()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    try:
        options = make_parser().parse_args(
            [argument for argument in arguments if argument != "--debug"]
        )
        options.command = (
            shlex.join(["mrimage", *arguments]).encode("utf-8", "backslashreplace").decode()
        )
        with _signals_end_cleanly():
            status: int = options.handler(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # whoever read our output has had enough
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"mrimage: {_one_line(interrupt) or INTERRUPTED}", file=sys.stderr)
        return 1
    except MrimageError as error:
        if debug:
            traceback.print_exc()
        print(f"mrimage: {_one_line(error)}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        if debug:
            traceback.print_exc()
        hint = "" if debug else " Add --debug to see where."
        print(
            f"mrimage: an unexpected {type(error).__name__}: {_one_line(error)}.{hint}",
            file=sys.stderr,
        )
        return 1


def _make_streams_sound() -> None:
    """Have three standard streams that take any text: some may be closed, as in a service, and the next file that is
    opened would be in their place; and names of files need not fit the terminal's encoding."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _signals_end_cleanly() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, and once one came, the cleaning up is not disturbed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> NoReturn:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {
        number: signal.getsignal(number)
        for number in signals
        if signal.getsignal(number) != signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = Parser(prog="mrimage", description="MapReduce for images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"mrimage {__version__}")
    commands = parser.add_subparsers(
        dest="name", required=True, metavar="COMMAND", parser_class=Parser
    )
    _add_run(commands)

    retry = _command(commands, "retry", "try the quarantined images of OUT again", "retry_images")
    retry.add_argument("out", metavar="OUT")
    retry.add_argument(
        "--reason", action="append", help="only those quarantined for this reason; repeatable"
    )
    retry.add_argument("--deadline", metavar="SECONDS", help="per image (default: 60)")
    retry.add_argument("--memory", metavar="SIZE", help="most memory of a worker (default: 4GB)")
    _add_how(retry)

    report = _command(commands, "report", "make OUT's report again", "make_report")
    report.add_argument("out", metavar="OUT")
    _add_places(report)
    report.add_argument(
        "--against", metavar="OTHER", help="also show what changed since the run in OTHER"
    )
    report.add_argument("--places", action="store_true", help="add a coarse map of GPS positions")
    report.add_argument(
        "--pdf", metavar="FILE", help="also write the report for paper (needs the extra pdf)"
    )
    report.add_argument("--png", metavar="DIR", help="also write every chart as a picture into DIR")

    query = _command(
        commands,
        "query",
        "run SQL on OUT's tables: catalogue, groups, outputs, quarantine",
        "run_query",
    )
    query.add_argument("out", metavar="OUT")
    query.add_argument("sql", metavar="SQL")
    _add_places(query)
    query.add_argument("--format", choices=["table", "csv", "json"], default="table")

    verify = _command(
        commands, "verify", "re-hash OUT's outputs and re-check its accounting", "verify_out"
    )
    verify.add_argument("out", metavar="OUT")
    _add_places(verify)

    inspect = _command(
        commands, "inspect", "show images' metadata as a mapper sees it", "inspect_files"
    )
    inspect.add_argument("files", nargs="+", metavar="FILE")
    inspect.add_argument("--json", action="store_true")

    _command(
        commands,
        "doctor",
        "show which formats, engines and stores are available here",
        "show_doctor",
    )

    demo = _command(
        commands, "demo", "make a folder of real photographs to try things on", "make_demo"
    )
    demo.add_argument("folder", metavar="DIR")
    return parser


def _command(
    commands: argparse._SubParsersAction[Parser], name: str, help: str, handler: str
) -> argparse.ArgumentParser:
    def handle(options: argparse.Namespace) -> int:
        from mrimage.cli import commands as handlers  # --help and bad usage need none of it

        status: int = getattr(handlers, handler)(options)
        return status

    parser = commands.add_parser(
        name, help=help, description=help[:1].upper() + help[1:] + ".", allow_abbrev=False
    )
    parser.set_defaults(handler=handle)
    return parser


def _add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
        commands, "run", "group the images of SOURCE and process each group into OUT", "run_job"
    )
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("out", metavar="OUT")
    what = parser.add_argument_group("what to do")
    what.add_argument(
        "--job", metavar="FILE.toml|module:name", help="the job; other options override it"
    )
    what.add_argument("--key", action="append", metavar="K[,K...]", help=KEY_HELP)
    what.add_argument(
        "--extract", action="append", metavar="NAME[,NAME...]", help="header, content, hash"
    )
    what.add_argument("--group", action="append", metavar="NAME", help=GROUP_HELP)
    files = parser.add_argument_group("which files")
    files.add_argument("--include", action="append", metavar="GLOB")
    files.add_argument("--exclude", action="append", metavar="GLOB")
    files.add_argument(
        "--all-files", action="store_true", default=None, help="try every file by its content"
    )
    _add_edits(parser)
    where = parser.add_argument_group("where edited images go")
    where.add_argument(
        "--output", metavar="SINK", help="files (default), or shards: webdataset (tar), parquet"
    )
    where.add_argument(
        "--shard-size", metavar="SIZE", help="most bytes of a shard, about (default: 256MB)"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--deadline", metavar="SECONDS", help="per image (default: 60)")
    limits.add_argument(
        "--max-pixels", metavar="N", help="most pixels decoded at once (default: 200000000)"
    )
    limits.add_argument("--memory", metavar="SIZE", help="most memory of a worker (default: 4GB)")
    limits.add_argument(
        "--allow-truncated",
        action="store_true",
        default=None,
        help="keep what decodes of a cut file",
    )
    _add_how(parser)
    parser.add_argument("--fresh", action="store_true", help="start over")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and stop")


def _add_edits(parser: argparse.ArgumentParser) -> None:
    edits = parser.add_argument_group("edits", EDITS_HELP)
    edits.add_argument(
        "--crop", metavar="WxH[+X+Y]", help="cut a rectangle out, at the centre without +X+Y"
    )
    edits.add_argument("--resize", metavar="WxH")
    edits.add_argument(
        "--fit", metavar="FIT", help="how --resize fits: cover, contain (default), pad, stretch"
    )
    edits.add_argument("--no-enlarge", dest="enlarge", action="store_false", default=None)
    edits.add_argument(
        "--to", metavar="SPACE", help="convert colours: srgb, gray, display-p3, adobe-rgb"
    )
    edits.add_argument(
        "--correct",
        metavar="METHOD",
        help="gray-world, white-patch, auto-levels, equalize, exposure",
    )
    edits.add_argument(
        "--format", metavar="FORMAT", help="jpeg, png, webp, avif, tiff, keep (default)"
    )
    edits.add_argument("--quality", metavar="N", help="1 to 100")
    edits.add_argument(
        "--background",
        metavar="COLOR",
        help="behind transparency, and of --fit pad (default: white)",
    )
    edits.add_argument("--metadata", metavar="WHICH", help="keep, copyright (default) or strip")


def _add_how(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("how to run")
    how.add_argument("--engine", default="local", help=ENGINE_HELP)
    how.add_argument(
        "--workers", metavar="N", help="processes; 1 stays in this one (default: all cores)"
    )
    how.add_argument("--retries", default=3, metavar="N", help="of a failed task (default: 3)")
    how.add_argument("--no-speculation", action="store_true", help="never race a straggler")
    how.add_argument(
        "--max-failures", metavar="N|P%", help="quarantined images to tolerate (default: any)"
    )
    how.add_argument("--quiet", action="store_true", help="no progress and no summary")
    how.add_argument("--json", action="store_true", help="the summary as JSON on stdout")
    how.add_argument("--no-thumbnails", action="store_true", help="decode nothing for the report")
    how.add_argument(
        "--replication", metavar="N", help="DataNodes that keep each file written to HDFS"
    )
    how.add_argument(
        "--allow-private", action="store_true", help="let urls of lists lead to private addresses"
    )
    _add_places(how)
    how.add_argument("--debug", action="store_true", help="a traceback with an error")


def _add_places(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--endpoint", metavar="URL", help="of an S3 server (default: AWS_ENDPOINT_URL, or Amazon's)"
    )
    parser.add_argument(
        "--addressing", metavar="STYLE", help="of S3 buckets: path (default) or virtual"
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
