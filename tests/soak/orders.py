"""Orders that a process of a run carries out on itself, at a moment that is counted in its own progress.

An order is an empty file ``ROLE.EVENT.COUNT.ACTION`` in the folder that ORDERS names, such as
``worker.change.12.SIGKILL``. The process that carries it out removes the file first, so an order is
carried out once, however many workers reach that moment.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ORDERS = "MRIMAGE_SOAK_ORDERS"
OUT = "MRIMAGE_SOAK_OUT"

CHANGES = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"})
"""Python's audit events for changes of a file system; ``open`` counts only if it is for writing."""

STORED = "mrimage.soak.stored"
"""The audit event that stands for a change of an object store, which raises none of its own."""

SECOND = "SECOND"
"""The action after which the same command is started a second time."""

SIGNALS = {name: signal.Signals[name] for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP")}
# A process that waits for the second run is stopped, so that it still holds OUT.
SIGNALS[SECOND] = signal.SIGSTOP

BOOT = "from tests.soak import orders; orders.obey()\n"
"""The content of a ``sitecustomize.py``, which Python runs at the start of every process."""


@dataclass(frozen=True)
class Order:
    """``role`` is driver or worker. ``event`` is ``import`` (of a module) or ``change`` (of a file
    or folder below OUT). The action happens right before the event of number ``count``, from 1."""

    role: str
    event: str
    count: int
    action: str

    def __str__(self) -> str:
        return f"{self.role}.{self.event}.{self.count}.{self.action}"

    @staticmethod
    def parse(name: str) -> Order:
        role, event, count, action = name.split(".")
        return Order(role, event, int(count), action)


def obey() -> None:
    """Listen to this process's events, if it is part of a run with orders."""
    folder = os.environ.get(ORDERS)
    role = _role(sys.orig_argv)
    if not folder or not role:
        return
    orders = [Order.parse(path.name) for path in Path(folder).iterdir()]
    own = [order for order in orders if order.role == role]
    if own:
        out = os.environ[OUT]
        if "://" in out:
            _announce_changes()
        _listen(own, Path(folder), out)


def _announce_changes() -> None:
    """Raise an audit event before each change of an object store."""
    import obstore

    def announced(change: Callable[..., object]) -> Callable[..., object]:
        def announce(*arguments: object, **options: object) -> object:
            sys.audit(STORED)
            return change(*arguments, **options)

        return announce

    obstore.put = announced(obstore.put)
    obstore.delete = announced(obstore.delete)


def _role(command: list[str]) -> str:
    """A guarded child has no role: killing it means that its image crashes, which changes results."""
    if "mrimage.engine.worker" in command:
        return "worker"
    return "driver" if "tests.soak.victim" in command else ""


def _listen(orders: list[Order], folder: Path, out: str) -> None:
    seen: Counter[str] = Counter()

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        kind = "import" if event == "import" else "change"
        if kind == "change" and not _is_change(event, arguments, out):
            return
        seen[kind] += 1
        for order in orders:
            if (order.event, order.count) == (kind, seen[kind]):
                _carry_out(order, folder)

    sys.addaudithook(hear)


def _is_change(event: str, arguments: tuple[object, ...], out: str) -> bool:
    if event == STORED:
        return True
    if event not in CHANGES or not str(arguments[0]).startswith(f"{out}/"):
        return False
    if event != "open":
        return True
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _carry_out(order: Order, folder: Path) -> None:
    with suppress(FileNotFoundError):  # another process was first
        Path(folder, str(order)).unlink()
        os.kill(os.getpid(), SIGNALS[order.action])
