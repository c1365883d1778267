"""The Ray engine: the same task functions, run as Ray tasks.

Ray chooses the worker for an attempt. Our own schedule decides which task is tried when and how,
so that a retry can be careful. Reduce tasks pull their share of the records out of OUT.
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
from ray.job_config import JobConfig

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
"""Seconds within which a cluster has to accept a connection."""

OBJECTS = 100 << 20
"""Bytes of shared memory for Ray's objects: packed tasks and reports. By default Ray would reserve
a third of the machine."""

WORKERS = {"env_vars": {"ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONSAFEPATH": "1"}}
"""The runtime environment of our workers. Having one gives us worker processes of our own, whose
memory we can limit, apart from those of other code in the same application."""

LONGEST_EXPLANATION = 300
"""Characters that a message quotes of one of Ray's errors at most."""


def open_ray(name: str, options: EngineOptions) -> RayEngine:
    """Open the engine on the cluster ``ray://HOST:PORT``.

    "ray" uses this process's connection, the cluster in RAY_ADDRESS or the one that runs on this
    machine, or else starts Ray here. Raises EngineError if the cluster does not answer, or runs
    another version of Ray or Python.
    """
    if ray.is_initialized():
        if name != "ray":
            raise EngineError(
                f"--engine {name} needs a new connection, but this process is already connected "
                "to a Ray cluster. Use --engine ray, or call ray.shutdown() first."
            )
        return RayEngine(options, ExitStack())
    with ExitStack() as stack:
        try:
            _connect(name, options, stack)
        except EngineError:
            raise
        # Ray raises a plain Exception if it does not start in time on a busy machine (Ray 2.60).
        except Exception as error:
            reason = " ".join(str(error).split())[:LONGEST_EXPLANATION]
            raise EngineError(f"Ray cannot be used for --engine {name}: {reason}") from error
        return RayEngine(options, stack.pop_all())


def _connect(name: str, options: EngineOptions, stack: ExitStack) -> None:
    """Connect to the cluster, or start one; ``stack`` collects what undoes it."""
    address = name
    if name == "ray":
        address = os.environ.get("RAY_ADDRESS", "local")
    stack.enter_context(_without_messages())
    stack.callback(_disconnect)
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with _signals_kept():
        if address.startswith("ray://"):
            # A client's working directory is not on the path of workers anyway.
            _require_listener(address)
            ray.init(address, **common)
            return
        common["job_config"] = _own_path_only()
        if address != "local":
            _require_listener(address)
            ray.init(address, **common)
            return
        with suppress(ConnectionError):  # no cluster runs on this machine
            ray.init("auto", **common)
            return
        _start_ray(options, stack, common)


class _NothingAdded(list[str]):
    """A list of folders that stays empty."""

    def extend(self, folders: Iterable[str]) -> None:
        """Add nothing."""


def _own_path_only() -> JobConfig:
    """A job whose workers do not import from the driver's working directory.

    Ray puts that folder first on their path. They import pyarrow before they call ``_enter``, and
    a ``pyarrow.py`` beside the user's photographs would be run.
    """
    config = JobConfig()
    config._py_driver_sys_path = _NothingAdded()
    return config


def _start_ray(options: EngineOptions, stack: ExitStack, common: dict[str, Any]) -> None:
    """Start Ray on this machine, with its files in a temporary folder."""
    # If this run is killed, a later one removes the folder.
    folder = stack.enter_context(temporary_folder()) / "ray"
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    stack.callback(_disconnect)  # callbacks run in reverse: before the folder is removed
    with _loopback_only():
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
    """Runs tasks on the Ray cluster that this process is connected to; ``undo`` disconnects."""

    name = "ray"

    def __init__(self, options: EngineOptions, undo: ExitStack) -> None:
        self._options = options
        self._undo = undo
        self.workers = options.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def run(self, function: TaskFunction, tasks: Iterable[Task]) -> Iterator[TaskReport]:
        shipped = ray.put(ship(function))
        runner = _RayRunner(shipped, self.workers, self._options.memory)
        return Schedule(runner, self._options).run(tasks)

    def shuffle(
        self, function: GroupFunction, exchange: Exchange, scratch: Path
    ) -> Iterator[TaskReport]:
        reduce = partial(_reduce_anywhere, function, exchange)
        return self.run(reduce, exchange.partitions)

    def close(self) -> None:
        self._undo.close()


class _RayRunner:
    """Runs attempts as Ray tasks, which Ray never retries by itself."""

    def __init__(self, function: Any, workers: int, memory: int) -> None:
        self.workers = workers
        self._function = function
        self._memory = memory
        self._tasks: dict[RunningAttempt, Any] = {}
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        self._remote = ray.remote(max_retries=0, num_cpus=1, runtime_env=WORKERS)(_enter)
        # The machine and its Python, by which a worker knows that it runs the driver's own.
        self._python = (os.uname().nodename, os.path.realpath(sys.prefix))
        self._path = import_path()

    def start(self, task: Task, attempt: Attempt) -> RunningAttempt:
        running = RunningAttempt(task, attempt)
        packed = cloudpickle.dumps((task, attempt, self._memory))
        current = str(Path.cwd())
        self._tasks[running] = self._remote.remote(
            self._python, self._path, current, self._function, packed
        )
        return running

    def ended(
        self, running: Sequence[RunningAttempt], seconds: float
    ) -> list[tuple[RunningAttempt, Outcome]]:
        waiting = {self._tasks[attempt]: attempt for attempt in running}
        # First all that have ended by now; only if there are none, wait for one.
        ready, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        if not ready:
            ready, _ = ray.wait(list(waiting), timeout=seconds)
        for task in ready:
            del self._tasks[waiting[task]]
        return [(waiting[task], _outcome(task)) for task in ready]

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
    """The error of an attempt that failed before it reached our own code."""
    cause = error.cause
    if isinstance(cause, ModuleNotFoundError):
        return EngineError(
            f"The Python of Ray's workers needs {cause.name}, but it is not installed there."
        )
    return EngineError(f"A Ray worker could not start: {type(cause).__name__}: {cause}")


def _enter(
    python: tuple[str, str], path: list[str], current: str, shipped: bytes, packed: bytes
) -> bytes:
    """Begin an attempt on a worker: set the import path right, then run it.

    Ray sends this function by value, with plain data as arguments. Nothing may be imported before
    the path is right, because Ray has put the driver's working directory first.
    """
    import os
    import sys

    if python == (os.uname().nodename, os.path.realpath(sys.prefix)):
        sys.path[:] = path  # this is the driver's own Python
    else:
        here = (current, os.getcwd())  # noqa: PTH109  # nothing may be imported yet
        sys.path[:] = [
            entry
            for entry in sys.path
            if os.path.abspath(entry) not in here  # noqa: PTH100  # nothing may be imported yet
        ]
    from mrimage.engine.ray import attempt_shipped

    return attempt_shipped(shipped, packed)


def attempt_shipped(shipped: bytes, packed: bytes) -> bytes:
    """Run one attempt on a worker; return ("done", report) or ("failed", error), pickled."""
    task, attempt, memory = cloudpickle.loads(packed)
    function = _function(shipped)
    if not is_limited():  # Ray reuses the process, and the limit counts from the memory in use
        limit_memory(memory)
    worker = f"{socket.gethostname()} pid {os.getpid()}"
    reply: tuple[str, object]
    try:
        reply = ("done", function(task, replace(attempt, worker=worker)))
    except Exception as error:  # noqa: BLE001  # the driver decides what an error means
        reply = ("failed", portable(error))
    pickled: bytes = cloudpickle.dumps(reply)
    return pickled


@lru_cache(maxsize=1)
def _function(shipped: bytes) -> Any:
    return load(shipped)


def _reduce_anywhere(
    function: GroupFunction, exchange: Exchange, partition: Partition, attempt: Attempt
) -> TaskReport:
    """Run a reduce task on any machine, sorting its share in a temporary folder there."""
    with temporary_folder() as scratch:
        return reduce_share(function, exchange, scratch, partition, attempt)


def _require_listener(address: str) -> None:
    """Raise EngineError if nothing listens at the address of a cluster.

    Ray itself would try for minutes.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT).close()
    except (OSError, ValueError) as error:
        raise EngineError(
            f"No Ray cluster answers at {address}. "
            "Check the address, and that the cluster is running. "
            "For ray://HOST:PORT, the port is 10001 by default."
        ) from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Restore the handler of SIGTERM after the block, because Ray sets its own when it connects."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _loopback_only() -> Iterator[None]:
    """Make a Ray that is started within the block private.

    It listens on loopback only, where Ray would let anyone on the network run code (Ray 2.60
    restricts itself only on macOS and Windows), and it reports no usage statistics.
    """
    chosen = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    before = {name: os.environ.get(name) for name in chosen}
    cluster = ray_constants.ENABLE_RAY_CLUSTER
    # This process has read the variable already; the processes that Ray starts read it later.
    os.environ.update(chosen)
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = cluster
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


@contextmanager
def _without_messages() -> Iterator[None]:
    """Keep Ray from printing a paragraph on standard output for every worker that dies.

    Ray 2.60 does so whatever ``log_to_driver`` says. Images that kill their process are expected,
    and standard output may be JSON.
    """
    before = ray_worker.print_to_stdstream
    ray_worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        ray_worker.print_to_stdstream = before
