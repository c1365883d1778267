"""The command line: arguments -> Job -> run. Exit status 0 done, 1 not done, 2 bad usage."""

from __future__ import annotations

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

from mrimage.cli.arguments import parse
from mrimage.errors import MrimageError, UsageError
from mrimage.guard.memory import require_address_space

INTERRUPTED = "interrupted. What is done is kept; run the same command again to continue."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``mrimage`` and answer its exit status."""
    _make_streams_sound()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    try:
        options = parse([argument for argument in arguments if argument != "--debug"])
        options.command = (
            shlex.join(["mrimage", *arguments]).encode("utf-8", "backslashreplace").decode()
        )
        require_address_space()
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
    """Have three standard streams that take any text: some may be closed, as in a service, and
    the next file that is opened would be in their place; and names of files need not fit the
    terminal's encoding."""
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
    """SIGTERM and SIGHUP end the block as Ctrl-C does, and once one came, the cleaning up is not
    disturbed."""
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


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
