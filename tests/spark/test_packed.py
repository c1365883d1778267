"""Workers whose Python has never heard of mrimage, and spark-submit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.spark.conftest import Cluster

import mrimage as mr

PACK = (sys.executable, "-m", "mrimage.engine.spark.pack")

PACK_WITHOUT_EXTRAS = """
import sys
from mrimage.engine.spark import pack
extras = "hdfs-native imagecodecs obstore onnx onnxruntime pillow-heif pillow-jxl-plugin rawpy"
pack.NEVER_PACKED |= set(extras.split())
sys.exit(pack.main(sys.argv[1:]))
"""
"""Half of the bytes, which a test would write, send and unpack for a job that does not need them."""


@pytest.fixture
def bare_python() -> str:
    """The interpreter that this environment was made from, without what is installed in it."""
    python: str = getattr(sys, "_base_executable", sys.executable)
    found = subprocess.run(
        [python, "-c", "import mrimage"], cwd="/", capture_output=True, check=False
    )
    if found.returncode == 0:
        pytest.skip("the tests run in no virtual environment")
    return python


def submit(
    cluster: Cluster, python: str, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """The command of docs/cluster.md on one core; the driver is this environment, the worker is ``python``."""
    (folder / "job.py").write_text(
        "import sys\n\nfrom mrimage.cli.main import main\n\nsys.exit(main())\n"
    )
    submit = str(Path(sys.executable).with_name("spark-submit"))
    size = ("--executor-memory", "512m", "--total-executor-cores", "1")
    job = (
        "job.py",
        "run",
        "photos",
        "out",
        "--engine",
        "spark",
        "--key",
        "format",
        "--group",
        "mean",
    )
    return subprocess.run(
        [submit, "--master", cluster.url, *size, *options, *job, "--no-thumbnails", "--quiet"],
        cwd=folder,
        env=os.environ
        | {
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PYSPARK_PYTHON": python,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_packed_environment_brings_everything_along(
    cluster: Cluster,
    bare_python: str,
    photos: Path,
    tmp_path: Path,
    same_as_local: Callable[..., None],
) -> None:
    pack = [sys.executable, "-c", PACK_WITHOUT_EXTRAS, "environment.tar"]
    subprocess.run(pack, cwd=tmp_path, check=True, capture_output=True)
    packed = [
        "--archives",
        "environment.tar#environment",
        "--conf",
        "spark.executorEnv.PYTHONPATH=environment",
    ]
    done = submit(cluster, bare_python, tmp_path, *packed)
    assert done.returncode == 0, done.stderr
    same_as_local(mr.Job(key=("format",), group=("mean",)), photos, tmp_path / "out")


def test_workers_without_the_package_are_told(
    cluster: Cluster, bare_python: str, photos: Path, tmp_path: Path
) -> None:
    soon = "spark.scheduler.excludeOnFailure.unschedulableTaskSetTimeout=1s"
    done = submit(cluster, bare_python, tmp_path, "--conf", soon)
    assert done.returncode == 1, done.stderr
    # spark-submit hands the driver's standard error on as its standard output.
    assert "mrimage: The Python of Spark's workers needs mrimage" in done.stdout, done.stderr


def test_an_archive_needs_a_name_that_spark_can_unpack(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PACK, "environment.rar"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "environment.tar.gz" in done.stderr


def test_the_driver_s_own_libraries_are_packed_where_they_are_asked_for() -> None:
    from mrimage.engine.spark.pack import files

    lean, whole = (
        {name.partition("/")[0] for _, name in files(driver)} for driver in (False, True)
    )
    assert {"mrimage", "cloudpickle", "pyarrow"} <= lean
    assert {"jinja2", "vl_convert"} <= whole - lean
    assert {"pyspark", "ray"}.isdisjoint(whole)
