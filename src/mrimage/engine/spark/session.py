"""The Spark application: the one that is running, or one of our own with settings for tasks of seconds."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from threading import Thread
from typing import NamedTuple

import psutil
from pyspark import SparkConf, SparkContext

from mrimage.engine.engine import EngineOptions
from mrimage.errors import EngineError
from mrimage.guard.child import import_path

PATIENCE = 20.0
"""Seconds in which a master has to answer, once Java has started and has nothing else to do."""

BUSY = 0.1
"""Share of a core from which on Java is still starting: on a crowded machine that takes longer than any master."""

CONNECT = 4.0
"""Seconds in which a connection to a master has to come about."""

SHORT_LIVED = "-XX:TieredStopAtLevel=1"
"""Java's first compiler only: a JVM that passes tasks and records on is not worth the seconds of all cores that the
second one takes while it starts."""

LOGGING = """\
rootLogger.level = {level}
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = {level}
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{{HH:mm:ss}} %p %c{{1}}: %m%n
"""


@dataclass
class Session:
    """A SparkContext, and whether it and its JVM are ours to stop."""

    context: SparkContext
    ours: bool = False
    java: bool = False

    def __post_init__(self) -> None:
        self._before = self.context.pythonExec, dict(self.context.environment)
        _prepare_workers(self.context)

    def cancel(self, group: str, thread: Thread) -> None:
        """End what runs of ``group``, and wait for the thread that started it."""
        if thread.is_alive():
            with suppress(Exception):  # a context that is stopped has nothing left to cancel
                self.context.cancelJobGroup(group)
            thread.join(10)

    def close(self) -> None:
        """Stop the application if it is ours, and the JVM if we started it."""
        if self.ours:
            self.context.stop()
        else:
            self.context.pythonExec, self.context.environment = self._before
        if self.java:
            _end_java()


def open_session(master: str, options: EngineOptions) -> Session:
    """The running application, or a new one on ``master``."""
    running = SparkContext._active_spark_context
    if running is not None:
        if running._jsc.sc().isStopped():
            raise EngineError(
                "Expected a running Spark application, but this process's has stopped. Start a new one."
            )
        if master not in ("spark", running.master):
            raise EngineError(
                f"Expected --engine {running.master}, of the Spark application that is running in this process, but "
                f'received "{master}". Use --engine spark, or stop it first.'
            )
        return Session(running)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        _require_java()
    _require_listener(master)
    warnings.filterwarnings(
        "ignore", "PySpark does not yet", FutureWarning
    )  # it asks for pandas, which we do not use
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault(
        "ARROW_DEFAULT_MEMORY_POOL", "system"
    )  # its own reserves memory, which we limit
    java = not submitted and SparkContext._gateway is None
    try:
        _start_java()
        context = _within(master, options, submitted)
    except Exception as error:
        if java:
            _end_java()
        if isinstance(error, EngineError):
            raise
        told = " ".join(str(error).split())[:300]
        advice = "It needs Java 17 or newer; see docs/engines.md."
        raise EngineError(f"Spark did not start on {master}: {told} {advice}") from error
    if not options.quiet and context.uiWebUrl:
        print(f"mrimage: Spark shows the run at {context.uiWebUrl}", file=sys.stderr, flush=True)
    return Session(context, ours=True, java=java)


def defaults(options: EngineOptions, local: bool) -> dict[str, str]:
    """Settings for tasks of seconds; what the user has set stays."""
    failures = max_attempts(options)
    chosen = {
        "spark.task.maxFailures": str(failures),
        "spark.executor.defaultJavaOptions": SHORT_LIVED,
        "spark.executorEnv.ARROW_DEFAULT_MEMORY_POOL": "system",
        **{
            f"spark.executorEnv.{name}": text
            for name, text in os.environ.items()
            if name.startswith("MRIMAGE_")
        },
        "spark.task.reaper.enabled": "true",  # a cancelled task that does not end takes its executor with it
        "spark.task.reaper.killTimeout": "60s",
    }
    if options.workers and not local:
        chosen |= {
            "spark.cores.max": str(options.workers),
            "spark.executor.instances": str(options.workers),
        }
    if local:
        return chosen
    return (
        chosen
        | {
            # A straggler is what runs three times as long as its siblings' median, once half of them are done.
            "spark.speculation": str(options.speculate).lower(),
            "spark.speculation.interval": "250ms",
            "spark.speculation.multiplier": "3",
            "spark.speculation.quantile": "0.5",
            "spark.speculation.minTaskRuntime": "2s",
            # A worker process that dies is mostly an image's fault: an executor is left out only after many.
            "spark.excludeOnFailure.enabled": "true",
            "spark.scheduler.excludeOnFailure.unschedulableTaskSetTimeout": "30s",  # to wait for a machine that may come
            "spark.excludeOnFailure.task.maxTaskAttemptsPerExecutor": str(failures - 1),
            "spark.excludeOnFailure.task.maxTaskAttemptsPerNode": str(failures - 1),
            "spark.excludeOnFailure.stage.maxFailedTasksPerExecutor": "20",
            "spark.excludeOnFailure.stage.maxFailedExecutorsPerNode": "4",
            "spark.excludeOnFailure.application.maxFailedTasksPerExecutor": "40",
            "spark.excludeOnFailure.application.maxFailedExecutorsPerNode": "4",
        }
    )


def max_attempts(options: EngineOptions) -> int:
    """Attempts at a task; at least two, since the second one finds the image that killed the first one's process."""
    return max(2, options.retries + 1)


class SparkFailure(Exception):
    """A Spark job failed with the error ``cause``."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class AbandonedTask(NamedTuple):
    """The task on which Spark gave up: its number in the job, and how many times it failed there."""

    number: int
    times: int


def abandoned_task(error: Exception) -> AbandonedTask | None:
    """The task whose failures ended the Spark job; None where another attempt would fail alike."""
    found = re.search(
        r"Task (\d+) in stage [\d.]+ failed (\d+) times", str(error)
    )  # Spark says it in words only
    if found is None or "No module named" in str(error):
        return None
    return AbandonedTask(int(found[1]), int(found[2]))


def explain(error: Exception) -> EngineError:
    """Spark's report of a failed job, in one line."""
    text = str(error)
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        return EngineError(
            f"Expected {missing[1]} in the Python of Spark's workers, but it is not there. Install it on every "
            "machine, or send a packed environment along (spark.archives; see docs/cluster.md)."
        )
    aborted = re.search(r"failed (\d+) times", text)
    causes = re.findall(r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.+)$", text, re.MULTILINE)
    told = next((message for kind, message in causes if kind not in ("Py4JJavaError",)), "")
    if "exited unexpectedly" in text:
        told = "a worker process died each time"
    reason = " ".join((told or text.partition("\n")[0]).split())[:300]
    times = f"A task failed {aborted[1]} times: " if aborted else "Spark gave up: "
    return EngineError(
        f"{times}{reason}. What is done is kept; run the same command again to continue."
    )


def _within(master: str, options: EngineOptions, submitted: bool) -> SparkContext:
    """A new context; a thread makes it, because a master that keeps silent would hold us for a minute."""
    made: list[SparkContext] = []
    failed: list[Exception] = []

    def make() -> None:
        try:
            made.append(_make_context(master, options, submitted))
        except Exception as error:  # noqa: BLE001  # told to the thread that waits
            failed.append(error)

    patient = master in ("yarn", "spark") or master.startswith(
        "k8s://"
    )  # these queue an application
    thread = Thread(target=make, daemon=True)
    thread.start()
    waited, java = 0.0, getattr(SparkContext._gateway, "proc", None)
    while thread.is_alive() and (patient or waited < PATIENCE):
        before = _processor_time(java)
        thread.join(1.0)
        if _processor_time(java) - before < BUSY:
            waited += 1.0
    if made:
        return made[0]
    if failed:
        raise failed[0]
    raise _silent(master)


def _processor_time(process: Popen[bytes] | None) -> float:
    """Seconds of a core that ``process`` has used; 0 where it is not ours to ask."""
    try:
        return sum(psutil.Process(process.pid).cpu_times()[:2]) if process else 0.0
    except psutil.Error:
        return 0.0


def _prepare_workers(context: SparkContext) -> None:
    """Have the Python workers of our jobs import what this process can import, and nothing of their working directory.
    On this machine they run this process's Python, unless the user chose another one."""
    context.environment["PYTHONSAFEPATH"] = "1"
    context.environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if str(context.master).startswith("local"):
        context.environment["PYTHONPATH"] = os.pathsep.join(import_path())
        if "PYSPARK_PYTHON" not in os.environ:
            context.pythonExec = sys.executable


def _start_java() -> None:
    with tempfile.TemporaryDirectory(prefix="mrimage-") as folder:
        SparkContext._ensure_initialized(conf=_launch_settings(Path(folder)))


def _end_java() -> None:
    """End the JVM and close what leads to it; Spark would leave both until this process ends."""
    gateway = SparkContext._gateway
    SparkContext._gateway = SparkContext._jvm = None
    if gateway is None:
        return
    with suppress(Exception):  # it may have ended by itself
        gateway.shutdown()
    process: Popen[bytes] = gateway.proc
    assert process.stdin
    process.stdin.close()  # the sign for it to end
    try:
        process.wait(10)
    except TimeoutExpired:
        process.kill()
        process.wait()


def _make_context(master: str, options: EngineOptions, submitted: bool) -> SparkContext:
    conf = SparkConf()
    if not submitted:
        conf.set("spark.master", _full_master(master, options))
    for name, value in defaults(
        options, local=conf.get("spark.master", "").startswith("local")
    ).items():
        conf.setIfMissing(name, value)
    if not submitted:  # what the launcher presumes of a prompt
        conf.set("spark.app.name", "mrimage").set("spark.ui.showConsoleProgress", "false")
    return SparkContext(conf=conf)


def _launch_settings(folder: Path) -> SparkConf:
    """What the JVM has to know as it starts; the user's extraJavaOptions come after it. It keeps quiet, unless the user
    configures Spark's logging."""
    options = SHORT_LIVED
    if "SPARK_CONF_DIR" not in os.environ:
        path = folder / "log4j2.properties"
        path.write_text(LOGGING.format(level=os.environ.get("MRIMAGE_SPARK_LOG", "off")))
        options += f" -Dlog4j2.configurationFile={path.as_uri()}"
    return SparkConf(loadDefaults=False).set("spark.driver.defaultJavaOptions", options)


def _full_master(master: str, options: EngineOptions) -> str:
    """``local[N]`` with the number of failures after which Spark gives up, which is 1 where it is not said."""
    if master == "spark":
        master = f"local[{options.workers or '*'}]"
    one = re.fullmatch(r"local\[([\d*]+)\]", master)
    return f"local[{one[1]},{max_attempts(options)}]" if one else master


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and Path(home, "bin", "java").exists()):
        raise EngineError(
            "Expected Java 17 or newer for --engine spark, but there is no java on the PATH and no JAVA_HOME. "
            "Install it, for example with apt-get install openjdk-17-jre-headless."
        )


def _require_listener(master: str) -> None:
    """Raise EngineError where nobody listens at any address of a standalone ``master``."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=CONNECT):
            return
    raise _silent(master)


def _silent(master: str) -> EngineError:
    return EngineError(
        f"Expected a Spark master at {master}, but none answers there. Check the address, and that it is running."
    )
