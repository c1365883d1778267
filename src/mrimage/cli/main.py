"""The command line. The exit status is 0 for success, 1 for failure, 2 for bad usage, and 128 and
the number of the signal for an interrupted command: 130 for Ctrl-C."""

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
from mrimage.cli.color import RED, painted
from mrimage.errors import MrimageError, UsageError
from mrimage.guard.memory import require_address_space

INTERRUPTED = "interrupted. What is done is kept; run the same command again to continue."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``mrimage`` and return its exit status."""
    _make_streams_usable()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    received: list[int] = []
    debug = "--debug" in arguments
    try:
        status = _run_command(arguments, received)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of our output, such as head, has closed it. Python flushes stdout once more
        # when it exits, so that has to go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as interrupt:
        _print_error(_one_line(interrupt) or INTERRUPTED)
        # As shells report the end of a process by a signal: 130 for Ctrl-C.
        return 128 + (received[0] if received else signal.SIGINT)
    except MrimageError as error:
        if debug:
            traceback.print_exc()
        _print_error(_one_line(error))
        return 2 if isinstance(error, UsageError) else 1
    except Exception as error:  # noqa: BLE001  # the last resort: any error gets one line
        hint = " Add --debug to see where."
        if debug:
            traceback.print_exc()
            hint = ""
        _print_error(f"an unexpected {type(error).__name__}: {_one_line(error)}.{hint}")
        return 1


def _run_command(arguments: list[str], received: list[int]) -> int:
    options = parse([argument for argument in arguments if argument != "--debug"])
    command = shlex.join(["mrimage", *arguments])
    # File names may hold bytes that are not valid UTF-8, which the report could not store.
    options.command = command.encode("utf-8", "backslashreplace").decode()
    require_address_space()
    with _signals_end_cleanly(received):
        status: int = options.handler(options)
    return status


def _print_error(message: str) -> None:
    print(f"{painted('mrimage:', RED, sys.stderr)} {message}", file=sys.stderr)


def _make_streams_usable() -> None:
    """Open the standard streams that are closed, and let stdout and stderr take any text.

    A service may start us with closed streams, and the next file that is opened would take the
    place of one. File names may not fit the encoding of the terminal.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _signals_end_cleanly(received: list[int]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block in the same way as Ctrl-C. After the first signal, whose
    number ``received`` gets, further ones are ignored, so that they do not disturb the cleanup."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(received_number: int, _: object) -> NoReturn:
        received.append(received_number)
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
