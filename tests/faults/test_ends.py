"""However a run ends: in time, with a word on what is done, and with nothing left behind."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image
from tests.faults.states import everything, leftovers

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import ImageError
from mrimage.flow.run import RunOptions, run
from mrimage.guard.deadline import deadline, without_clock

COMMAND = [sys.executable, "-m", "mrimage", "run"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OPTIONS = ["--key", "format", "--resize", "32x32", "--workers", "2", "--no-thumbnails"]


@pytest.fixture(autouse=True)
def default_signals() -> Iterator[None]:
    """What these tests start answers signals, even where this process ignores them, as under nohup.

    A program inherits what is ignored, but of what is handled it gets the default.
    """
    ignored = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image that takes its time."""
    path = tmp_path_factory.mktemp("noise") / "noise.png"
    Image.effect_noise((1200, 900), 90).save(path)
    return path


@pytest.fixture
def many(tmp_path: Path, noise: Path) -> Path:
    """Enough work for a run to be in the middle of it when a signal comes."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        os.link(noise, folder / f"{number:04}.png")
    return folder


def keep(folder: Path, count: int) -> None:
    """Leave ``count`` images in the folder."""
    for path in list(folder.iterdir())[count:]:
        path.unlink()


def wait_for(condition: Callable[[], object], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def has_commits(out: Path) -> bool:
    return any((out / "_run/map").glob("*.json"))


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_at_once_and_tells_how_to_continue(
    many: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, str(many), str(out), *OPTIONS], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: has_commits(out))
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    last = told.strip().splitlines()[-1]
    assert "of 200 images are mapped" in last
    assert "run the same command again to continue: mrimage run" in last
    assert "Traceback" not in told
    assert leftovers(out) == []
    wait_for(lambda: not any(child.is_running() for child in children))


def test_ctrl_c_on_a_terminal_says_one_thing_only(many: Path, tmp_path: Path) -> None:
    """There the whole foreground group gets the signal; workers must not answer with tracebacks."""
    out = tmp_path / "out"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*COMMAND, str(many), str(out), *OPTIONS])
    shown = b""
    while not has_commits(out):  # and read what it shows, or it waits for that
        if select.select([terminal], [], [], 0.01)[0]:
            shown += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    try:
        while data := os.read(terminal, 65536):
            shown += data
    except OSError:
        pass  # how a terminal tells that nobody is there any more
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert shown.count(b"interrupted") == 1
    assert b"Traceback" not in shown
    assert leftovers(out) == []


def test_a_worker_that_is_killed_again_and_again_costs_retries_only(
    many: Path, tmp_path: Path
) -> None:
    """As the kernel does where memory is short."""
    keep(many, 80)
    out = tmp_path / "out"
    process = subprocess.Popen([*COMMAND, str(many), str(out), *OPTIONS, "--quiet"])
    wait_for(lambda: has_commits(out))
    killed: set[int] = set()
    while len(killed) < 3:
        assert process.poll() is None, "the run ended before three workers were killed"
        with suppress(psutil.NoSuchProcess):  # it ended while we looked
            workers = [
                child for child in psutil.Process(process.pid).children() if is_worker(child)
            ]
            for worker in [child for child in workers if child.pid not in killed][:1]:
                worker.kill()
                killed.add(worker.pid)
        time.sleep(0.05)
    assert process.wait(200) == 0
    assert main(["verify", str(out)]) == 0
    assert leftovers(out) == []


def is_worker(process: psutil.Process) -> bool:
    return "mrimage.engine.worker" in process.cmdline()


def test_a_lock_of_a_killed_run_is_recognised(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = (
        "import os, signal; from mrimage.commit.lock import locked; from mrimage.storage import open_store\n"
        f"with locked(open_store({str(out)!r}, create=True)): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program])
    assert (out / "_run/lock").exists()
    summary = run(mr.Job(), str(photos), str(out), RunOptions(workers=1, thumbnails=False))
    assert summary.processed == 9
    assert leftovers(out) == []


def test_a_temporary_folder_of_a_killed_process_is_swept_and_a_living_one_is_not(
    tmp_path: Path, monkeypatch
) -> None:
    from mrimage.commit.out_folder import PREFIX, temporary_folder

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = tmp_path / f"{PREFIX}dead"
    dead.mkdir()
    (dead / "copy.parquet").write_bytes(b"large")
    os.utime(dead, (0, 0))
    with temporary_folder() as mine:
        os.utime(mine, (0, 0))
        with temporary_folder() as other:
            assert sorted(tmp_path.iterdir()) == sorted([mine, other])
    assert list(tmp_path.iterdir()) == []


def test_one_core_still_has_a_worker_to_lose(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrimage.engine import local

    monkeypatch.setattr(local, "usable_cores", lambda: 1)

    def deadly(image: mr.Image):
        if "ink" in image.uri:
            os.kill(os.getpid(), signal.SIGSEGV)
        yield "all", None

    summary = run(
        mr.Job(map=deadly), str(photos), str(tmp_path / "out"), RunOptions(thumbnails=False)
    )
    assert summary.failures["crashed"] == 1
    assert summary.facts.workers == 1


def test_a_slow_store_is_not_held_against_the_image() -> None:
    """The clock stands while a remote store is read, runs on afterwards, and runs while a local file is read."""
    left: list[float] = []

    class Source:
        size = 3

        def __init__(self, uri: str) -> None:
            self.uri = uri

        def read(self, start: int = 0, length: int | None = None) -> bytes:
            left.append(signal.getitimer(signal.ITIMER_REAL)[0])
            return b"abc"

    with deadline(50, expendable=False):
        assert without_clock(Source("s3://bucket/slow.jpg")).read() == b"abc"
        left.append(signal.getitimer(signal.ITIMER_REAL)[0])
        without_clock(Source("/data/local.jpg")).read()
    remote, after, local = left
    assert remote == 0
    assert 0 < local <= after < 50
    with pytest.raises(ImageError, match="deadline"), deadline(0.05, expendable=False):  # noqa: PT012
        without_clock(Source("s3://bucket/slow.jpg")).read()
        time.sleep(60)


def test_outputs_are_the_same_after_ctrl_c(many: Path, tmp_path: Path) -> None:
    keep(many, 40)
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert main(["run", str(many), str(whole), *OPTIONS, "--quiet"]) == 0
    process = subprocess.Popen(
        [*COMMAND, str(many), str(out), *OPTIONS, "--quiet"], stderr=subprocess.DEVNULL
    )
    wait_for(lambda: (out / "_run/job.json").exists())
    process.send_signal(signal.SIGINT)
    assert process.wait(120) in (0, 130)
    assert main(["run", str(many), str(out), *OPTIONS, "--quiet"]) == 0
    assert everything(out) == everything(whole)


def test_what_sql_spilled_before_a_kill_goes_with_the_next_command(
    photos: Path, tmp_path: Path
) -> None:
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    assert main(["run", str(photos), str(out), "--no-thumbnails", "--quiet", "--workers", "1"]) == 0
    program = (
        "import os, signal, sys; from pathlib import Path; from mrimage.report.tables.views import open_tables\n"
        f"with open_tables(Path({str(out)!r})) as tables:\n"
        "    tables.connection.execute('SET memory_limit = \"20MB\"')\n"
        "    tables.connection.execute('CREATE TEMP TABLE t AS SELECT range, md5(range::VARCHAR) FROM range(2000000)')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"TMPDIR": str(temporary)}
    assert (
        subprocess.run([sys.executable, "-c", program], env=environment).returncode
        == -signal.SIGKILL
    )
    (left,) = temporary.iterdir()
    assert any(path.is_file() for path in left.rglob("*")), "something was spilled"
    query = [*COMMAND[:-1], "query", str(out), "SELECT 1"]
    assert subprocess.run(query, env=environment, capture_output=True).returncode == 0
    assert list(temporary.iterdir()) == []


def test_a_thumbnail_task_that_was_tried_again_leaves_no_mark(tmp_path: Path) -> None:
    from mrimage.commit.task_writer import TaskWriter
    from mrimage.sink.files import FileSink
    from mrimage.storage.local import LocalStore
    from mrimage.types import Attempt

    store = LocalStore(str(tmp_path))
    for phase in ("thumbnails", "map"):
        assert not (tmp_path / "_run/unclean").exists()
        TaskWriter(store, FileSink(store), phase, "1", Attempt(number=2)).commit(0, 0, {})
    assert (tmp_path / "_run/unclean").exists()


def test_a_signal_during_a_query_of_the_report_is_answered_as_everywhere(
    photos: Path, tmp_path: Path
) -> None:
    """One signal is enough: the test of a run shows that all three are handled alike."""
    out = tmp_path / "out"
    assert main(["run", str(photos), str(out), "--no-thumbnails", "--quiet", "--workers", "1"]) == 0
    slow = "SELECT count(*) FROM range(6000000) WHERE md5(range::VARCHAR) LIKE 'no'"
    program = (
        "import sys; from mrimage.report.tables import views; from mrimage.cli.main import main\n"
        "real = views.Tables._make_image_view\n"
        f"views.Tables._make_image_view = lambda self: (print(flush=True), self.rows({slow!r}), real(self))\n"
        f"sys.exit(main(['report', {str(out)!r}]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    time.sleep(0.2)  # until DuckDB is at it; a signal before that is answered alike
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told.count("\n")) == (128 + signal.SIGTERM, 1)
    assert told.startswith("mrimage: interrupted.")
