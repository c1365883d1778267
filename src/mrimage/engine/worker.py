"""A worker process of the local engine: loads a task function and runs one task after another."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from mrimage.engine.shipping import load
from mrimage.guard.child import die_with_parent, portable
from mrimage.guard.memory import limit_memory

OWN_MEMORY = 2 << 30
"""Bytes that a worker may use besides its images: for tables, the sort, and their libraries."""


def main(descriptor: int) -> None:
    """Serve the driver on the socket ``descriptor`` until the driver closes it.

    Messages in: ("preload", names of modules), ("load", shipped function, memory), ("run", task,
    attempt). Messages out: ("loaded", None), ("done", report), ("failed", error).
    """
    connection = Connection(descriptor)
    function: Callable[..., Any] | None = None
    while True:
        try:
            kind, *content = connection.recv()
        except (EOFError, OSError):
            return
        reply: tuple[str, object] | None = None
        if kind == "preload":
            _preload(*content)
        elif kind == "load":
            function = _load(*content)
            reply = ("loaded", None)
        else:
            assert function
            reply = _run(function, *content)
        try:
            if reply:
                connection.send(reply)
        except OSError:
            return  # the driver is gone


def _preload(names: tuple[str, ...]) -> None:
    # A module that cannot be imported is not an error yet: the task function imports it again and
    # reports what is wrong with it.
    with suppress(ImportError):
        for name in names:
            import_module(name)


def _load(shipped: bytes, memory: int) -> Callable[..., Any]:
    function = load(shipped)
    limit_memory(memory + OWN_MEMORY)
    return function


def _run(function: Callable[..., Any], *arguments: object) -> tuple[str, object]:
    try:
        return "done", function(*arguments)
    except Exception as error:  # noqa: BLE001  # the driver decides what an error means
        return "failed", portable(error)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    main(int(sys.argv[1]))
