"""A worker process of the embedded engine: loads a task function, runs one task after the other."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from mrimage.guard.child import die_with_parent, portable
from mrimage.guard.memory import limit_memory

OWN_MEMORY = 2 << 30
"""Memory of a worker besides what its images may ask for: the tables, the sort, and their libraries."""


def main(descriptor: int) -> None:
    """Serve the driver on the socket ``descriptor`` until it hangs up.

    Messages in: ("load", pickled (function, memory)), ("run", task, attempt). Out: ("done", report),
    ("failed", error).
    """
    connection = Connection(descriptor)
    function: Any = None
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            return
        if message[0] == "load":
            function, memory = cloudpickle.loads(message[1])
            limit_memory(memory + OWN_MEMORY)
            continue
        try:
            answer = "done", function(*message[1:])
        except Exception as error:  # noqa: BLE001  # the driver decides what an error means
            answer = "failed", portable(error)
        try:
            connection.send(answer)
        except OSError:
            return  # the driver is gone, and with it whoever wanted to know


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    main(int(sys.argv[1]))
