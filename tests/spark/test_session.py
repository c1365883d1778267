"""What Spark needs before it runs, and what is said where it is missing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services.process import free_ports

from mrimage.engine import EngineOptions, open_engine
from mrimage.errors import EngineError

pytest.importorskip("pyspark")

from mrimage.engine.spark import session


def test_a_machine_without_java_is_told_what_to_install(photos: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mrimage",
        "run",
        str(photos),
        str(tmp_path / "out"),
        "--engine",
        "spark",
    ]
    clean = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"} | {
        "PATH": str(tmp_path)
    }
    ended = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "Java 17" in ended.stderr


def test_a_master_that_is_not_there_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark import SparkContext

    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    monkeypatch.setattr("mrimage.engine.spark.session._require_java", lambda: None)
    (port,) = free_ports(1)
    with pytest.raises(EngineError, match=f"spark://127.0.0.1:{port}, but none answers"):
        open_engine(f"spark://127.0.0.1:{port}", EngineOptions())


def test_a_master_that_keeps_silent_is_reported_in_time(photos: Path, tmp_path: Path) -> None:
    """Somebody listens there, but speaks no Spark."""
    assert session.CONNECT + session.PATIENCE < 30
    script = (
        "import sys; from mrimage.engine.spark import session; session.PATIENCE = 3.0; "
        "from mrimage.cli.main import main; sys.exit(main())"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        master = f"spark://127.0.0.1:{silent.getsockname()[1]}"
        command = [
            sys.executable,
            "-c",
            script,
            "run",
            str(photos),
            str(tmp_path / "out"),
            "--engine",
            master,
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"mrimage: --engine needs a Spark master at {master}, but none answers there. "
        "Check the address, and that it is running."
    )
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out").exists()


def test_without_pyspark_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mrimage.engine.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r'not installed: pip install "mrimage\[spark\]"'):
        open_engine("spark", EngineOptions())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "ModuleNotFoundError: No module named 'mrimage'",
            "The Python of Spark's workers needs mrimage",
        ),
        (
            "Task 1 in stage 0.0 failed 4 times, most recent failure\nmrimage.errors.DeniedError: no key\n",
            "A task failed 4 times: no key. What is done is kept",
        ),
        (
            "Task 1 failed 4 times\nPython worker exited unexpectedly (crashed)",
            "a worker process died each time",
        ),
    ],
)
def test_a_failed_job_is_reported_in_one_line(text: str, expected: str) -> None:
    message = str(session.explain(RuntimeError(text)))
    assert expected in message
    assert "\n" not in message
