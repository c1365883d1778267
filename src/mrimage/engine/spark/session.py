"""The Spark application: the running one, or one of our own with settings for tasks of seconds."""

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
"""Seconds within which a master has to answer, not counting those while Java is still starting."""

BUSY = 0.1
"""Share of a core above which Java is still starting. On a crowded machine that takes longer than
any master does."""

CONNECT = 4.0
"""Seconds within which a master has to accept a connection."""

LONGEST_EXPLANATION = 300
"""Characters that a message quotes of one of Spark's errors at most."""

SHORT_LIVED = "-XX:TieredStopAtLevel=1"
"""Java's first compiler only. The second one keeps all cores busy for seconds as the JVM starts,
which does not pay for a JVM that only passes on tasks and records."""

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
"""Log4j's settings, with its level to be filled in."""


@dataclass
class Session:
    """A SparkContext, and whether we started it (``ours``) and its JVM (``java``)."""

    context: SparkContext
    ours: bool = False
    java: bool = False

    def __post_init__(self) -> None:
        self._python = self.context.pythonExec
        self._environment = dict(self.context.environment)
        _prepare_workers(self.context)

    def cancel(self, group: str, thread: Thread) -> None:
        """Cancel the jobs of ``group``, and wait for the thread that started them."""
        if thread.is_alive():
            with suppress(Exception):  # a stopped context has nothing left to cancel
                self.context.cancelJobGroup(group)
            thread.join(10)

    def close(self) -> None:
        """Stop the application and the JVM if we started them."""
        if self.ours:
            self.context.stop()
        else:
            self.context.pythonExec = self._python
            self.context.environment = self._environment
        if self.java:
            _end_java()


def open_session(master: str, options: EngineOptions) -> Session:
    """The running application, or a new one on ``master``."""
    running = SparkContext._active_spark_context
    if running is not None:
        _require_usable(running, master)
        return Session(running)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        _require_java()
    _require_listener(master)
    # It advises to install pandas, which we do not use.
    warnings.filterwarnings("ignore", "PySpark does not yet", FutureWarning)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Arrow's own allocator reserves a gigabyte at once, and the workers' memory is limited.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    java = not submitted and SparkContext._gateway is None
    context = _start_spark(master, options, submitted=submitted, java=java)
    if not options.quiet and context.uiWebUrl:
        print(f"mrimage: Spark shows the run at {context.uiWebUrl}", file=sys.stderr, flush=True)
    return Session(context, ours=True, java=java)


def _require_usable(running: SparkContext, master: str) -> None:
    """Raise EngineError if this process's Spark application has stopped, or has another master."""
    if running._jsc.sc().isStopped():
        raise EngineError(
            "--engine spark needs a running Spark application, but the one in this process "
            "has stopped. Start a new one."
        )
    if master not in ("spark", running.master):
        raise EngineError(
            f'--engine {master} needs a new Spark application, but one on "{running.master}" '
            "already runs in this process. Use --engine spark, or stop that application first."
        )


def _start_spark(
    master: str, options: EngineOptions, *, submitted: bool, java: bool
) -> SparkContext:
    """Start the JVM and a context; if that fails, end the JVM where it is ours (``java``)."""
    try:
        _start_java()
        return _context_in_time(master, options, submitted)
    except Exception as error:
        if java:
            _end_java()
        if isinstance(error, EngineError):
            raise
        reason = " ".join(str(error).split())[:LONGEST_EXPLANATION]
        advice = "It needs Java 17 or newer; see docs/engines.md."
        raise EngineError(f"Spark did not start on {master}: {reason} {advice}") from error


def defaults(options: EngineOptions, local: bool) -> dict[str, str]:
    """Spark's settings for tasks of seconds, by name. The user's own settings win over them."""
    chosen = {
        "spark.task.maxFailures": str(max_attempts(options)),
        "spark.executor.defaultJavaOptions": SHORT_LIVED,
        "spark.executorEnv.ARROW_DEFAULT_MEMORY_POOL": "system",
        # A canceled task that does not end takes its executor with it.
        "spark.task.reaper.enabled": "true",
        "spark.task.reaper.killTimeout": "60s",
    }
    for name, text in os.environ.items():
        if name.startswith("MRIMAGE_"):
            chosen[f"spark.executorEnv.{name}"] = text
    if local:
        return chosen
    if options.workers:
        chosen["spark.cores.max"] = str(options.workers)
        chosen["spark.executor.instances"] = str(options.workers)
    return chosen | _cluster_defaults(options)


def _cluster_defaults(options: EngineOptions) -> dict[str, str]:
    """Settings that matter only where there are executors."""
    attempts_elsewhere = str(max_attempts(options) - 1)
    return {
        # A straggler runs three times as long as its siblings' median, once half of them are done.
        "spark.speculation": str(options.speculate).lower(),
        "spark.speculation.interval": "250ms",
        "spark.speculation.multiplier": "3",
        "spark.speculation.quantile": "0.5",
        "spark.speculation.minTaskRuntime": "2s",
        # When a worker process dies, it is mostly an image's fault: exclude an executor only
        # after many deaths.
        "spark.excludeOnFailure.enabled": "true",
        # If all are excluded, wait for a machine that may still join.
        "spark.scheduler.excludeOnFailure.unschedulableTaskSetTimeout": "30s",
        "spark.excludeOnFailure.task.maxTaskAttemptsPerExecutor": attempts_elsewhere,
        "spark.excludeOnFailure.task.maxTaskAttemptsPerNode": attempts_elsewhere,
        "spark.excludeOnFailure.stage.maxFailedTasksPerExecutor": "20",
        "spark.excludeOnFailure.stage.maxFailedExecutorsPerNode": "4",
        "spark.excludeOnFailure.application.maxFailedTasksPerExecutor": "40",
        "spark.excludeOnFailure.application.maxFailedExecutorsPerNode": "4",
    }


def max_attempts(options: EngineOptions) -> int:
    """The most attempts at a task.

    It is at least two, because the second one finds the image that killed the first one's process.
    """
    return max(2, options.retries + 1)


class SparkFailure(Exception):
    """A Spark job failed with the error ``cause``."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class AbandonedTask(NamedTuple):
    """The task that Spark gave up on: its number in the job, and how many times it failed there."""

    number: int
    times: int


def abandoned_task(error: Exception) -> AbandonedTask | None:
    """The task whose failures ended the Spark job, or None if another try would fail too."""
    # Spark reports this only in the text of its error.
    found = re.search(r"Task (\d+) in stage [\d.]+ failed (\d+) times", str(error))
    if found is None or "No module named" in str(error):
        return None
    return AbandonedTask(int(found[1]), int(found[2]))


def explain(error: Exception) -> EngineError:
    """Spark's error of a failed job, in one line."""
    text = str(error)
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        return EngineError(
            f"The Python of Spark's workers needs {missing[1]}, but it is not there. Install it on "
            "every machine, or send a packed environment along "
            "(spark.archives; see docs/cluster.md)."
        )
    reason = " ".join(_reason(text).split())[:LONGEST_EXPLANATION]
    aborted = re.search(r"failed (\d+) times", text)
    start = f"A task failed {aborted[1]} times" if aborted else "Spark gave up"
    return EngineError(
        f"{start}: {reason}. What is done is kept; run the same command again to continue."
    )


def _reason(text: str) -> str:
    """Why a Spark job failed: the message of the first exception in the text of its error."""
    if "exited unexpectedly" in text:
        return "a worker process died each time"
    causes = re.findall(r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.+)$", text, re.MULTILINE)
    for kind, message in causes:
        if kind != "Py4JJavaError":  # it only wraps the error that matters
            return str(message)
    return text.partition("\n")[0]


def _context_in_time(master: str, options: EngineOptions, submitted: bool) -> SparkContext:
    """Make a context in a thread, because a silent master would block us for a minute."""
    made: list[SparkContext] = []
    failed: list[Exception] = []

    def make() -> None:
        try:
            made.append(_make_context(master, options, submitted))
        except Exception as error:  # noqa: BLE001  # the waiting thread raises it
            failed.append(error)

    thread = Thread(target=make, daemon=True)
    thread.start()
    # These masters queue an application, which may take any time.
    is_queued = master in ("yarn", "spark") or master.startswith("k8s://")
    java = getattr(SparkContext._gateway, "proc", None)
    waited = 0.0
    while thread.is_alive() and (is_queued or waited < PATIENCE):
        before = _processor_time(java)
        thread.join(1.0)
        if _processor_time(java) - before < BUSY:
            waited += 1.0
    if made:
        return made[0]
    if failed:
        raise failed[0]
    raise _no_master(master)


def _processor_time(process: Popen[bytes] | None) -> float:
    """Core seconds that ``process`` has used, or 0 if we may not know."""
    if process is None:
        return 0.0
    try:
        return sum(psutil.Process(process.pid).cpu_times()[:2])
    except psutil.Error:
        return 0.0


def _prepare_workers(context: SparkContext) -> None:
    """Have our jobs' Python workers import what this process imports, not their working directory.

    On this machine they run this process's Python, unless the user chose another one.
    """
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
    """End the JVM and close our connection to it; Spark keeps both until this process ends."""
    gateway = SparkContext._gateway
    SparkContext._gateway = SparkContext._jvm = None
    if gateway is None:
        return
    with suppress(Exception):  # it may have ended by itself
        gateway.shutdown()
    process: Popen[bytes] = gateway.proc
    assert process.stdin
    process.stdin.close()  # PythonGatewayServer exits when its input ends
    try:
        process.wait(10)
    except TimeoutExpired:
        process.kill()
        process.wait()


def _make_context(master: str, options: EngineOptions, submitted: bool) -> SparkContext:
    conf = SparkConf()
    if not submitted:
        conf.set("spark.master", _full_master(master, options))
    local = conf.get("spark.master", "").startswith("local")
    for name, value in defaults(options, local).items():
        conf.setIfMissing(name, value)
    if not submitted:  # the launcher's own settings are those of an interactive shell
        conf.set("spark.app.name", "mrimage").set("spark.ui.showConsoleProgress", "false")
    return SparkContext(conf=conf)


def _launch_settings(folder: Path) -> SparkConf:
    """Settings that the JVM needs as it starts; the user's extraJavaOptions come after them.

    Spark logs nothing, unless the user configures its logging.
    """
    options = SHORT_LIVED
    if "SPARK_CONF_DIR" not in os.environ:
        path = folder / "log4j2.properties"
        path.write_text(LOGGING.format(level=os.environ.get("MRIMAGE_SPARK_LOG", "off")))
        options += f" -Dlog4j2.configurationFile={path.as_uri()}"
    return SparkConf(loadDefaults=False).set("spark.driver.defaultJavaOptions", options)


def _full_master(master: str, options: EngineOptions) -> str:
    """Add to ``local[N]`` the failures after which Spark gives up on a task, by default one."""
    if master == "spark":
        master = f"local[{options.workers or '*'}]"
    cores = re.fullmatch(r"local\[([\d*]+)\]", master)
    if cores is None:
        return master
    return f"local[{cores[1]},{max_attempts(options)}]"


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    has_home = bool(home) and Path(home or "", "bin", "java").exists()
    if shutil.which("java") is None and not has_home:
        raise EngineError(
            "--engine spark needs Java 17 or newer, but found no java on the PATH or in JAVA_HOME. "
            "Install it, for example with apt-get install openjdk-17-jre-headless."
        )


def _require_listener(master: str) -> None:
    """Raise EngineError if nothing listens at any address of a standalone ``master``."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=CONNECT):
            return
    raise _no_master(master)


def _no_master(master: str) -> EngineError:
    return EngineError(
        f"--engine needs a Spark master at {master}, but none answers there. "
        "Check the address, and that it is running."
    )
