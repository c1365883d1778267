"""Engines by name. An engine runs tasks somewhere, exchanges their records, and retries them."""

from __future__ import annotations

import re
from importlib.util import find_spec

from mrimage.engine.engine import Engine, EngineOptions, Task, TaskFunction
from mrimage.errors import EngineError, UsageError, unknown

__all__ = ["ENGINES", "Engine", "EngineOptions", "Task", "TaskFunction", "open_engine"]

ENGINES = ("local", "spark", "ray")
"""Names that ``--engine`` accepts. It also accepts a Spark master (spark://HOST:PORT, yarn,
k8s://..., local[N]) and the address of a Ray cluster (ray://HOST:PORT)."""

# A host name, an IPv4 address, or an IPv6 address in brackets, and a port.
_HOST = r"(\[[^\]]+\]|[^\s/,:]+):\d+"
# A standalone master may have standbys: spark://HOST:PORT,HOST:PORT.
_SPARK = re.compile(rf"spark|yarn|spark://{_HOST}(,{_HOST})*|k8s://\S+|local\[(\d+|\*)(,\s*\d+)?\]")
_RAY = re.compile(rf"ray|ray://{_HOST}")
_MASTERS = "spark://HOST:PORT, k8s://URL or local[2]"


def open_engine(name: str, options: EngineOptions) -> Engine:
    """Open the engine called ``name``, importing its module only now.

    Raises UsageError if the name or the number of workers is invalid, EngineError if the engine is
    not installed or does not answer.
    """
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"--workers needs a number from 1, but got {options.workers}.")
    require_engine(name)
    if name == "local":
        from mrimage.engine.local import open_local

        return open_local(options)
    if _RAY.fullmatch(name):
        from mrimage.engine.ray import open_ray

        return open_ray(name, options)
    from mrimage.engine.spark import open_spark

    return open_spark(name, options)


def require_engine(name: str) -> None:
    """Raise UsageError if no engine is called ``name``, EngineError if it is not installed."""
    if name == "local":
        return
    if _RAY.fullmatch(name):
        _require_package("ray", name)
    elif _SPARK.fullmatch(name):
        _require_package("pyspark", name)
    elif name.startswith("ray://"):
        raise UsageError(
            "--engine needs the address of a Ray cluster such as ray://HOST:10001, "
            f'but got "{name}".'
        )
    elif name.startswith(("spark://", "k8s://", "local[")):
        raise UsageError(f'--engine needs a Spark master such as {_MASTERS}, but got "{name}".')
    else:
        raise unknown("--engine", name, ENGINES)


def _require_package(package: str, name: str) -> None:
    if find_spec(package) is None:
        # Our extras are called spark and ray, the packages pyspark and ray.
        extra = package.removeprefix("py")
        raise EngineError(
            f"--engine {name} needs {package}, but it is not installed: "
            f'pip install "mrimage[{extra}]"'
        )
