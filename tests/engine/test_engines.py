"""The contract of engines on each of them: in this process, a pool, Spark on this machine, a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import psutil
import pytest
from tests.engine.engine_contract import EngineContract
from tests.engine.services import require

from mrimage.engine import Engine, EngineOptions, open_engine
from mrimage.errors import EngineError


def opened(name: str, workers: int) -> Iterator[Engine]:
    """An engine that leaves nothing behind."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    engine = open_engine(name, EngineOptions(workers=workers))
    try:
        yield engine
    finally:
        engine.close()
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=120)
    assert alive == []


class TestInline(EngineContract):
    name: ClassVar[str] = "local"
    has_processes = False
    speculates = False

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        yield from opened("local", workers=1)


class TestPool(EngineContract):
    name: ClassVar[str] = "local"

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        yield from opened("local", workers=2)


class TestSpark(EngineContract):
    name: ClassVar[str] = "spark"
    speculates = False

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls) -> Iterator[Engine]:
        require("pyspark", "java")
        from pyspark import SparkContext

        from mrimage.engine.spark.session import Session

        left = SparkContext._active_spark_context
        if left is not None:  # of tests/spark, which are done if this process runs them
            Session(left, ours=True, java=True).close()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
            yield from opened("local[2]", workers=2)


class TestRay(EngineContract):
    name: ClassVar[str] = "ray"

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, ray_cluster: str) -> Iterator[Engine]:
        yield from opened("ray", workers=2)


def test_a_ray_that_does_not_start_in_time_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require("ray")
    import ray

    def init(*_: object, **__: object) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(EngineError, match="Ray cannot be used for --engine ray: The current node"):
        open_engine("ray", EngineOptions(workers=1))
