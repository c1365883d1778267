"""What workers import: what the driver can import, and never a file that lies beside the photographs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.services import require

import mrimage as mr
from mrimage.engine import EngineOptions, open_engine
from mrimage.errors import EngineError
from mrimage.guard.child import import_path, start_child
from mrimage.types import Split

NAMES = ("random", "types", "queue", "copy", "token", "select", "inspect", "statistics", "numbers")

NOTEBOOK = f"""
import {", ".join(NAMES)}, os, sys
import mrimage as mr
sys.path.insert(0, "")  # as every notebook has it, once it has loaded what it needs
import beside  # a module of the user's in the working directory
print(mr.run(beside.job, "photos", "out", engine=sys.argv[1], workers=2, thumbnails=False))
"""

OWN_SESSION = f"""
import {", ".join(NAMES)}, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
python = spark.sparkContext.pythonExec
import mrimage as mr
sys.path.insert(0, "")
import deadly
print(mr.run(deadly.job, "photos", "out", engine="spark", thumbnails=False))
assert spark.sparkContext.pythonExec == python
spark.stop()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with photographs and modules that leave a mark when they are imported."""
    (tmp_path / "photos").mkdir()
    for number in range(6):
        Image.new("RGB", (30, 20), (20 * number, 90, 60)).save(
            tmp_path / "photos" / f"{number}.png"
        )
    mark = tmp_path / "MARK"
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(mark)!r}, 'a').write({name!r})\nraise SystemExit({name!r})\n"
        )
    (tmp_path / "beside.py").write_text(
        "import mrimage as mr\n"
        "def by_number(image):\n    yield image.path[0], 1\n"
        "def total(key, values):\n    yield mr.Output('total.json', {'total': sum(values)})\n"
        "job = mr.Job(map=by_number, reduce=total, group=('contact-sheet',))\n"
    )
    (tmp_path / "deadly.py").write_text(
        "import os\nimport mrimage as mr\n"
        "def mapper(image):\n    if image.path == '3.png':\n        os._exit(3)\n    yield 'all', 1\n"
        "job = mr.Job(map=mapper, group=('mean',))\n"
    )
    return tmp_path


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_local_workers_import_nothing_of_the_working_directory(folder: Path) -> None:
    program = "import sys; from mrimage.cli.main import main; sys.exit(main())"
    options = (
        "--key",
        "format",
        "--group",
        "contact-sheet",
        "--workers",
        "2",
        "--no-thumbnails",
        "--quiet",
    )
    done = python(folder, "-c", program, "run", "photos", "out", *options)
    assert (done.returncode, (folder / "MARK").exists()) == (0, False), done.stderr


def test_in_a_notebook_workers_import_the_user_s_modules_and_python_s_own(folder: Path) -> None:
    done = python(folder, "-c", NOTEBOOK, "local")
    assert (done.returncode, (folder / "MARK").exists()) == (0, False), done.stderr
    assert "6 listed = 6 processed" in done.stdout


def test_ray_s_workers_find_their_libraries_where_the_driver_does(folder: Path) -> None:
    """They import pyarrow before they run any code of ours."""
    require("ray")
    (folder / "pyarrow.py").write_text((folder / "random.py").read_text())
    program = "import sys; from mrimage.cli.main import main; sys.exit(main())"
    options = ("--engine", "ray", "--workers", "1", "--no-thumbnails", "--quiet")
    done = python(folder, "-c", program, "run", "photos", "out", *options, RAY_ADDRESS="local")
    assert (done.returncode, (folder / "MARK").exists()) == (0, False), done.stderr


@pytest.mark.parametrize("through_client", [False, True])
def test_ray_s_workers_import_nothing_of_the_working_directory(
    folder: Path, ray_cluster: str, through_client: bool
) -> None:
    done = python(folder, "-c", NOTEBOOK, ray_cluster if through_client else "ray")
    assert (done.returncode, (folder / "MARK").exists()) == (0, False), done.stderr
    assert "6 listed = 6 processed" in done.stdout


def test_a_session_of_the_user_s_finds_the_image_that_kills_its_process(folder: Path) -> None:
    """``local[2]`` allows one failure, and without PYSPARK_PYTHON it looks for some python3."""
    require("pyspark", "java")
    done = python(
        folder,
        "-c",
        OWN_SESSION,
        SPARK_LOCAL_IP="127.0.0.1",
        PATH=without_python(os.environ["PATH"]),
    )
    assert done.returncode == 0, done.stderr
    assert "6 listed = 5 processed + 1 quarantined" in done.stdout
    assert "1 crashed" in done.stdout
    assert not (folder / "MARK").exists()


def without_python(path: str) -> str:
    """``path`` as where the virtual environment is not activated."""
    own = str(Path(sys.executable).parent)
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if entry != own)


def test_the_path_for_another_process_is_absolute_with_python_s_own_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/own", *sys.path])
    path = import_path()
    library = str(Path(os.__file__).parent)
    assert path.index(library) < path.index(str(tmp_path)) < path.index("/own")
    assert all(Path(entry).is_absolute() for entry in path)


def test_the_environment_of_the_user_s_own_child_processes_is_left_alone(tmp_path: Path) -> None:
    """A mapper may start another Python, which has no use for our path."""

    def ask(image: mr.Image):
        yield os.environ.get("PYTHONPATH", "none"), None

    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    mr.run(
        mr.Job(map=ask, group=("mean",)), tmp_path, f"{tmp_path}-out", workers=2, thumbnails=False
    )
    [group] = Path(f"{tmp_path}-out", "groups").iterdir()
    assert ("none" in group.name) == ("PYTHONPATH" not in os.environ)


def test_a_worker_that_cannot_start_is_not_tried_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []

    def start(module: str):
        started.append(module)
        return start_child("mrimage.no_such_module")

    monkeypatch.setattr("mrimage.engine.local.start_child", start)
    engine = open_engine("local", EngineOptions(workers=2))
    try:
        with pytest.raises(EngineError, match="A worker could not start: it exited with status 1"):
            list(engine.run(print, [Split("split", ())]))  # type: ignore[arg-type]
    finally:
        engine.close()
    assert len(started) == 2


@pytest.mark.parametrize(
    ("name", "package"), [("ray", "ray"), ("ray://127.0.0.1:10001", "ray"), ("spark", "pyspark")]
)
def test_an_engine_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setattr("mrimage.engine.find_spec", lambda name: None)
    extra = package.removeprefix("py")
    with pytest.raises(EngineError, match=rf'needs {package}, .* pip install "mrimage\[{extra}\]"'):
        open_engine(name, EngineOptions())


def test_a_ray_cluster_that_is_not_there_is_named_at_once(free_port: Callable[[], int]) -> None:
    require("ray")
    name = f"ray://127.0.0.1:{free_port()}"
    with pytest.raises(EngineError, match=f"No Ray cluster answers at {name}"):
        open_engine(name, EngineOptions())
