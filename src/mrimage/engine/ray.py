"""The Ray engine: the same task functions, delivered as Ray tasks.

Ray places an attempt on a worker of the cluster; which task is tried when, and how, is the schedule's to say, so that a
retry can be careful. Reduce tasks pull their share of the records out of OUT.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cloudpickle
import ray
from ray._private import ray_constants
from ray._private import worker as ray_worker
from ray.exceptions import RayError, RayTaskError

from mrimage.commit.out_folder import temporary_folder
from mrimage.engine.engine import EngineOptions, Task, TaskFunction
from mrimage.engine.local import usable_cores
from mrimage.engine.schedule import Died, Done, Failed, Outcome, RunningAttempt, Schedule
from mrimage.engine.shipping import load, ship
from mrimage.errors import EngineError
from mrimage.guard.child import import_path, portable
from mrimage.guard.memory import is_limited, limit_memory
from mrimage.shuffle.exchange import Exchange, GroupFunction, reduce_share
from mrimage.types import Attempt, Partition, TaskReport

CONNECT = 4.0
"""Seconds in which a connection to a cluster has to come about."""

OBJECTS = 100 << 20
"""Bytes of shared memory for Ray's objects: packed tasks and reports. Ray would reserve a third of the machine."""

WORKERS = {"env_vars": {"ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONSAFEPATH": "1"}}
"""The runtime environment of our workers. It makes them processes of their own, whose memory is limited, beside those of
other code in the same application."""


def open_ray(name: str, options: EngineOptions) -> RayEngine:
    """The engine on the cluster ``ray://HOST:PORT``; "ray" takes the connection that this process has, the cluster that
    RAY_ADDRESS names or that runs on this machine, or starts Ray here.

    Raises EngineError where the cluster does not answer, or runs another version of Ray or Python.
    """
    if ray.is_initialized():
        if name != "ray":
            raise EngineError(
                f'This process is connected to a Ray cluster already, but got --engine "{name}". '
                "Use --engine ray, or call ray.shutdown() first."
            )
        return RayEngine(options, ExitStack())
    with ExitStack() as stack:
        try:
            _connect(name, options, stack)
        except (RuntimeError, OSError, ValueError, RayError) as error:
            told = " ".join(str(error).split())[:300]
            raise EngineError(f"Ray cannot be used for --engine {name}: {told}") from error
        return RayEngine(options, stack.pop_all())


def _connect(name: str, options: EngineOptions, stack: ExitStack) -> None:
    """Connect to the cluster, or start one; ``stack`` takes what undoes it."""
    address = os.environ.get("RAY_ADDRESS", "local") if name == "ray" else name
    stack.enter_context(_quiet())
    stack.callback(_disconnect)
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with _signals_kept():
        if address != "local":
            _require_listener(address)
            ray.init(address, **common)
            return
        with suppress(ConnectionError):  # no cluster runs on this machine
            ray.init("auto", **common)
            return
        folder = (
            stack.enter_context(temporary_folder()) / "ray"
        )  # a later run removes it, should this one be killed
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(_disconnect)  # before its folder goes
        with _private():
            ray.init(
                "local",
                num_cpus=options.workers or usable_cores(),
                include_dashboard=False,
                object_store_memory=OBJECTS,
                _temp_dir=str(folder),
                **common,
            )


def _disconnect() -> None:
    with _signals_kept():
        ray.shutdown()


class RayEngine:
    """Delivers tasks by the Ray cluster that this process is connected to; ``undo`` ends what was begun for that."""

    name = "ray"

    def __init__(self, options: EngineOptions, undo: ExitStack) -> None:
        self._options, self._undo = options, undo
        self.workers = options.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        crew = _RayRunner(ray.put(ship(function)), self.workers, self._options.memory)
        return Schedule(crew, self._options).run(tasks)

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        return self.run(partial(_reduce_anywhere, function, exchange), exchange.partitions)

    def close(self) -> None:
        self._undo.close()


class _RayRunner:
    """Attempts as Ray tasks. Ray never retries one by itself."""

    def __init__(self, function: Any, workers: int, memory: int) -> None:
        self.workers = workers
        self._function, self._memory = function, memory
        self._tasks: dict[RunningAttempt, Any] = {}
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        self._remote = ray.remote(max_retries=0, num_cpus=1, runtime_env=WORKERS)(_enter)
        self._place = (
            os.uname().nodename,
            os.path.realpath(sys.prefix),
        )  # the machine, and its Python
        self._path = import_path()

    def start(self, task: Task, attempt: Attempt) -> RunningAttempt:
        running = RunningAttempt(task, attempt)
        packed = cloudpickle.dumps((task, attempt, self._memory))
        current = str(Path.cwd())
        self._tasks[running] = self._remote.remote(
            self._place, self._path, current, self._function, packed
        )
        return running

    def ended(
        self, running: Sequence[RunningAttempt], seconds: float
    ) -> list[tuple[RunningAttempt, Outcome]]:
        waiting = {self._tasks[each]: each for each in running}
        ready, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        if not ready:
            ready, _ = ray.wait(list(waiting), timeout=seconds)
        for each in ready:
            del self._tasks[waiting[each]]
        return [(waiting[each], _outcome(each)) for each in ready]

    def stop(self, running: RunningAttempt) -> None:
        task = self._tasks.pop(running, None)
        if task is not None:
            with suppress(RayError, RuntimeError):  # it has ended, or the cluster has
                ray.cancel(task, force=True)


def _outcome(task: Any) -> Outcome:
    try:
        kind, content = cloudpickle.loads(ray.get(task))
    except RayTaskError as error:
        return Failed(_explain(error))
    except RayError as error:
        return Died(f"was lost ({type(error).__name__})")
    return Done(content) if kind == "done" else Failed(content)


def _explain(error: RayTaskError) -> EngineError:
    """The error of an attempt that did not get as far as our own code."""
    cause = error.cause
    if isinstance(cause, ModuleNotFoundError):
        return EngineError(
            f"The Python of Ray's workers needs {cause.name}, but it is not installed there."
        )
    return EngineError(f"A Ray worker could not start: {type(cause).__name__}: {cause}")


def _enter(
    place: tuple[str, str], path: list[str], current: str, shipped: bytes, packed: bytes
) -> bytes:
    """An attempt, as it begins on a worker. Ray sends this function by value, and its arguments are plain data: nothing
    may be imported before the path is right, since Ray has put the driver's working directory at its top."""
    import os
    import sys

    if place == (os.uname().nodename, os.path.realpath(sys.prefix)):
        sys.path[:] = path  # this is the driver's own Python
    else:
        here = (current, os.getcwd())  # noqa: PTH109  # nothing may be imported yet
        sys.path[:] = [
            entry
            for entry in sys.path
            if os.path.abspath(entry) not in here  # noqa: PTH100
        ]
    from mrimage.engine.ray import attempt_shipped

    return attempt_shipped(shipped, packed)


def attempt_shipped(shipped: bytes, packed: bytes) -> bytes:
    """One attempt on a worker: ("done", report) or ("failed", error), pickled."""
    task, attempt, memory = cloudpickle.loads(packed)
    function = _function(shipped)
    if not is_limited():  # Ray uses the process again
        limit_memory(memory)
    answer: tuple[str, object]
    try:
        answer = (
            "done",
            function(task, replace(attempt, worker=f"{socket.gethostname()} pid {os.getpid()}")),
        )
    except Exception as error:  # noqa: BLE001  # the driver decides what an error means
        answer = "failed", portable(error)
    pickled: bytes = cloudpickle.dumps(answer)
    return pickled


@lru_cache(maxsize=1)
def _function(shipped: bytes) -> Any:
    return load(shipped)


def _reduce_anywhere(
    function: GroupFunction, exchange: Exchange, partition: Partition, attempt: Attempt
) -> TaskReport:
    """A reduce task on any machine, which sorts its share in a temporary folder there."""
    with temporary_folder() as scratch:
        return reduce_share(function, exchange, scratch, partition, attempt)


def _require_listener(address: str) -> None:
    """Raise EngineError where nobody listens at the address of a cluster: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT).close()
    except (OSError, ValueError) as error:
        raise EngineError(
            f"No Ray cluster answers at {address}. Check the address, and that the cluster is running. "
            "For ray://HOST:PORT, the port is 10001 unless it was chosen."
        ) from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Give SIGTERM back its handler: Ray takes it when it connects."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _private() -> Iterator[None]:
    """Have the Ray that is started within the block listen on loopback only, where it would let anybody on the network
    run code (Ray 2.60 does so on macOS and Windows alone), and report no usage to its makers."""
    chosen = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    before = {name: os.environ.get(name) for name in chosen}
    cluster = ray_constants.ENABLE_RAY_CLUSTER
    os.environ.update(chosen)
    ray_constants.ENABLE_RAY_CLUSTER = (
        False  # Ray has read the variable already; the processes it starts have not
    )
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = cluster
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from printing a paragraph on standard output for every worker that dies, as Ray 2.60 does whatever
    ``log_to_driver`` says: images that kill their process are expected, and standard output may be JSON."""
    before = ray_worker.print_to_stdstream
    ray_worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        ray_worker.print_to_stdstream = before
